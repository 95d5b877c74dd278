"""The server: where it listens, whom it trusts, and how it starts and stops."""

import asyncio
import os
import socket
import ssl
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

import grpc
from dtms.v1.service_pb2_grpc import add_DtmsServiceServicer_to_server
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.engine.guard import Guard
from dtms_server.rpc.events import STALL_SECONDS, EventStreams
from dtms_server.rpc.health import Health
from dtms_server.rpc.interceptor import SERVICE, Edge
from dtms_server.rpc.outcomes import Answered, nobody
from dtms_server.rpc.service import DtmsService

OPTIONS: Final = (
    ("grpc.so_reuseport", 0),  # else two servers share one port in silence
    ("grpc.keepalive_time_ms", 20_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.http2.ping_timeout_ms", 10_000),  # else a frozen peer is noticed after 60 s
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),  # "min_recv_..." is ignored
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.max_concurrent_streams", 100),  # a connection
    ("grpc.max_receive_message_length", 256 * 1024),
    ("grpc.max_connection_age_ms", 30 * 60_000),  # frees the slot of a peer that never reads
    ("grpc.max_connection_age_grace_ms", 60_000),
)
_HEALTH: Final = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name


@dataclass(frozen=True, slots=True)
class Listening:
    """Where to listen ("HOST:PORT", port 0: any; or "unix:PATH") and whom to trust."""

    address: str
    tls_cert: Path | None = None
    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    insecure: bool = False
    reflection: bool = False

    def credentials(self) -> grpc.ServerCredentials | None:
        """Return what TLS needs; None: none is asked for, nor needed.

        Raises ConfigurationInvalid where the address or the TLS files will not do; nothing is
        bound for that, so that it can be asked before anything else is begun.
        """
        cert, key, ca = self.tls_cert, self.tls_key, self.tls_client_ca
        local = _is_local(self.address)
        if cert is None and key is None and ca is None:
            if local or self.insecure:
                return None
            raise ConfigurationInvalid(
                reason=f"--listen {self.address} is reachable from other computers: give "
                "--tls-cert and --tls-key (and --tls-client-ca), or --insecure to accept that"
            )
        if cert is None or key is None:
            raise ConfigurationInvalid(reason="--tls-cert and --tls-key belong together: give both")
        _check_pair(cert, key, ca)
        return grpc.ssl_server_credentials(
            [(key.read_bytes(), cert.read_bytes())],
            root_certificates=ca.read_bytes() if ca else None,
            require_client_auth=ca is not None,
        )


class RpcServer:
    """A grpc.aio server with DtmsService, health and, where asked for, reflection."""

    def __init__(
        self,
        guard: Guard,
        listening: Listening,
        *,
        stall_seconds: float = STALL_SECONDS,
        answered: Answered = nobody,
    ) -> None:
        """Raise ConfigurationInvalid where the address or the TLS files will not do.

        `answered` is told how each call ended. Must be made inside the running loop that serves.
        """
        self._listening = listening
        self._credentials = listening.credentials()
        self.health = Health()
        self.streams = EventStreams(guard, stall_seconds)
        self._edge = Edge(answered)
        self._server = grpc.aio.server(interceptors=(self._edge,), options=OPTIONS)
        service = DtmsService(guard, self.streams)
        add_DtmsServiceServicer_to_server(service, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(self.health, self._server)
        if listening.reflection:
            names = (SERVICE, _HEALTH, reflection.SERVICE_NAME)
            reflection.enable_server_reflection(names, self._server)

    async def start(self) -> str:
        """Bind and answer; return the address with the port that was really bound.

        Raises ConfigurationInvalid where the address cannot be bound.
        """
        address = _bound(self._listening.address)
        if not _is_unix(address):
            _require_free(address)
        try:
            if self._credentials is None:
                port = self._server.add_insecure_port(address)
            else:
                port = self._server.add_secure_port(address, self._credentials)
        except RuntimeError:
            raise _not_bindable(address) from None
        await self._server.start()
        return address if _is_unix(address) else f"{address.rpartition(':')[0]}:{port}"

    async def stop(self, grace_seconds: float) -> None:
        """Take no new calls, give those under way `grace_seconds`, and finish what has begun.

        Streams end by themselves once readiness drains; health watches end here.
        """
        stopping = asyncio.create_task(self._server.stop(grace_seconds))
        self.health.end()
        await stopping
        await self._edge.finished()


def _require_free(address: str) -> None:
    """Try the address before grpc does, which tells of a failure on standard error by itself."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
        for family, kind, protocol, _, target in found[:1]:
            with socket.socket(family, kind, protocol) as trial:
                if os.name == "posix":  # on Windows this would share the port with who holds it
                    trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                trial.bind(target)
    except OSError:
        raise _not_bindable(address) from None


def _not_bindable(address: str) -> ConfigurationInvalid:
    return ConfigurationInvalid(
        reason=f"cannot listen on {address}: it is in use or not an address of this computer; stop "
        "what listens there, or give another --listen"
    )


def _check_pair(cert: Path, key: Path, ca: Path | None) -> None:
    """Refuse what grpc would take and then fail every handshake with."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
        if ca is not None:
            context.load_verify_locations(ca)
    except OSError as fault:  # ssl's errors are OSErrors too
        files = ", ".join(str(path) for path in (cert, key, ca) if path)
        raise ConfigurationInvalid(reason=f"TLS files {files} will not do: {fault}") from fault


def _bound(address: str) -> str:
    """Name one address: of two that a name stands for, grpc would leave out one in use in
    silence, and two servers would share the name."""
    return (
        f"127.0.0.1:{address.rpartition(':')[2]}" if address.startswith("localhost:") else address
    )


def _is_unix(address: str) -> bool:
    return address.startswith(("unix:", "unix-abstract:"))


def _is_local(address: str) -> bool:
    if _is_unix(address):
        return True
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise ConfigurationInvalid(
            reason=f"--listen {address} must be HOST:PORT, for example 127.0.0.1:50051"
        )
    if host == "localhost":
        return True
    try:
        return ip_address(host.removeprefix("[").removesuffix("]")).is_loopback
    except ValueError:
        return False
