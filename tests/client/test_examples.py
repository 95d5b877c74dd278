"""The examples of the Python client do what they say, against a live service."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from client.living import Live, live
from client.scripted import Context, Journal, Server, serve_health
from dtms.v1 import service_pb2 as pb
from dtms.v1.trade_pb2 import Trade
from processes import Process

__all__ = ["live"]

Serve = Callable[[object], Server]

CHECKOUT = Path(__file__).parents[2]
EXAMPLES = CHECKOUT / "clients" / "python" / "examples"
TESTED = {"bot.py", "async_bot.py", "dashboard.py", "switch.py"}


def start(live: Live, name: str, *arguments: object) -> Process:
    """Start an example."""
    return live.shop.spawn(sys.executable, EXAMPLES / name, *map(str, arguments))


def run(live: Live, name: str, *arguments: object) -> tuple[int, list[str]]:
    """Run an example to its end; return its status and its lines."""
    process = start(live, name, *arguments)
    return process.wait(), process.output.splitlines()


@contextmanager
def served_by(live: Live, target: str) -> Iterator[None]:
    """Start examples at another service."""
    live.shop.environment["DTMS_TARGET"] = target
    try:
        yield
    finally:
        live.shop.environment["DTMS_TARGET"] = live.target


class Fragile(Journal):
    """A journal whose first two lists fail as those of a server that goes and comes back late."""

    def __init__(self) -> None:
        super().__init__()
        self._failures = [
            (grpc.StatusCode.UNAVAILABLE, "the server goes"),
            (grpc.StatusCode.DEADLINE_EXCEEDED, "too late"),
        ]

    def ListTrades(self, request: Any, context: Context) -> pb.ListTradesResponse:  # noqa: N802
        if self._failures:
            # gRPC is told to retry no more, as if its attempts were used up
            context.set_trailing_metadata((("grpc-retry-pushback-ms", "-1"),))
            context.abort(*self._failures.pop(0))
        return pb.ListTradesResponse(trades=[Trade(ticket=7, symbol="EURUSD")], resume_token="0")


def test_every_example_is_tested() -> None:
    assert {each.name for each in EXAMPLES.glob("*.py")} == TESTED


def test_the_bot_of_the_manual_is_this_one_in_at_most_40_lines() -> None:
    bot = (EXAMPLES / "bot.py").read_text("utf-8")
    assert f"`bot.py`:\n\n```python\n{bot}```\n" in (CHECKOUT / "docs" / "clients.md").read_text()
    assert len(bot.splitlines()) <= 40


def test_the_bot_registers_lists_and_prints_events(live: Live) -> None:
    ticket = live.open().ticket
    bot = start(live, "bot.py", ticket)
    bot.expect(rf"^{ticket} EURUSD HEALTHY$")
    live.hand.modify(ticket, take_profit=2.0)  # after the list: its event is not missed
    bot.expect(rf"^\d+ {ticket} TRADE_CHANGED$")
    live.hand.close(ticket)
    bot.expect(rf"^\d+ {ticket} TRADE_CLOSED$")
    bot.terminate()


def test_the_bot_tells_a_closed_position_from_other_refusals(live: Live) -> None:
    assert run(live, "bot.py", 424_242) == (0, ["424242 is closed already"])
    status, lines = run(live, "bot.py", 0)
    assert (status, lines[0].split()[0]) == (1, "INVALID_REQUEST")


def test_the_async_bot_registers_from_a_callback_and_ends_with_its_positions(live: Live) -> None:
    tickets = [live.open().ticket, live.open().ticket]
    bot = start(live, "async_bot.py", *tickets)
    for ticket in tickets:
        bot.expect(rf"^\d+ {ticket} TRADE_REGISTERED$")
        live.hand.close(ticket)
    assert bot.wait() == 0
    for ticket in tickets:
        bot.expect(rf"^\d+ {ticket} TRADE_CLOSED$")


def test_the_async_bot_ends_though_nothing_could_be_registered_and_logs_it(live: Live) -> None:
    bot = start(live, "async_bot.py", 424_242)
    assert bot.wait() == 0
    bot.expect(r"register 424242 failed, the trade may not be guarded: POSITION_NOT_FOUND")


def test_the_async_bot_follows_the_others_where_one_is_refused_or_over(live: Live) -> None:
    closed, released, followed = (live.open().ticket for _ in range(3))
    with (
        live.client() as dtms,
        dtms.events(types=["TRADE_CLOSED"], start_from="EARLIEST") as events,
    ):
        for ticket in (closed, released):
            dtms.register_trade(ticket, "EURUSD", "BUY")
        live.hand.close(closed)
        while next(events).ticket != closed:
            pass
        bot = start(live, "async_bot.py", 424_242, closed, released, followed)
        bot.expect(rf"^\d+ {followed} TRADE_REGISTERED$")
        dtms.release_trade(released)
    bot.expect(rf"^\d+ {released} TRADE_RELEASED$")
    live.hand.close(followed)
    assert bot.wait() == 0
    bot.expect(rf"^\d+ {followed} TRADE_CLOSED$")


def test_the_dashboard_goes_on_where_it_was_killed(live: Live, tmp_path: Path) -> None:
    kept = tmp_path / "place"
    with live.client() as dtms:
        first, later = live.open().ticket, live.open().ticket
        dtms.register_trade(first, "EURUSD", "BUY")
        dashboard = start(live, "dashboard.py", kept)
        dashboard.expect(rf"^trade {first} EURUSD 0.1 \w+$")
        live.hand.close(first)
        dashboard.expect(rf"^event \d+ {first} TRADE_CLOSED$")
        dashboard.kill()
        dtms.register_trade(later, "EURUSD", "BUY")
        again = start(live, "dashboard.py", kept)
        again.expect(rf"^event \d+ {later} TRADE_REGISTERED$")
        live.hand.close(later)
        again.expect(rf"^event \d+ {later} TRADE_CLOSED$")
        again.kill()
    assert "trade" not in again.output
    seen = [
        int(line.split()[1])
        for line in (dashboard.output + again.output).splitlines()
        if line.startswith("event")
    ]
    assert sorted(set(seen)) == list(range(seen[0], seen[-1] + 1)), "a gap"


def test_the_dashboard_lists_again_where_its_place_is_gone(live: Live, tmp_path: Path) -> None:
    kept = tmp_path / "place"
    kept.write_text("of another world")
    dashboard = start(live, "dashboard.py", kept)
    dashboard.expect(r"^the place is gone, a new list: RESUME_TOKEN_INVALID$")
    ticket = live.open().ticket
    with live.client() as dtms:
        dtms.register_trade(ticket, "EURUSD", "BUY")
    dashboard.expect(rf"{ticket}")
    dashboard.kill()


def test_the_dashboard_waits_out_a_list_that_fails_for_a_time(
    live: Live, serve: Serve, tmp_path: Path
) -> None:
    fragile = Fragile()
    server = serve(fragile)
    serve_health(server, ready=True)
    with served_by(live, server.target):
        dashboard = start(live, "dashboard.py", tmp_path / "place")
    dashboard.expect(r"^waiting: UNAVAILABLE: the server goes$")
    dashboard.expect(r"^waiting: DEADLINE_EXCEEDED: too late$")
    dashboard.expect(r"^trade 7 EURUSD ")
    fragile.grow()
    dashboard.expect(r"^event 1 ")
    dashboard.kill()


def test_the_dashboard_ends_with_an_error_that_does_not_pass(
    live: Live, serve: Serve, tmp_path: Path
) -> None:
    server = serve(Journal())  # knows no lists
    serve_health(server, ready=True)
    with served_by(live, server.target):
        dashboard = start(live, "dashboard.py", tmp_path / "place")
    assert dashboard.wait() == 1
    dashboard.expect(r"^UNIMPLEMENTED: ")


def test_the_switch_pauses_resumes_and_shows(live: Live) -> None:
    assert run(live, "switch.py") == (0, ["orders leave"])
    assert run(live, "switch.py", "pause", "news", "at", "noon") == (0, ["paused"])
    with live.client() as dtms:
        assert dtms.status().actions_paused
    assert run(live, "switch.py", "show") == (0, ["paused"])
    assert run(live, "switch.py", "resume") == (0, ["orders leave"])
    assert run(live, "switch.py", "break")[0] == 2


def test_without_a_service_the_switch_says_so(live: Live, closed_target: str) -> None:
    with served_by(live, closed_target):
        status, lines = run(live, "switch.py")
    assert status == 1
    assert lines[-1].startswith(("UNAVAILABLE", "DEADLINE_EXCEEDED"))
