"""The one world of this process, and what the module keeps between calls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from dtms_server.terminal.simulator.failure import SUCCESS, Broken, Failed, hang, not_connected
from dtms_server.terminal.simulator.faults import Hang, Nothing, Pipe
from dtms_server.terminal.simulator.settings import Settings
from dtms_server.terminal.simulator.world import World

Value = TypeVar("Value")
Arguments = TypeVar("Arguments")


@dataclass(slots=True)
class Session:
    """The world once there is one, whether `initialize()` was called, and the last error."""

    world: World | None = None
    initialized: bool = False
    error: tuple[int, str] = SUCCESS


SESSION = Session()


def start(settings: Settings) -> World:
    """Begin or take up a world; one that was there before is left as its file has it."""
    SESSION.world = World(settings)
    SESSION.initialized = False
    SESSION.error = SUCCESS
    return SESSION.world


def current() -> World:
    """Return the world; one of default settings where none was started."""
    return SESSION.world or start(Settings())


def checked(call: str, read: Callable[[], Arguments]) -> Arguments | None:
    """Return a call's arguments as they are read; None, and the error, where they are wrong. Raises
    SystemError."""
    try:
        return read()
    except Broken as failure:
        fail(failure)
        said = f"<built-in function {call}> returned a result with an exception set"
        raise SystemError(said) from failure.__cause__
    except Failed as failure:
        fail(failure)
        return None


def ask_for(
    call: str, read: Callable[[], Arguments], answer: Callable[[World, Arguments], Value]
) -> Value | None:
    """Answer a call by its arguments, or None and the error. Raises SystemError."""
    wanted = checked(call, read)
    return None if wanted is None else ask(call, lambda world: answer(world, wanted))


def ask(
    call: str,
    answer: Callable[[World], Value],
    unconnected: Callable[[], Failed] = not_connected,
) -> Value | None:
    """Answer a call of the module from the world, or None and the error."""
    try:
        if not SESSION.initialized:
            raise unconnected()
        world = current()
        _suffer(world, call)
        world.advance()
        value = answer(world)
    except Failed as failure:
        fail(failure)
        return None
    SESSION.error = SUCCESS
    return value


def fail(failure: Failed) -> None:
    """Keep the error for `last_error()`."""
    SESSION.error = (failure.code, failure.text)


def connect(read: Callable[[], Arguments], admit: Callable[[World, Arguments], bool]) -> bool:
    """Answer `initialize`: the pipe is mended, and the world says whom it lets in."""
    wanted = checked("initialize", read)
    if wanted is None:
        return False
    world = current()
    if world.faults.find(Pipe):
        world.faults.end(Pipe)
        world.save()
    SESSION.initialized = True
    SESSION.initialized = ask("initialize", lambda world: admit(world, wanted)) is True
    return SESSION.initialized


def _suffer(world: World, call: str) -> None:
    """Let the faults strike that are in force for this call."""
    if world.faults.find(Pipe):
        SESSION.initialized = False
        raise not_connected()
    struck = world.faults.take(Hang, call)
    if struck is not None:
        world.save()  # first, for a process that hangs may be killed, and should not hang again
        hang(struck.seconds)
    nothing = world.faults.take(Nothing, call)
    if nothing is not None:
        world.save()
        raise Failed(nothing.code, "Terminal: Call failed")
