"""What every terminal must make of an order: it is sent once, its answer read, its effect found
again."""

from dataclasses import replace

import pytest
from desks import MAGIC, Desk
from dtms_server.domain.actions import Verb, Verdict
from dtms_server.domain.errors import TerminalUnreachable
from dtms_server.domain.market import DealEntry, DealReason
from dtms_server.domain.trade import Direction
from hosts import PATIENCE_SECONDS


async def test_an_opening_is_found_again_by_its_comment(desk: Desk) -> None:
    quote = await desk.quote()
    low, high = round(quote.bid - 0.01, 5), round(quote.bid + 0.01, 5)
    order = replace(await desk.opening(), stop_loss=low, take_profit=high)
    since = (await desk.terminal.snapshot()).at
    answer = await desk.send(order, "dtms-0123456789abcdef01234")
    assert (answer.verdict, answer.retcode) == (Verdict.DONE, 10009)
    assert (answer.volume_lots, answer.price) == (0.2, quote.ask)
    (opened,) = await desk.held()
    assert (opened.ticket, opened.magic) == (answer.order, MAGIC)
    assert (opened.direction, opened.volume_lots) == (Direction.BUY, 0.2)
    assert (opened.stop_loss, opened.take_profit) == (low, high)
    assert opened.comment == "dtms-0123456789abcdef01234"
    (deal,) = (await desk.terminal.history(since)).deals
    assert (deal.ticket, deal.position_id, deal.symbol) == (answer.deal, opened.ticket, "EURUSD")
    assert (deal.comment, deal.magic) == ("dtms-0123456789abcdef01234", MAGIC)
    assert (deal.entry, deal.reason) == (DealEntry.IN, DealReason.EXPERT)


@pytest.mark.parametrize("direction", Direction)
async def test_a_close_takes_the_part_that_it_names_and_no_other(
    desk: Desk, direction: Direction
) -> None:
    other, opened = await desk.open(direction), await desk.open(direction)
    part = await desk.send(await desk.on(opened, Verb.CLOSE, 0.05), "dtms-2")
    assert (part.verdict, part.volume_lots) == (Verdict.DONE, 0.05)
    left = await desk.position(opened.ticket)
    assert left.volume_lots == pytest.approx(0.15)
    rest = await desk.send(await desk.on(left, Verb.CLOSE, left.volume_lots), "dtms-3")
    assert rest.verdict is Verdict.DONE
    assert await desk.held() == [other]
    deals = await desk.terminal.deals(opened.identifier)
    assert [(d.entry, d.comment) for d in deals] == [
        (DealEntry.IN, "dtms-1"),
        (DealEntry.OUT, "dtms-2"),
        (DealEntry.OUT, "dtms-3"),
    ]


async def test_new_stops_are_set_and_taken_away(desk: Desk) -> None:
    opened = await desk.open()
    order = await desk.on(opened, Verb.PROTECT)
    low, high = round(order.price - 0.005, 5), round(order.price + 0.005, 5)
    for stop, target in ((low, high), (low, None), (None, high), (None, None)):
        answer = await desk.send(replace(order, stop_loss=stop, take_profit=target))
        assert (answer.verdict, answer.retcode) == (Verdict.DONE, 10009)
        now = await desk.position(opened.ticket)
        assert (now.stop_loss, now.take_profit) == (stop, target)
    again = await desk.send(order)
    assert (again.verdict, again.retcode) == (Verdict.DONE, 10025)  # so already


async def test_a_close_by_leaves_what_the_larger_has_more(desk: Desk) -> None:
    since = (await desk.terminal.snapshot()).at
    long = await desk.open(Direction.BUY, 0.3)
    short = await desk.open(Direction.SELL, 0.1)
    order = await desk.on(long, Verb.CLOSE_BY)
    order = replace(order, by_ticket=short.ticket, by_id=short.identifier)
    answer = await desk.send(order, "dtms-4")
    assert (answer.verdict, answer.retcode) == (Verdict.DONE, 10009)
    (left,) = await desk.held()
    assert left.ticket == long.ticket
    assert left.volume_lots == pytest.approx(0.2)
    by = [d for d in (await desk.terminal.history(since)).deals if d.entry is DealEntry.OUT_BY]
    assert [(d.position_id, d.comment) for d in by] == [
        (long.identifier, "dtms-4"),
        (short.identifier, "dtms-4"),
    ]


async def test_what_breaks_the_broker_s_rules_is_refused_and_does_nothing(desk: Desk) -> None:
    opening = await desk.opening()
    answers = [
        await desk.send(replace(opening, volume_lots=0.015)),
        await desk.send(replace(opening, stop_loss=round(opening.price + 0.01, 5))),
    ]
    assert [(a.verdict, a.retcode) for a in answers] == [
        (Verdict.RECOMPUTE, 10014),
        (Verdict.RECOMPUTE, 10016),
    ]
    assert [(a.order, a.deal) for a in answers] == [(0, 0), (0, 0)]
    assert await desk.held() == []


async def test_an_order_on_a_position_that_is_gone_says_so(desk: Desk) -> None:
    opened = await desk.open()
    close, protect = await desk.on(opened, Verb.CLOSE, 0.2), await desk.on(opened, Verb.PROTECT)
    desk.hand.close(opened.ticket)
    for order in (close, replace(protect, stop_loss=1.0)):
        answer = await desk.send(order)
        assert (answer.verdict, answer.retcode) == (Verdict.GONE, 10036)
    assert await desk.held() == []


