"""Where the server listens, and whom it lets in."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.domain.errors import ConfigurationInvalid
from dtms_server.rpc.server import Listening, RpcServer
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.reflection_pb2_grpc import ServerReflectionStub

TLS = Path(__file__).parent / "tls"
CERT, KEY, CA = TLS / "server.pem", TLS / "server.key", TLS / "ca.pem"


@asynccontextmanager
async def listening(house: Any, how: Listening) -> AsyncIterator[str]:
    """A second server of the same guard; yields its address."""
    server = RpcServer(house.guard, how)
    address = await server.start()
    try:
        yield address
    finally:
        await server.stop(0)


async def version(channel: grpc.aio.Channel) -> str:
    async with channel:
        stub: Any = DtmsServiceStub(channel)
        return str((await stub.GetStatus(pb.GetStatusRequest(), timeout=20)).version)


def trusted(client: str | None = None) -> grpc.ChannelCredentials:
    pair = [(TLS / f"{client}.{kind}").read_bytes() if client else None for kind in ("key", "pem")]
    return grpc.ssl_channel_credentials(CA.read_bytes(), *pair)


@pytest.mark.parametrize(
    "address",
    ["0.0.0.0:0", "[::]:0", "192.0.2.1:0", "myhost:0", "*:0", "dns:127.0.0.1:0", "::1.example:0"],
)
def test_an_address_beyond_this_computer_needs_tls_or_a_word(address: str) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        Listening(address).credentials()
    assert "--tls-cert" in refused.value.message
    assert "--insecure" in refused.value.message


@pytest.mark.parametrize(
    "address", ["", "localhost", "127.0.0.1:", ":50051", "127.0.0.1:x", "h:99999"]
)
def test_an_address_that_is_none_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationInvalid) as refused:
        Listening(address, insecure=True).credentials()
    assert "HOST:PORT" in refused.value.message


@pytest.mark.parametrize("address", ["localhost:0", "127.0.0.1:0", "127.1.2.3:0"])
async def test_loopback_needs_nothing_and_tells_the_port_it_got(house: Any, address: str) -> None:
    async with listening(house, Listening(address)) as bound:
        assert not bound.endswith(":0")
        assert await version(grpc.aio.insecure_channel(bound))


async def test_anywhere_will_do_with_a_word(house: Any) -> None:
    async with listening(house, Listening("0.0.0.0:0", insecure=True)) as bound:
        port = bound.rpartition(":")[2]
        assert await version(grpc.aio.insecure_channel(f"127.0.0.1:{port}"))


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_an_address_in_use_is_refused_rather_than_shared(house: Any, name: str) -> None:
    port = house.address.rpartition(":")[2]
    with pytest.raises(ConfigurationInvalid) as refused:
        await RpcServer(house.guard, Listening(f"{name}:{port}")).start()
    assert "in use" in refused.value.message


async def test_with_tls_only_those_who_speak_it_are_served(house: Any) -> None:
    how = Listening("0.0.0.0:0", tls_cert=CERT, tls_key=KEY)
    async with listening(house, how) as bound:
        address = f"127.0.0.1:{bound.rpartition(':')[2]}"
        assert await version(grpc.aio.secure_channel(address, trusted()))
        with pytest.raises(grpc.aio.AioRpcError):
            await version(grpc.aio.insecure_channel(address))


async def test_with_a_client_ca_only_its_clients_are_served(house: Any) -> None:
    how = Listening("127.0.0.1:0", tls_cert=CERT, tls_key=KEY, tls_client_ca=CA)
    async with listening(house, how) as bound:
        assert await version(grpc.aio.secure_channel(bound, trusted("client")))
        with pytest.raises(grpc.aio.AioRpcError):
            await version(grpc.aio.secure_channel(bound, trusted()))


@pytest.mark.parametrize(
    "files",
    [
        {"tls_cert": CERT},
        {"tls_key": KEY},
        {"tls_client_ca": CA},
        {"tls_cert": CERT, "tls_key": TLS / "other.key"},
        {"tls_cert": CERT, "tls_key": TLS / "absent.key"},
        {"tls_cert": KEY, "tls_key": KEY},
        {"tls_cert": CERT, "tls_key": KEY, "tls_client_ca": KEY},
    ],
    ids=["no key", "no cert", "ca alone", "another key", "no file", "no cert in it", "no ca in it"],
)
def test_tls_files_that_will_not_do_are_refused_at_once(files: dict[str, Path]) -> None:
    with pytest.raises(ConfigurationInvalid):
        Listening("127.0.0.1:0", **files).credentials()  # type: ignore[arg-type] # paths all


async def reflected(address: str) -> set[str]:
    async with grpc.aio.insecure_channel(address) as channel:
        stub: Any = ServerReflectionStub(channel)  # type: ignore[arg-type] # takes both kinds
        call = stub.ServerReflectionInfo()
        await call.write(reflection_pb2.ServerReflectionRequest(list_services=""))
        answer = await call.read()
        call.cancel()
        return {service.name for service in answer.list_services_response.service}


async def test_reflection_tells_of_the_services_where_it_is_asked_for(house: Any) -> None:
    async with listening(house, Listening("127.0.0.1:0", reflection=True)) as bound:
        assert {"dtms.v1.DtmsService", "grpc.health.v1.Health"} <= await reflected(bound)
    async with listening(house, Listening("127.0.0.1:0")) as bound:
        with pytest.raises(grpc.aio.AioRpcError) as unknown:
            await reflected(bound)
        assert unknown.value.code() is grpc.StatusCode.UNIMPLEMENTED


async def test_a_unix_socket_is_of_this_computer(house: Any, tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("Windows has no such sockets")
    async with listening(house, Listening(f"unix:{tmp_path / 's'}")) as bound:
        assert await version(grpc.aio.insecure_channel(bound))
