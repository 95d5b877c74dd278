"""What every terminal must tell of the market and of the account's past."""

from datetime import timedelta

import pytest
from desks import Desk
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import History, TradeMode
from dtms_server.domain.trade import Direction


async def test_a_quote_is_the_newest_tick_with_the_symbol_s_facts(desk: Desk) -> None:
    ticket = desk.hand.open("EURUSD", Direction.BUY, 0.2)
    desk.hand.symbol("EURUSD", stops_level=7)
    seen = await desk.terminal.snapshot()
    quote = await desk.terminal.quote("EURUSD")
    assert quote.bid == next(p.current_price for p in seen.positions if p.ticket == ticket)
    assert timedelta() <= seen.at - quote.at < timedelta(minutes=1)
    assert (quote.instrument.symbol, quote.instrument.stops_level) == ("EURUSD", 7)
    desk.hand.fault("suspended")
    suspended = (await desk.terminal.quote("EURUSD")).instrument
    assert suspended.trade_mode is TradeMode.DISABLED


@pytest.mark.parametrize("call", ["symbol_select", "symbol_info", "symbol_info_tick"])
async def test_a_quote_that_answers_none_is_an_error(desk: Desk, call: str) -> None:
    desk.hand.fault("none", call=call)
    with pytest.raises(TerminalFailed, match=call):
        await desk.terminal.quote("EURUSD")
    assert (await desk.terminal.quote("EURUSD")).bid > 0


async def test_the_account_s_past_holds_deals_and_deposits_since_then(desk: Desk) -> None:
    desk.hand.open("EURUSD", Direction.BUY, 0.1)
    desk.hand.advance(60)
    since = (await desk.terminal.snapshot()).at
    nothing = await desk.terminal.history(since)
    assert nothing == History((), (), ())
    desk.hand.deposit(500.0)
    desk.hand.advance(60)
    ticket = desk.hand.open("EURUSD", Direction.SELL, 0.1)
    desk.hand.deposit(-200.0)
    history = await desk.terminal.history(since)
    assert [(d.position_id, d.symbol) for d in history.deals] == [(ticket, "EURUSD")]
    assert [(flow.amount, flow.at - since) for flow in history.cash] == [
        (500.0, timedelta()),
        (-200.0, timedelta(seconds=60)),
    ]


@pytest.mark.parametrize("call", ["history_deals_get", "orders_get"])
async def test_a_past_that_answers_none_is_an_error(desk: Desk, call: str) -> None:
    since = (await desk.terminal.snapshot()).at
    desk.hand.fault("none", call=call)
    with pytest.raises(TerminalFailed, match=call):
        await desk.terminal.history(since)
    assert await desk.terminal.history(since)
