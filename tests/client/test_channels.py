"""Channels are shared, kept while used, and gone when their time is over."""

import asyncio
import gc
import os
import subprocess
import sys
from collections.abc import Callable

import grpc
import pytest
from client.scripted import Journal, Server
from dtms_client import AsyncDtmsClient, DtmsClient, Tls, channels, close_channels
from dtms_client.channels import ChannelPool
from dtms_client.endpoint import Endpoint
from hypothesis import given, settings
from hypothesis import strategies as st

Serve = Callable[[object], Server]

ENDPOINTS = [Endpoint(f"host-{number}:1") for number in range(4)]


@settings(deadline=None, max_examples=60)  # the machine may be busy
@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(ENDPOINTS)), min_size=20, max_size=80),
    st.integers(0, 2),
)
def test_the_pool_closes_only_idle_channels_and_the_longest_unused_first(
    steps: list[tuple[bool, Endpoint]], max_idle: int
) -> None:
    opened: list[tuple[Endpoint, int]] = []

    def connect(endpoint: Endpoint) -> tuple[Endpoint, int]:
        opened.append((endpoint, len(opened)))
        return opened[-1]

    pool = ChannelPool(connect, max_idle)
    users = dict.fromkeys(ENDPOINTS, 0)
    open_: dict[Endpoint, tuple[Endpoint, int]] = {}  # the longest unused first
    for takes, endpoint in steps:
        if takes:
            channel = pool.take(endpoint)
            assert open_.pop(endpoint, opened[-1]) == channel  # shared while it is open
            users[endpoint] += 1
            open_[endpoint] = channel
        elif users[endpoint]:
            closed = pool.give_back(endpoint)
            users[endpoint] -= 1
            open_[endpoint] = open_.pop(endpoint)
            idle = [each for each in open_ if users[each] == 0]
            beyond = idle[: max(0, len(idle) - max_idle)]
            assert closed == [open_.pop(each) for each in beyond]
    assert pool.drain_idle() == [channel for each, channel in open_.items() if not users[each]]
    assert pool.drain() == [channel for each, channel in open_.items() if users[each]]


def test_a_channel_is_shared_where_target_credentials_and_options_are_equal() -> None:
    pool = ChannelPool(lambda endpoint: object())
    plain = pool.take(Endpoint("host:1"))
    assert pool.take(Endpoint("host:1")) is plain
    others = [
        Endpoint("host:2"),
        Endpoint("host:1", Tls()),
        Endpoint("host:1", Tls(b"roots")),
        Endpoint("host:1", None, (("grpc.enable_retries", 0),)),
    ]
    assert len({id(pool.take(each)) for each in others} | {id(plain)}) == 5


def test_clients_of_one_target_share_a_channel_that_outlives_each_of_them(
    serve: Serve, journal: Journal
) -> None:
    endpoint = Endpoint(serve(journal).target)
    with DtmsClient(endpoint.target) as first:
        with DtmsClient(endpoint.target) as second:
            first_message = next(second.messages())
            shared = channels.SYNC.take(endpoint)
        close_channels()  # the first client and this test still use it
        assert next(first.messages()).resume_token == first_message.resume_token
    channels.SYNC.give_back(endpoint)
    assert channels.SYNC.take(endpoint) is shared  # kept for the next client
    channels.SYNC.give_back(endpoint)
    close_channels()
    with pytest.raises(ValueError, match="closed channel"):
        shared.unary_unary("/any", bytes, bytes)(b"")


def test_a_channel_ends_with_its_event_loop(serve: Serve, journal: Journal) -> None:
    client = AsyncDtmsClient(serve(journal).target)

    async def use() -> grpc.aio.Channel:
        await anext(client.messages())
        loop = asyncio.get_running_loop()
        return channels.of_loop(loop).take(Endpoint(client_target(client)))

    first, second = asyncio.run(use()), asyncio.run(use())
    assert first is not second
    for channel in (first, second):
        assert channel.get_state() is grpc.ChannelConnectivity.SHUTDOWN
    assert not [loop for loop in channels._BY_LOOP if loop.is_closed()]


def client_target(client: AsyncDtmsClient) -> str:
    return client._endpoint.target


def test_a_loop_that_was_closed_in_disorder_is_forgotten_at_the_next_use(
    closed_target: str,
) -> None:
    endpoint = Endpoint(closed_target)

    async def open_() -> None:
        channels.of_loop(asyncio.get_running_loop()).take(endpoint)

    disorderly = asyncio.new_event_loop()
    disorderly.run_until_complete(open_())
    disorderly.close()  # no shutdown of its generators
    assert disorderly in channels._BY_LOOP
    asyncio.run(open_())
    assert disorderly not in channels._BY_LOOP


async def test_a_closed_client_leaves_its_channel_to_the_next_one_of_the_loop(
    serve: Serve, journal: Journal
) -> None:
    endpoint = Endpoint(serve(journal).target)
    pool = channels.of_loop(asyncio.get_running_loop())
    async with AsyncDtmsClient(endpoint.target) as client:
        await anext(client.messages())
        shared = pool.take(endpoint)
        pool.give_back(endpoint)
    assert pool.take(endpoint) is shared
    assert shared.get_state() is grpc.ChannelConnectivity.READY


def test_no_loop_is_left_behind(serve: Serve, journal: Journal) -> None:
    client = AsyncDtmsClient(serve(journal).target)

    async def use() -> None:
        await anext(client.messages())

    asyncio.run(use())
    gc.collect()
    assert channels._BY_LOOP == {}
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()


def run(program: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    quiet = os.environ | {"GRPC_VERBOSITY": "NONE"}  # its own lines are not ours to test
    return subprocess.run(
        [sys.executable, "-X", "dev", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
        env=quiet,
    )


UNCLOSED = """
import asyncio, atexit, sys
atexit.register(lambda: print(channels.SYNC.drain(), channels._BY_LOOP))  # runs after ours
from dtms_client import AsyncDtmsClient, DtmsClient, channels
client = DtmsClient(sys.argv[1])
stream = client.messages()
next(stream)
other = AsyncDtmsClient(sys.argv[1])
kept = []
async def follow():
    kept.append(other.messages())
    await anext(kept[0])
{end}
print("done")
"""


@pytest.mark.parametrize(
    "end",
    ["asyncio.run(follow())", "loop = asyncio.new_event_loop(); loop.run_until_complete(follow())"],
)
def test_a_process_that_closes_nothing_ends_in_order(
    end: str, serve: Serve, journal: Journal
) -> None:
    ended = run(UNCLOSED.format(end=end), serve(journal).target)
    assert (ended.returncode, ended.stdout) == (0, "done\n[] {}\n")
    assert "Traceback" not in ended.stderr
    assert "never" not in ended.stderr
