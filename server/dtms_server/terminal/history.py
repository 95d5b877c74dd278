"""The account's past, read from the API module: deals, deposits, and the orders that still wait."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from dtms_server.domain.market import CashFlow, Deal, DealEntry, DealReason, History, Waiting
from dtms_server.domain.trade import Direction
from dtms_server.terminal.belief import finite, known, lie, moment
from dtms_server.terminal.clock import ServerClock

# The codes below are the module's DEAL_TYPE_*, DEAL_ENTRY_* and DEAL_REASON_*.
SIDES: Final = {0: Direction.BUY, 1: Direction.SELL}
CASH: Final = frozenset({2, 3, 5, 6})
"""BALANCE, CREDIT, CORRECTION and BONUS: money that no trade made. CHARGE (4), the commissions
(7 to 11), interest and taxes are none: they are what trading costs, a loss like any other."""
ENTRIES: Final = {0: DealEntry.IN, 1: DealEntry.OUT, 2: DealEntry.INOUT, 3: DealEntry.OUT_BY}
REASONS: Final = {
    0: DealReason.CLIENT,
    1: DealReason.MOBILE,
    2: DealReason.WEB,
    3: DealReason.EXPERT,
    4: DealReason.SL,
    5: DealReason.TP,
    6: DealReason.STOP_OUT,
    7: DealReason.ROLLOVER,
    8: DealReason.VARIATION_MARGIN,
    9: DealReason.SPLIT,
}
EARLIER_SECONDS: Final = 3601
"""How much more of the past is asked for: an hour, for the one that a server's clock shows twice in
autumn, and a second, since the module takes whole ones."""
DAY_SECONDS: Final = 86_400
CALL: Final = "history_deals_get"


class HistoryReader:
    """Reads by one module's calls; `call` raises TerminalFailed for None."""

    def __init__(
        self,
        call: Callable[..., Any],
        server: ServerClock,
        now: Callable[[], tuple[datetime, float]],
    ) -> None:
        self._call = call
        self._server = server
        self._now = now

    def of_position(self, position_id: int) -> tuple[Deal, ...]:
        """Read the deals of a position, oldest first. What moved no volume (a dividend, a charge)
        is left out: it has no side."""
        found = self._call(CALL, position=position_id)
        if any(raw.position_id != position_id for raw in found):
            raise lie(CALL, f"deals of others than position {position_id}")
        return self._deals(_ordered(found))

    def since(self, since: datetime) -> History:
        """Read what happened from then on (UTC), and what still waits."""
        # the waiting ones first: an order that is filled meanwhile is then seen twice, never missed
        waiting = tuple(_waiting(raw) for raw in self._call("orders_get"))
        begin = self._server.server_seconds(int(since.timestamp())) - EARLIER_SECONDS
        end = self._server.server_seconds(int(self._now()[0].timestamp())) + DAY_SECONDS
        found = _ordered(self._call(CALL, begin, end))
        late = [raw for raw in found if self._latest(raw) >= since]
        return History(
            deals=self._deals(late),
            cash=tuple(self._cash(raw) for raw in late if raw.type in CASH),
            waiting=waiting,
        )

    def _latest(self, raw: Any) -> datetime:
        moment(self._server, raw.time_msc, CALL)
        return self._server.utc(raw.time_msc, fold=1)

    def _deals(self, found: Iterable[Any]) -> tuple[Deal, ...]:
        return tuple(self._deal(raw) for raw in found if raw.type in SIDES)

    def _deal(self, raw: Any) -> Deal:
        return Deal(
            ticket=raw.ticket,
            order=raw.order,
            position_id=raw.position_id,
            symbol=raw.symbol,
            entry=known(ENTRIES, raw.entry, CALL, f"deal {raw.ticket}'s entry"),
            reason=REASONS.get(raw.reason, DealReason.OTHER),
            direction=SIDES[raw.type],
            volume_lots=finite(raw, "volume", CALL),
            price=finite(raw, "price", CALL),
            profit=finite(raw, "profit", CALL),
            swap=finite(raw, "swap", CALL),
            commission=finite(raw, "commission", CALL),
            fee=finite(raw, "fee", CALL),
            magic=raw.magic,
            comment=raw.comment,
            at=moment(self._server, raw.time_msc, CALL),
        )

    def _cash(self, raw: Any) -> CashFlow:
        return CashFlow(finite(raw, "profit", CALL), moment(self._server, raw.time_msc, CALL))


def _ordered(found: Iterable[Any]) -> list[Any]:
    return sorted(found, key=lambda raw: (raw.time_msc, raw.ticket))


def _waiting(raw: Any) -> Waiting:
    return Waiting(raw.ticket, raw.symbol, raw.magic, raw.comment)
