"""The faults of the earlier system, one by one and in the order in which they are listed."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import grpc
import pytest
from dtms.v1.service_pb2 import RegisterTradeRequest
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms.v1.trade_pb2 import DIRECTION_BUY
from dtms_server.domain import signals
from dtms_server.domain.analysis import Analysis, analyse
from dtms_server.domain.errors import StoreFailed
from dtms_server.domain.policy import Policy
from dtms_server.domain.policy.scoring import Weights
from dtms_server.domain.scoring import Score
from dtms_server.domain.signals import Signal
from dtms_server.domain.trade import Direction, Hedge, State
from dtms_server.engine.scores import NoScore
from dtms_server.rpc.server import Listening, RpcServer
from dtms_server.terminal.simulator import control
from house import PATIENCE_SECONDS
from markets import charts, joined, walk
from scripts import CRASHED, QUIET, SAGGING, SINKING, Script, crash, fall, flat, rise, slide
from stages import Stage, beyond, bid, guard, held, lots_of, ours, points, stop_of, target_of, terms
from stepping import NOW, STILL, Steps

BUY, SELL = Direction


def analysis(house: Steps) -> Analysis:
    """Return what was read of the bars."""
    reading = house.guard.scores.reading("EURUSD")
    assert reading is not None
    assert isinstance(reading.analysis, Analysis)
    return reading.analysis


async def score(house: Steps, ticket: int) -> Score:
    """Return a trade's score."""
    found = house.guard.scores.of(await house.trade(ticket))
    assert isinstance(found, Score)
    return found


def of(score: Score, signal: Signal) -> tuple[float, float]:
    """Return a signal's points and weight."""
    return next((each.points, each.weight) for each in score.points if each.signal is signal)


async def test_errors_read_as_no_positions_so_one_bad_read_forgot_every_trade(
    stage: Stage,
) -> None:
    patient = replace(NOW, snapshot_deadline_seconds=PATIENCE_SECONDS)
    async with stage.play(QUIET, patient) as house:
        ticket = await guard(house)
        control.inject("none", call="positions_get")
        await house.step()
        assert (await house.trade(ticket)).is_guarded
        assert len(await house.told(ticket)) == 2  # its registration, and R


async def test_recovery_deleted_rows_on_error(stage: Stage) -> None:
    async with stage.play(QUIET) as house:
        ticket = await guard(house)
        before = await house.trade(ticket)
    control.inject("none", call="positions_get", count=30)
    async with stage.again() as house:
        assert control.faults() == []
        assert await house.trade(ticket) == before


