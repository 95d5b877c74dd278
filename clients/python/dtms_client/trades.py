"""A list of trades, and the place in the journal that it was read at."""

from collections.abc import Iterator
from dataclasses import dataclass

from dtms.v1.trade_pb2 import Trade


@dataclass(frozen=True, slots=True)
class TradeList:
    """Trades by ticket, of all pages. `events(since=resume_token)` tells all that came after.

    >>> trades = dtms.list_trades()
    >>> [trade.ticket for trade in trades] == sorted(trade.ticket for trade in trades.trades)
    True
    """

    trades: tuple[Trade, ...]
    resume_token: str

    def __iter__(self) -> Iterator[Trade]:
        return iter(self.trades)

    def __len__(self) -> int:
        return len(self.trades)
