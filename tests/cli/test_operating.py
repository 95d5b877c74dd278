"""What an operator types to see what DTMS does, to stop it, and to let it go on."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from cli.town import Town
from dtms.v1 import trade_pb2
from dtms_client import DtmsClient
from end_to_end.reading import read_until

DTMS_TOML = """
[policy.defence.states]
grace_minutes = 0

[policy.scoring.bands]      # every score is CRITICAL
steady_from = 100
soft_above = 99
weak_above = 98
failing_above = 97
"""
HEDGED = trade_pb2.TRADE_STATE_HEDGED
PAUSED = "paused: no order leaves until dtms resume"


@pytest.fixture
def client(town: Town) -> Iterator[DtmsClient]:
    """A client, and afterwards all as it was."""
    with DtmsClient(town.target) as client:
        yield client
        town.sim("fault", "--clear")
        town.sim("clock", "--speed", "60")
        for trade in client.list_trades():  # its next order would come amid another test
            client.release_trade(trade.ticket, hedge="LEAVE")
        client.resume_actions()
        client.reset_rails()


def document(text: str) -> Any:
    return json.loads(text)


def facts(text: str) -> dict[str, str]:
    """The pairs that a command printed, one a line, up to the first empty line."""
    lines = text.partition("\n\n")[0].splitlines()
    width = max(len(line) - len(line.split("  ", 1)[-1].lstrip()) for line in lines)
    return {line[:width].strip(): line[width:] for line in lines}


def guarded(town: Town) -> str:
    """A new trade's ticket."""
    ticket = town.open()
    town.register(ticket)
    return ticket


def await_event(
    client: DtmsClient, kind: str, ticket: str, enough: Any = lambda event: True
) -> Any:
    """Wait for an event of the type, of that trade."""
    seen = read_until(client, enough, start_from="EARLIEST", types=[kind], tickets=[int(ticket)])
    return seen[-1]


def hedged(town: Town, client: DtmsClient) -> str:
    """The ticket of a trade that DTMS has hedged; no market stops the hedge out before its time."""
    ticket = guarded(town)
    await_event(client, "STATE_CHANGED", ticket, lambda event: event.state_changed.to == HEDGED)
    town.sim("modify", str(client.get_trade(int(ticket)).hedge_ticket), "--sl", "0")
    return ticket


def until(call: Callable[[], str], holds: Callable[[str], bool]) -> str:
    """Run a command until its output holds that: a cycle tells nobody that it is over."""
    while not holds(printed := call()):
        pass
    return printed


def test_a_pause_holds_every_order_back_until_the_resume(town: Town, client: DtmsClient) -> None:
    assert town.call("pause", "--reason", "news\nat noon") == f"{PAUSED}\n"
    assert facts(town.call("status"))["actions"] == PAUSED
    rail, since, *rest = town.call("rails").splitlines()[1].split()
    assert (rail, since) == ("PAUSED", "-")
    assert " ".join(rest).startswith("every order, until dtms resume")
    ticket = guarded(town)
    blocked = await_event(client, "ACTION_BLOCKED", ticket)
    assert blocked.action_blocked.rail == "PAUSED"
    assert town.call("actions", ticket).splitlines()[1:] == []
    assert town.call("resume") == "resumed: orders leave again\n"
    assert facts(town.call("status"))["actions"] == "not paused"
    await_event(client, "ACTION_DONE", ticket)
    [opened] = town.call("actions", ticket).splitlines()[1:]
    assert opened.split()[2:5] == [ticket, "OPEN_HEDGE", "DONE"]
    [told] = [line for line in watched(town) if "ACTIONS_PAUSED" in line]
    assert told.endswith("ACTIONS_PAUSED     news at noon")


def watched(town: Town) -> list[str]:
    """What `dtms watch` prints from the first event to the newest."""
    head = document(town.call("status", "--json"))["head_sequence"]
    watcher = town.shop.start("watch", "--from-start", "--target", town.target)
    watcher.expect(rf"^ *{head}  ")
    watcher.terminate()
    return watcher.output.splitlines()


def test_a_pause_and_a_resume_are_json_too(town: Town) -> None:
    assert document(town.call("pause", "--json")) == {"actions_paused": True, "unsettled": []}
    assert document(town.call("resume", "--json")) == {"actions_paused": False}


