"""`dtms serve --paused`: a server that guards and sends nothing, until an operator lets it."""

from dtms.v1.event_pb2 import MonitorEvent
from dtms_client import DtmsClient
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import SimulatorControl
from end_to_end.reading import journal, read_until, type_of
from processes import QUICK_SERVER, QUICK_TERMINAL, Process, Shop, free_address

ALWAYS_CRITICAL = """
[policy.defence.states]
grace_minutes = 0

[policy.scoring.bands]
steady_from = 100
soft_above = 99
weak_above = 98
failing_above = 97
"""
"""Every trade is to be hedged at once."""
LOTS = 0.1


def test_a_server_that_is_started_paused_sends_nothing_until_it_is_resumed(town: Shop) -> None:
    (town.folder / "dtms.toml").write_text(ALWAYS_CRITICAL)
    _, terminal = town.terminal(*QUICK_TERMINAL)
    target = free_address()
    server = _start(town, terminal, target, "--paused")
    with town.control(terminal) as hand, DtmsClient(target) as client:
        assert client.status().actions_paused
        [paused] = _all(client, "ACTIONS_PAUSED")
        assert paused.actions_paused.reason == "dtms serve --paused"
        ticket = _register(client, hand)
        _await(client, "ACTION_BLOCKED", ticket)
        assert _held(hand) == {ticket}

        server.kill()
        server = _start(town, terminal, target)
        assert client.status().actions_paused, "a restart lifted it"
        other = _register(client, hand)
        blocked = _await(client, "ACTION_BLOCKED", other)
        assert blocked.action_blocked.rail == "PAUSED"
        assert _held(hand) == {ticket, other}
        assert client.list_actions() == ()

        client.resume_actions("the morning is over")
        for each in (ticket, other):
            _await(client, "ACTION_DONE", each)
        assert len(_held(hand)) == 4
        assert server.terminate() == 0
        _start(town, terminal, target)
        assert not client.status().actions_paused
        assert [event.actions_paused.reason for event in _all(client, "ACTIONS_PAUSED")] == [
            "dtms serve --paused"
        ]
        [resumed] = _all(client, "ACTIONS_RESUMED")
        assert resumed.actions_resumed.reason == "the morning is over"


def test_a_server_whose_terminal_is_not_there_can_be_paused_and_is_when_it_comes(
    town: Shop,
) -> None:
    (town.folder / "dtms.toml").write_text(ALWAYS_CRITICAL)
    terminal = free_address()
    server, target = town.serve(terminal, "--startup-timeout", "0", *QUICK_SERVER)
    with DtmsClient(target) as client:
        client.pause_actions("not yet")
        assert client.status().actions_paused
        assert not client.status().ready
        town.terminal("--listen", terminal, *QUICK_TERMINAL)
        server.expect("guarding")
        [paused] = _all(client, "ACTIONS_PAUSED")
        assert paused.actions_paused.reason == "not yet"
        with town.control(terminal) as hand:
            ticket = _register(client, hand)
            _await(client, "ACTION_BLOCKED", ticket)
            assert _held(hand) == {ticket}


def _start(town: Shop, terminal: str, target: str, *flags: str) -> Process:
    server, _ = town.serve(terminal, "--listen", target, *QUICK_SERVER, *flags)
    server.expect("guarding")
    return server


def _register(client: DtmsClient, hand: SimulatorControl) -> int:
    ticket = hand.open("EURUSD", Direction.BUY, LOTS).ticket
    client.register_trade(ticket, "EURUSD", "BUY")
    return ticket


def _held(hand: SimulatorControl) -> set[int]:
    return {position.ticket for position in hand.positions()}


def _await(client: DtmsClient, type_: str, ticket: int) -> MonitorEvent:
    """Wait for the first event of that type and trade."""
    wanted = {"types": [type_], "tickets": [ticket], "start_from": "EARLIEST"}
    return read_until(client, lambda event: True, **wanted)[-1]


def _all(client: DtmsClient, type_: str) -> list[MonitorEvent]:
    """Return all events of that type so far."""
    every = journal(client, through=client.list_trades().resume_token)
    return [event for event in every if type_of(event) == type_]
