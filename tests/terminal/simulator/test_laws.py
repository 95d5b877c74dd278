"""The laws of the account, whatever is sent to the broker and whatever goes wrong on the way."""

import math
from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.records import OrderSendResult, TradeDeal, TradePosition
from dtms_server.terminal.simulator.session import SESSION
from dtms_server.terminal.simulator.settings import Settings
from hypothesis import settings as run_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from terminal.simulator.trader import BUY, SELL, account, facts, held, tick, waiting

OUT = (mt5.DEAL_ENTRY_OUT, mt5.DEAL_ENTRY_OUT_BY)
SUCCESS = (
    mt5.TRADE_RETCODE_PLACED,
    mt5.TRADE_RETCODE_DONE,
    mt5.TRADE_RETCODE_DONE_PARTIAL,
)
LOTS = st.sampled_from([0.0, 0.01, 0.03, 0.1, 0.15, 0.25, 1.0, 5.0, 200.0])
LEVELS = st.one_of(st.just(None), st.integers(-400, 400))
SIDES = st.sampled_from((BUY, SELL))
PLACES = st.integers(0, 30)
FAULTS = st.sampled_from(
    [
        ("retcode", {"code": 10006}),
        ("retcode", {"code": 10011, "executed": True}),
        ("requote", {}),
        ("timeout", {"executed": True, "seconds": 40}),
        ("timeout", {"executed": False}),
        ("no_answer", {"seconds": 60}),
        ("no_answer", {"executed": True}),
        ("late_fill", {"seconds": 20}),
        ("partial", {"share": 0.4}),
        ("hand", {"does": "close"}),
        ("hand", {"does": "halve"}),
        ("hand", {"does": "unprotect"}),
        ("market_closed", {"seconds": 30}),
        ("spread", {"symbol": "EURUSD", "points": 80, "seconds": 45}),
    ]
)
CONDITIONS = st.sampled_from(
    [
        {"stops_level": 40},
        {"freeze_level": 20},
        {"volume_step": 0.05, "volume_min": 0.05},
        {"volume_step": 0.01, "volume_min": 0.01},
        {"volume_limit": 2.0},
        {"tick_size": 0.00005},
        {"close_by": False},
        {"margin_hedged": 0},
        {"margin_hedged": 150_000},
        {"swap_mode": "reopen_bid", "swap_long": -9.5},
        {"swap_mode": "currency_deposit", "swap_long": -31.3, "swap_short": 20.0},
        {"fee": 0.7},
        {"trade_mode": "close_only"},
        {"trade_mode": "full", "close_by": True, "freeze_level": 0, "stops_level": 0},
    ]
)