def test_a_pause_names_the_order_whose_outcome_is_not_known(town: Town, client: DtmsClient) -> None:
    town.sim("clock", "--speed", "0")  # lest the minute goes by after which it is known
    town.sim("fault", "timeout", "order=open", "executed=false")
    ticket = guarded(town)
    await_event(client, "ACTION_STARTED", ticket, lambda e: e.action_started.action.retcode)
    first, why, headings, row = town.call("pause").splitlines()
    assert first == PAUSED
    assert "not known yet" in why
    assert headings.split()[:4] == ["TIME", "TICKET", "ACTION", "STATE"]
    assert row.split()[2:5] == [ticket, "OPEN_HEDGE", "UNKNOWN"]
    assert "10012    not known yet: " in row
    town.call("resume")
    town.sim("clock", "--speed", "60")
    await_event(client, "ACTION_FAILED", ticket)


def test_actions_are_listed_latest_first_with_what_was_asked_and_what_became_true(
    town: Town, client: DtmsClient
) -> None:
    ticket = hedged(town, client)
    town.call("release", ticket, "--hedge", "close")
    headings, closing, opening = town.call("actions", ticket).splitlines()
    assert headings.split() == [
        "TIME", "TICKET", "ACTION", "STATE", "WHY", "ASKED", "RETCODE", "OUTCOME",
    ]  # fmt: skip
    [close, open_] = document(town.call("actions", ticket, "--json"))["actions"]
    assert [close["kind"], open_["kind"]] == ["CLOSE_HEDGE", "OPEN_HEDGE"]
    for row, action in ((closing, close), (opening, open_)):
        assert row.split()[2:5] == [ticket, action["kind"], "DONE"]
        for word in (action["reason"], "10009", f"{action['became']['price']}"):
            assert word in row
    hedge = close["position_ticket"]
    assert f"close 0.05 of {hedge} at {close['asked']['price']}" in closing
    assert f"open 0.05 at {open_['asked']['price']}, stop {open_['asked']['stop_loss']}" in opening


