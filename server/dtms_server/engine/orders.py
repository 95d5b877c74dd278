"""Sends orders: the intent on disk, the order once, its outcome on disk."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Container, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import structlog

from dtms_server.domain import outcome
from dtms_server.domain.action_kinds import OPENINGS, ActionKind
from dtms_server.domain.actions import Action, Answer, Order, Verdict
from dtms_server.domain.errors import TerminalLost
from dtms_server.domain.events import change
from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.rails import Rail
from dtms_server.domain.sizing import Sized
from dtms_server.domain.timers import bar_end
from dtms_server.domain.trade import Trade
from dtms_server.engine.clock import TerminalClock
from dtms_server.engine.draft import Draft
from dtms_server.engine.roster import Roster
from dtms_server.engine.settling import Settling
from dtms_server.engine.switch import Switch
from dtms_server.engine.view import TerminalView

log = structlog.get_logger()

AGAIN: Final = frozenset({Verdict.FRESH_PRICE, Verdict.RECOMPUTE})
NEXT_CYCLE: Final = AGAIN | {Verdict.BACK_OFF, Verdict.NOT_SENT, Verdict.GONE}
"""Certain refusals after which the next cycle decides anew."""
UNPARKED: Final = NEXT_CYCLE | {Verdict.MARKET_CLOSED}
"""Those that nothing is parked for; after the last a rail holds it until a next quote."""
REFUSED: Final = frozenset({Verdict.FINAL, Verdict.FAULT, Verdict.NO_HEDGING})


@dataclass(frozen=True, slots=True)
class Parked:
    """Until when an action that the broker has refused is left alone: the end of an M5 bar, or for
    as long as one of the positions `behind` (identifiers) is there, which are to go first."""

    until: datetime
    behind: frozenset[int] = frozenset()

    def holds(self, now: datetime, listed: Container[int]) -> bool:
        """Is it still to be left alone?"""
        if self.behind:
            return any(older in listed for older in self.behind)
        return now < self.until


class Orders:
    """Carries out one action at a time; the trade's lock is held by the caller."""

    def __init__(
        self,
        roster: Roster,
        view: TerminalView,
        clock: TerminalClock,
        switch: Switch,
        settling: Settling,
        policy: Policy,
    ) -> None:
        self._roster = roster
        self._view = view
        self._clock = clock
        self._switch = switch
        self._settling = settling
        self._policy = policy
        self._parked: dict[tuple[int, ActionKind], Parked] = {}

    def parked(self, ticket: int, kind: ActionKind, now: datetime) -> Parked | None:
        """Return for how long the action is left alone, since the broker has refused it for now."""
        parked = self._parked.get((ticket, kind))
        if parked is None or parked.holds(now, self._view.picture.by_identifier):
            return parked
        del self._parked[ticket, kind]
        return None

    async def place(
        self, draft: Draft, action: Action, exits: bool, resize: Callable[[], Awaitable[Sized]]
    ) -> Answer | None:
        """Write the intent, with all that the draft tells, and send its order; after a certain
        refusal for an outdated number again with a fresh one, some times. Return the last answer;
        None where the switch went off meanwhile.

        Raises TerminalLost; the order's outcome is then unknown, and settled later.
        """
        left: tuple[Action, Answer] | None = None
        while True:
            answer = await self._send(draft, action, exits)
            draft = Draft(draft.trade, self._clock.now())
            if answer is None:
                break
            left = action, answer
            if answer.verdict not in AGAIN:
                break
            fresh = await resize() if action.sends < self._sends else None
            if not isinstance(fresh, Order):
                break
            action = replace(action, order=fresh, sends=action.sends + 1, sent_at=draft.at)
        if left is not None:
            await self._follow_up(draft.trade, *left)
        return answer

    @property
    def _sends(self) -> int:
        return self._policy.defence.sending.sends_a_cycle

    async def _send(self, draft: Draft, action: Action, exits: bool) -> Answer | None:
        """Send one order, alone, if the switch is on."""
        async with self._switch.gate:
            if self._switch.paused:
                told = outcome.blocked(draft.trade, replace(action, id=""), Rail.PAUSED)
                if told is not None:
                    draft.tell(told)
                await self._roster.record(*draft.taken())
                return None
            draft.tell(outcome.started(draft.trade, action, exits=exits))
            await self._roster.record(*draft.taken())
            try:
                answer = await self._view.send(action.order, action.comment)
            except TerminalLost as loss:
                await self._unknown(draft.trade, action, None, loss.facts["reason"])
                raise
        log.info(
            "order answered",
            ticket=action.ticket,
            action=action.id,
            kind=action.kind,
            verdict=answer.verdict,
            retcode=answer.retcode,
            message=answer.message,
        )
        return answer

    async def _follow_up(self, trade: Trade, action: Action, answer: Answer) -> None:
        match answer.verdict:
            case Verdict.DONE | Verdict.UNKNOWN:
                await self._read_back(trade, action, answer)
            case Verdict.GONE | Verdict.FAULT:
                await self._view.read()  # what is gone is then seen to be
                await self._fail(trade, action, self._unless_gone(action, answer))
            case _:
                await self._fail(trade, action, answer)

    async def _read_back(self, trade: Trade, action: Action, answer: Answer) -> None:
        """Look for what the order did, for as long as a terminal may lag behind its answer."""
        deadline = time.monotonic() + self._policy.defence.sending.read_back_seconds
        told = False
        while not await self._settling.settle(action.ticket, answer):
            if not told:
                await self._unknown(trade, action, answer.retcode, answer.message)
                told = True
            if answer.verdict is Verdict.UNKNOWN or time.monotonic() >= deadline:
                return
            await asyncio.sleep(self._policy.defence.sending.read_back_poll_seconds)

    def _unless_gone(self, action: Action, answer: Answer) -> Answer:
        """What is wrong with a request is that its position is gone, if it is; of one that is told
        to be gone and is listed the next bar may tell more."""
        position_id = action.order.position_id
        if position_id is None:
            return answer
        if position_id not in self._view.picture.by_identifier:
            return replace(answer, verdict=Verdict.GONE)
        told_gone = answer.verdict is Verdict.GONE
        return replace(answer, verdict=Verdict.PARKED) if told_gone else answer

    def _older(self, order: Order) -> Iterator[int]:
        """Yield the identifiers of the positions that are to be closed before an order's."""
        own = self._view.picture.by_identifier.get(order.position_id or 0)
        if own is None:
            return
        for other in self._view.newest.positions:
            if other.symbol == own.symbol and _age(other) < _age(own):
                yield other.identifier

    async def _unknown(
        self, trade: Trade, action: Action, retcode: int | None, message: str
    ) -> None:
        event = outcome.unknown(trade, action, retcode, message)
        await self._roster.record(change(trade, event, self._clock.now()))
        log.warning("order's outcome unknown", ticket=action.ticket, action=action.id)

    async def _fail(self, trade: Trade, action: Action, answer: Answer) -> None:
        now, refused = self._clock.now(), answer.verdict in REFUSED
        if answer.verdict not in UNPARKED:
            older = self._older(action.order) if answer.verdict is Verdict.FIFO else ()
            self._parked[action.ticket, action.kind] = Parked(bar_end(now), frozenset(older))
        if answer.verdict is Verdict.FAULT:
            log.error("our request was wrong", action=action.id, order=str(action.order))
        event = outcome.failed(
            trade,
            action,
            now,
            answer.message,
            answer.retcode,
            for_good=refused and action.kind in OPENINGS,
        )
        await self._roster.record(change(trade, event, now))


def _age(position: Position) -> tuple[datetime, int]:
    """Return what orders positions by age, the oldest first."""
    return position.opened_at, position.identifier
