"""RegisterTrade, UpdateTrade and ReleaseTrade, without their gRPC edge."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from dtms_server.domain.actions import OUR_COMMENT
from dtms_server.domain.claims import Claim
from dtms_server.domain.errors import (
    PositionIsHedge,
    PositionMismatch,
    PositionMissing,
    TerminalLost,
    TicketConflict,
    TradeNotGuarded,
    UnknownTrade,
)
from dtms_server.domain.events import ChangeCause, EventType, TradeChanged, TradeRegistered
from dtms_server.domain.trade import CloseReason, Direction, Protection, State
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.settings import Settings
from house import PATIENCE_SECONDS, House, running
from stepping import STILL


@pytest.fixture
async def still(tmp_path: Path, settings: Settings) -> AsyncIterator[House]:
    """DTMS, ready, but no cycle comes: nothing is told, a trade's R neither, but what is asked."""
    async with running(tmp_path, settings, STILL) as house:
        yield house


async def test_a_new_trade_is_as_the_terminal_has_it(still: House) -> None:
    ticket = still.open(lots=0.3, stop=1.0, target=1.5)
    claim = Claim(ticket, "EURUSD", Direction.BUY, volume_lots=9.0, stop_loss=0.7)
    trade, already = await still.guard.registration.register(claim)
    position = control.positions()[0]
    assert not already
    assert trade.state is State.HEALTHY
    assert (trade.terms.volume_lots, trade.initial_volume_lots) == (0.3, 0.3)
    assert (trade.terms.stop_loss, trade.initial_stop_loss) == (1.0, 1.0)
    assert trade.terms.take_profit == 1.5
    assert trade.terms.entry_price == position.price_open
    assert trade.position_id == position.identifier
    assert await still.trade(ticket) == trade


async def test_one_event_tells_of_a_new_trade(still: House) -> None:
    ticket = await still.guarded()
    told = [one for one in await still.journal() if one.ticket == ticket]
    assert [one.type for one in told] == [EventType.TRADE_REGISTERED]
    assert told[0].event == TradeRegistered(await still.trade(ticket), rearmed=False)


async def test_of_many_at_once_exactly_one_is_new(still: House) -> None:
    ticket = still.open()
    answers = await asyncio.gather(*(still.register(ticket) for _ in range(64)))
    assert sorted(already for _, already in answers) == [False] + [True] * 63
    assert all(trade == answers[0][0] for trade, _ in answers)
    assert [one.ticket for one in await still.journal() if one.ticket] == [ticket]


async def test_registering_again_changes_and_tells_nothing(still: House) -> None:
    ticket = await still.guarded()
    before, head = await still.trade(ticket), still.guard.ledger.journal.head
    other = Claim(ticket, "EURUSD", Direction.BUY, stop_loss=0.5, labels={"bot": "new"})
    assert await still.guard.registration.register(other) == (before, True)
    assert still.guard.ledger.journal.head == head


@pytest.mark.parametrize(
    ("symbol", "direction", "fields"),
    [
        ("GBPUSD", Direction.BUY, "symbol"),
        ("EURUSD", Direction.SELL, "direction"),
        ("GBPUSD", Direction.SELL, "symbol, direction"),
    ],
)
async def test_another_claim_for_a_known_ticket_is_a_conflict(
    house: House, symbol: str, direction: Direction, fields: str
) -> None:
    ticket = await house.guarded()
    with pytest.raises(TicketConflict) as conflict:
        await house.register(ticket, direction, symbol)
    assert conflict.value.facts["fields"] == fields


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"symbol": "GBPUSD"}, "symbol"),
        ({"direction": Direction.SELL}, "direction"),
        ({"entry_price": 2.0}, "entry_price"),
    ],
)
async def test_a_claim_that_the_position_contradicts_is_refused(
    house: House, wrong: dict[str, object], field: str
) -> None:
    claim = Claim(house.open(), "EURUSD", Direction.BUY)
    with pytest.raises(PositionMismatch) as mismatch:
        await house.guard.registration.register(
            replace(claim, **wrong)  # type: ignore[arg-type]  # names are checked by replace
        )
    assert mismatch.value.facts["fields"] == field
    assert await house.trades() == ()


async def test_an_entry_price_within_one_percent_will_do(house: House) -> None:
    ticket = house.open()
    claimed = control.positions()[0].price_open * 1.009
    claim = Claim(ticket, "EURUSD", Direction.BUY, entry_price=claimed)
    _, already = await house.guard.registration.register(claim)
    assert not already


