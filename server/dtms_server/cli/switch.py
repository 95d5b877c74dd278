"""The commands that turn the operator's stop switch."""

from typing import Annotated

import typer

from dtms_server.cli import actions
from dtms_server.cli.connection import ORDER_SECONDS, Connection
from dtms_server.cli.output import AsJson, print_json, say
from dtms_server.cli.plain import plain

Reason = Annotated[
    str,
    typer.Option("--reason", metavar="TEXT", help="Why; every dashboard is told. 256 bytes."),
]


def pause(connection: Connection, reason: Reason = "", as_json: AsJson = False) -> None:
    """Let no order leave from now on, whatever becomes of the trades.

    Monitoring goes on. An order in flight is waited for; one whose outcome is
    not known is named, and its settlement goes on. It holds through restarts,
    until dtms resume. Works before the service is ready, too.

    Example: dtms pause --reason "news at 14:30"
    """
    with connection.client(usual_seconds=ORDER_SECONDS) as client:
        unsettled = client.pause_actions(reason)
    if as_json:
        print_json({"actions_paused": True, "unsettled": [plain(each) for each in unsettled]})
        return
    say("paused: no order leaves until dtms resume")
    if unsettled:
        say("sent before, and it is not known yet whether they were carried out:")
        actions.print_actions(unsettled)


def resume(connection: Connection, reason: Reason = "", as_json: AsJson = False) -> None:
    """Let orders leave again; what was pending is decided anew from fresh data.

    Example: dtms resume --reason "news are over"
    """
    with connection.client() as client:
        client.resume_actions(reason)
    if as_json:
        print_json({"actions_paused": False})
        return
    say("resumed: orders leave again")
