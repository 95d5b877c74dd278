"""A real server over a real engine, with its pages. It is imported where it is asked for: a Windows
Python without grpc runs the tests that need none of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import grpc
    from rpc.conftest import House, Serve


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Serve:
    """`serving` in this test's own folder."""
    from rpc.conftest import serving

    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    return lambda **how: serving(tmp_path, **how)


@pytest.fixture
async def house(serve: Serve) -> AsyncIterator[House]:
    """A server that is ready."""
    async with serve() as house:
        yield house


@pytest.fixture
async def channel(house: House) -> AsyncIterator[grpc.aio.Channel]:
    import grpc

    async with grpc.aio.insecure_channel(house.address) as channel:
        yield channel
