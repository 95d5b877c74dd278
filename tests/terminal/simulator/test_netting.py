import math

import pytest
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.fills import Fill
from dtms_server.terminal.simulator.netting import Holding, net, part
from dtms_server.terminal.simulator.symbols import KNOWN
from hypothesis import given
from hypothesis import strategies as st

SIDES = st.sampled_from((c.DEAL_TYPE_BUY, c.DEAL_TYPE_SELL))
LOTS = st.integers(1, 10_000).map(lambda hundredths: hundredths / 100)
PRICES = st.integers(50_000, 200_000).map(lambda points: points / 100_000)
DEALS = st.builds(Holding, SIDES, LOTS, PRICES)


def signed(held: Holding) -> float:
    return held.volume if held.direction == c.DEAL_TYPE_BUY else -held.volume


@given(DEALS, DEALS)
def test_lots_are_neither_made_nor_lost(held: Holding, deal: Holding) -> None:
    after = net(held, deal).holding
    assert signed(after) == pytest.approx(signed(held) + signed(deal), abs=1e-9)
    assert after.volume >= 0


@given(st.integers(1, 10_000), st.integers(1, 99))
def test_a_part_is_the_share_rounded_down_to_the_step(hundredths: int, percent: int) -> None:
    assert part(hundredths / 100, percent / 100, 0.01) == hundredths * percent // 100 / 100


@given(DEALS, DEALS)
def test_what_is_added_to_costs_the_mean_weighted_by_volume(held: Holding, deal: Holding) -> None:
    added = Holding(held.direction, deal.volume, deal.price)
    after = net(held, added)
    assert after.entry == c.DEAL_ENTRY_IN
    paid = held.volume * held.price + added.volume * added.price
    assert after.holding.volume * after.holding.price == pytest.approx(paid)
    low, high = sorted((held.price, added.price))
    assert low - 1e-12 <= after.holding.price <= high + 1e-12


@given(DEALS, LOTS, PRICES)
def test_an_opposite_deal_closes_turns_or_reduces(
    held: Holding, volume: float, price: float
) -> None:
    after = net(held, Holding(1 - held.direction, volume, price))
    if volume <= held.volume:
        assert after.entry == c.DEAL_ENTRY_OUT
        assert after.closed == volume
        assert after.holding.volume == 0 or after.holding.price == held.price
    else:
        assert after.entry == c.DEAL_ENTRY_INOUT
        assert after.closed == held.volume
        assert (after.holding.direction, after.holding.price) == (1 - held.direction, price)


@given(st.lists(DEALS, max_size=30), st.sampled_from(("EURUSD", "USDJPY", "XAUUSD")))
def test_the_balance_is_the_sum_of_all_deals(deals: list[Holding], name: str) -> None:
    book = Book()
    book.deposit(10_000.0, 0)
    for deal in deals:
        fill = Fill(
            symbol=KNOWN[name],
            direction=deal.direction,
            volume=deal.volume,
            price=deal.price,
            at=1,
            reason=c.DEAL_REASON_EXPERT,
        )
        book.fill(fill, next(iter(book.positions.values()), None))
    total = math.fsum(d.profit + d.commission + d.swap + d.fee for d in book.deals)
    assert book.balance == pytest.approx(total, abs=0.005)
    assert len({d.ticket for d in book.deals}) == len(deals) + 1
    assert len(book.positions) <= 1
    held = sum(
        p.volume if p.type == c.POSITION_TYPE_BUY else -p.volume for p in book.positions.values()
    )
    assert held == pytest.approx(sum(map(signed, deals)), abs=1e-6)


@given(DEALS, PRICES, st.integers(1, 99))
def test_closing_in_two_parts_earns_what_closing_at_once_does(
    held: Holding, price: float, percent: int
) -> None:
    symbol = KNOWN["EURUSD"]
    part = round(held.volume * percent / 100, 2)
    whole = symbol.profit(held.direction, held.volume, held.price, price)
    first = symbol.profit(held.direction, part, held.price, price)
    rest = symbol.profit(held.direction, held.volume - part, held.price, price)
    assert first + rest == pytest.approx(whole, abs=0.011)
