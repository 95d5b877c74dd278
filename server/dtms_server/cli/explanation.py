"""One trade explained: how it stands and why, what it waits for, and what was tried for it."""

from collections.abc import Iterator, Mapping
from typing import Final

from dtms.v1 import action_pb2, trade_pb2
from dtms_client import DtmsClient
from google.protobuf.timestamp_pb2 import Timestamp

from dtms_server.cli import actions, words
from dtms_server.cli.output import print_facts, print_table, say

LAST: Final = 5
"""How many of its last actions are shown."""
SIGNALS: Final = ("SIGNAL", "POINTS", "WEIGHT", "COUNTS", "WHY")
OVER: Final = (trade_pb2.TRADE_STATE_CLOSED, trade_pb2.TRADE_STATE_RELEASED)
ENDS: Final[Mapping[int, str]] = {
    trade_pb2.TRADE_STATE_HEDGED: "then both are closed",
    trade_pb2.TRADE_STATE_RECOVERING: "then it is closed",
}
"""What happens when the timer of a state runs out."""


def explain(client: DtmsClient, ticket: int) -> None:
    """Print all that explains a trade; raises what the client raises."""
    trade = client.get_trade(ticket)
    print_facts(dict(_facts(trade, client.status().terminal.time)))
    if trade.score.points:
        say("")
        print_table(SIGNALS, map(_signal, trade.score.points))
    tried = client.list_actions(trade.ticket, limit=LAST)
    if tried:
        say("")
        actions.print_actions(tried)


Fact = tuple[str, str]
"""A name, and what is to be said under it."""


def _facts(trade: trade_pb2.Trade, now: Timestamp) -> Iterator[Fact]:
    side = words.name(trade_pb2.Direction, trade.direction)
    yield "trade", f"{trade.ticket} {trade.symbol} {side} on {trade.account}"
    if trade.HasField("parent_ticket"):
        yield "added to", str(trade.parent_ticket)
    yield from _position(trade)
    yield "state", _state(trade)
    yield "why", _why(trade)
    yield "score", words.score(trade.score)
    if trade.state not in OVER:
        yield from _defence(trade, now)
    yield from _hedge(trade)
    yield "protection", words.name(trade_pb2.Protection, trade.protection)
    if trade.labels:
        yield "labels", ", ".join(f"{key}={value}" for key, value in trade.labels.items())
    yield "registered", f"{words.time(trade.registered_at)} UTC"


def _position(trade: trade_pb2.Trade) -> Iterator[Fact]:
    lots = words.number(trade.volume)
    whole = (
        "" if trade.volume == trade.initial_volume else f" of {words.number(trade.initial_volume)}"
    )
    renamed = trade.position_ticket != trade.ticket
    now = f", its position is {trade.position_ticket} now" if renamed else ""
    yield "position", f"{lots}{whole} lots at {words.number(trade.entry_price)}{now}"
    first = words.optional(trade, "initial_stop_loss")
    yield "stop", f"{words.optional(trade, 'stop_loss')} (at registration {first})"
    yield "target", words.optional(trade, "take_profit")


def _state(trade: trade_pb2.Trade) -> str:
    hands_off = ", other managers must keep their hands off" if trade.defensive else ""
    return f"{words.state(trade)} since {words.time(trade.state_entered_at)} UTC{hands_off}"


def _why(trade: trade_pb2.Trade) -> str:
    if trade.HasField("profit"):
        reason = words.name(trade_pb2.CloseReason, trade.close_reason)
        at = f"{words.time(trade.closed_at)} UTC"
        return (
            f"closed by {reason} {at}, profit {words.money(trade.profit)} {trade.account_currency}"
        )
    if trade.state == trade_pb2.TRADE_STATE_RELEASED:
        return "its caller, or an operator, released it"
    return trade.state_reason or "registered"


def _defence(trade: trade_pb2.Trade, now: Timestamp) -> Iterator[Fact]:
    measured = words.optional(trade, "r_distance", words.distance)
    yield "R", measured if trade.HasField("r_distance") else "not known before the first analysis"
    until = f"until {words.time(trade.grace_until)} UTC: it shows its score and stays HEALTHY"
    yield "grace", until if _is_ahead(trade.grace_until, now) else "over"
    if trade.HasField("timer_until"):
        yield "timer", f"until {words.time(trade.timer_until)} UTC: {ENDS.get(trade.state, '')}"
    owed = [words.name(action_pb2.ActionKind, kind) for kind in trade.owed]
    yield "to be done", ", ".join(owed) or "nothing"
    if trade.closing_reason:
        yield "closing", f"{trade.closing_reason}: only its end, or a release, stops that"


def _is_ahead(at: Timestamp, now: Timestamp) -> bool:
    return at.ToNanoseconds() > now.ToNanoseconds()


def _hedge(trade: trade_pb2.Trade) -> Iterator[Fact]:
    if trade.HasField("hedge_ticket"):
        lots, at = words.number(trade.hedge_volume), words.time(trade.hedge_opened_at)
        yield "hedge", f"{trade.hedge_ticket}, {lots} lots, open since {at} UTC"
    if trade.HasField("hedge_profit"):
        yield "hedges gone", f"profit {words.money(trade.hedge_profit)} {trade.account_currency}"


def _signal(each: trade_pb2.SignalPoints) -> tuple[str, ...]:
    return (
        words.signal(each),
        words.points(each.points),
        words.number(each.weight),
        words.points(each.points * each.weight),
        each.reason,
    )
