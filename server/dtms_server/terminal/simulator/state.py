"""The file that a simulated terminal keeps its world in, but for what is done: see chronicle."""

import os
from pathlib import Path

import msgspec

from dtms_server.terminal.simulator import chronicle
from dtms_server.terminal.simulator.book import Book
from dtms_server.terminal.simulator.chronicle import Mark
from dtms_server.terminal.simulator.conditions import Conditions, Rules
from dtms_server.terminal.simulator.faults import Fault
from dtms_server.terminal.simulator.quotes import Jump
from dtms_server.terminal.simulator.scenario import Scenario
from dtms_server.terminal.simulator.script import Played


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """What a world was made of; a state goes on only with the same. `replay`: each file's name
    and size in bytes; `seed` is None for a replay."""

    symbols: tuple[str, ...]
    seed: int | None
    replay: tuple[tuple[str, int], ...]
    server_offset: str
    min_spread: int
    account: str
    login: int


class State(msgspec.Struct, frozen=True, kw_only=True):
    """A world at one moment: `utc` is the virtual clock, `wall` ours (epochs in seconds), `now`
    how far the broker has come (server milliseconds), `asked_speed` the speed it was started with
    and `speed` the one it ran at; so also `asked_scenario`, and what is `played`. Orders and deals
    of the book lie in its chronicle, up to `past`.
    """

    origin: Origin
    utc: float
    wall: float
    now: int
    asked_speed: float | None
    speed: float
    book: Book
    past: Mark = Mark()
    jumps: list[Jump]
    faults: list[Fault]
    conditions: dict[str, Conditions] = {}
    rules: Rules = Rules()
    asked_scenario: Scenario | None = None
    played: Played | None = None


def load(path: Path) -> State | None:
    """Read the state; None where there is no file yet. ValueError where it cannot be read."""
    try:
        state = msgspec.json.decode(path.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.DecodeError) as error:
        raise _unreadable(path, error) from error
    if state.past != Mark():  # else it is new, or of a version without a chronicle
        beside = chronicle.path_of(path)
        try:
            state.book.orders, state.book.deals = chronicle.read(beside, state.past)
        except (OSError, msgspec.DecodeError) as error:
            raise _unreadable(path, error, beside) from error
    return state


def _unreadable(path: Path, error: Exception, beside: Path | None = None) -> ValueError:
    return ValueError(
        f"simulator state {beside or path} cannot be read ({error}): move {chronicle.pair(path)} "
        "away, or name another file"
    )


def save(path: Path, state: State) -> None:
    """Put the state on disk, whole or not at all."""
    book = state.book
    mark = chronicle.extend(chronicle.path_of(path), _mark(path), book.orders, book.deals)
    present = msgspec.structs.replace(book, orders=[], deals=[])
    fresh = path.with_name(path.name + ".new")
    with fresh.open("wb") as file:
        file.write(msgspec.json.encode(msgspec.structs.replace(state, book=present, past=mark)))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


class _Past(msgspec.Struct, frozen=True):
    """What is read of a state to add to its chronicle."""

    past: Mark = Mark()


def _mark(path: Path) -> Mark:
    """Return how far the state on disk reaches into its chronicle."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=_Past).past
    except FileNotFoundError:
        return Mark()


def check(path: Path, saved: Origin, wanted: Origin) -> None:
    """Raise ValueError where a state was made for another world than the one wanted."""
    for name in Origin.__struct_fields__:
        had, wants = getattr(saved, name), getattr(wanted, name)
        if had != wants:
            raise ValueError(
                f"simulator state {path} was made with {name} {had}, not {wants}: "
                "start it as before, or name another file"
            )