@pytest.mark.parametrize(
    "conditions",
    [
        {"filling_mode": 1},
        {"filling_mode": 2},
        {"execution": "instant", "filling_mode": 2},
        {"execution": "request", "filling_mode": 0},
        {"execution": "exchange", "filling_mode": 0},
    ],
)
async def test_a_deal_is_filled_as_the_symbol_takes_it(
    desk: Desk, conditions: dict[str, str | float]
) -> None:
    desk.hand.symbol("EURUSD", **conditions)
    opened = await desk.open()
    answer = await desk.send(await desk.on(opened, Verb.CLOSE, 0.2))
    assert answer.verdict is Verdict.DONE
    assert await desk.held() == []


@pytest.mark.parametrize(("refusals", "verdict"), [(1, Verdict.DONE), (2, Verdict.RECOMPUTE)])
async def test_a_refused_filling_gives_way_to_the_other_once(
    desk: Desk, refusals: int, verdict: Verdict
) -> None:
    desk.hand.fault("retcode", code=10030, count=refusals)
    assert (await desk.send(await desk.opening())).verdict is verdict
    assert len(await desk.held()) == (1 if verdict is Verdict.DONE else 0)


@pytest.mark.parametrize(
    ("fault", "parameters", "verdict", "retcode"),
    [
        ("requote", {}, Verdict.FRESH_PRICE, 10004),
        ("retcode", {"code": 10020}, Verdict.FRESH_PRICE, 10020),
        ("retcode", {"code": 10006}, Verdict.FINAL, 10006),
        ("retcode", {"code": 10024}, Verdict.BACK_OFF, 10024),
        ("market_closed", {}, Verdict.MARKET_CLOSED, 10018),
        ("autotrading_off", {}, Verdict.PARKED, 10027),
        ("disconnect", {}, Verdict.UNKNOWN, 10031),
        ("timeout", {"executed": "false"}, Verdict.UNKNOWN, 10012),
        ("retcode", {"code": 19999}, Verdict.UNKNOWN, 19999),
        ("no_answer", {"executed": "false"}, Verdict.UNKNOWN, None),
        ("none", {"call": "order_send", "code": -2}, Verdict.FAULT, None),
        ("none", {"call": "symbol_info", "code": -1}, Verdict.NOT_SENT, None),
        ("none", {"call": "symbol_select", "code": -4}, Verdict.NOT_SENT, None),
        ("pipe", {}, Verdict.NOT_SENT, None),
    ],
)
async def test_an_order_that_is_not_carried_out_is_judged_by_its_answer(
    desk: Desk,
    fault: str,
    parameters: dict[str, str | float],
    verdict: Verdict,
    retcode: int | None,
) -> None:
    order = await desk.opening()
    desk.hand.fault(fault, **parameters)
    answer = await desk.send(order)
    assert (answer.verdict, answer.retcode) == (verdict, retcode)
    assert answer.message
    desk.hand.clear()
    await desk.terminal.connect(PATIENCE_SECONDS)
    assert await desk.held() == []


@pytest.mark.parametrize(
    ("fault", "parameters"),
    [
        ("timeout", {}),
        ("no_answer", {"code": -10001}),
        ("no_answer", {"code": -1}),
        ("retcode", {"code": 10011, "executed": "true"}),
    ],
)
async def test_an_order_that_was_carried_out_unheard_is_found_by_its_comment(
    desk: Desk, fault: str, parameters: dict[str, str | float]
) -> None:
    since = (await desk.terminal.snapshot()).at
    order = await desk.opening()
    desk.hand.fault(fault, **parameters)
    assert (await desk.send(order, "dtms-lost")).verdict is Verdict.UNKNOWN
    assert [p.comment for p in await desk.held()] == ["dtms-lost"]
    assert [d.comment for d in (await desk.terminal.history(since)).deals] == ["dtms-lost"]


async def test_an_order_that_waits_is_listed_until_it_is_filled(desk: Desk) -> None:
    since = (await desk.terminal.snapshot()).at
    order = await desk.opening()
    desk.hand.fault("late_fill", seconds=5)
    answer = await desk.send(order, "dtms-late")
    assert (answer.verdict, answer.retcode) == (Verdict.DONE, 10008)
    before = await desk.terminal.history(since)
    assert before.deals == ()
    assert [(w.ticket, w.symbol, w.magic, w.comment) for w in before.waiting] == [
        (answer.order, "EURUSD", MAGIC, "dtms-late")
    ]
    desk.hand.advance(6)
    after = await desk.terminal.history(since)
    assert [d.order for d in after.deals] == [answer.order]
    assert after.waiting == ()


async def test_deals_may_be_listed_later_than_the_position_that_they_made(desk: Desk) -> None:
    since = (await desk.terminal.snapshot()).at
    desk.hand.fault("late_deals", seconds=30)
    opened = await desk.open()
    assert (await desk.terminal.history(since)).deals == ()
    desk.hand.advance(31)
    (deal,) = (await desk.terminal.history(since)).deals
    assert deal.position_id == opened.identifier


async def test_what_is_no_order_is_not_sent(desk: Desk) -> None:
    order = await desk.opening()
    for wrong in (float("nan"), -0.1, 0.0):
        with pytest.raises(ValueError, match="volume"):
            await desk.send(replace(order, volume_lots=wrong))
    with pytest.raises(ValueError, match="comment"):
        await desk.send(order, "dtms-012345678901234567890123456789")
    assert await desk.held() == []


async def test_without_a_connection_nothing_is_sent(desk: Desk) -> None:
    order = await desk.opening()
    await desk.terminal.close()
    with pytest.raises(TerminalUnreachable):
        await desk.send(order)
    await desk.terminal.connect(PATIENCE_SECONDS)
    assert await desk.held() == []
