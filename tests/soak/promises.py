"""What a bot was told: the answers that the service must stand by."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from dtms.v1.trade_pb2 import Trade, TradeState

Labels = Mapping[str, str]


@dataclass(slots=True)
class Promise:
    """What a bot knows of one trade: the labels of its last answer, with those of calls since that
    were not answered, and what the answer to a release said that the trade is: RELEASED, or CLOSED
    where its end was quicker."""

    labels: tuple[Labels, ...]
    let_go: str = ""


@dataclass(slots=True)
class Promises:
    """All that one bot was told; the bot writes, the audit reads."""

    _kept: dict[int, Promise] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def asked(self, ticket: int, labels: Labels) -> None:
        """A call that changes labels is about to be made."""
        with self._lock:
            if (known := self._kept.get(ticket)) is not None:
                known.labels += (dict(labels),)

    def told(self, trade: Trade) -> None:
        """A trade was answered, as it now is."""
        with self._lock:
            known = self._kept.setdefault(trade.ticket, Promise(()))
            known.labels = (dict(trade.labels),)

    def told_let_go(self, trade: Trade) -> None:
        """A release was answered."""
        with self._lock:
            self._kept[trade.ticket].let_go = state_of(trade)

    def copy(self) -> dict[int, Promise]:
        """Return all of it as it is now."""
        with self._lock:
            return {
                ticket: Promise(promise.labels, promise.let_go)
                for ticket, promise in self._kept.items()
            }


def state_of(trade: Trade) -> str:
    """Return a trade's state by the domain's name."""
    return TradeState.Name(trade.state).removeprefix("TRADE_STATE_")
