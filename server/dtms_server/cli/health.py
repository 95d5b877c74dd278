"""The command that asks the health service, for machines without grpc_health_probe."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import grpc
import typer
from dtms_client import readiness, wire
from typer.main import get_command

from dtms_server.cli.connection import USUAL_SECONDS, Connection
from dtms_server.cli.ending import FAILED, ended
from dtms_server.cli.parameters import expanding

STATUSES: Final = {wire.SERVING: "SERVING", 2: "NOT_SERVING"}
REMEDIES: Final = {
    "NOT_SERVING": "dtms status tells why",
    "SERVICE_UNKNOWN": "it knows readiness, liveness, dtms.v1.DtmsService and the empty name",
    "UNREACHABLE": "is dtms serve running, and are --target and the TLS flags right?",
}

Service = Annotated[
    str,
    typer.Option("--service", metavar="NAME", help="readiness, liveness, or any that it knows."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


@dataclass(frozen=True, slots=True)
class Health:
    """What the health service said: SERVING or a key of REMEDIES, and gRPC's words, if any."""

    status: str
    error: str = ""


def run(arguments: Sequence[str]) -> int:
    """Run `dtms health` by itself and return its exit status."""
    app = typer.Typer(
        add_completion=False, context_settings={"help_option_names": ["-h", "--help"]}
    )
    app.callback()(lambda: None)
    app.command("health")(expanding(Connection, health))
    return ended(get_command(app), arguments)


def health(
    connection: Connection, service: Service = readiness.NAME, as_json: AsJson = False
) -> None:
    """Ask once whether the service is ready, as a probe does.

    Exit status: 0 if it is SERVING, 1 in every other case, 2 wrong flags.

    Example: dtms health --service liveness --timeout 2
    """
    told = _ask(connection, service)
    if as_json:
        typer.echo(json.dumps({"service": service, "status": told.status, "error": told.error}))
    elif told.status == STATUSES[wire.SERVING]:
        typer.echo(told.status)
    else:
        why = f": {told.error}" if told.error else ""
        typer.echo(f"{told.status} {connection.target}{why}; {REMEDIES[told.status]}", err=True)
    if told.status != STATUSES[wire.SERVING]:
        raise typer.Exit(FAILED)


def _ask(connection: Connection, service: str) -> Health:
    endpoint = connection.endpoint()
    credentials, options = endpoint.credentials(), endpoint.channel_options()
    seconds = USUAL_SECONDS if connection.timeout is None else connection.timeout
    with (
        grpc.secure_channel(endpoint.target, credentials, options)
        if credentials
        else grpc.insecure_channel(endpoint.target, options)
    ) as channel:
        check = channel.unary_unary(
            readiness.METHOD, request_serializer=bytes, response_deserializer=bytes
        )
        try:
            answer = check(wire.health_request(service), timeout=seconds)
        except grpc.RpcError as error:
            unknown = error.code() is grpc.StatusCode.NOT_FOUND
            return Health("SERVICE_UNKNOWN" if unknown else "UNREACHABLE", error.details() or "")
    return Health(STATUSES.get(wire.health_status(answer), "NOT_SERVING"))
