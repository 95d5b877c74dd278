"""What the trades beside every journal must show, whatever keeps them."""

import asyncio
from dataclasses import replace

from dtms_server.domain.events import ChangeCause, TradeChanged, TradeClosed, TradeReleased, change
from dtms_server.domain.trade import State
from dtms_server.ports import Journal, TradeFilter, Trades
from ledgers import ALL, AT, CLOSING, a_trade, followed, registered


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
