"""Killed at any moment, the server has forgotten nothing when it is back."""

import random
from collections import Counter
from contextlib import ExitStack

import pytest
from dtms.v1 import trade_pb2
from dtms_client import DtmsClient
from dtms_server.terminal.control import SimulatorControl
from end_to_end.bots import IMPATIENT, Crew
from end_to_end.reading import await_all, journal, type_of
from processes import QUICK_SERVER, QUICK_TERMINAL, Process, Shop, free_address

BOTS = 3
CLOSED, RELEASED = trade_pb2.TRADE_STATE_CLOSED, trade_pb2.TRADE_STATE_RELEASED


@pytest.mark.parametrize(
    ("kills", "options"),
    [(10, IMPATIENT), pytest.param(50, {}, marks=[pytest.mark.long, pytest.mark.timeout(1800)])],
    ids=["10 kills", "50 kills"],
)
def test_a_server_killed_while_bots_work_forgets_nothing(
    town: Shop, dice: random.Random, kills: int, options: dict[str, int | str]
) -> None:
    _, terminal = town.terminal(*QUICK_TERMINAL)
    target = free_address()
    with ExitStack() as stack:
        hands = [stack.enter_context(town.control(terminal)) for _ in range(BOTS + 1)]
        client = stack.enter_context(DtmsClient(target))
        server = _start(town, terminal, target, dice)
        crew = stack.enter_context(Crew(target, hands[1:], dice, options))
        for _ in range(kills):
            crew.await_calls(dice.randint(1, 40))
            _kill(server, dice)
            server = _start(town, terminal, target, dice)
            with crew.resting():
                _audit(client, hands[0], crew)
        with crew.resting():
            _audit_journal(client, crew)


def _start(town: Shop, terminal: str, target: str, dice: random.Random) -> Process:
    """Start a server, now and then one that is killed before it is ready."""
    while True:
        server, _ = town.serve(terminal, "--listen", target, *QUICK_SERVER)
        if dice.random() > 0.25:
            server.expect("guarding")
            return server
        _kill(server, dice)


def _kill(server: Process, dice: random.Random) -> None:
    """Kill it a few milliseconds from now, anywhere within what it is about."""
    server.kill_after(dice.uniform(0, 0.03))


def _audit(client: DtmsClient, hand: SimulatorControl, crew: Crew) -> None:
    """Compare the trades with what bots were told, and with the terminal's positions.

    Nobody opens positions meanwhile, but stops may close some: what is gone while the trades are
    listed may still be told as open, and must then be closed soon.
    """
    listed = client.list_trades(include_closed=True)
    still_open = {position.ticket for position in hand.positions()}
    states = {trade.ticket: trade.state for trade in listed}
    assert len(states) == len(listed), "a ticket is there twice"
    assert crew.registered <= states.keys(), "a registration that was acknowledged is lost"
    assert crew.let_go == {ticket: states[ticket] for ticket in crew.let_go}
    closed = {ticket for ticket, state in states.items() if state == CLOSED}
    assert not closed & still_open, "an open trade is called closed"
    guarded = {ticket for ticket, state in states.items() if state not in (CLOSED, RELEASED)}
    await_all(client, "TRADE_CLOSED", guarded - still_open, since=listed.resume_token)


def _audit_journal(client: DtmsClient, crew: Crew) -> None:
    """Every trade began once and ended at most once, and the trades are what the events made."""
    trades = client.list_trades(include_closed=True)
    events = journal(client, through=trades.resume_token)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    told = {type_: Counter[int]() for type_ in ("REGISTERED", "CLOSED", "RELEASED")}
    for event in events:
        told.get(type_of(event).removeprefix("TRADE_"), Counter())[event.ticket] += 1
    assert told["REGISTERED"] == Counter(trade.ticket for trade in trades)
    assert told["CLOSED"] == Counter(t.ticket for t in trades if t.state == CLOSED)
    assert told["RELEASED"] == Counter(t.ticket for t in trades if t.state == RELEASED)
    assert crew.registered <= told["REGISTERED"].keys()
    assert told["CLOSED"], "nothing was tried"
    assert told["RELEASED"], "nothing was tried"
