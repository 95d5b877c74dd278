"""The examples of the Python client do what they say, against a live service."""

import sys
from pathlib import Path

from client.living import Live, live
from processes import Process

__all__ = ["live"]

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


def test_the_async_bot_logs_what_could_not_be_registered(live: Live) -> None:
    bot = start(live, "async_bot.py", 424_242)
    bot.expect(r"register 424242 failed, the trade may not be guarded: POSITION_NOT_FOUND")
    bot.kill()


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


def test_the_switch_pauses_resumes_and_shows(live: Live) -> None:
    assert run(live, "switch.py") == (0, ["orders leave"])
    assert run(live, "switch.py", "pause", "news", "at", "noon") == (0, ["paused"])
    with live.client() as dtms:
        assert dtms.status().actions_paused
    assert run(live, "switch.py", "show") == (0, ["paused"])
    assert run(live, "switch.py", "resume") == (0, ["orders leave"])
    assert run(live, "switch.py", "break")[0] == 2


def test_without_a_service_the_switch_says_so(live: Live, closed_target: str) -> None:
    live.shop.environment["DTMS_TARGET"], kept = closed_target, live.target
    try:
        status, lines = run(live, "switch.py")
    finally:
        live.shop.environment["DTMS_TARGET"] = kept
    assert status == 1
    assert lines[-1].startswith(("UNAVAILABLE", "DEADLINE_EXCEEDED"))
