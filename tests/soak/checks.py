"""The invariants of the whole: each looks at the evidence and raises Breach where it is broken."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Final

from dtms_server.domain.market import Position
from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import State, Trade
from invariants import check_family, check_once, families
from soak.breach import Breach
from soak.evidence import Evidence, Seen

Check = Callable[[Evidence], None]
DUST: Final = 1e-9
REMOVABLE: Final = timedelta(days=Policy().closed_kept_days) - timedelta(hours=1)
"""How old a closed or released trade may be to be sure that it is still kept."""
SERVING: Final = "SERVING"


def nothing_acknowledged_is_lost(found: Evidence) -> None:
    """Every trade that a bot was told of is listed, with the labels and the release it was told."""
    for ticket, promise in found.promised.items():
        if ticket not in found.answered.listed:
            if not _may_be_removed(found, ticket):
                raise Breach(f"trade {ticket} was acknowledged and is not listed")
            continue
        labels, state = found.answered.listed[ticket]
        if dict(labels) not in [dict(each) for each in promise.labels]:
            raise Breach(f"trade {ticket} has labels {labels}, its bot was told {promise.labels}")
        if promise.let_go and state != promise.let_go:
            raise Breach(
                f"trade {ticket} was told to be {promise.let_go}, and is listed as {state}"
            )


def the_list_is_the_table(found: Evidence) -> None:
    """What the API lists is what the database keeps."""
    rows = {t: (dict(row.terms.labels), str(row.state)) for t, row in found.kept.trades.items()}
    listed = {t: (dict(labels), state) for t, (labels, state) in found.answered.listed.items()}
    _same("the trades listed", listed, "the trades kept", rows)


def the_journal_has_no_gap(found: Evidence) -> None:
    """Sequences run from 1 on without a gap or a repeat, and what can be streamed is all there."""
    sequences = [event.sequence for event in found.kept.events]
    if sequences != list(range(1, len(sequences) + 1)):
        raise Breach(f"the journal has a gap or a repeat: {_first_wrong(sequences, 1)}")
    first = found.kept.compacted_through + 1
    if list(found.kept.streamable) != list(range(first, len(sequences) + 1)):
        wrong = _first_wrong(list(found.kept.streamable), first)
        raise Breach(f"the journal lacks events that can still be streamed: {wrong}")


def the_journal_makes_the_trades(found: Evidence) -> None:
    """The journal, folded, gives the trades table."""
    rows = found.kept.trades
    made = {
        t: trade
        for t, trade in found.kept.folded.items()
        if t in rows or not _may_be_removed(found, t)
    }
    _same("the trades table", rows, "what the journal makes of it", made)


def each_dashboard_saw_the_journal(found: Evidence) -> None:
    """Each dashboard saw exactly the journal's events that it wants, once and in order."""
    for seen in found.seen:
        wanted = [e.told for e in found.kept.events if seen.wanted.fits(e.symbol, e.type)]
        told = list(seen.told)
        if told != (wanted[: len(told)] if seen.may_lag else wanted):
            raise Breach(f"dashboard {seen.name!r} {_difference(seen, wanted)}")


def each_order_once(found: Evidence) -> None:
    """No order was carried out twice, nor one that was given up."""
    try:
        check_once(found.kept.actions, found.shown.deals)
    except AssertionError as error:
        raise Breach(str(error)) from error


def every_outcome_is_known(found: Evidence) -> None:
    """At rest no action waits for its outcome, no closing for its proof, no order at the broker."""
    if unsettled := [action for action in found.kept.actions if action.is_unsettled]:
        raise Breach(f"not settled: {unsettled[0]}")
    if doubted := [t for t, row in found.kept.trades.items() if row.terms.closing_unconfirmed]:
        raise Breach(f"the closing of {doubted} is not confirmed")
    if found.shown.waiting:
        raise Breach(f"{found.shown.waiting} orders wait at the broker")


def no_stop_was_loosened(found: Evidence) -> None:
    """No order of ours moved a stop away from the price, nor lost a target."""
    if found.kept.loosened:
        raise Breach(f"loosened: {found.kept.loosened[0]}")


