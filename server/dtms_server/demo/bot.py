"""The demo's bot: opens positions, registers them, and sometimes meddles with its own trades."""

import random
import threading
from typing import Final

from dtms_client import DtmsClient, DtmsError

from dtms_server.domain.market import Position
from dtms_server.domain.trade import Direction
from dtms_server.terminal.control import ControlRefused, SimulatorControl

SYMBOLS: Final = ("EURUSD", "GBPUSD", "USDJPY", "XAUUSD")
MOST_OPEN: Final = 6
PAUSE_SECONDS: Final = 1.0
STOP_SHARE: Final = 0.0006
"""How far a stop is from the entry, as a share of the price: near, so that something happens."""


class Bot:
    """Trades by a seeded dice: the same seed takes the same decisions."""

    def __init__(self, control: SimulatorControl, client: DtmsClient, seed: int) -> None:
        self._control = control
        self._client = client
        self._dice = random.Random(seed)  # noqa: S311 - for show

    def run(self, stop: threading.Event) -> None:
        """Trade until `stop`; raises what a call raised, but for what a later try may mend."""
        while not stop.wait(PAUSE_SECONDS):
            try:
                self._trade()
            except ControlRefused:
                continue  # its stop was quicker, or the market is closed
            except DtmsError as error:
                if not error.is_transient:
                    raise

    def _trade(self) -> None:
        held = self._control.positions()
        whim = self._dice.random()
        if not held or (len(held) < MOST_OPEN and whim < 0.5):
            self._open()
        elif whim > 0.85:
            self._control.close(self._dice.choice(held).ticket)
        else:
            self._trail(self._dice.choice(held))

    def _open(self) -> None:
        symbol = self._dice.choice(SYMBOLS)
        direction = self._dice.choice(list(Direction))
        volume = self._dice.choice((0.05, 0.1, 0.2))
        position = self._control.open(symbol, direction, volume)
        loss, gain = (self._dice.uniform(0.7, 1.5) * STOP_SHARE for _ in range(2))
        position = self._control.modify(
            position.ticket, _away(position, -loss), _away(position, gain)
        )
        self._client.register_trade(
            position.ticket,
            symbol,
            direction,
            entry_price=position.entry_price,
            volume=volume,
            stop_loss=position.stop_loss,
            take_profit=position.take_profit,
            labels={"bot": "demo"},
        )

    def _trail(self, position: Position) -> None:
        """Move the stop of a position that wins to its entry."""
        if position.profit > 0 and position.stop_loss != position.entry_price:
            self._control.modify(position.ticket, stop_loss=position.entry_price)


def _away(position: Position, share: float) -> float:
    """Return a price that far from the entry, in the position's favour where it is positive."""
    entry = position.entry_price
    sign = 1 if position.direction is Direction.BUY else -1
    return round(entry * (1 + sign * share), _digits(entry))


def _digits(price: float) -> int:
    """Decimals of a simulated symbol, by its price's size: 1.08512, 151.234, 2650.12."""
    return 5 if price < 10 else 3 if price < 1000 else 2