def test_actions_are_narrowed_by_trade_time_and_number(town: Town, client: DtmsClient) -> None:
    tickets = [hedged(town, client) for _ in range(2)]

    def listed(*flags: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = document(town.call("actions", *flags, "--json"))["actions"]
        return found

    [first], [second] = (listed(ticket) for ticket in tickets)
    assert listed("--limit", "1")[0]["ticket"] == int(tickets[1])
    at = second["started_at"]
    assert datetime.fromisoformat(first["started_at"]) < datetime.fromisoformat(at)
    assert [each["id"] for each in listed("--since", at)] == [second["id"]]
    assert listed("--until", at)[0]["id"] == first["id"]
    assert listed("--since", at, "--until", at) == []
    local = datetime.fromisoformat(at) + timedelta(hours=5, minutes=30)
    ist = local.replace(tzinfo=None).isoformat() + "+05:30"
    assert [each["id"] for each in listed("--since", ist)] == [second["id"]]
    assert len(listed("--all")) >= 2
    *_, hint = town.call("actions", "--limit", "1").splitlines()
    assert hint == "the latest 1; --limit N or --all shows older ones too"
    assert document(town.call("actions", "--limit", "1", "--json"))["more"] is True
    assert "--all" not in town.call("actions", tickets[1])


def explained(town: Town, ticket: str) -> tuple[str, dict[str, Any]]:
    """What is said of a trade, and the trade itself, both of one closed bar."""
    while True:
        before = document(town.call("trades", ticket, "--json"))
        text = town.call("trades", ticket)
        if document(town.call("trades", ticket, "--json")) == before:
            return text, before


def test_a_trade_is_explained(town: Town, client: DtmsClient) -> None:
    ticket = hedged(town, client)
    text, trade = explained(town, ticket)
    told = facts(text)
    assert told["trade"] == f"{ticket} EURUSD BUY on {trade['account']}"
    assert told["position"] == f"0.1 lots at {trade['entry_price']}"
    assert told["state"].startswith("HEDGED since 20")
    assert told["state"].endswith(", other managers must keep their hands off")
    assert told["why"] == "its hedge is open"
    assert told["hedge"].startswith(f"{trade['hedge_ticket']}, 0.05 lots, open since ")
    assert told["R"] == f"{trade['r_distance']:.4g}"
    assert told["grace"] == "over"
    assert told["timer"].endswith("UTC: then both are closed")
    assert told["to be done"] == "nothing"
    assert told["protection"] == "PROTECT"
    _, signals, tried = text.split("\n\n")
    headings, *rows = signals.splitlines()
    assert headings.split() == ["SIGNAL", "POINTS", "WEIGHT", "COUNTS", "WHY"]
    assert [row.split()[0] for row in rows] == [
        "structure", "vwap_volume", "momentum", "ema_alignment", "delta_pressure",
        "candle_conviction",
    ]  # fmt: skip
    assert sum(float(row.split()[3]) for row in rows) == pytest.approx(
        trade["score"]["value"], abs=0.05
    )
    assert tried.splitlines()[1].split()[3] == "OPEN_HEDGE"


def test_a_trade_that_is_being_closed_says_why(town: Town, client: DtmsClient) -> None:
    ticket = hedged(town, client)
    town.sim("fault", "retcode", "code=10006", "count=100000")
    town.sim("clock", "--advance", "4600")
    told = facts(until(lambda: town.call("trades", ticket), lambda text: "\nclosing" in text))
    assert told["state"].startswith("HEDGED since")
    reason, _, until_when = told["closing"].partition(": ")
    assert reason == "hedged for too long" or reason.endswith("against it while hedged")
    assert until_when == "only its end, or a release, stops that"
    await_event(client, "ACTION_FAILED", ticket)
    tried = town.call("actions", ticket).splitlines()
    assert any(reason in row and "10006" in row for row in tried)
    town.sim("fault", "--clear")
    await_event(client, "TRADE_CLOSED", ticket)
    assert facts(town.call("trades", ticket))["why"].startswith("closed by DTMS 20")


def test_a_trade_that_is_over_is_explained_by_its_end(town: Town, client: DtmsClient) -> None:
    released, closed = hedged(town, client), hedged(town, client)
    town.call("release", released, "--hedge", "leave")
    told = facts(town.call("trades", released))
    assert told["state"].startswith("RELEASED since")
    assert told["why"] == "its caller, or an operator, released it"
    assert "timer" not in told
    assert "hedge" not in told
    town.sim("close", closed)
    await_event(client, "TRADE_CLOSED", closed)
    told = facts(town.call("trades", closed))
    assert told["state"].startswith("CLOSED since")
    assert told["why"].startswith("closed by MANUAL 20")
    assert told["why"].endswith(" USD")


def test_a_hedged_trade_is_released_only_when_it_is_said_what_becomes_of_its_hedge(
    town: Town, client: DtmsClient
) -> None:
    ticket = hedged(town, client)
    told = town.call("release", ticket, status=1)
    assert told.startswith("error: TRADE_HEDGED: ")
    town.call("pause")
    told = town.call("release", ticket, "--hedge", "close", status=1)
    assert told.startswith("error: HEDGE_NOT_CLOSED: ")
    assert "PAUSED" in told
    town.call("resume")
    assert town.call("release", ticket, "--hedge", "close") == f"{ticket} RELEASED\n"


def test_rails_that_are_shut_are_shown_with_what_they_hold_back_and_can_be_lifted(
    town: Town, client: DtmsClient
) -> None:
    assert town.call("rails") == "no rail holds all trades\n"
    assert document(town.call("rails", "--json")) == {"rails": []}
    assert facts(town.call("status"))["rails"] == "none is shut"
    assert town.call("rails", "reset") == "no rail was shut\n"
    town.sim("open", "EURUSD", "sell", "2")
    town.sim("jump", "EURUSD", "500")
    shut = until(lambda: town.call("rails"), lambda printed: "EQUITY_DAY" in printed)
    headings, *rows = shut.splitlines()
    assert headings.split() == ["RAIL", "SINCE", "HOLDS", "BACK", "WHY"]
    assert {row.split()[0] for row in rows} == {"EQUITY_DAY", "EQUITY_HOUR"}
    for row in rows:
        assert "hedges and re-adds, until the next server day or dtms rails reset  equity" in row
    assert "EQUITY_DAY since 20" in facts(town.call("status"))["rails"]
    ticket = guarded(town)
    # a full machine may hold the quotes back for a moment: STALE_DATA
    await_event(
        client, "ACTION_BLOCKED", ticket, lambda event: event.action_blocked.rail == "EQUITY_DAY"
    )
    [one, other] = document(town.call("rails", "--json"))["rails"]
    assert {one["rail"], other["rail"]} == {"EQUITY_DAY", "EQUITY_HOUR"}
    assert set(one) == {"rail", "since", "holds_back", "reason"}
    lifted = document(town.call("rails", "reset", "--json"))["lifted"]
    assert set(lifted) == {"EQUITY_DAY", "EQUITY_HOUR"}
    await_event(client, "ACTION_DONE", ticket)
    assert town.call("rails") == "no rail holds all trades\n"


def test_a_terminal_that_lets_no_program_trade_is_a_rail_too(town: Town) -> None:
    town.sim("fault", "autotrading_off")
    told = until(lambda: town.call("rails"), lambda printed: "NOT_ALLOWED" in printed)
    assert "every order, until programs may trade on it again" in told
    town.sim("fault", "--clear")
    until(lambda: town.call("rails"), lambda printed: "NOT_ALLOWED" not in printed)
