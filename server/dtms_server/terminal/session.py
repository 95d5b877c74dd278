"""One connection to a terminal host: its thread, its wire, and the host itself when spawned."""

import threading
from asyncio import shield, wrap_future
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import TypeVar, cast

from dtms_server.domain.errors import TerminalSilent, TerminalUnreachable, TerminalUnusable
from dtms_server.terminal.messages import (
    Hello,
    Message,
    Request,
    Welcome,
)
from dtms_server.terminal.options import HostOptions
from dtms_server.terminal.spawned import SpawnedHost
from dtms_server.terminal.wire import Caller, RequestRefused, Wire, dial

R = TypeVar("R", bound=Message)

Job = Callable[[], Message]
Target = HostOptions | tuple[str, int]
"""A host to spawn, or the address of one to attach to."""


class Session:
    """A daemon thread does all that blocks, in the order asked. Whoever stops waiting loses only
    the answer: the thread still takes it off the wire. Once lost or ended it stays so."""

    def __init__(self, target: Target, key: bytes) -> None:
        self._target = target
        self._key = key
        self._jobs: SimpleQueue[tuple[Job, Future[Message]] | None] = SimpleQueue()
        self._gone: Future[None] = Future()
        self._changing = threading.Lock()
        self._ended: str | None = None
        self._busy = False
        self._caller: Caller | None = None
        self._host: SpawnedHost | None = None
        threading.Thread(target=self._work, name="terminal link", daemon=True).start()

    async def open(self, seconds: float, hello_seconds: float) -> Welcome:
        """Spawn or dial, prove the key and take the server's role; raises TerminalSilent,
        TerminalUnreachable."""
        return cast(Welcome, await self._run(lambda: self._open(seconds, hello_seconds)))

    async def ask(self, request: Request, expected: type[R], seconds: float) -> R:
        """Return the reply; raises TerminalFailed, TerminalSilent, TerminalUnreachable."""
        return cast(R, await self._run(lambda: self._ask(request, expected, seconds)))

    def end(self, reason: str) -> None:
        """Let go of everything, from any thread and without waiting: a call under way fails."""
        with self._changing:
            if self._ended is not None:
                return
            self._ended = reason
            if self._caller is not None:
                self._caller.wire.hang_up()
            if self._busy and self._host is not None:
                self._host.kill()
            self._jobs.put(None)

    async def gone(self) -> None:
        """Wait until nothing is left of it: no thread, no process, no file."""
        await shield(wrap_future(self._gone))  # whoever stops waiting does not stop the end

    async def _run(self, job: Job) -> Message:
        result: Future[Message] = Future()
        with self._changing:
            if self._ended is not None:
                raise TerminalUnreachable(reason=self._ended)
            self._jobs.put((job, result))
        return await wrap_future(result)  # cancelling it takes a job that waits off the queue

    def _work(self) -> None:
        while (item := self._jobs.get()) is not None:
            self._do(*item)
        if self._caller is not None:
            self._caller.wire.close()
        if self._host is not None:
            self._host.bury()
        self._gone.set_result(None)

    def _do(self, job: Job, result: "Future[Message]") -> None:
        if not result.set_running_or_notify_cancel():
            return
        self._busy = True
        try:
            result.set_result(job())
        except BaseException as error:  # noqa: BLE001 - raised again where it is awaited
            result.set_exception(error)
        finally:
            self._busy = False

    def _open(self, seconds: float, hello_seconds: float) -> Welcome:
        try:
            wire = self._dial(seconds)
            self._keep(caller=Caller(wire))
            wire.prove(self._key)
        except TerminalUnreachable as loss:
            raise self._lost(loss) from loss
        return self._ask(Hello("server"), Welcome, hello_seconds)

    def _dial(self, seconds: float) -> Wire:
        if isinstance(self._target, tuple):
            try:
                return dial(self._target, seconds)
            except OSError as error:
                where = "{}:{}".format(*self._target)
                raise TerminalUnreachable(reason=f"{where}: {error.strerror or error}") from error
        try:
            host = SpawnedHost(self._target, self._key)
        except OSError as error:  # no more processes, memory or files: a later attempt may do
            reason = f"the terminal host cannot be started: {error.strerror or error}"
            raise TerminalUnreachable(reason=reason) from error
        self._keep(host=host)
        return host.dial(seconds)

    def _keep(self, caller: Caller | None = None, host: SpawnedHost | None = None) -> None:
        """Keep what was made, unless it was given up meanwhile; the thread's end frees it."""
        with self._changing:
            self._caller = caller or self._caller
            self._host = host or self._host
            if self._ended is None:
                return
        if host is not None:
            host.kill()
        raise TerminalUnreachable(reason=self._ended)

    def _ask(self, request: Request, expected: type[R], seconds: float) -> R:
        if self._caller is None or self._ended is not None:
            raise TerminalUnreachable(reason=self._ended or "there is no connection")
        try:
            return self._caller.ask(request, expected, seconds)
        except TerminalSilent as silence:
            self.end(silence.message)
            raise
        except RequestRefused as refusal:
            self.end(str(refusal))
            raise TerminalUnreachable(reason=str(refusal)) from refusal
        except TerminalUnreachable as loss:
            raise self._lost(loss) from loss

    def _lost(self, loss: TerminalUnreachable) -> TerminalUnreachable:
        """End, for the reason given to `end`, or the dead host's own, or what was seen here."""
        self.end((self._host and self._host.epitaph()) or loss.facts["reason"])
        is_unusable = self._host is not None and self._host.is_unusable
        return (TerminalUnusable if is_unusable else TerminalUnreachable)(reason=self._ended)
