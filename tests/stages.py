"""A scripted market, DTMS on it, and what the strict broker then shows."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from dtms_server.domain.policy import Policy
from dtms_server.domain.trade import Direction, Protection
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.records import TradeDeal, TradePosition
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings
from scripts import Script
from stepping import NOW, Steps, stepping
from witness import Sent, Witness

POINT = 1e-5


class Stage:
    """A market that goes on while DTMS is restarted."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._terminal: Witness | None = None
        self._settings = Settings()

    @property
    def terminal(self) -> Witness:
        """The market's terminal."""
        assert self._terminal is not None, "nothing was played yet"
        return self._terminal

    @property
    def sent(self) -> list[Sent]:
        """Every order that the broker got, in turn."""
        return self.terminal.sent

    @asynccontextmanager
    async def play(
        self,
        script: Script,
        policy: Policy = NOW,
        terminal: type[Witness] = Witness,
        **settings: Any,
    ) -> AsyncIterator[Steps]:
        """Let a market begin, and DTMS guard on it until the block ends."""
        self._settings = replace(script.settings(self._folder), **settings)
        self._terminal = terminal(self._settings)
        async with self.again(policy) as house:
            yield house

    @asynccontextmanager
    async def again(self, policy: Policy = NOW) -> AsyncIterator[Steps]:
        """Start DTMS anew on its database, where the market is now."""
        async with stepping(self._folder, self._settings, policy, self._terminal) as house:
            yield house


async def guard(
    house: Steps,
    side: Direction = Direction.BUY,
    lots: float = 0.4,
    stop: int | None = 500,
    target: int | None = None,
    protection: Protection = Protection.PROTECT,
    **how: Any,
) -> int:
    """Open a position and put it under guard; stop and target in points from the entry."""
    entry = ask() if side is Direction.BUY else bid()
    return await house.guarded(
        side,
        protection,
        lots=lots,
        stop=None if stop is None else beyond(side, entry, -stop),
        target=None if target is None else beyond(side, entry, target),
        **how,
    )


def held(ticket: int) -> TradePosition | None:
    """Return a position as the broker has it now."""
    return next((position for position in control.positions() if position.ticket == ticket), None)


def terms(ticket: int) -> tuple[float, float | None, float | None] | None:
    """Return a position's lots, stop and target as the broker has them; None where it is gone."""
    position = held(ticket)
    return position and (position.volume, position.sl or None, position.tp or None)


def lots_of(ticket: int) -> float:
    """Return a position's lots as the broker has them, 0 where it is gone."""
    position = held(ticket)
    return position.volume if position else 0.0


def stop_of(ticket: int) -> float | None:
    """Return the stop of a position that is there."""
    return _there(ticket).sl or None


def target_of(ticket: int) -> float | None:
    """Return the target of a position that is there."""
    return _there(ticket).tp or None


def ours() -> list[TradePosition]:
    """Return the positions that DTMS has opened."""
    return [position for position in control.positions() if position.comment.startswith("dtms-")]


def deals(ticket: int) -> list[TradeDeal]:
    """Return a position's deals, oldest first."""
    return [deal for deal in current().broker.book.deals if deal.position_id == ticket]


def bid() -> float:
    """Return what a buyer's position closes at now."""
    return _quote()[0]


def ask() -> float:
    """Return what a seller's position closes at now."""
    return _quote()[1]


def closing_price(side: Direction) -> float:
    """Return what a position on that side closes at now."""
    return bid() if side is Direction.BUY else ask()


def points(side: Direction, one: float, other: float) -> int:
    """Return how far one price is beyond another, in points, as a position on that side sees it."""
    return round((one - other) * side.sign / POINT)


def beyond(side: Direction, price: float, by: int) -> float:
    """Return the price that is so many points beyond another, to a position on that side."""
    return round(price + side.sign * by * POINT, 5)


def _there(ticket: int) -> TradePosition:
    position = held(ticket)
    assert position is not None, f"position {ticket} is gone"
    return position


def _quote() -> tuple[float, float]:
    broker = current().broker
    quote = broker.quotes.last("EURUSD", broker.now)
    assert quote is not None
    return quote.bid, quote.ask
