"""What may be done to a simulated terminal from outside: trades by somebody's hand, faults, time.

Nothing here goes through the faults; what cannot be done raises Refused.
"""

import math
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec
from msgspec import UNSET, UnsetType

from dtms_server.terminal.simulator import conditions, hand, market_watch
from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.facts import SymbolInfo
from dtms_server.terminal.simulator.failure import Refused
from dtms_server.terminal.simulator.records import TradePosition, TradeRequest
from dtms_server.terminal.simulator.scenario import Scenario
from dtms_server.terminal.simulator.scenario import read as scenario
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.session import start as _start
from dtms_server.terminal.simulator.settings import MAX_SPEED, Settings
from dtms_server.terminal.simulator.world import World

__all__ = ["Refused", "Settings", "scenario"]

Direction = Literal["BUY", "SELL"]
_TYPES: Final = {"BUY": c.ORDER_TYPE_BUY, "SELL": c.ORDER_TYPE_SELL}
_LAST_DAY: Final = datetime(2100, 1, 1, tzinfo=UTC)


def start(settings: Settings) -> None:
    """Begin a world, or take one up from its state's file. Raises ValueError."""
    _start(settings)


def open_position(
    symbol: str,
    direction: Direction,
    volume: float,
    stop_loss: float | None = None,
    take_profit: float | None = None,
    magic: int = 0,
    comment: str = "",
) -> TradePosition | None:
    """Deal at the market's price, by hand; volume in lots. Return the position as it then is; None
    where a netting account has none left of the symbol."""
    if direction not in _TYPES:
        raise Refused(c.TRADE_RETCODE_INVALID, f"direction {direction!r} is neither BUY nor SELL")
    world = _now()
    request = TradeRequest(
        symbol=symbol,
        volume=float(volume),
        type=_TYPES[direction],
        sl=stop_loss or 0.0,
        tp=take_profit or 0.0,
        magic=magic,
        comment=comment,
    )
    order = hand.deal(world.broker, request).order
    world.save()
    identifier = next(
        o.position_id for o in reversed(world.broker.book.orders) if o.ticket == order
    )
    return next((held for held in positions() if held.identifier == identifier), None)


def close_position(
    ticket: int, volume: float | None = None, reason: int = c.DEAL_REASON_CLIENT
) -> TradePosition | None:
    """Close a position, or `volume` lots of it, by somebody's hand or another DEAL_REASON_….
    Return what is left of it."""
    world = _now()
    position = _held(world, ticket)
    volume = position.volume if volume is None else float(volume)
    hand.close(world.broker, position, volume, reason)
    world.save()
    left = world.broker.book.positions.get(ticket)
    return None if left is None else world.broker.valued(left)


def modify_position(
    ticket: int,
    stop_loss: float | UnsetType | None = UNSET,
    take_profit: float | UnsetType | None = UNSET,
) -> TradePosition:
    """Change a position's stop and target; None removes one, what is left out stays."""
    world = _now()
    position = _held(world, ticket)
    stop = position.sl if stop_loss is UNSET else stop_loss or 0.0
    target = position.tp if take_profit is UNSET else take_profit or 0.0
    hand.protect(world.broker, position, stop, target)
    world.save()
    return world.broker.valued(_held(world, ticket))


def positions() -> tuple[TradePosition, ...]:
    """Return the open positions with what they are worth now, by ticket."""
    return _now().broker.positions()


def inject(fault: str, /, **parameters: object) -> None:
    """Let a fault strike: one of `faults.KINDS`, by its tag, with its fields."""
    _now().inject(fault, parameters)


def faults() -> list[dict[str, Any]]:
    """Return the faults in force, oldest first: `type` and parameters of each."""
    active: list[dict[str, Any]] = msgspec.to_builtins(_now().faults.active)
    return active


def clear_faults(fault: str | None = None) -> None:
    """End all faults, or those of one name; a call that hangs already goes on to hang, and an order
    that is to be carried out later is."""
    _now().clear(fault)


