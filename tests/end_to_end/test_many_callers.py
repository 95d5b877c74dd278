"""Many callers register one ticket at once: it is registered once."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from dtms_client import AsyncDtmsClient, DtmsClient
from dtms_server.domain.trade import Direction
from end_to_end.reading import journal, measures, type_of
from processes import NEVER_JUDGED, PATIENCE_SECONDS, QUICK_SERVER, QUICK_TERMINAL, Shop, shop

CALLERS = 64


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, str, str]]:
    """A server that is ready: its shop, its terminal's address, its own."""
    with shop(tmp_path_factory.mktemp("many")) as town:
        (town.folder / "dtms.toml").write_text(NEVER_JUDGED)
        _, terminal = town.terminal(*QUICK_TERMINAL)
        server, target = town.serve(terminal, *QUICK_SERVER)
        server.expect("guarding")
        yield town, terminal, target


def from_threads(target: str, ticket: int) -> list[bool]:
    """Register from a thread each, every second over a connection of its own."""
    together = threading.Barrier(CALLERS)

    def register(number: int) -> bool:
        options = {"dtms.test.caller": number} if number % 2 else {}  # unequal: no shared channel
        with DtmsClient(target, options=options, timeout=PATIENCE_SECONDS) as client:
            together.wait(PATIENCE_SECONDS)
            return client.register_trade(ticket, "EURUSD", "BUY").already_registered

    with ThreadPoolExecutor(CALLERS) as pool:
        return list(pool.map(register, range(CALLERS)))


def from_tasks(target: str, ticket: int) -> list[bool]:
    """Register from a task each, all in one event loop."""

    async def register() -> list[bool]:
        async with AsyncDtmsClient(target, timeout=PATIENCE_SECONDS) as client:
            answers = await asyncio.gather(
                *(client.register_trade(ticket, "EURUSD", "BUY") for _ in range(CALLERS))
            )
        return [answer.already_registered for answer in answers]

    return asyncio.run(register())


@pytest.mark.parametrize("register", [from_threads, from_tasks])
def test_of_64_callers_at_once_one_is_new(
    place: tuple[Shop, str, str], register: Callable[[str, int], list[bool]]
) -> None:
    town, terminal, target = place
    with town.control(terminal) as hand, DtmsClient(target) as client:
        ticket = hand.open("EURUSD", Direction.BUY, 0.01).ticket
        assert sorted(register(target, ticket)) == [False] + [True] * (CALLERS - 1)
        listed = client.list_trades(include_closed=True)
        assert [trade.ticket for trade in listed].count(ticket) == 1
        events = journal(client, through=listed.resume_token)
    of_trade = [e for e in events if e.ticket == ticket and not measures(e)]
    assert [type_of(e) for e in of_trade] == ["TRADE_REGISTERED"]
