"""How the commands that call a service reach it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer
from dtms_client import DEFAULT_TARGET, DtmsClient, Tls
from dtms_client.endpoint import Endpoint

from dtms_server.domain.errors import ConfigurationInvalid

USUAL_SECONDS: Final = 10.0
ORDER_SECONDS: Final = 40.0
"""How long an answer may take that waits for an order in flight: that may take 30 s."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The flags that every such command has."""

    target: Annotated[
        str,
        typer.Option("--target", envvar="DTMS_TARGET", metavar="HOST:PORT", help="The service."),
    ] = DEFAULT_TARGET
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout",
            min=0.001,
            max=86_400,
            help=f"Seconds to wait for an answer. Default: {USUAL_SECONDS:g}, or "
            f"{ORDER_SECONDS:g} where it waits for an order in flight.",
        ),
    ] = None
    tls_ca: Annotated[
        Path | None,
        typer.Option("--tls-ca", metavar="FILE", help="Speak TLS; the server's CA, PEM."),
    ] = None
    tls_cert: Annotated[
        Path | None,
        typer.Option("--tls-cert", metavar="FILE", help="Own certificate for mutual TLS, PEM."),
    ] = None
    tls_key: Annotated[
        Path | None,
        typer.Option("--tls-key", metavar="FILE", help="Private key of --tls-cert, PEM."),
    ] = None
    tls_server_name: Annotated[
        str,
        typer.Option("--tls-server-name", help="Name in the server's certificate, if another."),
    ] = ""

    def endpoint(self) -> Endpoint:
        """Return what a channel is opened to; raises as `client` does."""
        return Endpoint(self.target, self._tls())

    def client(self, *, usual_seconds: float = USUAL_SECONDS) -> DtmsClient:
        """Make a client that waits so long where the user has not said how long; raises
        ConfigurationInvalid where a certificate cannot be read."""
        timeout = usual_seconds if self.timeout is None else self.timeout
        return DtmsClient(self.target, tls=self._tls(), timeout=timeout)

    def _tls(self) -> Tls | None:
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ConfigurationInvalid(reason="--tls-cert and --tls-key go together")
        if not (self.tls_ca or self.tls_cert):
            return None
        try:
            return Tls.from_files(self.tls_ca, self.tls_key, self.tls_cert, self.tls_server_name)
        except OSError as fault:
            raise ConfigurationInvalid(reason=f"certificate cannot be read: {fault}") from None
