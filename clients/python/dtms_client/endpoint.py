"""What a channel is opened to, and with which options."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import grpc
from dtms.v1 import service_pb2 as pb

DEFAULT_TARGET: Final = "127.0.0.1:50051"

# Five attempts are the most that gRPC makes: with these pauses they ride through some 5 s.
_RETRY_POLICY: Final = {
    "maxAttempts": 5,
    "initialBackoff": "0.3s",
    "maxBackoff": "3s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE"],
}
_OPTIONS: Final[Mapping[str, int]] = {
    "grpc.keepalive_time_ms": 20_000,  # the server forbids less than 10 s
    "grpc.keepalive_timeout_ms": 10_000,
    "grpc.http2.ping_timeout_ms": 10_000,
    "grpc.keepalive_permit_without_calls": 1,
    "grpc.http2.max_pings_without_data": 0,  # no limit
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2_000,
    "grpc.max_receive_message_length": 16 * 1024 * 1024,  # a full page of well labelled trades
    "grpc.service_config_disable_resolution": 1,  # ours below, not one from DNS
    "grpc.enable_http_proxy": 0,  # http_proxy in the environment is meant for other traffic
}


@dataclass(frozen=True, slots=True)
class Tls:
    """Certificates as PEM. Without roots those that gRPC ships count; key and chain are the
    caller's own, for mutual TLS; `server_name` replaces the target's in the check."""

    root_certificates: bytes | None = None
    private_key: bytes | None = field(default=None, repr=False)
    certificate_chain: bytes | None = None
    server_name: str = ""

    @classmethod
    def from_files(
        cls,
        ca: str | Path | None = None,
        key: str | Path | None = None,
        cert: str | Path | None = None,
        server_name: str = "",
    ) -> "Tls":
        """Read the PEM files that are given; raises OSError.

        >>> Tls.from_files(ca="no-such.pem")
        Traceback (most recent call last):
        FileNotFoundError: [Errno 2] No such file or directory: 'no-such.pem'
        """
        roots, private, chain = (
            None if f is None else Path(f).read_bytes() for f in (ca, key, cert)
        )
        return cls(roots, private, chain, server_name)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A target with its credentials and options: clients with equal ones share a channel."""

    target: str = DEFAULT_TARGET
    tls: Tls | None = None
    options: tuple[tuple[str, int | str], ...] = ()

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Make gRPC's credentials; None means plaintext."""
        if self.tls is None:
            return None
        return grpc.ssl_channel_credentials(
            self.tls.root_certificates, self.tls.private_key, self.tls.certificate_chain
        )

    def channel_options(self) -> list[tuple[str, int | str]]:
        """All options; those of the caller win."""
        options: dict[str, int | str] = {**_OPTIONS, "grpc.service_config": _service_config()}
        if self.tls is not None and self.tls.server_name:
            options["grpc.ssl_target_name_override"] = self.tls.server_name
        return list((options | dict(self.options)).items())


def _service_config() -> str:
    service = pb.DESCRIPTOR.services_by_name["DtmsService"]
    unary = [
        {"service": service.full_name, "method": method.name}
        for method in service.methods
        if not method.server_streaming  # streams resume by token instead
    ]
    return json.dumps({"methodConfig": [{"name": unary, "retryPolicy": _RETRY_POLICY}]})