def symbol(name: str, /, **changes: object) -> SymbolInfo:
    """Change a symbol's conditions (those of conditions.py; what is left out stays) from now on,
    also after a restart, and return its facts."""
    world = _now()
    try:
        world.change(name, changes)
    except ValueError as error:
        raise Refused(0, str(error)) from error
    return market_watch.info(world, world.symbols[name])


def account(**changes: object) -> dict[str, Any]:
    """Change the account's rules (those of conditions.py; what is left out stays) from now on, also
    after a restart, and return them all."""
    world = _now()
    try:
        world.broker.rules = conditions.rules(changes, world.broker.rules)
    except ValueError as error:
        raise Refused(0, str(error)) from error
    world.save()
    in_force: dict[str, Any] = msgspec.to_builtins(world.broker.rules)
    return in_force


def deposit(amount: float) -> None:
    """Pay so much into the account, in its currency; below 0 out of it, of what is free."""
    world = _now()
    broker = world.broker
    if not math.isfinite(amount) or round(amount, 2) == 0:
        raise Refused(0, f"{amount} cannot be paid in or out")
    if amount < 0 and -amount > broker.margin_free:
        raise Refused(c.TRADE_RETCODE_NO_MONEY, f"only {broker.margin_free} is free")
    broker.book.deposit(round(amount, 2), broker.now)
    world.save()


def play(scenario: Scenario | None) -> None:
    """Begin a scenario now, in place of the one that is played; None ends that."""
    if scenario is not None and scenario.start is not None:
        raise Refused(0, f"{scenario.title!r} begins with a new world, at {scenario.start}")
    try:
        _now().play(scenario)
    except ValueError as error:
        raise Refused(0, str(error)) from error


def charge(amount: float) -> None:
    """Take so much off the account, in its currency, as a broker does for data or inactivity."""
    world = _now()
    if not (math.isfinite(amount) and round(amount, 2) > 0):
        raise Refused(0, f"{amount} cannot be charged")
    world.broker.book.charge(round(amount, 2), world.broker.now)
    world.save()


def clock() -> tuple[datetime, float]:
    """Return the virtual clock (UTC) and its speed; 0 stands still."""
    world = current()
    return world.now(), world.clock.speed


def shown_clock() -> tuple[datetime, float]:
    """Return the same, as the clock of the terminal's machine shows it."""
    world = current()
    return world.shown_now(), world.clock.speed


def set_speed(speed: float) -> None:
    """Let the clock go on so many times as fast as ours; 0 lets it stand."""
    if not 0 <= speed <= MAX_SPEED:
        raise Refused(0, f"speed {speed} is not between 0 and {MAX_SPEED:.0f}")
    world = _now()
    world.clock.run(speed)
    world.save()


def advance(seconds: float) -> None:
    """Let virtual time pass at once, through every tick of it."""
    if not (math.isfinite(seconds) and seconds >= 0):
        raise Refused(0, f"the clock cannot go on by {seconds} seconds")
    _go_to(_now(), current().clock.now() + seconds)


def set_clock(at: datetime) -> None:
    """Let virtual time pass at once until `at` (aware); it cannot go back."""
    world = _now()
    if at.tzinfo is None or at.timestamp() < world.clock.now():
        raise Refused(0, f"the clock stands at {world.now()} and cannot go to {at}")
    _go_to(world, at.timestamp())


def jump(symbol: str, points: int) -> None:
    """Let a symbol cost `points` more (less than 0: less) from now on; what that triggers is done
    on return."""
    world = _now()
    world.broker.jump(symbol, points)
    world.save()


def _now() -> World:
    world = current()
    world.advance()
    return world


def _go_to(world: World, at: float) -> None:
    if at > _LAST_DAY.timestamp():
        raise Refused(0, f"the clock goes no further than {_LAST_DAY:%Y-%m-%d}")
    world.clock.set(at)
    world.advance()
    world.save()


def _held(world: World, ticket: int) -> TradePosition:
    position = world.broker.book.positions.get(ticket)
    if position is None:
        raise Refused(c.TRADE_RETCODE_POSITION_CLOSED, f"there is no open position {ticket}")
    return position
