"""Trades without DTMS, held against a slow and obvious reference that looks at every tick."""

from collections.abc import Iterator
from dataclasses import replace
from math import ceil

import numpy as np
import pytest
import talib
from dtms_server.domain.trade import Direction
from dtms_server.replay.entries import Entry
from dtms_server.replay.exits import Left, Twin
from dtms_server.replay.history import M5_SECONDS, M15_SECONDS, History
from dtms_server.replay.plan import Exit, Plan
from dtms_server.replay.rules import rule_makers
from dtms_server.terminal.simulator.bars import ticks_of
from hypothesis import given, settings
from hypothesis import strategies as st
from lives import SHORT, Stage
from replays import history, walk

HOLE_SECONDS = 600


class Reference:
    """All ticks of a history one after the other, as the simulated terminal has them."""

    def __init__(self, told: History) -> None:
        rows = told.market.bars(told.symbol.name, told.market.first, 2**62)
        self.history = told
        self.ticks = ticks_of(rows, told.market.period)
        self.begins = told.m5.time.tolist()
        self.bars = self.ticks["time"] // 1000 // M5_SECONDS * M5_SECONDS

    def bars_after(self, entry: Entry) -> Iterator[tuple[int, list[int], bool]]:
        """Yield each M5 bar's end, its closing prices, and whether the market is open then."""
        prices = self.ticks["bid" if entry.direction is Direction.BUY else "ask"]
        for bar in range(entry.bar + 1, len(self.begins)):
            begin = self.begins[bar]
            within = slice(*np.searchsorted(self.bars, (begin, begin + M5_SECONDS)))
            after = self.begins[bar + 1] if bar + 1 < len(self.begins) else begin + M5_SECONDS
            is_open = after - begin - M5_SECONDS < HOLE_SECONDS
            yield begin + M5_SECONDS, prices[within].tolist(), is_open

    def left(self, entry: Entry, exit_: Exit | None = None) -> tuple[Left, int]:
        """How the trade was left, and at what price in points."""
        sign, stop, moved = entry.direction.sign, entry.stop, False
        first = self.history.lasts[entry.direction][entry.bar]
        best, risk = first, abs(entry.price - entry.stop)
        for end, prices, is_open in self.bars_after(entry):
            for price in prices:
                best = max(best * sign, price * sign) * sign
                if price * sign <= stop * sign:
                    return Left.STOP, price
                if entry.target is not None and price * sign >= entry.target * sign:
                    return Left.TARGET, price
                if exit_ is Exit.BREAKEVEN and not moved and (price - entry.price) * sign >= risk:
                    stop, moved = max(stop * sign, entry.price * sign) * sign, True
            if end >= entry.ends_at and is_open:
                return Left.TIME, prices[-1]
            if exit_ is Exit.CHANDELIER:
                hung = best - sign * ceil(3 * self.atr(end))
                stop = max(stop * sign, hung * sign) * sign
        raise AssertionError("it never ends")

    def atr(self, end: int) -> float:
        """ATR(22) of the M15 bars that had closed by then, in points."""
        m15, scale = self.history.m15, self.history.symbol.scale
        closed = m15.pick(np.flatnonzero(m15.time + M15_SECONDS <= end))
        high, low, close = (
            np.rint(each * scale) for each in (closed.high, closed.low, closed.close)
        )
        return float(talib.ATR(high, low, close, 22)[-1])


def lived(told: History, entry: Entry, exit_: Exit | None = None, commission: float = 0.0) -> Twin:
    """The twin of an entry at its end."""
    made = rule_makers(told, (exit_,))[exit_](entry) if exit_ else None
    twin = Twin(entry, told, commission, made)
    for bar in range(entry.bar + 1, len(told)):
        twin.step(bar)
        if twin.left is not None:
            return twin
    raise AssertionError("it never ends")


@pytest.mark.parametrize("exit_", [None, *Exit])
@settings(max_examples=15)
@given(
    seed=st.integers(0, 10_000),
    stop=st.sampled_from([1.0, 2.0, 4.0]),
    target=st.sampled_from([None, 0.5, 2.0]),
)
def test_a_twin_leaves_at_its_stop_target_or_time(
    exit_: Exit | None, seed: int, stop: float, target: float | None
) -> None:
    told = history(walk(seed, 400))
    reference = Reference(told)
    for entry in Stage(told).entries(replace(SHORT, stop_atr=stop, target_r=target))[:8]:
        twin = lived(told, entry, exit_, commission=3.5)
        how, price = reference.left(entry, exit_)
        made = (price - entry.price) * entry.direction.sign  # a point of a lot is a dollar
        assert (twin.left, twin.money) == (how, made - 7.0)


@pytest.mark.parametrize("exit_", [None, *Exit])
def test_all_three_ends_occur(exit_: Exit | None) -> None:
    told = history(walk(3))
    plan = Plan(every=4, stop_atr=1.0, target_r=1.5, hold_seconds=2 * 3600)
    twins = [lived(told, entry, exit_) for entry in Stage(told).entries(plan)]
    assert {twin.left for twin in twins} == set(Left)


def test_a_plain_exit_only_ever_moves_the_stop_nearer() -> None:
    told = history(walk(5))
    for entry in Stage(told).entries(SHORT):
        plain = lived(told, entry)
        for exit_ in Exit:
            twin = lived(told, entry, exit_)
            if plain.left is Left.STOP:
                assert twin.left is Left.STOP
                assert twin.money >= plain.money
