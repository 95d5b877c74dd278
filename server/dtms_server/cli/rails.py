"""The command that tells what holds the actions of all trades back, and lifts what can be."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Final

import typer
from dtms.v1 import service_pb2 as pb
from google.protobuf.timestamp_pb2 import Timestamp

from dtms_server.cli import words
from dtms_server.cli.connection import Connection
from dtms_server.cli.output import AsJson, print_json, print_table, say
from dtms_server.cli.plain import plain
from dtms_server.domain.rails import Rail

COLUMNS: Final = ("RAIL", "SINCE", "HOLDS BACK", "WHY")
OPENINGS: Final = "hedges and re-adds, until the next server day or dtms rails reset"
HOLDS_BACK: Final[Mapping[str, str]] = {
    Rail.PAUSED: "every order, until dtms resume",
    Rail.NOT_ALLOWED: "every order, until programs may trade on it again",
    Rail.EQUITY_DAY: OPENINGS,
    Rail.EQUITY_HOUR: OPENINGS,
    Rail.LOSING_STREAK: OPENINGS,
}
"""What each rail holds back that holds for all trades, and until when."""


@dataclass(frozen=True, slots=True)
class Held:
    """A rail that holds, why, and since when where that is known."""

    rail: str
    reason: str
    since: Timestamp | None = None

    def row(self) -> tuple[str, ...]:
        """Return it as a line of a table under COLUMNS."""
        since = words.NOTHING if self.since is None else words.time(self.since)
        return self.rail, since, holds_back(self.rail), self.reason

    def plain(self) -> dict[str, str | None]:
        """Return it for JSON."""
        since = None if self.since is None else plain(self.since)
        holds = holds_back(self.rail)
        return {"rail": self.rail, "since": since, "holds_back": holds, "reason": self.reason}


class Do(StrEnum):
    """What to do with the rails."""

    RESET = "reset"


def rails(
    connection: Connection,
    do: Annotated[
        Do | None, typer.Argument(metavar="reset", help="Lift those that stay shut.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell what holds the actions of all trades back; with `reset` lift the rails that stay shut.

    Equity fallen too far, and trades stopped out in a row, shut a rail for
    the rest of the server day: nothing that opens a position is sent. Closing
    and tightening go on. The market's hours, fresh data and the spread are
    looked at for each order: dtms watch --type ACTION_BLOCKED tells of them.

    Example: dtms rails, or: dtms rails reset
    """
    with connection.client() as client:
        if do is Do.RESET:
            _tell_lifted(client.reset_rails(), as_json)
            return
        holding = list(_holding(client.status()))
    if as_json:
        print_json({"rails": [held.plain() for held in holding]})
    elif holding:
        print_table(COLUMNS, (held.row() for held in holding))
    else:
        say("no rail holds all trades")


def holds_back(rail: str) -> str:
    """Return what a rail holds back, and until when."""
    return HOLDS_BACK.get(rail, OPENINGS)


def _holding(status: pb.GetStatusResponse) -> Iterator[Held]:
    if status.actions_paused:
        yield Held(Rail.PAUSED, "an operator's dtms pause, or dtms serve --paused")
    if status.terminal.connected and not status.terminal.trade_allowed:
        yield Held(Rail.NOT_ALLOWED, "the terminal or the account lets no program trade")
    for latched in status.rails:
        yield Held(latched.rail, latched.reason, latched.since)


def _tell_lifted(lifted: tuple[str, ...], as_json: bool) -> None:
    if as_json:
        print_json({"lifted": list(lifted)})
    else:
        say(f"lifted {', '.join(lifted)}" if lifted else "no rail was shut")
