"""The channels of this process: shared, counted, closed when idle for the longest, at exit, or with
their event loop."""

import asyncio
import atexit
import os
import threading
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

import grpc

from dtms_client.endpoint import Endpoint

MAX_IDLE: Final = 10

ChannelT = TypeVar("ChannelT")


class ForkedProcess(RuntimeError):
    """The process was forked after its parent had used DTMS, and gRPC does not live through that:
    start workers with multiprocessing's "spawn" method, or make the first call after the fork."""

    def __init__(self) -> None:
        super().__init__(" ".join((type(self).__doc__ or "").split()))


@dataclass(slots=True)
class _Shared(Generic[ChannelT]):
    channel: ChannelT
    users: int = 0


class ChannelPool(Generic[ChannelT]):
    """One channel an endpoint, with a count of its users. Thread-safe. Keeps at most `max_idle`
    channels without users; closes none itself, but hands over those that its caller has to."""

    def __init__(self, connect: Callable[[Endpoint], ChannelT], max_idle: int = MAX_IDLE) -> None:
        self._connect = connect
        self._max_idle = max_idle
        self._lock = threading.RLock()  # a signal's handler may come back amid a take
        self._shared: OrderedDict[Endpoint, _Shared[ChannelT]] = OrderedDict()  # oldest use first

    def take(self, endpoint: Endpoint) -> ChannelT:
        """Return the endpoint's channel, opened if there is none, with one user more."""
        with self._lock:
            if endpoint not in self._shared:
                self._shared[endpoint] = _Shared(self._connect(endpoint))
            shared = self._shared[endpoint]
            shared.users += 1
            self._shared.move_to_end(endpoint)
            return shared.channel

    def give_back(self, endpoint: Endpoint) -> list[ChannelT]:
        """Count one user less; return the channels to close, least recently used first."""
        with self._lock:
            if endpoint not in self._shared:  # drained meanwhile
                return []
            self._shared[endpoint].users -= 1
            self._shared.move_to_end(endpoint)
            idle = self._idle()
            return [self._shared.pop(each).channel for each in idle[: -self._max_idle or None]]

    def drain_idle(self) -> list[ChannelT]:
        """Forget the channels without users; return them to be closed."""
        with self._lock:
            return [self._shared.pop(each).channel for each in self._idle()]

    def drain(self) -> list[ChannelT]:
        """Forget all channels; return them to be closed."""
        with self._lock:
            channels = [shared.channel for shared in self._shared.values()]
            self._shared.clear()
            return channels

    def _idle(self) -> list[Endpoint]:
        return [endpoint for endpoint, shared in self._shared.items() if shared.users == 0]


@dataclass(slots=True)
class _Process:
    """Which process opened channels; None: none yet."""

    pid: int | None = None
    _kept: list[object] = field(default_factory=list)

    def enter(self) -> None:
        """Note that this process is about to use channels; see `check`."""
        self.check()
        if self.pid is None:
            self.pid = os.getpid()
            atexit.register(_close_at_exit)

    def check(self) -> None:
        """Raise ForkedProcess where a parent opened channels: its locks and threads are not
        ours, and waiting for them would never end."""
        if self.is_forked:
            raise ForkedProcess

    @property
    def is_forked(self) -> bool:
        """Did a parent of this process open channels?"""
        return self.pid not in (None, os.getpid())

    def keep(self, call: object) -> None:
        """Never let go of a call of the parent's: gRPC takes its lock to end it, which the fork may
        have copied locked."""
        self._kept.append(call)


def _connect(endpoint: Endpoint) -> grpc.Channel:
    credentials, options = endpoint.credentials(), endpoint.channel_options()
    if credentials is None:
        return grpc.insecure_channel(endpoint.target, options)
    return grpc.secure_channel(endpoint.target, credentials, options)


def _connect_aio(endpoint: Endpoint) -> grpc.aio.Channel:
    credentials, options = endpoint.credentials(), endpoint.channel_options()
    if credentials is None:
        return grpc.aio.insecure_channel(endpoint.target, options)
    return grpc.aio.secure_channel(endpoint.target, credentials, options)


PROCESS: Final = _Process()
SYNC: Final = ChannelPool(_connect)


_BY_LOOP: Final[dict[asyncio.AbstractEventLoop, "_LoopChannels"]] = {}
_BY_LOOP_LOCK: Final = threading.Lock()


class _LoopChannels:
    """The aio channels of one event loop, closed by the loop's own shutdown."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.pool = ChannelPool(_connect_aio)
        # An event loop has no hook for its end, but it closes the async generators that were begun
        # in it: this one is begun here, and what follows its `yield` is the hook.
        self._hook = _close_with(loop, self.pool)
        with suppress(StopIteration):
            self._hook.__anext__().send(None)


async def _close_with(
    loop: asyncio.AbstractEventLoop, pool: ChannelPool[grpc.aio.Channel]
) -> AsyncGenerator[None, None]:
    try:
        yield
    finally:
        with _BY_LOOP_LOCK:
            _BY_LOOP.pop(loop, None)
        for channel in [] if PROCESS.is_forked else pool.drain():
            await channel.close()


def of_loop(loop: asyncio.AbstractEventLoop) -> ChannelPool[grpc.aio.Channel]:
    """Return the pool of `loop`, which is the running one."""
    with _BY_LOOP_LOCK:
        for ended in [each for each in _BY_LOOP if each.is_closed()]:
            del _BY_LOOP[ended]  # it had no orderly shutdown; a channel's last reference closes it
        if loop not in _BY_LOOP:
            _BY_LOOP[loop] = _LoopChannels(loop)
        return _BY_LOOP[loop].pool


def close_channels() -> None:
    """Close the blocking channels that no open client uses; asyncio's end with their loop."""
    PROCESS.check()
    for channel in SYNC.drain_idle():
        channel.close()


def _close_at_exit() -> None:
    if PROCESS.is_forked:
        return
    for channel in SYNC.drain():
        channel.close()
    _BY_LOOP.clear()
