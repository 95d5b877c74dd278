"""The command that follows a service's events."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from dtms_client import EventStream

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
        _closed_by_ctrl_c(events),
    ):
        for event in events:
            if as_json:
                print_json(plain(event) | {"resume_token": events.resume_token})
            else:
                say(event_words.line(event))


@contextmanager
def _closed_by_ctrl_c(events: EventStream[Any]) -> Iterator[None]:
    """End the stream on Ctrl-C. Not by KeyboardInterrupt, which is lost where it strikes amid a
    finaliser or a callback; the second Ctrl-C is one."""

    def close(number: int, frame: object) -> None:
        signal.signal(signal.SIGINT, before)
        events.close()

    before = signal.signal(signal.SIGINT, close)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
