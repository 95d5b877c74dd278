"""What health and every RPC say while the server starts, works, loses its terminal, and stops."""

import signal
import sys
from contextlib import ExitStack

import pytest
from dtms_client import DtmsClient
from dtms_server.domain.trade import Direction
from end_to_end.calling import LIVENESS, OK, READINESS, Caller, HealthWatch, calling, watching
from end_to_end.reading import read_until, type_of
from processes import NEVER_JUDGED, QUICK_SERVER, QUICK_TERMINAL, Process, Shop, free_address

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="a test cannot send SIGTERM on Windows"
)
SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"
NOBODY = 424_242
RPCS = ("GetTrade", "ListTrades", "StreamMonitorEvents", "UpdateTrade", "ReleaseTrade")


def test_health_and_calls_follow_the_terminal_there_gone_and_back(town: Shop) -> None:
    (town.folder / "dtms.toml").write_text(NEVER_JUDGED)
    state = str(town.folder / "world.json")
    terminal = free_address()
    flags = ("--startup-timeout", "0", "--lost-grace", "1", "--drain-delay", "8", *QUICK_SERVER)
    server, target = town.serve(terminal, *flags)
    with ExitStack() as stack:
        caller = stack.enter_context(calling(target))
        watches = [stack.enter_context(watching(target, name)) for name in READINESS]
        alive = stack.enter_context(watching(target, LIVENESS))
        _all_told(watches, NOT_SERVING)
        assert caller.readiness() == NOT_SERVING
        _only_status_answers(caller, "NOT_READY")
        assert not caller.status().ready

        host = _terminal(town, terminal, state)
        _all_told(watches, NOT_SERVING, SERVING)
        tickets = _open(town, terminal)
        assert [caller.register(ticket) for ticket in tickets] == [OK, OK, OK]
        _works_but_for_registering(caller, tickets[0])

        host.kill()
        _all_told(watches, NOT_SERVING, SERVING, NOT_SERVING)
        _loss_is_written(target)
        assert caller.readiness() == NOT_SERVING
        _refuses_to_register(caller, tickets)
        _works_but_for_registering(caller, tickets[1])

        _terminal(town, terminal, state)
        _all_told(watches, NOT_SERVING, SERVING, NOT_SERVING, SERVING)
        assert caller.readiness() == SERVING
        assert caller.register(tickets[1]) == OK, "released before: armed again"
        _told_of_the_loss(target)

        assert alive.told[-1] == SERVING
        assert alive.told.count(SERVING) == 1, "liveness is tied to something"
        _drains(server, caller, watches)


def _terminal(town: Shop, address: str, state: str) -> Process:
    process, _ = town.terminal("--listen", address, "--sim-state", state, *QUICK_TERMINAL)
    return process


def _open(town: Shop, terminal: str) -> list[int]:
    with town.control(terminal) as hand:
        return [hand.open("EURUSD", Direction.BUY, 0.01).ticket for _ in range(3)]


def _all_told(watches: list[HealthWatch], *statuses: str) -> None:
    for watch in watches:
        watch.await_told(*statuses)


def _only_status_answers(caller: Caller, reason: str) -> None:
    assert caller.register(NOBODY) == reason
    assert caller.other_outcomes(NOBODY) == dict.fromkeys(RPCS, reason) | {"GetStatus": OK}


def _works_but_for_registering(caller: Caller, ticket: int) -> None:
    assert caller.health(LIVENESS) == SERVING
    assert caller.other_outcomes(ticket) == dict.fromkeys((*RPCS, "GetStatus"), OK)


def _refuses_to_register(caller: Caller, tickets: list[int]) -> None:
    status = caller.status()
    assert not status.ready
    assert status.not_ready_reason
    assert status.dtms_initialized
    released, registered, _ = tickets
    assert caller.register(released) == "TERMINAL_LOST"
    assert caller.register(registered) == "TERMINAL_LOST"
    assert caller.register(NOBODY) == "TERMINAL_LOST"
    assert caller.register(registered, symbol="GBPUSD") == "TICKET_CONFLICT"
    assert caller.status().head_sequence == status.head_sequence, "something was written"


def _loss_is_written(target: str) -> None:
    """Wait for it: readiness need not wait for the disk."""
    with DtmsClient(target) as client:
        read_until(client, lambda event: True, start_from="EARLIEST", types=["TERMINAL_LOST"])


def _told_of_the_loss(target: str) -> None:
    """A stream that was asked for after the loss, or before it, has both of its ends."""
    with DtmsClient(target) as client:
        types = ["TERMINAL_LOST", "TERMINAL_CONNECTED"]
        events = read_until(
            client,
            lambda event: event.terminal_connected.lost_seconds > 0,
            start_from="EARLIEST",
            types=types,
        )
    assert [type_of(event) for event in events] == [
        "TERMINAL_CONNECTED",
        "TERMINAL_LOST",
        "TERMINAL_CONNECTED",
    ]
    assert events[1].terminal_lost.reason


def _drains(server: Process, caller: Caller, watches: list[HealthWatch]) -> None:
    server.signal(signal.SIGTERM)
    _all_told(watches, NOT_SERVING, SERVING, NOT_SERVING, SERVING, NOT_SERVING)
    _only_status_answers(caller, "DRAINING")
    assert caller.health(LIVENESS) == SERVING
    assert [watch.await_end() for watch in watches] == ["DRAINING"] * len(watches)
    assert server.wait() == 0


def test_a_stream_that_is_open_is_told_of_the_loss_and_the_return(town: Shop) -> None:
    state, terminal = str(town.folder / "world.json"), free_address()
    host = _terminal(town, terminal, state)
    server, target = town.serve(terminal, *QUICK_SERVER)
    server.expect("guarding")
    watcher = town.start("watch", "--from-start", "--target", target)
    watcher.expect("MONITORING_STARTED")
    host.kill()
    watcher.expect("TERMINAL_LOST")
    with calling(target) as caller:
        assert caller.readiness() == SERVING, "a loss within its grace is not told by health"
        assert caller.register(NOBODY) == "TERMINAL_LOST"
    _terminal(town, terminal, state)
    watcher.expect("TERMINAL_CONNECTED .* after")
    with calling(target) as caller:
        assert caller.register(NOBODY) == "POSITION_NOT_FOUND"
