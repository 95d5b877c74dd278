"""What the trades beside every journal must show, whatever keeps them."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from dtms_server.domain.events import ChangeCause, TradeChanged, TradeClosed, TradeReleased, change
from dtms_server.domain.trade import State
from dtms_server.ports import Journal, TradeFilter, Trades
from ledgers import ALL, AT, CLOSING, HEDGE, a_trade, changed, followed, registered


async def test_a_ticket_finds_its_trade_as_registered_or_as_it_is_now(
    journal: Journal, trades: Trades
) -> None:
    first, second = a_trade(1), a_trade(2)
    await journal.append(registered(first), registered(second))
    moved = change(
        second,
        TradeChanged(ChangeCause.OUTSIDE, second.terms, replace(second.terms, position_ticket=9)),
        AT,
    )
    await journal.append(moved)
    assert await trades.find(9) == await trades.find(2) == moved.trade
    assert moved.trade is not None
    await journal.append(change(moved.trade, TradeReleased(), AT))
    assert await trades.find(9) == await trades.find(2)  # also when it is guarded no more
    released = await trades.find(2)
    assert released is not None
    assert released.state is State.RELEASED


async def test_trades_are_listed_by_ticket_in_pages(journal: Journal, trades: Trades) -> None:
    some = [a_trade(n, position_id=100 - n) for n in range(1, 8)]
    await journal.append(*map(registered, some))
    await journal.append(change(some[4], TradeClosed(CLOSING), AT))

    async def listed(wanted: TradeFilter, size: int = 2) -> list[int]:
        tickets: list[int] = []
        more = True
        while more:
            page = await trades.page(wanted, tickets[-1] if tickets else 0, size)
            assert len(page.trades) <= size
            assert page.head == 8
            tickets += [trade.ticket for trade in page.trades]
            more = page.more
        return tickets

    assert await listed(ALL) == [1, 2, 3, 4, 5, 6, 7]
    assert await listed(TradeFilter()) == [1, 2, 3, 4, 6, 7]
    assert await listed(TradeFilter(symbols=frozenset({"XAUUSD"}))) == [2, 4, 6]
    assert await listed(TradeFilter(labels={"bot": "b1"})) == [1, 4, 7]
    assert await listed(TradeFilter(states=frozenset({State.CLOSED}))) == []
    closed = TradeFilter(states=frozenset({State.CLOSED}), include_closed=True)
    assert await listed(closed) == [5]
    assert await listed(ALL, size=7) == [1, 2, 3, 4, 5, 6, 7]
    assert await trades.counts() == {State.HEALTHY: 6, State.CLOSED: 1}


async def test_a_hedge_that_outlived_its_trade_keeps_the_trade_active_until_it_is_gone(
    journal: Journal, trades: Trades
) -> None:
    hedged = changed(a_trade(7), hedge=HEDGE)
    await journal.append(registered(a_trade(7)), hedged, registered(a_trade(8)))
    assert hedged.trade is not None
    closed = change(hedged.trade, TradeClosed(CLOSING), AT)
    await journal.append(closed)
    assert closed.trade is not None
    assert closed.trade.is_active
    only_closed = TradeFilter(states=frozenset({State.CLOSED}))
    assert await trades.active() == (closed.trade, a_trade(8))
    assert (await trades.page(TradeFilter(), 0, 10)).trades == (closed.trade, a_trade(8))
    assert (await trades.page(only_closed, 0, 10)).trades == (closed.trade,)
    gone = changed(closed.trade, hedge=None, hedge_profit=-3.5)
    await journal.append(gone)
    assert await trades.find(7) == gone.trade
    assert await trades.active() == (a_trade(8),)
    assert (await trades.page(TradeFilter(), 0, 10)).trades == (a_trade(8),)
    assert (await trades.page(only_closed, 0, 10)).trades == ()


async def test_a_released_trade_is_not_active_whatever_it_left(
    journal: Journal, trades: Trades
) -> None:
    hedged = changed(a_trade(7), hedge=HEDGE)
    assert hedged.trade is not None
    released = change(hedged.trade, TradeReleased(HEDGE.ticket), AT)
    await journal.append(registered(a_trade(7)), hedged, released)
    assert await trades.active() == ()
    assert (await trades.page(TradeFilter(), 0, 10)).trades == ()


async def test_a_hedge_s_ticket_is_not_its_trade_s(journal: Journal, trades: Trades) -> None:
    await journal.append(registered(a_trade(7)), changed(a_trade(7), hedge=HEDGE))
    assert await trades.find(HEDGE.ticket) is None
    assert await trades.find(HEDGE.position_id) is None


async def test_the_last_closed_are_told_by_their_closing_deal(
    journal: Journal, trades: Trades
) -> None:
    await journal.append(*(registered(a_trade(n)) for n in range(1, 7)))
    closed = {}
    for ticket, minutes in ((4, 2), (1, 5), (3, 2), (2, 0)):  # told in another order than it was
        closing = replace(CLOSING, at=AT + timedelta(minutes=minutes))
        made = change(a_trade(ticket), TradeClosed(closing), AT)
        await journal.append(made)
        closed[ticket] = made.trade
    await journal.append(change(a_trade(5), TradeReleased(), AT + timedelta(minutes=9)))

    async def last(count: int, minutes: float) -> list[int]:
        found = await trades.last_closed(count, AT + timedelta(minutes=minutes))
        assert all(trade == closed[trade.ticket] for trade in found)
        return [trade.ticket for trade in found]

    assert await last(10, 0) == [1, 4, 3, 2]
    assert await last(3, -60) == [1, 4, 3]
    assert await last(10, 2) == [1, 4, 3]
    assert await last(10, 2.5) == [1]
    assert await last(10, 6) == []
    assert await last(0, 0) == []


async def test_labels_of_any_text_are_told_apart(journal: Journal, trades: Trades) -> None:
    odd = ["x", "x\0y", 'x"', "x'", "%", "é"]
    for ticket, text in enumerate(odd, start=1):
        trade = a_trade(ticket)
        await journal.append(
            registered(replace(trade, terms=replace(trade.terms, labels={text: text})))
        )
    for ticket, text in enumerate(odd, start=1):
        page = await trades.page(TradeFilter(labels={text: text}), 0, 10)
        assert [trade.ticket for trade in page.trades] == [ticket]


async def test_list_then_follow_has_no_gap_and_no_repeat(journal: Journal, trades: Trades) -> None:
    total = 60

    async def append_all() -> None:
        for n in range(1, total + 1):
            await journal.append(registered(a_trade(n)))

    async def list_then_follow() -> list[int]:
        page = await trades.page(ALL, 0, total)
        tickets = [trade.ticket for trade in page.trades]
        assert page.head <= journal.head
        return tickets + [t for e in await followed(journal, page.head, total) if (t := e.ticket)]

    appending = asyncio.create_task(append_all())
    seen = []
    for _ in range(10):
        seen.append(asyncio.create_task(list_then_follow()))
        await journal.grown(journal.head)
    await appending
    for tickets in await asyncio.gather(*seen):
        assert tickets == list(range(1, total + 1))
