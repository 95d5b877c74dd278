"""Servers and clients that end with their test."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from client.registry import Registry
from client.scripted import Journal, Server
from dtms_client import DtmsClient, channels


@pytest.fixture
def serve() -> Iterator[Callable[[object], Server]]:
    """Start a server for a servicer; stopped at the test's end."""
    servers: list[Server] = []

    def start(servicer: object) -> Server:
        servers.append(Server(servicer))
        return servers[-1]

    yield start
    for server in servers:
        server.stop()


@pytest.fixture
def journal() -> Journal:
    return Journal()


@pytest.fixture
def registry() -> Registry:
    return Registry(6)


@pytest.fixture
def closed_target(serve: Callable[[object], Server], journal: Journal) -> str:
    """A target where nobody listens."""
    server = serve(journal)
    server.stop()
    return server.target


@pytest.fixture
def clients() -> Iterator[Callable[..., DtmsClient]]:
    """Make blocking clients; closed at the test's end, with their channels."""
    made: list[DtmsClient] = []

    def make(target: str, **options: Any) -> DtmsClient:
        made.append(DtmsClient(target, **options))
        return made[-1]

    yield make
    for client in made:
        client.close()
    channels.close_channels()
