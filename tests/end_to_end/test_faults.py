"""Errors of the terminal that once lost trades: the trades stand, and all is well afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from dtms.v1 import trade_pb2
from dtms.v1.event_pb2 import MonitorEvent
from dtms_client import DtmsClient
from dtms_client.errors import TerminalLost
from dtms_server.domain.trade import Direction
from end_to_end.reading import await_all, journal, measures, read_until, told, type_of
from processes import NEVER_JUDGED, QUICK_SERVER, QUICK_TERMINAL, Shop, shop

HEALTHY, CLOSED = trade_pb2.TRADE_STATE_HEALTHY, trade_pb2.TRADE_STATE_CLOSED
LOST_AND_BACK = ["TERMINAL_LOST", "TERMINAL_CONNECTED"]


@dataclass(frozen=True)
class Watched:
    """A guarded trade on a terminal that can be made to fail."""

    town: Shop
    terminal: str
    client: DtmsClient
    ticket: int
    since: str
    measured: int
    """Sequence of the event that tells the trade's R; while all is well it is the last of it."""

    def fault(self, *what: str) -> None:
        """Let the terminal misbehave, as an operator would by hand."""
        done = self.town.run("sim", "fault", *what, "--terminal", self.terminal)
        assert done.returncode == 0, done.stderr

    def await_event(self, type_: str) -> None:
        """Wait for an event of the trade, or of the terminal, since its R is known."""
        tickets = [self.ticket] if type_.startswith("TRADE") else []
        read_until(
            self.client, lambda event: True, since=self.since, types=[type_], tickets=tickets
        )

    def await_connected(self) -> None:
        """Wait until the terminal is back after a loss."""
        self.await_event("TERMINAL_CONNECTED")

    def open(self) -> int:
        """Open a position."""
        with self.town.control(self.terminal) as hand:
            return hand.open("EURUSD", Direction.BUY, 0.01).ticket

    def close(self, ticket: int) -> None:
        """Close a position by hand."""
        with self.town.control(self.terminal) as hand:
            hand.close(ticket)

    def doubts(self) -> list[bool]:
        """Return what was told of the trade's closing, in order: unconfirmed, or found again."""
        self.await_settled()
        events = self.events(self.ticket)
        assert {type_of(event) for event in events} <= {"TRADE_CHANGED"}, list(map(told, events))
        return [event.trade_changed.after.closing_unconfirmed for event in events]

    def losses(self) -> list[str]:
        """Return what was told of the terminal."""
        return [type_of(event) for event in self.events() if type_of(event).startswith("TERMINAL")]

    def events(self, ticket: int = 0) -> list[MonitorEvent]:
        """Return the events since the trade's R is known, of one ticket or of none."""
        listed = self.client.list_trades()
        every = journal(self.client, through=listed.resume_token)
        return [event for event in every[self.measured :] if event.ticket == ticket]

    def await_settled(self) -> None:
        """Watch another trade from its registration to its close: cycles have passed by then, and
        all is well. The first trade stands as it was."""
        other = self.open()
        self.client.register_trade(other, "EURUSD", "BUY")
        since = self.client.list_trades().resume_token
        self.close(other)
        await_all(self.client, "TRADE_CLOSED", [other], since)
        trade = self.client.get_trade(self.ticket)
        assert trade.state == HEALTHY
        assert not trade.closing_unconfirmed
        assert self.client.status().ready


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, str, DtmsClient]]:
    with shop(tmp_path_factory.mktemp("faults")) as town:
        (town.folder / "dtms.toml").write_text(NEVER_JUDGED)
        _, terminal = town.terminal(*QUICK_TERMINAL)
        server, target = town.serve(terminal, *QUICK_SERVER)
        server.expect("guarding")
        with DtmsClient(target, options={"grpc.enable_retries": 0}) as client:
            yield town, terminal, client


