"""The file beside a world's state that done orders and deals are only ever added to: what a world
has behind it grows, and is not to be written again at each change."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from dtms_server.terminal.simulator.records import TradeDeal, TradeOrder

Entry = tuple[Sequence[TradeOrder], Sequence[TradeDeal]]
"""What one change has added: a line of the file."""
_ENTRIES: Final = msgspec.json.Decoder(tuple[list[TradeOrder], list[TradeDeal]])


class Mark(msgspec.Struct, frozen=True):
    """How far a state reaches into its chronicle: records, and the bytes that they take there. What
    lies behind is of a change whose state was not written any more."""

    orders: int = 0
    deals: int = 0
    size_bytes: int = 0


def path_of(state: Path) -> Path:
    """Return where the chronicle of a state lies."""
    return state.with_name(state.name + ".past")


def pair(state: Path) -> str:
    """Return how to name a state and its chronicle where they are to go together."""
    return f"{state.name} and {path_of(state).name}"


def extend(
    path: Path, mark: Mark, orders: Sequence[TradeOrder], deals: Sequence[TradeDeal]
) -> Mark:
    """Put on disk what there is past the mark, and return the new one."""
    new = orders[mark.orders :], deals[mark.deals :]
    if not any(new):
        return mark
    line = msgspec.json.encode(new) + b"\n"
    with path.open("r+b" if mark.size_bytes else "wb") as file:
        file.truncate(mark.size_bytes)
        file.seek(mark.size_bytes)
        file.write(line)
        file.flush()
        os.fsync(file.fileno())
    return Mark(len(orders), len(deals), mark.size_bytes + len(line))


def read(path: Path, mark: Mark) -> tuple[list[TradeOrder], list[TradeDeal]]:
    """Read up to the mark. Raises OSError, and msgspec's DecodeError where that is not there."""
    orders: list[TradeOrder] = []
    deals: list[TradeDeal] = []
    if mark.size_bytes:
        with path.open("rb") as file:
            for line in file.read(mark.size_bytes).splitlines():
                more = _ENTRIES.decode(line)
                orders += more[0]
                deals += more[1]
    if (len(orders), len(deals)) != (mark.orders, mark.deals):
        raise msgspec.DecodeError(f"{path} lacks orders and deals that it should have")
    return orders, deals
