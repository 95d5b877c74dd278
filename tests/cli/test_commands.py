"""The commands against a real service on a real simulated terminal."""

import json
import os
import re
import signal
import sys
from typing import Any

import pytest
from cli.town import Town
from processes import NEVER_JUDGED, free_address, shop

DTMS_TOML = NEVER_JUDGED


def test_a_trade_is_opened_registered_listed_and_released(town: Town) -> None:
    ticket = town.open()
    assert town.register(ticket, "buy", "--label", "bot=alpha") == f"{ticket} registered: HEALTHY\n"
    assert town.register(ticket) == f"{ticket} already registered: HEALTHY\n"
    headings, *rows = town.call("trades", "--label", "bot=alpha").splitlines()
    assert headings.split()[:3] == ["TICKET", "SYMBOL", "SIDE"]
    assert [row.split()[:4] for row in rows] == [[ticket, "EURUSD", "BUY", "0.1"]]
    assert town.call("release", ticket) == f"{ticket} RELEASED\n"
    assert ticket not in town.call("trades")
    assert ticket in town.call("trades", "--state", "released")


def test_a_new_trade_is_told_to_be_in_its_grace(town: Town) -> None:
    ticket = town.open("sell")
    town.register(ticket, "sell", "--protection", "observe", "--label", "bot=alpha")
    told = town.call("trades", ticket)
    for line in (
        rf"trade +{ticket} EURUSD SELL on \d+@DTMS-Simulator",
        r"state +HEALTHY since 20[-0-9]+ [:0-9]+ UTC",
        r"why +registered",
        r"stop +- \(at registration -\)",
        r"grace +until 20[-0-9]+ [:0-9]+ UTC: it shows its score and stays HEALTHY",
        r"protection +OBSERVE",
        r"labels +bot=alpha",
    ):
        assert re.search(f"^{line}$", told, re.MULTILINE), told
    assert "defensive" not in told
    assert "hands off" not in told


def steady(trade: dict[str, Any]) -> dict[str, Any]:
    """A trade without what the next cycle may tell of it."""
    return trade | dict.fromkeys(("score", "r_distance", "updated_at"))


def test_json_is_one_document(town: Town) -> None:
    def document(text: str) -> Any:
        return json.loads(text)

    position = document(town.sim("open", "EURUSD", "sell", "0.2", "--json"))
    assert position["direction"] == "SELL"
    assert position["volume_lots"] == 0.2
    ticket = str(position["ticket"])
    registered = document(town.register(ticket, "sell", "--json"))
    assert registered["already_registered"] is False
    trade = steady(registered["trade"])
    assert steady(document(town.call("trades", ticket, "--json"))) == trade
    listed = document(town.call("trades", "--symbol", "EURUSD", "--json"))
    assert trade in map(steady, listed["trades"])
    assert listed["resume_token"]
    assert document(town.call("status", "--json"))["ready"] is True
    assert document(town.sim("positions", "--json"))
    assert document(town.sim("clock", "--json"))["speed"] == 60
    assert document(town.sim("modify", ticket, "--tp", "0.5", "--json"))["take_profit"] == 0.5
    assert document(town.sim("close", ticket, "--volume", "0.1", "--json"))["volume_lots"] == 0.1
    assert document(town.sim("close", ticket, "--json")) is None
    assert document(town.call("release", ticket, "--json"))["ticket"] == position["ticket"]


def test_a_refused_call_is_one_line_with_its_reason(town: Town) -> None:
    ticket = town.open()
    town.register(ticket)
    for refused, reason in (
        (("trades", "424242"), "TRADE_NOT_FOUND"),
        (("release", "424242"), "TRADE_NOT_FOUND"),
        (("register", "424242", "--symbol", "EURUSD", "--direction", "buy"), "POSITION_NOT_FOUND"),
        (("register", ticket, "--symbol", "GBPUSD", "--direction", "buy"), "TICKET_CONFLICT"),
        (("watch", "--since", "nonsense"), "RESUME_TOKEN_INVALID"),
    ):
        told = town.call(*refused, status=1)
        assert told.startswith(f"error: {reason}: ")
        assert told.count("\n") == 1