def families_are_in_order(found: Evidence) -> None:
    """No family has grown, turned or is hedged twice, and no hedge is alone; while the market is
    closed nothing can be done about it."""
    if not found.shown.is_open:
        return
    all_ = families(found.kept.trades.values(), found.kept.actions, found.shown.positions)
    for family in all_:
        if family.is_ours:
            try:
                check_family(family)
            except AssertionError as error:
                raise Breach(str(error)) from error


def the_terminal_agrees(found: Evidence) -> None:
    """Guarded trades have their positions, volumes, stops and hedges; closed ones have none."""
    held = {position.identifier: position for position in found.shown.positions}
    for trade in found.kept.trades.values():
        for what, is_so in _agreement(trade, held):
            if not is_so:
                position = held.get(trade.position_id)
                raise Breach(f"trade {trade.ticket} is {trade.state}, {what}: {trade}, {position}")


def the_service_is_well(found: Evidence) -> None:
    """Readiness and liveness say SERVING, under all their names."""
    for name, status in found.answered.health.items():
        if status != SERVING:
            raise Breach(f"health of {name!r} is {status}")


def statuses_are_in_the_table(found: Evidence) -> None:
    """No call ended with a status that the table does not have."""
    if found.answered.unforeseen:
        raise Breach(f"calls ended with {dict(found.answered.unforeseen)}")


def the_database_is_sound(found: Evidence) -> None:
    """SQLite finds nothing wrong with its file."""
    if found.kept.soundness != "ok":
        raise Breach(f"the database is damaged: {found.kept.soundness}")


ALWAYS: Final[tuple[Check, ...]] = (
    the_database_is_sound,
    the_journal_has_no_gap,
    the_journal_makes_the_trades,
    each_dashboard_saw_the_journal,
    each_order_once,
    no_stop_was_loosened,
    statuses_are_in_the_table,
)
"""What holds at any moment."""
AT_REST: Final[tuple[Check, ...]] = (
    the_list_is_the_table,
    nothing_acknowledged_is_lost,
    the_service_is_well,
    every_outcome_is_known,
    the_terminal_agrees,
    families_are_in_order,
)
"""What holds once all has settled."""


def check(found: Evidence, checks: Sequence[Check]) -> None:
    """Raise the first Breach, with the name of its check."""
    for each in checks:
        try:
            each(found)
        except Breach as breach:
            raise Breach(str(breach), each.__name__) from breach


def _agreement(trade: Trade, held: Mapping[int, Position]) -> Iterator[tuple[str, bool]]:
    position, terms = held.get(trade.position_id), trade.terms
    if trade.state is State.CLOSED:
        yield "and its position is open", position is None
    elif trade.is_guarded:
        yield "and its position is gone", position is not None
        if position is not None:
            same = abs(position.volume_lots - terms.volume_lots) < DUST
            yield "and its volume is another", same
            levels = terms.stop_loss, terms.take_profit
            yield "and its stops are others", (position.stop_loss, position.take_profit) == levels
    if terms.hedge is not None:
        hedge = held.get(terms.hedge.position_id)
        yield "and its hedge is gone", hedge is not None
        if hedge is not None:
            same = abs(hedge.volume_lots - terms.hedge.volume_lots) < DUST
            yield "and its hedge's volume is another", same


def _may_be_removed(found: Evidence, ticket: int) -> bool:
    trade = found.kept.folded.get(ticket)
    ended = trade is not None and trade.state in (State.CLOSED, State.RELEASED)
    return ended and trade is not None and found.shown.at - trade.state_entered_at > REMOVABLE


def _same(what: str, one: Mapping[int, object], other_: str, other: Mapping[int, object]) -> None:
    for ticket in sorted(one.keys() | other.keys()):
        if one.get(ticket) != other.get(ticket):
            raise Breach(
                f"of {ticket}: {what} have {one.get(ticket)}, {other_} {other.get(ticket)}"
            )


def _first_wrong(sequences: list[int], first: int) -> str:
    for expected, found in enumerate(sequences, first):
        if expected != found:
            return f"{found} where {expected} is due"
    return f"they end with {first + len(sequences) - 1}"


def _difference(seen: Seen, wanted: list[tuple[int, int, str]]) -> str:
    for number, (told, due) in enumerate(zip(seen.told, wanted, strict=False)):
        if told != due:
            return f"was told {told} as event {number + 1}, where {due} is due"
    return f"was told {len(seen.told)} events of {len(wanted)}"