async def test_state_changed_before_its_action_and_was_never_rolled_back(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        control.inject("retcode", code=10006, order="open")
        await house.step()
        assert ours() == []
        assert await house.moves(ticket) == [State.WARNING_L2]  # HEDGED is for the terminal to say
        assert lots_of(ticket) == 0.2  # what L2 owes is done instead


async def test_state_changed_and_its_action_was_then_forgotten(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        control.inject("retcode", code=10006, order="stops")
        before = terms(ticket)
        await house.bars(1)
        assert (await house.trade(ticket)).state is State.WARNING_L1
        assert terms(ticket) == before
        await house.bars(1)
        assert terms(ticket) != before  # pursued until it is done


async def test_timers_never_started_recovering_unreachable(stage: Stage) -> None:
    async with stage.play(replace(CRASHED, future=(*flat(2), *rise(1, 1), *flat(4)))) as house:
        ticket = await guard(house)
        await house.step()
        hedged = await house.trade(ticket)
        assert hedged.defence.deadline is not None
        assert (hedged.defence.deadline - hedged.state_entered_at).total_seconds() == 75 * 60
        await house.bars(3)
        recovering = await house.trade(ticket)
        assert recovering.state is State.RECOVERING
        assert recovering.defence.deadline is not None
        assert (recovering.defence.deadline - recovering.state_entered_at).total_seconds() == 1800


async def test_hedge_ticket_never_stored_hedge_left_alone_when_the_trade_closed(
    stage: Stage,
) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        [hedge] = ours()
        known = (await house.trade(ticket)).terms.hedge
        assert isinstance(known, Hedge)
        assert (known.ticket, known.position_id) == (hedge.ticket, hedge.identifier)
        control.close_position(ticket)
        await house.step()
        assert ours() == []


async def test_sell_hedged_when_all_was_well(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house, SELL)
        await house.bars(6)
        assert (await house.trade(ticket)).state is State.HEALTHY
        assert stage.sent == []


async def test_flapping_halved_the_position_again_and_again(stage: Stage) -> None:
    wave = (*rise(4, bars=4), *flat(4), *slide(-5.5, bars=6), *flat(6))
    async with stage.play(replace(SINKING, future=(*flat(2), *wave, *wave, *wave))) as house:
        ticket = await guard(house, stop=5000)
        stop = beyond(BUY, bid(), -5000)
        for _ in range(62):
            await house.bars()
            with suppress(control.Refused):  # it is there already
                control.modify_position(ticket, stop_loss=stop)  # lest it is stopped out
        moves = await house.moves(ticket)
        assert moves.count(State.WARNING_L2) >= 2
        assert (await house.outcomes(ticket)).count("CLOSE_HALF DONE") == 1


async def test_half_of_001_lot_closed_all_of_it(stage: Stage) -> None:
    async with stage.play(SINKING) as house:
        ticket = await guard(house, lots=0.01)
        await house.bars(3)
        assert (await house.trade(ticket)).state is State.WARNING_L2
        assert lots_of(ticket) == 0.01


async def test_stop_at_price_when_the_initial_stop_was_unknown(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house, stop=None)
        await house.step()
        position = held(ticket)
        assert position is not None
        assert (await house.trade(ticket)).state is State.WARNING_L1
        assert points(BUY, bid(), position.sl) >= 0.5 * analysis(house).m15.atr / 1e-5


async def test_break_even_beyond_the_price(stage: Stage) -> None:
    async with stage.play(SINKING) as house:
        ticket = await guard(house)
        stop = stop_of(ticket)
        await house.bars(6)
        position = held(ticket)
        assert position is not None
        assert (await house.trade(ticket)).state is State.WARNING_L2
        assert position.price_current < position.price_open
        assert position.sl == stop


async def test_take_profit_deleted(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house, target=900)
        target = target_of(ticket)
        await house.step()
        assert terms(ticket) == (0.4, beyond(BUY, bid(), -150), target)
        assert target is not None


@pytest.mark.parametrize("lively", [1, 10])
async def test_hedge_stop_from_a_fixed_0001(stage: Stage, lively: int) -> None:
    past = (*crash(), *(replace(bar, above=30 * lively, below=30 * lively) for bar in flat(9)))
    async with stage.play(replace(CRASHED, past=past)) as house:
        await guard(house)
        await house.step()
        [hedge] = ours()
        half = 0.5 * analysis(house).m15.atr / 1e-5
        assert half <= points(BUY, hedge.sl, hedge.price_open) < half + 1
        assert abs(half - 100) > 10


async def test_structure_that_could_not_fire_since_its_window_held_the_current_bar(
    stage: Stage,
) -> None:
    async with stage.play(CRASHED) as house:
        sides = await guard(house), await guard(house, SELL)
        await house.step()
        given = [of(await score(house, ticket), Signal.STRUCTURE)[0] for ticket in sides]
        assert given == [-3.0, 3.0]


async def test_the_forming_bar_frozen_at_its_first_second(stage: Stage) -> None:
    async with stage.play(replace(QUIET, future=(*crash(5, bars=1), *flat(6)))) as house:
        ticket = await guard(house, stop=2000)
        await house.step(1.0)
        before = await score(house, ticket)
        await house.step(290.0)
        assert await score(house, ticket) == before  # it has not closed
        await house.step(10.0)
        after = await score(house, ticket)
        assert (after.bar_closed_at - before.bar_closed_at).total_seconds() == 300
        assert analysis(house).m5.candle.side == -1


async def test_vwap_counting_bars_twice_vwap_0_read_as_above(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        await guard(house)
        await house.step()
        now = house.guard.now()
        begins = (
            now.replace(hour=22, minute=0, second=0, microsecond=0).timestamp() - 86_400
        )  # midnight at the broker
        seen = await stage.terminal.charts("EURUSD", now, house.policy.analysis)
        bars = seen.closed(now, house.policy.analysis).m5
        today = bars.pick(slice(int((bars.time < begins).sum()), None))
        typical = (today.high + today.low + today.close) / 3
        vwap = float((typical * today.tick_volume).sum() / today.tick_volume.sum())
        assert analysis(house).m5.vwap == pytest.approx(vwap, abs=1e-9)
    idle = walk(1, 300)
    idle = replace(idle, tick_volume=idle.tick_volume * 0)
    read = analyse(charts(idle, joined(idle, 900)), idle.closed_at, Policy().analysis)
    assert isinstance(read, Analysis)
    assert [signals.vwap(read, side, Policy().scoring)[0] for side in Direction] == [0.0, 0.0]


async def test_any_strong_candle_counted_against(stage: Stage) -> None:
    async with stage.play(Script((*flat(2), *fall(2, bars=1)))) as house:
        sides = await guard(house), await guard(house, SELL)
        await house.step()
        given = [of(await score(house, ticket), Signal.CANDLE_CONVICTION)[0] for ticket in sides]
        assert given == [-2.0, 0.5]


async def test_points_multiplied_twice(stage: Stage) -> None:
    async with stage.play(CRASHED) as house:
        ticket = await guard(house)
        await house.step()
        found = await score(house, ticket)
        assert found.value == pytest.approx(sum(e.points * e.weight for e in found.points))
        assert {each.weight for each in found.points} == {1.0}
        assert found.value == sum(each.points for each in found.points) == -7.0


async def test_regime_keys_that_differ_in_case_so_no_weight_ever_applied(stage: Stage) -> None:
    async with stage.play(QUIET) as house:
        ticket = await guard(house)
        await house.step()
        found = await score(house, ticket)
        weights = Weights(**{str(each.signal): each.weight for each in found.points})
        assert weights == Policy().scoring.range_weights


async def test_a_scoring_error_read_as_recovery(stage: Stage) -> None:
    async with stage.play(replace(CRASHED, future=(*flat(1), *rise(1, 1), *flat(9)))) as house:
        warned = await guard(house, stop=2000)
        await house.bars(2)
        assert (await house.trade(warned)).state is State.RECOVERING
        control.inject("none", call="copy_rates_from_pos", count=10)
        await house.bars(2)
        assert isinstance(house.guard.scores.of(await house.trade(warned)), NoScore)
        assert (await house.trade(warned)).state is State.RECOVERING


async def test_first_check_15_minutes_after_a_restart(stage: Stage) -> None:
    async with stage.play(SAGGING, STILL) as house:
        gone, kept = await guard(house), await guard(house)
    control.close_position(gone)
    control.advance(20 * 60)
    async with stage.again(STILL) as house:
        assert (await house.trade(gone)).state is State.CLOSED
        await house.step()
        assert (await house.trade(kept)).state is State.WARNING_L1
        assert await house.outcomes(kept) == ["TIGHTEN_STOP DONE"]


async def test_success_told_although_saving_failed(stage: Stage, tmp_path: Path) -> None:
    async with stage.play(CRASHED) as house:
        ticket = house.open()
        with nothing_can_be_saved(tmp_path / "dtms.db"), pytest.raises(StoreFailed):
            await house.register(ticket)
        assert await house.trades() == ()
        assert await house.register(ticket) == (await house.trade(ticket), False)
        with nothing_can_be_saved(tmp_path / "dtms.db"), pytest.raises(StoreFailed):
            await house.step()
        assert stage.sent == []
        assert (await house.trade(ticket)).state is State.HEALTHY


async def test_503_that_arrived_as_200(stage: Stage) -> None:
    async with stage.play(QUIET) as house:
        ticket = house.open()
        server = RpcServer(house.guard, Listening("127.0.0.1:0"))
        async with grpc.aio.insecure_channel(await server.start()) as channel:
            control.inject("disconnect")
            call = DtmsServiceStub(channel).RegisterTrade
            asked = RegisterTradeRequest(ticket=ticket, symbol="EURUSD", direction=DIRECTION_BUY)
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(asked)
            assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
            control.clear_faults()
        await server.stop(0.0)


async def test_re_registering_reset_the_state(stage: Stage) -> None:
    async with stage.play(SAGGING) as house:
        ticket = await guard(house)
        await house.step()
        before = await house.trade(ticket)
        assert before.state is State.WARNING_L1
        assert await house.register(ticket) == (before, True)
        assert await house.trade(ticket) == before


@contextmanager
def nothing_can_be_saved(database: Path) -> Iterator[None]:
    """Let the database refuse every new event."""
    with closing(sqlite3.connect(database, isolation_level=None)) as other:
        other.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        try:
            yield
        finally:
            other.execute("DROP TRIGGER refuse")
