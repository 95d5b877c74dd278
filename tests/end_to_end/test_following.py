"""A dashboard that lists and then follows misses nothing and sees nothing twice."""

import asyncio
import random
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

from dtms.v1.event_pb2 import MonitorEvent
from dtms_client import AsyncDtmsClient, DtmsClient, TradeList
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from end_to_end.reading import journal, type_of
from processes import (
    NEVER_JUDGED,
    PATIENCE_SECONDS,
    QUICK_SERVER,
    QUICK_TERMINAL,
    Process,
    Shop,
    free_address,
)

KILLED, STOPPED = "killed", "stopped"
ENDS = [KILLED, KILLED, KILLED, STOPPED, STOPPED]
BACKOFF = {"grpc.max_reconnect_backoff_ms": 200}
LAST = "the last of all"

Seen = tuple[TradeList, list[MonitorEvent]]


def test_who_lists_then_follows_sees_every_event_once_through_five_restarts(
    town: Shop, dice: random.Random
) -> None:
    # a stop of the defence might close what a hand is about to
    (town.folder / "dtms.toml").write_text(NEVER_JUDGED)
    _, terminal = town.terminal(*QUICK_TERMINAL)
    target = free_address()
    server = _start(town, terminal, target)
    with ExitStack() as stack:
        hand = stack.enter_context(town.control(terminal))
        client = stack.enter_context(DtmsClient(target, options=BACKOFF))
        _trade(client, hand)
        pool = stack.enter_context(ThreadPoolExecutor(2))
        dashboards = [pool.submit(each, target) for each in (_follow, _follow_in_a_loop)]
        for end in dice.sample(ENDS, len(ENDS)):
            _trade(client, hand)
            _end(server, end)
            _disturb(hand)
            server = _start(town, terminal, target)
        _trade(client, hand)
        _register(client, hand, labels={"note": LAST})
        seen = [dashboard.result(PATIENCE_SECONDS) for dashboard in dashboards]
        now = client.list_trades()
        recorded = journal(client, through=now.resume_token)
    for listed, followed in seen:
        _check(recorded, listed, followed)


def _check(recorded: list[MonitorEvent], listed: TradeList, followed: list[MonitorEvent]) -> None:
    assert [event.sequence for event in recorded] == list(range(1, len(recorded) + 1))
    before = recorded[: followed[0].sequence - 1]
    last = next(place for place, event in enumerate(recorded) if _is_last(event))
    assert followed == recorded[len(before) : last + 1]
    assert {trade.ticket for trade in listed} == _left_open(before), "the list has the gap"
    assert {type_of(event) for event in followed} >= {
        "TRADE_REGISTERED",
        "TRADE_CHANGED",
        "TRADE_CLOSED",
        "TRADE_RELEASED",
        "MONITORING_STARTED",
        "MONITORING_STOPPED",
    }


def _left_open(events: list[MonitorEvent]) -> set[int]:
    tickets = set()
    for event in events:
        match type_of(event):
            case "TRADE_REGISTERED":
                tickets.add(event.ticket)
            case "TRADE_CLOSED" | "TRADE_RELEASED":
                tickets.remove(event.ticket)
    return tickets


def _is_last(event: MonitorEvent) -> bool:
    return event.trade_registered.trade.labels.get("note") == LAST


def _follow(target: str) -> Seen:
    with DtmsClient(target, options=BACKOFF) as client:
        listed, seen = client.list_trades(), []
        for event in client.events(since=listed.resume_token):
            seen.append(event)
            if _is_last(event):
                break
        return listed, seen


def _follow_in_a_loop(target: str) -> Seen:
    async def follow() -> Seen:
        async with AsyncDtmsClient(target, options=BACKOFF) as client:
            listed, seen = await client.list_trades(), []
            async for event in client.events(since=listed.resume_token):
                seen.append(event)
                if _is_last(event):
                    break
            return listed, seen

    return asyncio.run(follow())


def _start(town: Shop, terminal: str, target: str) -> Process:
    server, _ = town.serve(terminal, "--listen", target, *QUICK_SERVER)
    server.expect("guarding")
    return server


def _end(server: Process, end: str) -> None:
    if end == STOPPED:
        assert server.terminate() == 0, server.output
    else:
        server.kill()


def _register(
    client: DtmsClient, hand: SimulatorControl, labels: dict[str, str] | None = None
) -> int:
    ticket = hand.open("EURUSD", Direction.BUY, 0.01).ticket
    client.register_trade(ticket, "EURUSD", "BUY", labels=labels)
    return ticket


def _trade(client: DtmsClient, hand: SimulatorControl) -> None:
    """Let every kind of event happen to a trade, and leave two of them open."""
    closing, released, _, _ = [_register(client, hand) for _ in range(4)]
    client.update_trade(closing, protection="OBSERVE")
    client.release_trade(released)
    hand.close(closing)


def _disturb(hand: SimulatorControl) -> None:
    """Close what there is but the newest, while no server looks."""
    for position in hand.positions()[:-1]:
        hand.close(position.ticket)
