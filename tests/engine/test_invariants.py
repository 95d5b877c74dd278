"""Whatever markets, brokers, bots, operators and crashes do, some things always hold."""

import asyncio
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from chances import BANDS, CONDITIONS, FAULTS, JUMPS, LOTS, SYMBOL, nervous
from dtms_server.domain.claims import HedgeDisposition
from dtms_server.domain.policy.scoring import BandPolicy
from dtms_server.domain.trade import Direction, Protection
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.records import TradePosition
from dtms_server.terminal.simulator.settings import Settings
from hypothesis import seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from invariants import BAR, check_order
from trial import POINT, Change, Step, Trial
from witness import Instant

MOST_POSITIONS = 5
BAR_SECONDS = BAR.total_seconds()
MEMORY = Path("/dev/shm")
"""A disk in memory, where there is one: thousands of cases write a lot, and none loses power."""
ANY = st.integers(0, 9)


class World(RuleBasedStateMachine):
    """One account, its bots and operators, and everything that can happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.Runner()
        self._folder = tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None)
        self._trial: Trial | None = None
        self._checked = 0  # orders

    @initialize(
        seed=st.integers(0, 40),
        netting=st.integers(0, 7),
        own=CONDITIONS,
        bands=BANDS,
        side=st.sampled_from(Direction),
        lots=LOTS,
        stop=st.sampled_from([None, 250, 600]),
    )
    def begin(
        self,
        seed: int,
        netting: int,
        own: dict[str, Any],
        bands: BandPolicy,
        side: Direction,
        lots: float,
        stop: int | None,
    ) -> None:
        os.environ["DTMS_STATE_DIR"] = self._folder.name
        account = "netting" if netting == 0 else "hedging"
        world = Settings(
            symbol=SYMBOL, seed=seed, speed=0.0, account=account, conditions={SYMBOL: own}
        )
        self._most = MOST_POSITIONS if account == "hedging" else 1
        self._trial = Trial(Path(self._folder.name), world, nervous(bands))
        self._run(self.trial.start())
        self._run(self.trial.open(side, lots, stop, None, Protection.PROTECT))
        self._cycle(BAR_SECONDS)

    @precondition(lambda self: len(control.positions()) < self._most)
    @rule(
        side=st.sampled_from(Direction),
        lots=LOTS,
        stop=st.sampled_from([None, 80, 250, 600]),
        aim=st.sampled_from([None, 150, 500]),
        protection=st.sampled_from([*Protection, Protection.PROTECT, Protection.PROTECT]),
    )
    def a_bot_opens(
        self,
        side: Direction,
        lots: float,
        stop: int | None,
        aim: int | None,
        protection: Protection,
    ) -> None:
        self._run(self.trial.open(side, lots, stop, aim, protection))
        self._cycle(30.0)

    @rule(bars=st.sampled_from([0.1, 1, 3]))
    def time_passes(self, bars: float) -> None:
        for _ in range(max(1, int(bars))):
            self._cycle(min(bars, 1) * BAR_SECONDS)

    @rule(points=JUMPS, bars=st.integers(1, 4))
    def the_price_jumps(self, points: int, bars: int) -> None:
        self._jump(points, bars)

    @rule(points=JUMPS, bars=st.integers(1, 3))
    def the_price_comes_and_goes(self, points: int, bars: int) -> None:
        for way in (points, -points, points):
            self._jump(way, bars)

    @rule(points=JUMPS, fault=FAULTS)
    def a_fault_strikes(self, points: int, fault: tuple[str, dict[str, Any]]) -> None:
        name, parameters = fault
        control.inject(name, **parameters)
        self._jump(points, bars=1)
        self._cycle(30.0)

    @rule(points=JUMPS, seconds=st.sampled_from([None, 0.0, 20.0, 45.0, 400.0]))
    def an_answer_is_lost(self, points: int, seconds: float | None) -> None:
        control.inject("no_answer", executed=seconds is not None, seconds=seconds or 0.0)
        self._jump(points, bars=2)

    @rule()
    def faults_end(self) -> None:
        control.clear_faults()
        self._cycle(30.0)

    @precondition(lambda self: bool(control.positions()))
    @rule(
        which=ANY, does=st.sampled_from(["close", "halve", "leave little", "loosen", "bare", "aim"])
    )
    def somebody_has_a_hand_in_it(self, which: int, does: str) -> None:
        held = control.positions()
        with suppress(control.Refused):
            _meddle(held[which % len(held)], does)
        self._cycle(30.0)

    @rule(instant=st.sampled_from(Instant), points=JUMPS)
    def the_process_dies_around_an_order(self, instant: Instant, points: int) -> None:
        self.trial.witness.dies = instant
        self._jump(points, bars=2)
        self.trial.witness.dies = None

    @rule()
    def the_process_is_restarted(self) -> None:
        self._run(self.trial.restart())
        self._cycle(30.0)

    @rule(pausing=st.booleans())
    def an_operator_uses_the_switch(self, pausing: bool) -> None:
        guard = self.trial.house.guard
        self._loop.run((guard.pause if pausing else guard.resume)("as it pleases"))
        sent = len(self.trial.witness.sent)
        self._cycle(BAR_SECONDS)
        assert not pausing or len(self.trial.witness.sent) == sent, "an order left while paused"

    @rule(which=ANY, does=st.sampled_from([*Protection, *HedgeDisposition, None]))
    def a_bot_changes_its_mind(self, which: int, does: Change) -> None:
        self._run(self.trial.change(which, does))
        self._cycle(30.0)

    @invariant()
    def every_order_is_right(self) -> None:
        sent = self.trial.witness.sent
        for order in sent[self._checked :]:
            check_order(order)
        self._checked = len(sent)

    @invariant()
    def journal_and_broker_agree_with_the_rows(self) -> None:
        self._run(self.trial.check())

    @property
    def trial(self) -> Trial:
        assert self._trial is not None
        return self._trial

    def teardown(self) -> None:
        try:
            if self._trial is not None:
                self._run(self._trial.come_to_rest())
        finally:
            if self._trial is not None:
                self._run(self._trial.close())
            self._loop.close()
            self._folder.cleanup()

    def _jump(self, points: int, bars: int) -> None:
        control.jump(SYMBOL, points)
        for _ in range(bars):
            self._cycle(BAR_SECONDS)

    def _cycle(self, seconds: float) -> None:
        self._run(self.trial.cycle(seconds))

    def _run(self, step: Step) -> None:
        self._loop.run(step)


def _meddle(held: TradePosition, does: str) -> None:
    """What somebody else may do to a position, ours or not."""
    sign = 1 if held.type == 0 else -1
    match does:
        case "close":
            control.close_position(held.ticket)
        case "halve":
            control.close_position(held.ticket, round(held.volume / 2, 2))
        case "leave little":
            control.close_position(held.ticket, round(held.volume * 0.8, 2))
        case "loosen":
            stop = held.price_current - sign * 900 * POINT
            control.modify_position(held.ticket, stop_loss=round(stop, 5))
        case "bare":
            control.modify_position(held.ticket, stop_loss=None, take_profit=None)
        case "aim":
            target = held.price_current + sign * 350 * POINT
            control.modify_position(held.ticket, take_profit=round(target, 5))


@pytest.mark.timeout(600)
def test_whatever_happens_for_a_while() -> None:
    run_state_machine_as_test(World, settings=settings(max_examples=200, stateful_step_count=10))


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("quarter", range(4))
def test_whatever_happens_for_long(quarter: int) -> None:
    """2,000 worlds, in parts that processes can share."""
    many = settings(max_examples=500, stateful_step_count=30)
    worlds = type(f"World{quarter}", (World,), {})
    run_state_machine_as_test(seed(quarter)(worlds) if many.derandomize else worlds, settings=many)
