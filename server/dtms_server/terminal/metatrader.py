"""The MetaTrader 5 API in the domain's values: the only place that reads the module's structs."""

from collections.abc import Callable, Mapping
from datetime import datetime
from math import isfinite
from typing import Any, Final, TypeVar

from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import (
    Account,
    AccountKind,
    Deal,
    DealEntry,
    DealReason,
    MarginMode,
    Position,
    Snapshot,
)
from dtms_server.domain.trade import Direction
from dtms_server.terminal.charts import ChartReader
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.messages import Charted, Connect, ReadCharts

T = TypeVar("T")

# The codes below are the module's ACCOUNT_MARGIN_MODE_*, ACCOUNT_TRADE_MODE_*, POSITION_TYPE_* and
# DEAL_*; the module itself has no enums.
MARGIN_MODES: Final = {0: MarginMode.NETTING, 1: MarginMode.EXCHANGE, 2: MarginMode.HEDGING}
ACCOUNT_KINDS: Final = {0: AccountKind.DEMO, 1: AccountKind.CONTEST, 2: AccountKind.REAL}
DIRECTIONS: Final = {0: Direction.BUY, 1: Direction.SELL}
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
SYMBOLS_WATCHED: Final = 4
"""How many symbols' ticks are read each snapshot to learn the server's offset."""


