"""A real server over a real engine, with its pages."""

from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from rpc.conftest import House, Serve, serving


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """`serving` in this test's own folder."""
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    return lambda **how: serving(tmp_path, **how)


@pytest.fixture
async def house(serve: Serve) -> AsyncIterator[House]:
    """A server that is ready."""
    async with serve() as house:
        yield house


@pytest.fixture
async def channel(house: House) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(house.address) as channel:
        yield channel
