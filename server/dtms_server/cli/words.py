"""Values of the API in words, as people read them."""

from collections.abc import Callable
from datetime import UTC
from typing import Any, Final, Protocol

from dtms.v1 import trade_pb2
from google.protobuf.descriptor import EnumDescriptor
from google.protobuf.timestamp_pb2 import Timestamp

from dtms_server.cli.plain import short_name

NOTHING: Final = "-"
STRONGEST: Final = 3
"""How many signals are named where there is no room for all."""


class Enum(Protocol):
    """An enum of the API."""

    DESCRIPTOR: EnumDescriptor


def time(stamp: Timestamp) -> str:
    """Return a time in UTC to the second."""
    return f"{stamp.ToDatetime(UTC):%Y-%m-%d %H:%M:%S}"


def number(value: float) -> str:
    """Return a price or a volume without binary noise."""
    return f"{value:.10g}"


def distance(value: float) -> str:
    """Return a distance in price; it is made of averages, and has no last digit."""
    return f"{value:.4g}"


def money(value: float) -> str:
    """Return an amount, in the account's currency, with its sign."""
    return f"{value:+.2f}"


def points(value: float) -> str:
    """Return points of a score, with their sign."""
    return f"{value:+.3g}" if value else "0"


def name(enum: Enum, value: int) -> str:
    """Return an enum's value as the API's documentation calls it."""
    return short_name(enum.DESCRIPTOR, value)


def optional(message: Any, field: str, words: Callable[[Any], str] = number) -> str:
    """Return a field in words, or a dash where it is absent."""
    return words(getattr(message, field)) if message.HasField(field) else NOTHING


def stops(message: Any) -> str:
    """Return the stop loss and the take profit of whatever has them."""
    return f"stop {optional(message, 'stop_loss')}, target {optional(message, 'take_profit')}"


def state(trade: trade_pb2.Trade) -> str:
    """Return the state, and that a close is not proved where it is not."""
    doubt = " (closing unconfirmed)" if trade.closing_unconfirmed else ""
    return name(trade_pb2.TradeState, trade.state) + doubt


def signal(each: trade_pb2.SignalPoints) -> str:
    """Return a signal's name as the policy spells it."""
    return name(trade_pb2.Signal, each.signal).lower()


def strongest(given: trade_pb2.Score) -> str:
    """Return the signals that count most in a score, each with what it counts."""
    counted = [(each.points * each.weight, signal(each)) for each in given.points]
    counted.sort(key=lambda one: abs(one[0]), reverse=True)
    return ", ".join(f"{who} {points(what)}" for what, who in counted[:STRONGEST] if what)


def score(given: trade_pb2.Score) -> str:
    """Return a score, or why there is none, in a few words."""
    if not given.HasField("value"):
        return f"none: {given.missing_reason}" if given.missing_reason else "none"
    regime = given.regime
    return (
        f"{given.value:+.2f} of the bar to {time(given.bar_closed_at)} UTC "
        f"({regime.session}, {regime.volatility} volatility, {regime.structure})"
    )