class AccountLaws(RuleBasedStateMachine):
    """A program, somebody's hand, the market and misfortune on one account."""

    mode = "hedging"

    @initialize(seed=st.integers(0, 3))
    def begin(self, seed: int) -> None:
        control.start(Settings(seed=seed, speed=0, symbol="EURUSD", account=self.mode))
        assert mt5.initialize()

    def teardown(self) -> None:
        SESSION.world = None
        SESSION.initialized = False

    @rule(side=SIDES, lots=LOTS, sl=LEVELS, tp=LEVELS, filling=st.integers(0, 2))
    def open(self, side: int, lots: float, sl: int | None, tp: int | None, filling: int) -> None:
        self.send(
            action=mt5.TRADE_ACTION_DEAL,
            type=side,
            volume=lots,
            sl=self.level(sl),
            tp=self.level(tp),
            type_filling=filling,
        )

    @rule(place=PLACES, lots=LOTS, whole=st.booleans(), filling=st.integers(0, 1))
    def close(self, place: int, lots: float, whole: bool, filling: int) -> None:
        if position := self.pick(place):
            self.send(
                action=mt5.TRADE_ACTION_DEAL,
                type=1 - position.type,
                volume=position.volume if whole else lots,
                position=position.ticket,
                type_filling=filling,
            )

    @rule(place=PLACES, other=PLACES)
    def close_by(self, place: int, other: int) -> None:
        one, two = self.pick(place), self.pick(other)
        if one and two:
            self.send(action=mt5.TRADE_ACTION_CLOSE_BY, position=one.ticket, position_by=two.ticket)

    @rule(place=PLACES, sl=LEVELS, tp=LEVELS)
    def protect(self, place: int, sl: int | None, tp: int | None) -> None:
        if position := self.pick(place):
            self.send(
                action=mt5.TRADE_ACTION_SLTP,
                position=position.ticket,
                sl=self.level(sl),
                tp=self.level(tp),
            )

    @rule(points=st.integers(-300, 300))
    def jump(self, points: int) -> None:
        with suppress(control.Refused):  # the market is closed
            control.jump("EURUSD", points)

    @rule(seconds=st.sampled_from([1, 25, 61, 900, 7200, 50_000, 200_000]))
    def advance(self, seconds: float) -> None:
        """Let time pass; no position lives through a tick that finds the margin level too low."""
        before, waited = tick().time_msc, waiting()
        control.advance(seconds)
        if held() and tick().time_msc > before and not waited:
            assert account().margin_level > account().margin_so_so or account().margin == 0

    @rule(fault=FAULTS)
    def misfortune(self, fault: tuple[str, dict[str, Any]]) -> None:
        with suppress(control.Refused):  # the market is closed
            control.inject(fault[0], **fault[1])

    @rule()
    def fortune(self) -> None:
        control.clear_faults()

    @rule(changes=CONDITIONS)
    def change(self, changes: dict[str, Any]) -> None:
        control.symbol("EURUSD", **changes)

    def send(self, **fields: object) -> None:
        """Send an order; what is refused with no fault about must leave the book as it was."""
        untroubled = not control.faults()
        before = (control.positions(), everything())
        sent = mt5.order_send({"symbol": "EURUSD", **fields})
        if untroubled:
            assert sent is not None
            after = (control.positions(), everything())
            assert (sent.retcode in SUCCESS) == (after != before)
            self.told(sent, after[1][len(before[1]) :])

    def told(self, sent: OrderSendResult, made: tuple[TradeDeal, ...]) -> None:
        """An answer tells the deal that was made."""
        if made:
            assert (sent.deal, sent.order) == (made[0].ticket, made[0].order)
            assert (sent.volume, sent.price) == (made[0].volume, made[0].price)

    def level(self, points: int | None) -> float:
        return 0.0 if points is None else round(tick().bid + points / 100_000, 5)

    def pick(self, place: int) -> TradePosition | None:
        positions = control.positions()
        return positions[place % len(positions)] if positions else None

    @invariant()
    def the_balance_is_the_deposit_and_the_sum_of_deals(self) -> None:
        total = math.fsum(d.profit + d.commission + d.swap + d.fee for d in everything())
        assert account().balance == pytest.approx(total, abs=0.005)

    @invariant()
    def equity_is_balance_and_what_positions_earn(self) -> None:
        shown, positions = account(), held().values()
        earned = math.fsum(p.profit + p.swap for p in positions)
        assert shown.profit == pytest.approx(earned, abs=0.005)
        assert shown.equity == pytest.approx(shown.balance + shown.profit, abs=0.005)
        assert shown.margin_free == pytest.approx(shown.equity - shown.margin, abs=0.005)

    @invariant()
    def margin_is_that_of_what_is_not_hedged_and_what_is(self) -> None:
        bound = [0.0, 0.0]
        lots = [0.0, 0.0]
        for p in held().values():
            lots[p.type] += p.volume
            bound[p.type] += p.volume * p.price_open * 1000
        if not any(lots):
            assert account().margin == 0
            return
        larger = lots.index(max(lots))
        over = (max(lots) - min(lots)) * bound[larger] / max(lots)
        hedged = min(lots) * (sum(bound) / sum(lots)) * facts().margin_hedged / 100_000
        assert account().margin == pytest.approx(over + hedged, abs=0.021)

    @invariant()
    def every_position_is_what_its_deals_left_of_it(self) -> None:
        made: Counter[int] = Counter()
        for deal in everything()[1:]:
            sign = 1 if deal.type == BUY else -1
            made[deal.position_id] += sign * round(deal.volume * 100)
        now = Counter[int]()
        for position in held().values():
            sign = 1 if position.type == BUY else -1
            now[position.identifier] += sign * round(position.volume * 100)
            assert math.isclose(position.volume * 100, round(position.volume * 100))
            assert position.volume > 0
        assert {i: v for i, v in made.items() if v} == dict(now)

    @invariant()
    def nothing_is_closed_that_was_not_opened(self) -> None:
        begun = set()
        for deal in everything()[1:]:
            if deal.entry == mt5.DEAL_ENTRY_IN:
                begun.add(deal.position_id)
            assert deal.position_id in begun
        assert {position.identifier for position in held().values()} <= begun

    @invariant()
    def every_deal_has_its_order_and_no_number_is_given_twice(self) -> None:
        found = mt5.history_orders_get(0, 2_000_000_000)
        assert found is not None
        orders = [order.ticket for order in found]
        assert len(set(orders)) == len(orders)
        assert {deal.order for deal in everything()[1:]} <= set(orders)
        tickets = [deal.ticket for deal in everything()]
        assert tickets == sorted(set(tickets))
        times = [deal.time_msc for deal in everything()]
        assert times == sorted(times)

    @invariant()
    def prices_are_on_the_grid(self) -> None:
        size = round(facts().trade_tick_size * 100_000)
        assert round(tick().bid * 100_000) % size == 0
        assert round(tick().ask * 100_000) % size == 0


class NettingLaws(AccountLaws):
    """The same where a symbol has one position at most."""

    mode = "netting"

    @invariant()
    def a_symbol_has_one_position_at_most(self) -> None:
        assert len(held()) <= 1


def everything() -> tuple[TradeDeal, ...]:
    """Return all deals, with the deposit first."""
    found = mt5.history_deals_get(0, 2_000_000_000)
    assert found is not None
    return found


few = run_settings(max_examples=25, stateful_step_count=20, deadline=None)
AccountLaws.TestCase.settings = few
NettingLaws.TestCase.settings = few
TestAccountLaws = AccountLaws.TestCase
TestNettingLaws = NettingLaws.TestCase
