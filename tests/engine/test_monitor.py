"""The life of a guarded trade: changes, closes with proof, faults of the terminal, restarts."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest
from dtms_server.domain.errors import AccountHeld, TerminalLost
from dtms_server.domain.events import (
    ChangeCause,
    EventType,
    MonitoringStopped,
    TradeChanged,
    TradeClosed,
)
from dtms_server.domain.events import TerminalLost as TerminalWasLost
from dtms_server.domain.trade import CloseReason, Direction, State
from dtms_server.engine.readiness import Phase
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from house import PATIENCE_SECONDS, QUICK, House, running


async def lost(house: House) -> None:
    await house.until(lambda: house.guard.readiness.phase is Phase.TERMINAL_LOST)


async def back(house: House) -> None:
    await house.until(lambda: house.guard.readiness.phase is Phase.READY)


async def test_what_others_change_is_followed_and_told(house: House) -> None:
    ticket = await house.guarded(lots=0.2)
    control.modify_position(ticket, stop_loss=1.0, take_profit=1.5)
    first = await house.change(ticket, ChangeCause.OUTSIDE)
    assert isinstance(first.event, TradeChanged)
    assert (first.event.before.stop_loss, first.event.after.stop_loss) == (None, 1.0)
    control.close_position(ticket, 0.1)
    second = await house.change(ticket, ChangeCause.OUTSIDE, first.sequence)
    assert isinstance(second.event, TradeChanged)
    assert second.event.after.volume_lots == 0.1
    trade = await house.trade(ticket)
    assert (trade.terms.volume_lots, trade.initial_volume_lots) == (0.1, 0.2)
    assert (trade.terms.stop_loss, trade.initial_stop_loss) == (1.0, None)


async def test_a_close_is_told_with_its_reason_and_its_money(house: House) -> None:
    ticket = await house.guarded()
    first = (await house.guard.status()).snapshot
    assert first is not None
    before = first.account.balance
    control.advance(600)
    control.close_position(ticket)
    closed = await house.sees(EventType.TRADE_CLOSED)
    await house.cycles()
    after = (await house.guard.status()).snapshot
    assert after is not None
    assert isinstance(closed.event, TradeClosed)
    assert closed.event.closing.reason is CloseReason.MANUAL
    opening_commission = 0.35  # charged before `before` was read
    assert closed.event.closing.profit == pytest.approx(
        after.account.balance - before - opening_commission, abs=1e-6
    )


async def test_a_stop_that_is_hit_closes_the_trade_by_sl(house: House) -> None:
    ticket = await house.guarded()
    price = control.positions()[0].price_open
    control.modify_position(ticket, stop_loss=round(price - 0.01, 5))
    control.jump("EURUSD", -2_000)
    closed = await house.sees(EventType.TRADE_CLOSED)
    assert isinstance(closed.event, TradeClosed)
    assert closed.event.closing.reason is CloseReason.SL
    assert closed.event.closing.profit < 0


async def test_a_netting_position_that_turns_closes_its_trade(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, replace(settings, account="netting")) as house:
        ticket = await house.guarded(lots=0.1)
        control.open_position("EURUSD", "SELL", 0.3)
        await house.sees(EventType.TRADE_CLOSED)
        trade = await house.trade(ticket)
        assert trade.state is State.CLOSED
        assert control.positions()[0].type == 1


@pytest.mark.parametrize("cycles_between", [0, 2])
async def test_a_turned_position_can_be_registered_again_and_closes_again(
    tmp_path: Path, settings: Settings, cycles_between: int
) -> None:
    policy = QUICK if cycles_between else replace(QUICK, cycle_seconds=3600.0)
    async with running(tmp_path, replace(settings, account="netting"), policy) as house:
        first = await house.guarded(lots=0.1)
        control.open_position("EURUSD", "SELL", 0.3)
        await house.cycles(cycles_between)
        second = control.positions()[0].ticket
        trade, already = await house.register(second, Direction.SELL)
        assert not already
        assert (trade.direction, trade.terms.volume_lots) == (Direction.SELL, 0.2)
        assert (await house.trade(first)).state is State.CLOSED
        control.open_position("EURUSD", "BUY", 0.2)
        await house.guard.monitor.cycle()
        told = [one.sequence for one in await house.journal() if one.ticket == second]
        closed = await house.sees(EventType.TRADE_CLOSED, told[0])
        assert closed.ticket == second


async def test_a_position_that_turned_twice_between_two_cycles_is_a_new_trade(
    tmp_path: Path, settings: Settings
) -> None:
    policy = replace(QUICK, cycle_seconds=3600.0)
    async with running(tmp_path, replace(settings, account="netting"), policy) as house:
        first = await house.guarded(lots=0.1)
        control.open_position("EURUSD", "SELL", 0.3)
        control.open_position("EURUSD", "BUY", 0.5)
        await house.guard.monitor.cycle()
        closed = await house.sees(EventType.TRADE_CLOSED)
        assert closed.ticket == first
        assert control.positions()[0].identifier == (await house.trade(first)).position_id


async def test_a_turned_position_is_not_followed_until_its_deals_tell(
    tmp_path: Path, settings: Settings
) -> None:
    policy = replace(QUICK, cycle_seconds=3600.0)
    async with running(tmp_path, replace(settings, account="netting"), policy) as house:
        first = await house.guarded(lots=0.1)
        control.open_position("EURUSD", "SELL", 0.3)
        control.open_position("EURUSD", "BUY", 0.5)
        control.inject("late_deals", count=3)  # the rails ask once, too
        await house.guard.monitor.cycle()
        assert (await house.trade(first)).terms.position_ticket == first
        second = control.positions()[0].ticket
        with pytest.raises(TerminalLost):
            await house.register(second)
        _, already = await house.register(second)
        assert not already
        assert (await house.trade(first)).state is State.CLOSED


async def test_a_loss_that_a_caller_meets_is_acted_on_at_once(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, settings, replace(QUICK, cycle_seconds=3600.0)) as house:
        control.inject("disconnect")
        with pytest.raises(TerminalLost):
            await house.register(4711)
        await lost(house)
        control.clear_faults()
        await back(house)
        assert house.guard.monitor.cycles == 0


@pytest.mark.parametrize("margin_shown", [True, False])
async def test_an_empty_list_never_closes_a_trade(house: House, margin_shown: bool) -> None:
    ticket = await house.guarded()
    await house.measured(ticket)
    measured = house.guard.ledger.journal.head
    control.inject("empty", count=6, flat=not margin_shown)
    await house.cycles(8)
    trade = await house.trade(ticket)
    assert trade.is_guarded
    assert not trade.terms.closing_unconfirmed
    doubts = [one for one in await house.journal() if one.sequence > measured]
    assert {one.type for one in doubts} <= {EventType.TRADE_CHANGED}
    assert bool(doubts) is not margin_shown


async def test_a_close_whose_deals_are_late_is_unconfirmed_until_they_come(house: House) -> None:
    ticket = await house.guarded()
    control.inject("late_deals", count=2)
    control.close_position(ticket)
    doubt = await house.change(ticket, ChangeCause.PRESENCE)
    assert isinstance(doubt.event, TradeChanged)
    assert doubt.event.after.closing_unconfirmed
    await house.sees(EventType.TRADE_CLOSED, doubt.sequence)
    trade = await house.trade(ticket)
    assert trade.state is State.CLOSED
    assert not trade.terms.closing_unconfirmed


async def test_one_bad_read_is_no_loss(tmp_path: Path, settings: Settings) -> None:
    patient = replace(QUICK, snapshot_deadline_seconds=PATIENCE_SECONDS)
    async with running(tmp_path, settings, patient) as house:
        await house.guarded()
        control.inject("none", call="positions_get")
        await house.cycles(3)
        assert control.faults() == []
        assert EventType.TERMINAL_LOST not in {one.type for one in await house.journal()}


@pytest.mark.parametrize(
    ("fault", "parameters", "reason"),
    [
        ("disconnect", {}, "no connection to its broker"),
        ("login", {}, "WRONG_ACCOUNT"),
        ("none", {"call": "positions_get", "count": 1_000_000}, "positions_get"),
        ("none", {"call": "account_info", "count": 1_000_000}, "account_info"),
    ],
)
async def test_a_lost_terminal_is_told_and_its_trades_stand(
    house: House, fault: str, parameters: dict[str, object], reason: str
) -> None:
    ticket = await house.guarded()
    await house.measured(ticket)
    control.inject(fault, **parameters)
    await lost(house)
    told = await house.sees(EventType.TERMINAL_LOST)
    assert isinstance(told.event, TerminalWasLost)
    assert reason in told.event.reason
    with pytest.raises(TerminalLost):
        await house.register(ticket)
    assert (await house.trade(ticket)).is_guarded
    control.clear_faults()
    await back(house)
    connected = await house.sees(EventType.TERMINAL_CONNECTED, told.sequence)
    await house.cycles()
    assert (await house.trade(ticket)).is_guarded
    assert [one for one in await house.journal() if one.sequence > connected.sequence] == []


async def test_a_broken_pipe_heals_by_itself(house: House) -> None:
    ticket = await house.guarded()
    control.inject("pipe")
    told = await house.sees(EventType.TERMINAL_LOST)
    await house.sees(EventType.TERMINAL_CONNECTED, told.sequence)
    assert (await house.trade(ticket)).is_guarded


async def test_a_position_closed_while_the_terminal_was_lost_is_found_closed(house: House) -> None:
    ticket = await house.guarded(stop=1.0)
    control.inject("disconnect")
    await lost(house)
    control.jump("EURUSD", -12_000)
    assert (await house.trade(ticket)).is_guarded
    control.clear_faults()
    closed = await house.sees(EventType.TRADE_CLOSED)
    assert isinstance(closed.event, TradeClosed)
    assert closed.event.closing.reason is CloseReason.SL


async def test_a_trade_can_be_updated_and_released_while_the_terminal_is_lost(
    house: House,
) -> None:
    ticket = await house.guarded()
    control.inject("disconnect")
    await lost(house)
    await house.guard.registration.update(ticket, None, {"a": "b"})
    trade = await house.guard.registration.release(ticket)
    assert trade.state is State.RELEASED


async def test_a_restart_recovers_open_trades_and_proves_closed_ones(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, settings) as house:
        open_ticket, closed_ticket = await house.guarded(), await house.guarded()
        changed_ticket = await house.guarded(lots=0.2)
        await house.measured(open_ticket, closed_ticket, changed_ticket)
        head = house.guard.ledger.journal.head
    control.close_position(closed_ticket)
    control.close_position(changed_ticket, 0.1)
    async with running(tmp_path, settings) as house:
        since = [one for one in await house.journal() if one.sequence > head]
        assert isinstance(since[0].event, MonitoringStopped)
        told = {(one.type, one.ticket) for one in since if one.ticket}
        assert told == {
            (EventType.TRADE_CLOSED, closed_ticket),
            (EventType.TRADE_CHANGED, changed_ticket),
            (EventType.TRADE_RECOVERED, open_ticket),
            (EventType.TRADE_RECOVERED, changed_ticket),
        }
        status = await house.guard.status()
        assert status.active_trades == 2
        assert status.trades_by_state == {State.HEALTHY: 2, State.CLOSED: 1}


async def test_the_journal_folded_is_the_table(tmp_path: Path, settings: Settings) -> None:
    async with running(tmp_path, settings) as house:
        first, second = await house.guarded(), await house.guarded(lots=0.2)
        await house.guard.registration.release(first)
        await house.register(first)
        control.close_position(second, 0.1)
        await house.change(second, ChangeCause.OUTSIDE)
        control.close_position(second)
        await house.sees(EventType.TRADE_CLOSED)
        assert await house.folded() == {trade.ticket: trade for trade in await house.trades()}


async def test_another_account_in_the_terminal_is_named_and_waited_out(
    tmp_path: Path, settings: Settings
) -> None:
    async with running(tmp_path, settings) as house:
        ticket = await house.guarded()
    async with running(tmp_path, settings, wait=False) as house:
        control.inject("login")
        await house.until(lambda: "WRONG_ACCOUNT" in house.guard.readiness.reason)
        control.clear_faults()
        await back(house)
        assert (await house.trade(ticket)).is_guarded


async def test_an_account_is_guarded_by_one_server_only(tmp_path: Path, settings: Settings) -> None:
    async with running(tmp_path, settings) as house:
        with pytest.raises(AccountHeld) as held:
            async with running(tmp_path, settings, database="other.db"):
                pass
        assert held.value.facts["account"] == house.guard.ledger.journal.account


async def test_cleaning_keeps_what_is_young(tmp_path: Path, settings: Settings) -> None:
    policy = replace(QUICK, cleaner_cycles=1)
    async with running(tmp_path, settings, policy) as house:
        old, standing = await house.guarded(), await house.guarded()
        control.close_position(old)
        await house.sees(EventType.TRADE_CLOSED)
        control.advance(29 * 86_400)
        await house.cycles()
        assert {trade.ticket for trade in await house.trades()} == {old, standing}
        control.advance(2 * 86_400)
        async with asyncio.timeout(30):
            while {trade.ticket for trade in await house.trades()} != {standing}:
                await house.cycles(1)


async def test_a_sell_is_guarded_as_well(house: House) -> None:
    ticket = house.open(Direction.SELL)
    trade, _ = await house.register(ticket, Direction.SELL)
    assert trade.direction is Direction.SELL
    control.close_position(ticket)
    await house.sees(EventType.TRADE_CLOSED)
