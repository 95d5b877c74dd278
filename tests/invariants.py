"""What must hold of the defence, whatever market, broker, bots and operators do."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from dtms_server.domain.action_kinds import ActionKind
from dtms_server.domain.actions import Action, ActionState, Verb
from dtms_server.domain.events import ActionDone, StateChanged
from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, Protection, State, Trade
from dtms_server.ports import ActionFilter
from dtms_server.terminal.simulator import constants as c
from stepping import Steps
from witness import Sent

DUST = 1e-9
FAULTY = frozenset(
    {
        c.TRADE_RETCODE_INVALID,
        c.TRADE_RETCODE_INVALID_VOLUME,
        c.TRADE_RETCODE_INVALID_PRICE,
        c.TRADE_RETCODE_INVALID_STOPS,
        c.TRADE_RETCODE_INVALID_FILL,
        c.TRADE_RETCODE_INVALID_ORDER,
        c.TRADE_RETCODE_INVALID_CLOSE_VOLUME,
    }
)
"""What a broker answers to an order that breaks its rules."""
BAR = timedelta(minutes=5)
WAITED_FOR = timedelta(seconds=60)
"""How long after its send an order may be carried out and is still known."""


def check_order(sent: Sent) -> None:
    """No stop is loosened, no target lost, and the broker has nothing to object to."""
    order, held = sent.order, sent.position
    if order.verb is Verb.PROTECT and held is not None:
        sign = 1 if held.type == c.POSITION_TYPE_BUY else -1
        assert order.stop_loss is not None
        assert not held.sl or (order.stop_loss - held.sl) * sign >= 0, f"loosened: {sent}"
        assert (order.take_profit or 0.0) == held.tp, f"the target was {held.tp}: {sent}"
    if not sent.faults and sent.answer is not None:
        assert sent.answer.retcode not in FAULTY, f"refused: {sent}"


def check_once(actions: Iterable[Action], deals: Mapping[str, Sequence[datetime]]) -> None:
    """No order was carried out twice, nor one that was given up, but for one that came too late to
    be waited for. `deals` are the times of all deals (UTC), by comment."""
    for action in actions:
        at = deals.get(action.comment, ())
        if action.order.verb is not Verb.CLOSE_BY:
            assert len(at) <= 1, f"carried out {len(at)} times: {action}"
        if action.state is ActionState.FAILED:
            early = [each for each in at if each < action.sent_at + WAITED_FOR]
            assert not early, f"given up, and carried out at {early}: {action}"


def check_descents(told: Mapping[int, Sequence[tuple[datetime, object]]], policy: Policy) -> None:
    """No trade is halved twice in a descent, which lasts until it was well for long enough."""
    lasting = policy.defence.states.descent_bars * BAR
    for ticket, events in told.items():
        halves, well_since = 0, None
        for at, event in events:
            match event:
                case StateChanged(after=State.HEALTHY):
                    well_since = at
                case StateChanged(before=State.HEALTHY):
                    if well_since is None or at - well_since >= lasting:
                        halves = 0
                case ActionDone(action=Action(kind=ActionKind.CLOSE_HALF)):
                    halves += 1
            assert halves <= 1, f"{ticket} was halved {halves} times in one descent"


@dataclass(frozen=True, slots=True)
class Family:
    """A trade, those added to it again, and the open hedges of all of them, by trade's ticket."""

    root: Trade
    members: tuple[Trade, ...]
    held: Mapping[int, float]
    hedges: Mapping[int, tuple[float, ...]]

    @property
    def net_lots(self) -> float:
        """What is open on the root's side, less what is on the other."""
        return sum(self.held.values()) - sum(map(sum, self.hedges.values()))

    @property
    def lone(self) -> tuple[int, ...]:
        """The trades that are closed and whose hedges are not."""
        closed = {trade.ticket for trade in self.members if trade.state is State.CLOSED}
        return tuple(ticket for ticket, lots in self.hedges.items() if lots and ticket in closed)

    @property
    def is_ours(self) -> bool:
        """Is all of it defended by orders? None was released, and none is only observed."""
        return all(
            trade.state is not State.RELEASED and trade.terms.protection is Protection.PROTECT
            for trade in self.members
        )


def families(
    trades: Iterable[Trade], actions: Iterable[Action], positions: Sequence[Position]
) -> Iterator[Family]:
    """Yield every family as the terminal's positions show it."""
    trades, by_id = tuple(trades), {p.identifier: p for p in positions}
    hedges = tuple(_hedges(actions, positions))
    for root in trades:
        if root.parent_ticket is not None:
            continue
        members = (root, *(t for t in trades if t.parent_ticket == root.ticket))
        yield Family(
            root,
            members,
            {t.ticket: _lots(by_id.get(t.position_id), t.direction) for t in members},
            {t.ticket: tuple(p.volume_lots for n, p in hedges if n == t.ticket) for t in members},
        )


def check_family(family: Family) -> None:
    """A family is never more than its root was, nor on the other side, nor hedged twice."""
    assert family.net_lots <= family.root.initial_volume_lots + DUST, f"grown: {family}"
    assert not family.lone, f"a hedge was left alone: {family}"
    assert family.net_lots >= -DUST, f"turned: {family}"
    assert all(len(lots) <= 1 for lots in family.hedges.values()), f"hedged twice: {family}"


async def check_fold(house: Steps) -> None:
    """The journal, folded, gives the trades table."""
    kept = {trade.ticket: trade for trade in await house.trades()}
    assert await house.folded() == kept


async def all_actions(house: Steps) -> tuple[Action, ...]:
    """Return every attempt so far."""
    page = await house.guard.ledger.actions.page(ActionFilter(), None, 10_000)
    return tuple(page.actions)


def _hedges(
    actions: Iterable[Action], positions: Iterable[Position]
) -> Iterator[tuple[int, Position]]:
    opened = {a.comment: a for a in actions if a.kind is ActionKind.OPEN_HEDGE}
    for position in positions:
        action = opened.get(position.comment)
        if action is not None:
            yield action.ticket, position


def _lots(position: Position | None, direction: Direction) -> float:
    return position.volume_lots if position and position.direction is direction else 0.0