def test_a_refused_order_is_one_line_on_its_own(town: Town) -> None:
    for refused in (
        ("open", "NOSUCH", "buy", "0.1"),
        ("open", "EURUSD", "buy", "0.001"),
        ("close", "424242"),
        ("fault", "gremlins"),
        ("fault", "hang", "colour=red"),
    ):
        told = town.sim(*refused, status=1)
        assert told.startswith("error: ")
        assert told.count("\n") == 1


def test_a_stop_is_set_kept_and_removed(town: Town) -> None:
    ticket = town.open()
    town.sim("modify", ticket, "--sl", "0.9", "--tp", "1.5")
    kept = json.loads(town.sim("modify", ticket, "--sl", "0", "--json"))
    assert kept["stop_loss"] is None
    assert kept["take_profit"] == 1.5


def test_the_clock_is_set_by_command(town: Town) -> None:
    before = json.loads(town.sim("clock", "--json"))
    after = json.loads(town.sim("clock", "--advance", "3600", "--json"))
    assert after["at"] > before["at"]
    assert town.sim("clock", "--speed", "60").endswith("speed 60\n")


def test_a_fault_shows_in_the_status_until_it_is_cleared(town: Town) -> None:
    watcher = town.shop.start("watch", "--from-start", "--target", town.target)
    town.sim("fault", "disconnect")
    watcher.expect("TERMINAL_LOST")
    assert "not connected" in town.call("status")
    town.sim("fault", "--clear")
    watcher.expect("TERMINAL_CONNECTED .* after")
    assert "READY" in town.call("status")
    watcher.terminate()


def test_watch_prints_what_fits_from_a_token_on(town: Town) -> None:
    token = json.loads(town.call("trades", "--json"))["resume_token"]
    first, second = town.open(), town.open()
    town.register(first)
    town.register(second)
    watcher = town.shop.start(
        "watch", "--json", "--since", token, "--ticket", second, "--target", town.target
    )
    event = json.loads(watcher.expect("^{.*}$")[0])
    assert (event["type"], event["ticket"]) == ("TRADE_REGISTERED", int(second))
    assert event["resume_token"] != token
    town.sim("close", second)
    closed = json.loads(watcher.expect("^{.*TRADE_CLOSED.*}$")[0])
    assert closed["trade_closed"]["reason"] == "MANUAL"
    watcher.terminate()


def test_watch_goes_on_through_a_restart_of_the_service(tmp_path_factory: Any) -> None:
    with shop(tmp_path_factory.mktemp("restart")) as opened:
        _, terminal = opened.terminal("--seed", "7")
        server, target = opened.serve(terminal, "--listen", free_address())
        watcher = opened.start("watch", "--from-start", "--target", target)
        watcher.expect("    2  .* MONITORING_STARTED")
        assert server.terminate() == 0
        opened.start("serve", "--terminal", terminal, "--listen", target, "--sim-listen", "0")
        watcher.expect("    5  .* MONITORING_STARTED")
        lines = [line for line in watcher.output.splitlines() if line.startswith("    ")]
        sequences = [int(line.split()[0]) for line in lines]
        assert sequences == [1, 2, 3, 4, 5], "every event once, in order"


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot press Ctrl-C on Windows")
def test_ctrl_c_ends_watch_quietly(town: Town) -> None:
    watcher = town.shop.start("watch", "--from-start", "--target", town.target)
    watcher.expect("MONITORING_STARTED")
    os.kill(watcher.pid, signal.SIGINT)
    assert watcher.wait() == 0
    assert "Traceback" not in watcher.output
    assert "Aborted" not in watcher.output
