"""The command that lists what was tried for the trades, and what came of it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Final

import typer
from dtms.v1 import action_pb2

from dtms_server.cli import action_words, words
from dtms_server.cli.connection import Connection
from dtms_server.cli.moments import moment
from dtms_server.cli.output import AsJson, print_json, print_table, say
from dtms_server.cli.plain import plain
from dtms_server.domain.trade import MAX_TICKET

COLUMNS: Final = ("TIME", "TICKET", "ACTION", "STATE", "WHY", "ASKED", "RETCODE", "OUTCOME")
LIMIT: Final = 20


def actions(
    connection: Connection,
    ticket: Annotated[
        int | None,
        typer.Argument(
            min=1,
            max=MAX_TICKET,
            metavar="TICKET",
            help="Of this trade, by its ticket as registered or as it is now.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option("--since", metavar="TIME", help="Started then or later; UTC by default."),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option("--until", metavar="TIME", help="Started before then; UTC by default."),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, metavar="N", help=f"The latest N. Default: {LIMIT}."),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="However many there are.")] = False,
    as_json: AsJson = False,
) -> None:
    """List every attempt to change a position, latest first: why, what was asked, what came of it.

    A time is a date, or a date and a time of day, in ISO 8601: 2026-03-02,
    2026-03-02T14:30, 2026-03-02T15:30+01:00. It is the terminal's.

    Example: dtms actions 1001 --since 2026-03-02T14:30
    """
    if all_ and limit is not None:
        raise typer.BadParameter("--all and --limit do not go together", param_hint="--all")
    first, end = _moment(since, "--since"), _moment(until, "--until")
    most = None if all_ else limit or LIMIT
    with connection.client() as client:
        found = client.list_actions(
            ticket, since=first, before=end, limit=None if most is None else most + 1
        )
    shown = found[:most]
    is_cut = len(shown) < len(found)
    if as_json:
        print_json({"actions": [plain(each) for each in shown], "more": is_cut})
        return
    print_actions(shown)
    if is_cut:
        say(f"the latest {len(shown)}; --limit N or --all shows older ones too")


def print_actions(found: Iterable[action_pb2.Action]) -> None:
    """Print actions as a table."""
    print_table(COLUMNS, map(_row, found))


def _moment(text: str | None, flag: str) -> datetime | None:
    return None if text is None else moment(text, flag)


def _row(action: action_pb2.Action) -> tuple[str, ...]:
    return (
        words.time(action.started_at),
        str(action.ticket),
        action_words.kind(action),
        words.name(action_pb2.ActionState, action.state),
        action.reason,
        action_words.asked(action) or words.NOTHING,
        words.optional(action, "retcode", str),
        action_words.outcome(action),
    )
