"""The command that follows a service's events."""

from typing import Annotated

import typer

from dtms_server.cli import event_words
from dtms_server.cli.connection import Connection
from dtms_server.cli.output import AsJson, print_json, say
from dtms_server.cli.plain import plain
from dtms_server.domain.events import EventType
from dtms_server.domain.trade import MAX_TICKET


def watch(
    connection: Connection,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Begin with the earliest event that is kept.")
    ] = False,
    since: Annotated[
        str, typer.Option("--since", metavar="TOKEN", help="Begin after this resume token.")
    ] = "",
    ticket: Annotated[
        list[int] | None,
        typer.Option("--ticket", min=1, max=MAX_TICKET, help="Of this trade; may be repeated."),
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", help="Of this symbol; may be repeated.")
    ] = None,
    type_: Annotated[
        list[EventType] | None,
        typer.Option(
            "--type",
            metavar="TYPE",
            case_sensitive=False,
            help="Of this type, as TRADE_CLOSED; may be repeated.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Print events as they come, through restarts of the service; Ctrl-C ends it.

    Example: dtms watch --from-start --type TRADE_CLOSED
    """
    with (
        connection.client() as client,
        client.events(
            since=since,
            start_from="EARLIEST" if from_start else "NOW",
            tickets=ticket or (),
            symbols=symbol or (),
            types=type_ or (),
        ) as events,
    ):
        try:
            for event in events:
                if as_json:
                    print_json(plain(event) | {"resume_token": events.resume_token})
                else:
                    say(event_words.line(event))
        except KeyboardInterrupt:
            return
