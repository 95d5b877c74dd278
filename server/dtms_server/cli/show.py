"""How a demo is shown: a live screen on a terminal, plain lines elsewhere."""

import sys
from collections import deque
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Final, Protocol

from dtms.v1 import event_pb2, trade_pb2
from dtms_client import DtmsClient
from rich.console import Group
from rich.live import Live
from rich.text import Text

from dtms_server.cli import event_words
from dtms_server.cli.output import say, table
from dtms_server.cli.trades import COLUMNS, row

SHOWN_TRADES: Final = 16
SHOWN_EVENTS: Final = 12


class Show(Protocol):
    """Something that shows a demo."""

    def event(self, event: event_pb2.MonitorEvent) -> None:
        """Take an event as it comes."""

    def draw(self, client: DtmsClient) -> None:
        """Show how things stand."""


def show() -> AbstractContextManager[Show]:
    """Return what suits standard output."""
    return Screen() if sys.stdout.isatty() else nullcontext(Lines())


class Lines:
    """Prints events, one a line."""

    def event(self, event: event_pb2.MonitorEvent) -> None:
        """See Show."""
        say(event_words.line(event))

    def draw(self, client: DtmsClient) -> None:
        """See Show; the events have told it."""


class Screen:
    """Redraws a table of trades above the last events."""

    def __init__(self) -> None:
        self._live = Live(auto_refresh=False, vertical_overflow="crop")
        self._events: deque[str] = deque(maxlen=SHOWN_EVENTS)

    def __enter__(self) -> "Screen":
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def event(self, event: event_pb2.MonitorEvent) -> None:
        """See Show."""
        self._events.append(event_words.brief_line(event))

    def draw(self, client: DtmsClient) -> None:
        """See Show."""
        trades = newest(client.list_trades(include_closed=True).trades, SHOWN_TRADES)
        events = [Text(line, no_wrap=True, overflow="ellipsis") for line in self._events]
        picture = Group(table(COLUMNS, map(row, trades)), Text(), *events)
        self._live.update(picture, refresh=True)


def newest(trades: Sequence[trade_pb2.Trade], most: int) -> list[trade_pb2.Trade]:
    """Return the open trades, and of the closed ones the last to close while there is room."""
    opened = [trade for trade in trades if not trade.HasField("closed_at")]
    closed = [trade for trade in trades if trade.HasField("closed_at")]
    closed.sort(key=lambda trade: trade.closed_at.ToNanoseconds(), reverse=True)
    return (opened + closed)[:most]
