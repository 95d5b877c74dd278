"""DTMS on trial: in steps, before a witness, where it may die, and what must hold of it."""

from collections import defaultdict
from collections.abc import Coroutine
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chances import SYMBOL
from dtms_server.domain.actions import OUR_COMMENT
from dtms_server.domain.claims import Claim, HedgeDisposition
from dtms_server.domain.errors import HedgeNotClosed, TerminalLost, TradeHedged, TradeNotGuarded
from dtms_server.domain.events import ActionBlocked, ActionFailed
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, Protection
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings
from invariants import (
    BAR,
    all_actions,
    check_descents,
    check_family,
    check_fold,
    check_once,
    families,
)
from stepping import Steps, stepping
from witness import Death, Witness

POINT = 1e-5
Change = Protection | HedgeDisposition | None
"""What a bot may want of a trade: other protection, or its release."""


@dataclass
class Trial:
    """The engine and its database in a folder, at a terminal that outlives both."""

    folder: Path
    settings: Settings
    policy: Policy
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)

    def __post_init__(self) -> None:
        self.witness = Witness(self.settings)
        self.house: Steps

    async def start(self) -> None:
        entered = stepping(self.folder, self.settings, self.policy, self.witness)
        self.house = await self._open.enter_async_context(entered)

    async def close(self) -> None:
        await self._open.aclose()

    async def restart(self) -> None:
        self.witness.dies = None
        control.clear_faults()
        await self.close()
        await self.start()

    async def cycle(self, seconds: float) -> None:
        """Let time pass and run a cycle; several, at close quarters, while an outcome is open."""
        await self._one_cycle(seconds)
        for _ in range(4):
            if await self.house.guard.ledger.actions.unsettled():
                await self._one_cycle(12.0)

    async def open(
        self,
        side: Direction,
        lots: float,
        stop: int | None,
        target: int | None,
        protection: Protection,
    ) -> None:
        """Open a position as a bot does, stop and target in points from it, and register it."""
        control.clear_faults()
        with suppress(control.Refused):  # what the broker does not take, the bot does without
            opened = control.open_position(SYMBOL, side.value, lots)
            assert opened is not None
            claim = Claim(opened.ticket, SYMBOL, side, protection=protection)
            await self.house.guard.registration.register(claim)
            at, sign = opened.price_open, side.sign
            control.modify_position(
                opened.ticket,
                None if stop is None else round(at - sign * stop * POINT, 5),
                None if target is None else round(at + sign * target * POINT, 5),
            )

    async def change(self, which: int, does: Change) -> None:
        """Let a bot change its mind about one of the trades."""
        trades = await self.house.trades()
        if not trades:
            return
        ticket, registration = trades[which % len(trades)].ticket, self.house.guard.registration
        with suppress(TradeNotGuarded, TradeHedged, HedgeNotClosed):
            if isinstance(does, Protection):
                await registration.update(ticket, does, None)
            else:
                await registration.release(ticket, does)

    async def check(self) -> None:
        """Whatever has happened, this holds now."""
        house = self.house
        await check_fold(house)
        told: dict[int, list[Any]] = {}
        for one in await house.journal():
            if one.ticket is not None:
                told.setdefault(one.ticket, []).append((one.at, one.event))
        check_descents(told, self.policy)
        actions = await all_actions(house)
        check_once(actions, _deals())
        now, _ = control.clock()
        held_back = any(
            isinstance(event, ActionFailed | ActionBlocked) and now - at <= 2 * BAR
            for events in told.values()
            for at, event in events
        )
        busy = any(action.is_unsettled for action in actions) or current().broker.book.waiting
        if not (held_back or busy or control.faults() or house.guard.switch.paused):
            await self._check_families()  # as the last cycle left them, which could send

    async def come_to_rest(self) -> None:
        """Without faults all is settled, and in order, some bars later."""
        control.clear_faults()
        await self.house.guard.resume("the end")
        for _ in range(6):
            await self.cycle(BAR.total_seconds())
        actions = await all_actions(self.house)
        assert not [action for action in actions if action.is_unsettled], "not settled"
        ours = {p.comment for p in control.positions() if p.comment.startswith(OUR_COMMENT)}
        assert ours <= {action.comment for action in actions}
        await self.check()

    async def _one_cycle(self, seconds: float) -> None:
        control.advance(seconds)
        try:
            await self.house.guard.monitor.cycle()
        except (Death, TerminalLost):
            self.house.guard.monitor.stop("it died")  # at once: nothing that follows in it happens
            await self.restart()
            await self.house.guard.monitor.cycle()

    async def _check_families(self) -> None:
        snapshot = await self.witness.snapshot()
        actions = await all_actions(self.house)
        for family in families(await self.house.trades(), actions, snapshot.positions):
            if family.is_ours:
                check_family(family)


def _deals() -> dict[str, list[datetime]]:
    """Return when the broker made its deals, by the comment of their orders."""
    world, found = current(), defaultdict[str, list[datetime]](list)
    for deal in world.broker.book.deals:
        at = world.zone.utc(deal.time_msc / 1000)
        found[deal.comment].append(datetime.fromtimestamp(at, UTC))
    return found


Step = Coroutine[Any, Any, None]
"""Something that takes place in a trial."""
