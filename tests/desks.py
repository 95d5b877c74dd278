"""Sends orders as the service does, for tests of what a terminal makes of them."""

from dtms_server.domain.actions import Answer, Order, Verb, Verdict
from dtms_server.domain.market import Position, Quote
from dtms_server.domain.trade import Direction
from hands import House

MAGIC = 770_077


class Desk:
    """Sends orders in EURUSD, and reads back what became true."""

    def __init__(self, house: House) -> None:
        self.terminal = house.terminal
        self.hand = house.hand

    async def quote(self) -> Quote:
        return await self.terminal.quote("EURUSD")

    async def send(self, order: Order, comment: str = "dtms-1") -> Answer:
        return await self.terminal.send(order, comment, MAGIC, deviation_points=20)

    async def opening(self, direction: Direction = Direction.BUY, lots: float = 0.2) -> Order:
        price = (await self.quote()).opening_price(direction)
        return Order(Verb.OPEN, "EURUSD", direction, price, lots)

    async def open(
        self, direction: Direction = Direction.BUY, lots: float = 0.2, comment: str = "dtms-1"
    ) -> Position:
        answer = await self.send(await self.opening(direction, lots), comment)
        assert answer.verdict is Verdict.DONE, answer
        return await self.position(answer.order)

    async def on(self, position: Position, verb: Verb, lots: float = 0.0) -> Order:
        """Return an order on a position; a close deals on its other side."""
        side = position.direction
        if verb is Verb.CLOSE:
            side = Direction.SELL if side is Direction.BUY else Direction.BUY
        return Order(
            verb,
            "EURUSD",
            side,
            (await self.quote()).closing_price(position.direction),
            lots,
            position_ticket=position.ticket,
            position_id=position.identifier,
            position_lots=position.volume_lots,
        )

    async def held(self) -> list[Position]:
        return list((await self.terminal.snapshot()).positions)

    async def position(self, ticket: int) -> Position:
        return next(p for p in await self.held() if p.ticket == ticket)