@pytest.fixture
def watched(place: tuple[Shop, str, DtmsClient]) -> Iterator[Watched]:
    town, terminal, client = place
    with town.control(terminal) as hand:
        ticket = hand.open("EURUSD", Direction.BUY, 0.01).ticket
    before = client.list_trades().resume_token
    client.register_trade(ticket, "EURUSD", "BUY")
    measured = read_until(client, measures, since=before, tickets=[ticket])[-1].sequence
    since = client.list_trades().resume_token
    yield Watched(town, terminal, client, ticket, since, measured)
    with town.control(terminal) as hand:
        hand.clear()


def test_a_few_reads_that_fail_are_nothing(watched: Watched) -> None:
    watched.fault("none", "call=positions_get", "count=3")
    assert watched.doubts() == []
    assert watched.losses() == []


def test_reads_that_go_on_failing_are_a_lost_terminal(watched: Watched) -> None:
    watched.fault("none", "call=positions_get", "count=1000000")
    watched.await_event("TERMINAL_LOST")
    assert watched.client.get_trade(watched.ticket).state == HEALTHY
    watched.fault("--clear")
    watched.await_connected()
    assert watched.doubts() == []
    assert watched.losses() == LOST_AND_BACK


def test_a_broken_pipe_is_mended_and_an_empty_list_after_it_is_not_believed(
    watched: Watched,
) -> None:
    watched.fault("empty", "count=5")
    watched.fault("pipe")
    watched.await_connected()
    assert watched.doubts() == []
    assert watched.losses() == LOST_AND_BACK


def test_an_empty_list_of_an_account_that_looks_flat_is_doubted_until_it_is_there_again(
    watched: Watched,
) -> None:
    watched.fault("empty", "count=5", "flat=true")
    watched.fault("pipe")
    watched.await_connected()
    assert watched.doubts() == [True, False]
    assert watched.losses() == LOST_AND_BACK


def test_an_empty_list_at_any_time_is_doubted_until_it_is_there_again(watched: Watched) -> None:
    watched.fault("empty", "count=5", "flat=true")
    watched.await_event("TRADE_CHANGED")
    assert watched.doubts() == [True, False]
    assert watched.losses() == []


def test_another_login_is_a_lost_terminal_and_says_nothing_of_the_trades(watched: Watched) -> None:
    watched.fault("login")
    watched.await_event("TERMINAL_LOST")
    with pytest.raises(TerminalLost, match="WRONG_ACCOUNT"):
        watched.client.register_trade(watched.open(), "EURUSD", "BUY")
    assert watched.client.get_trade(watched.ticket).state == HEALTHY
    watched.fault("--clear")
    watched.await_connected()
    assert watched.doubts() == []
    assert watched.losses() == LOST_AND_BACK


def test_a_call_that_hangs_is_given_up_and_the_terminal_comes_back(watched: Watched) -> None:
    watched.fault("hang", "call=positions_get")
    watched.await_event("TERMINAL_LOST")
    assert watched.client.get_trade(watched.ticket).state == HEALTHY
    watched.await_connected()
    assert watched.doubts() == []
    assert watched.losses() == LOST_AND_BACK


def test_what_closes_behind_a_lost_connection_is_told_when_it_is_back(watched: Watched) -> None:
    watched.fault("disconnect")
    watched.await_event("TERMINAL_LOST")
    watched.close(watched.ticket)
    assert watched.client.get_trade(watched.ticket).state == HEALTHY
    watched.fault("--clear")
    await_all(watched.client, "TRADE_CLOSED", [watched.ticket], watched.since)
    assert watched.client.get_trade(watched.ticket).state == CLOSED


def test_a_position_that_is_gone_without_its_deals_is_unconfirmed_until_they_come(
    watched: Watched,
) -> None:
    watched.fault("late_deals", "count=1000000")
    watched.close(watched.ticket)
    watched.await_event("TRADE_CHANGED")
    doubted = watched.client.get_trade(watched.ticket)
    assert doubted.closing_unconfirmed
    assert doubted.state == HEALTHY
    watched.fault("--clear")
    await_all(watched.client, "TRADE_CLOSED", [watched.ticket], watched.since)
    proved = watched.client.get_trade(watched.ticket)
    assert proved.state == CLOSED
    assert not proved.closing_unconfirmed
    assert proved.HasField("profit")
