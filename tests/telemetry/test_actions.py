"""Actions are counted by kind and by what became of them."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.domain.policy.defence import DefencePolicy, StatePolicy
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator import control
from rpc.conftest import House, Serve
from scripts import CRASHED
from telemetry.scraping import Metrics, scraped

NO_GRACE = DefencePolicy(states=StatePolicy(grace_minutes=0.0))


@pytest.fixture
async def house(serve: Serve, tmp_path: Path) -> AsyncIterator[House]:
    """A server on a market that has crashed: a buyer is hedged in the first cycle that can."""
    market = replace(CRASHED.settings(tmp_path), login=5001)
    async with serve(market=market, defence=NO_GRACE) as house:
        yield house


async def hedges_counted(
    house: House, outcome: str, protection: int = trade_pb2.PROTECTION_PROTECT
) -> Metrics:
    """Register a buyer, and wait until what became of its hedge is counted."""
    async with grpc.aio.insecure_channel(house.address) as channel:
        stub: Any = DtmsServiceStub(channel)
        request = pb.RegisterTradeRequest(
            ticket=house.open_position(),
            symbol="EURUSD",
            direction=trade_pb2.DIRECTION_BUY,
            protection=protection,  # type: ignore[arg-type] # an enum's value is an int
        )
        await stub.RegisterTrade(request)
        hedge = {"kind": "OPEN_HEDGE", "outcome": outcome}
        return await scraped(house.http, lambda now: now.value("dtms_actions_total", **hedge) == 1)


async def test_one_that_is_done(house: House) -> None:
    await hedges_counted(house, "DONE")
    metrics = await scraped(house.http, lambda now: now.value("dtms_trades", state="HEDGED") == 1)
    assert metrics.value("dtms_events_total", type="ACTION_DONE") >= 1


async def test_one_that_fails(house: House) -> None:
    control.inject("retcode", order="open", code=c.TRADE_RETCODE_REJECT)
    await hedges_counted(house, "FAILED")


async def test_one_that_is_only_advised(house: House) -> None:
    await hedges_counted(house, "ADVISED", trade_pb2.PROTECTION_OBSERVE)


async def test_one_that_is_held_back(house: House) -> None:
    await house.guard.pause("a test")
    await hedges_counted(house, "BLOCKED")