class MetaTrader:
    """One API module, MetaTrader5 or one like it. A call's None is raised as TerminalFailed with
    last_error() of the same step; so is an answer that cannot be true. Not thread-safe."""

    def __init__(
        self, api: Any, server: ServerClock, now: Callable[[], tuple[datetime, float]]
    ) -> None:
        """Take the module, the broker's clock, and what tells UTC and the speed it runs at."""
        self._api = api
        self._server = server
        self.now = now
        """Tells the terminal's time in UTC, and the speed it runs at."""
        self._visible: tuple[str, ...] = ()
        self._charts = ChartReader(self._call, server)

    def connect(self, request: Connect) -> None:
        """Initialise the module anew: after a broken pipe nothing else makes it answer."""
        given = {
            "login": request.login,
            "password": request.password,
            "server": request.server,
            "timeout": int(request.timeout_seconds * 1000),
        }
        path = () if request.path is None else (request.path,)
        self._api.shutdown()
        self._call("initialize", *path, **{k: v for k, v in given.items() if v is not None})
        symbols = self._api.symbols_get() or ()  # only to learn the offset: no reason to fail
        self._visible = tuple(s.name for s in symbols if s.visible)[:SYMBOLS_WATCHED]

    def snapshot(self) -> Snapshot:
        """Read all that a cycle needs. The account is read on both sides of the positions, so that
        they are never shown as another account's."""
        terminal = self._call("terminal_info")
        before = self._call("account_info")
        positions = tuple(self.position(raw) for raw in self._call("positions_get"))
        after = self._call("account_info")
        if (before.login, before.server) != (after.login, after.server):
            raise lie("account_info", "the account changed while the positions were read")
        at, speed = self.now()
        self._learn_offset(positions, at)
        return Snapshot(
            at=at,
            speed=speed,
            terminal=f"{terminal.name} build {terminal.build}",
            connected=bool(terminal.connected),
            trade_allowed=bool(terminal.trade_allowed and not terminal.tradeapi_disabled),
            account=_account(after),
            positions=positions,
        )

    def deals(self, position_id: int) -> tuple[Deal, ...]:
        """Read the deals of a position, oldest first. What moved no volume (a dividend, a charge)
        is left out: it has no side."""
        found = self._call("history_deals_get", position=position_id)
        if any(raw.position_id != position_id for raw in found):
            raise lie("history_deals_get", f"deals of others than position {position_id}")
        ordered = sorted(found, key=lambda raw: (raw.time_msc, raw.ticket))
        return tuple(self._deal(raw) for raw in ordered if raw.type in DIRECTIONS)

    def charts(self, asked: ReadCharts) -> Charted:
        """Read what an analysis of a symbol needs."""
        return self._charts.read(asked)

    def position(self, raw: Any) -> Position:
        """Return one TradePosition of the module as a value; raises TerminalFailed if it lies."""
        where = f"position {raw.ticket}"
        call = "positions_get"
        if not (raw.ticket > 0 and raw.identifier > 0 and raw.symbol and raw.volume > 0):
            raise lie(call, f"{where} has identifier {raw.identifier}, volume {raw.volume}")
        return Position(
            ticket=raw.ticket,
            identifier=raw.identifier,
            symbol=raw.symbol,
            direction=_known(DIRECTIONS, raw.type, call, f"{where}'s type"),
            volume_lots=_finite(raw, "volume", call),
            entry_price=_finite(raw, "price_open", call),
            stop_loss=_finite(raw, "sl", call) or None,
            take_profit=_finite(raw, "tp", call) or None,
            current_price=_finite(raw, "price_current", call),
            profit=_finite(raw, "profit", call),
            swap=_finite(raw, "swap", call),
            magic=raw.magic,
            comment=raw.comment,
            opened_at=self._utc(raw.time_msc, call),
        )

    def _deal(self, raw: Any) -> Deal:
        call = "history_deals_get"
        return Deal(
            ticket=raw.ticket,
            order=raw.order,
            position_id=raw.position_id,
            entry=_known(ENTRIES, raw.entry, call, f"deal {raw.ticket}'s entry"),
            reason=REASONS.get(raw.reason, DealReason.OTHER),
            direction=DIRECTIONS[raw.type],
            volume_lots=_finite(raw, "volume", call),
            price=_finite(raw, "price", call),
            profit=_finite(raw, "profit", call),
            swap=_finite(raw, "swap", call),
            commission=_finite(raw, "commission", call),
            fee=_finite(raw, "fee", call),
            magic=raw.magic,
            comment=raw.comment,
            at=self._utc(raw.time_msc, call),
        )

    def _call(self, name: str, *positional: object, **named: object) -> Any:
        """Make a call of the module: None and False are errors, () is an answer."""
        answer = getattr(self._api, name)(*positional, **named)
        if answer is None or answer is False:
            code, text = self._api.last_error()
            raise TerminalFailed(call=name, code=code, text=text)
        return answer

    def _learn_offset(self, positions: tuple[Position, ...], before: datetime) -> None:
        symbols = list(dict.fromkeys(p.symbol for p in positions)) or self._visible
        ticks = [self._api.symbol_info_tick(symbol) for symbol in symbols[:SYMBOLS_WATCHED]]
        newest = max((tick.time_msc for tick in ticks if tick is not None), default=0)
        self._server.observe(newest, before, self.now()[0])

    def _utc(self, milliseconds: int, call: str) -> datetime:
        try:
            return self._server.utc(milliseconds)
        except (OverflowError, ValueError) as error:
            raise lie(call, f"a time of {milliseconds} ms") from error


def lie(call: str, text: str) -> TerminalFailed:
    """Return the error for an answer that cannot be true; its code is 0, which no call has."""
    return TerminalFailed(call=call, code=0, text=text)


def _account(raw: Any) -> Account:
    call = "account_info"
    if not raw.login > 0:
        raise lie(call, "no account is logged in")
    return Account(
        login=raw.login,
        server=raw.server,
        currency=raw.currency,
        kind=_known(ACCOUNT_KINDS, raw.trade_mode, call, "trade_mode"),
        margin_mode=_known(MARGIN_MODES, raw.margin_mode, call, "margin_mode"),
        balance=_finite(raw, "balance", call),
        equity=_finite(raw, "equity", call),
        profit=_finite(raw, "profit", call),
        margin=_finite(raw, "margin", call),
        trade_allowed=bool(raw.trade_allowed and raw.trade_expert),
    )


def _known(table: Mapping[int, T], code: int, call: str, what: str) -> T:
    if code not in table:
        raise lie(call, f"{what} is {code}, which is not known")
    return table[code]


def _finite(raw: Any, name: str, call: str) -> float:
    value = float(getattr(raw, name))
    if not isfinite(value):
        raise lie(call, f"{name} of {getattr(raw, 'ticket', 'the account')} is {value}")
    return value