async def test_a_ticket_that_the_terminal_does_not_hold_is_refused(house: House) -> None:
    with pytest.raises(PositionMissing):
        await house.register(4711)
    assert await house.trades() == ()


async def test_a_fill_that_lags_behind_its_ticket_is_waited_for(
    tmp_path: Path, settings: Settings
) -> None:
    patient = replace(STILL, fill_lag_seconds=PATIENCE_SECONDS)
    async with running(tmp_path, settings, patient) as house:  # no cycle reads the list instead
        ticket = house.open()
        control.inject("empty", count=2, flat=True)
        _, already = await house.register(ticket)
        assert not already
        assert control.faults() == []


async def test_a_list_that_hides_its_positions_is_no_missing_position(house: House) -> None:
    ticket = house.open()
    control.inject("empty", count=10_000)
    with pytest.raises(TerminalLost):
        await house.register(ticket)


async def test_our_own_position_cannot_be_registered(house: House) -> None:
    ticket = house.open(magic=house.policy.magic, comment=OUR_COMMENT + "1")
    with pytest.raises(PositionIsHedge):
        await house.register(ticket)
    bare = house.open(magic=house.policy.magic)
    await house.cycles()
    assert (await house.guard.status()).orphans == (ticket, bare)


async def test_a_closed_trade_is_never_armed_again(house: House) -> None:
    ticket = await house.guarded()
    control.close_position(ticket)
    await house.sees(EventType.TRADE_CLOSED)
    trade, already = await house.register(ticket)
    assert already
    assert trade.state is State.CLOSED
    assert trade.closing is not None
    assert trade.closing.reason is CloseReason.MANUAL


async def test_a_released_trade_is_armed_again(still: House) -> None:
    ticket = await still.guarded(lots=0.2)
    released = await still.guard.registration.release(ticket)
    assert released.state is State.RELEASED
    control.close_position(ticket, 0.1)
    control.modify_position(ticket, stop_loss=1.0)
    trade, already = await still.register(ticket)
    assert not already
    assert trade.state is State.HEALTHY
    assert (trade.initial_volume_lots, trade.initial_stop_loss) == (0.1, 1.0)
    last = (await still.journal())[-1]
    assert last.event == TradeRegistered(trade, rearmed=True)


async def test_a_released_trade_is_not_watched(house: House) -> None:
    ticket = await house.guarded()
    await house.guard.registration.release(ticket)
    control.close_position(ticket)
    await house.cycles()
    assert (await house.trade(ticket)).state is State.RELEASED
    with pytest.raises(PositionMissing):
        await house.register(ticket)


async def test_releasing_again_changes_nothing(still: House) -> None:
    ticket = await still.guarded()
    first = await still.guard.registration.release(ticket)
    head = still.guard.ledger.journal.head
    assert await still.guard.registration.release(ticket) == first
    assert still.guard.ledger.journal.head == head


async def test_an_update_sets_what_it_names_and_no_more(still: House) -> None:
    ticket = await still.guarded()
    before = await still.trade(ticket)
    update = still.guard.registration.update
    trade = await update(ticket, None, {"bot": "grid"})
    assert trade.terms == replace(before.terms, labels={"bot": "grid"})
    trade = await update(ticket, Protection.OBSERVE, None)
    assert trade.terms.labels == {"bot": "grid"}
    assert trade.terms.protection is Protection.OBSERVE
    event = (await still.journal())[-1].event
    assert isinstance(event, TradeChanged)
    assert event.cause is ChangeCause.CALLER


async def test_an_update_to_what_is_already_so_tells_nothing(still: House) -> None:
    ticket = await still.guarded()
    head = still.guard.ledger.journal.head
    await still.guard.registration.update(ticket, Protection.PROTECT, {})
    assert still.guard.ledger.journal.head == head


async def test_a_trade_that_is_not_guarded_keeps_its_protection_but_takes_labels(
    house: House,
) -> None:
    ticket = await house.guarded()
    await house.guard.registration.release(ticket)
    with pytest.raises(TradeNotGuarded):
        await house.guard.registration.update(ticket, Protection.OBSERVE, {"a": "b"})
    trade = await house.guard.registration.update(ticket, None, {"a": "b"})
    assert trade.terms.labels == {"a": "b"}


async def test_what_is_not_registered_cannot_be_updated_or_released(house: House) -> None:
    with pytest.raises(UnknownTrade):
        await house.guard.registration.update(4711, None, {})
    with pytest.raises(UnknownTrade):
        await house.guard.registration.release(4711)
