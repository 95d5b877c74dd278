"""What holds actions back, for as long as it does, told once; and what it never holds back."""

from dataclasses import replace

import pytest
from dtms_server.domain.trade import Direction
from dtms_server.terminal.simulator import control
from scripts import CRASHED, SAGGING, closed, flat
from stages import Stage, guard, ours
from stepping import NOW

BUY, SELL = Direction
MEASURED = replace(
    NOW, defence=replace(NOW.defence, rails=replace(NOW.defence.rails, spread_least_bars=20))
)
"""The usual policy, to which the past of a script is enough to know a usual spread."""


@pytest.mark.parametrize("fault", ["autotrading_off", "experts_off", "read_only"])
async def test_while_trading_is_not_allowed_nothing_is_sent_and_that_is_told_once(
    fault: str, stage: Stage
) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house, stop=None)
        control.inject(fault)
        await house.bars(4)
        assert stage.sent == []
        assert await house.held_back(ticket) == [
            "SET_MISSING_STOP NOT_ALLOWED",
            "TIGHTEN_STOP NOT_ALLOWED",
        ]
        control.clear_faults()
        await house.step()
        assert await house.outcomes(ticket) == ["SET_MISSING_STOP DONE", "TIGHTEN_STOP DONE"]


async def test_another_rail_is_told_anew(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        control.inject("autotrading_off")
        await house.bars(2)
        control.clear_faults()
        control.symbol("EURUSD", trade_mode="disabled")
        await house.bars(2)
        control.inject("autotrading_off")
        await house.bars(2)
        assert await house.held_back(ticket) == [
            "TIGHTEN_STOP NOT_ALLOWED",
            "TIGHTEN_STOP MARKET_CLOSED",
            "TIGHTEN_STOP NOT_ALLOWED",
        ]


async def test_what_is_held_back_stays_told_through_a_restart(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        control.inject("autotrading_off")
        await house.bars(1)
    async with stage.again() as house:
        await house.bars(2)
        assert await house.held_back(ticket) == ["TIGHTEN_STOP NOT_ALLOWED"]


async def test_a_closed_market_holds_everything_back_until_its_bars_tell_again(
    stage: Stage,
) -> None:
    script = replace(SAGGING, future=(*flat(1), *closed(60, flat(12))))
    async with stage.play(script) as house:
        ticket = await guard(house)
        control.inject("autotrading_off")
        await house.bars(3)
        control.clear_faults()
        await house.bars(9)
        told = ["TIGHTEN_STOP NOT_ALLOWED", "TIGHTEN_STOP MARKET_CLOSED"]
        assert await house.held_back(ticket) == told
        await house.bars(2)
        assert stage.sent == []
        assert await house.held_back(ticket) == [*told, "TIGHTEN_STOP STALE_DATA"]
        await house.bars(1)
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]


@pytest.mark.parametrize(
    ("mode", "side", "held_back"),
    [
        ("close_only", BUY, True),
        ("close_only", SELL, True),
        ("long_only", BUY, True),
        ("long_only", SELL, False),
        ("short_only", BUY, False),
        ("short_only", SELL, True),
    ],
)
async def test_a_side_that_is_closed_holds_only_openings_on_it_back(
    mode: str, side: Direction, held_back: bool, stage: Stage
) -> None:
    async with stage.play(CRASHED.seen_by(side)) as house:
        ticket = await guard(house, side)
        control.symbol("EURUSD", trade_mode=mode)
        await house.bars(2)
        blocked = ["OPEN_HEDGE MARKET_CLOSED"] if held_back else []
        instead = ["CLOSE_HALF DONE"] if held_back else ["OPEN_HEDGE DONE"]
        assert await house.held_back(ticket) == blocked
        assert await house.outcomes(ticket) == instead


async def test_without_a_quote_nothing_is_sent(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        control.inject("autotrading_off")
        await house.step()
        control.clear_faults()
        control.inject("none", call="symbol_info_tick", count=1_000)
        await house.step()
        assert await house.held_back(ticket) == [
            "TIGHTEN_STOP NOT_ALLOWED",
            "TIGHTEN_STOP STALE_DATA",
        ]
        control.clear_faults()
        await house.step()
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]


async def test_without_an_analysis_a_stop_is_not_moved(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        control.inject("autotrading_off")
        await house.bars(1)
        control.clear_faults()
        control.inject("none", call="copy_rates_from_pos")
        await house.bars(1)
        assert await house.held_back(ticket) == [
            "TIGHTEN_STOP NOT_ALLOWED",
            "TIGHTEN_STOP STALE_DATA",
        ]
        await house.step()
        assert await house.outcomes(ticket) == ["TIGHTEN_STOP DONE"]


async def test_a_wide_spread_holds_a_hedge_back_and_nothing_else(stage: Stage) -> None:
    async with stage.play(CRASHED, MEASURED) as house:
        ticket = await guard(house)
        control.inject("spread", symbol="EURUSD", points=9, seconds=500.0)
        await house.bars(1)
        assert await house.held_back(ticket) == ["OPEN_HEDGE SPREAD"]
        assert await house.outcomes(ticket) == ["CLOSE_HALF DONE"]
        await house.bars(2)
        assert (await house.outcomes(ticket))[-1] == "OPEN_HEDGE DONE"
        assert (await house.guard.status()).rails == ()


@pytest.mark.parametrize("points", [8, 9])
async def test_a_spread_may_be_twice_its_median(points: int, stage: Stage) -> None:
    async with stage.play(CRASHED, MEASURED) as house:
        ticket = await guard(house)
        control.inject("spread", symbol="EURUSD", points=points, seconds=500.0)
        await house.step()
        blocked = [] if points == 8 else ["OPEN_HEDGE SPREAD"]
        assert await house.held_back(ticket) == blocked


async def test_under_a_day_of_bars_no_spread_is_too_wide(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        await guard(house)
        control.inject("spread", symbol="EURUSD", points=90, seconds=500.0)
        await house.step()
        assert len(ours()) == 1
