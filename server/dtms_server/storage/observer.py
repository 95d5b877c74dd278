"""Who is told what the store has done: on the event loop, after each commit."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from dtms_server.domain.events import Recorded


@dataclass(frozen=True, slots=True)
class Observer:
    """Both by default are told to nobody."""

    committed: Callable[[int, float], None] = lambda pieces, seconds: None
    """Gets how many pieces of work one transaction held, and the seconds it took, fsync included;
    of one that failed, too."""
    recorded: Callable[[Sequence[Recorded]], None] = lambda events: None
    """Gets the events that the journal has taken."""


NOBODY: Final = Observer()
