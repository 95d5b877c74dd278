"""The MetaTrader 5 API in the domain's values; with its readers, all that knows the module."""

from collections.abc import Callable
from datetime import datetime
from typing import Any, Final

from dtms_server.domain.actions import Answer
from dtms_server.domain.errors import TerminalFailed
from dtms_server.domain.market import (
    Account,
    AccountKind,
    Deal,
    History,
    MarginMode,
    Position,
    Quote,
    Snapshot,
)
from dtms_server.domain.trade import Direction
from dtms_server.terminal.belief import finite, known, lie, moment
from dtms_server.terminal.charts import ChartReader
from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.history import HistoryReader
from dtms_server.terminal.messages import Charted, Connect, ReadCharts
from dtms_server.terminal.quotes import QuoteReader
from dtms_server.terminal.requests import OrderRequest
from dtms_server.terminal.sending import OrderSender

# The codes below are the module's ACCOUNT_MARGIN_MODE_*, ACCOUNT_TRADE_MODE_* and POSITION_TYPE_*;
# the module itself has no enums.
MARGIN_MODES: Final = {0: MarginMode.NETTING, 1: MarginMode.EXCHANGE, 2: MarginMode.HEDGING}
ACCOUNT_KINDS: Final = {0: AccountKind.DEMO, 1: AccountKind.CONTEST, 2: AccountKind.REAL}
DIRECTIONS: Final = {0: Direction.BUY, 1: Direction.SELL}
UNTOLD: Final = -1
"""The code of an error whose own code cannot be read: the module's RES_E_FAIL."""
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
        self._quotes = QuoteReader(self._call, server)
        self._history = HistoryReader(self._call, server, now)
        self._orders = OrderSender(self._call)

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
        """Read the deals of a position, oldest first."""
        return self._history.of_position(position_id)

    def charts(self, asked: ReadCharts) -> Charted:
        """Read what an analysis of a symbol needs."""
        return self._charts.read(asked)

    def quote(self, symbol: str) -> Quote:
        """Read a symbol's newest tick and its facts."""
        return self._quotes.read(symbol)

    def history(self, since: datetime) -> History:
        """Read what happened on the account since then (UTC), and the orders that wait."""
        return self._history.since(since)

    def send(self, request: OrderRequest, in_time: Callable[[], bool] = lambda: True) -> Answer:
        """Send an order once; `in_time` tells right before whether anybody still waits for it.
        Never raises: an error is an answer too."""
        return self._orders.send(request, in_time)

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
            direction=known(DIRECTIONS, raw.type, call, f"{where}'s type"),
            volume_lots=finite(raw, "volume", call),
            entry_price=finite(raw, "price_open", call),
            stop_loss=finite(raw, "sl", call) or None,
            take_profit=finite(raw, "tp", call) or None,
            current_price=finite(raw, "price_current", call),
            profit=finite(raw, "profit", call),
            swap=finite(raw, "swap", call),
            magic=raw.magic,
            comment=raw.comment,
            opened_at=moment(self._server, raw.time_msc, call),
        )

    def _call(self, name: str, *positional: object, **named: object) -> Any:
        """Make a call of the module: None and False are errors, () is an answer."""
        call = getattr(self._api, name)
        # observed: MetaTrader5's order_send refuses even the empty keywords of call(x, **{})
        answer = call(*positional, **named) if named else call(*positional)
        if answer is None or answer is False:
            code, text = self._last_error()
            raise TerminalFailed(call=name, code=code, text=text)
        return answer

    def _last_error(self) -> tuple[int, str]:
        """Return code and text of the error just now. Observed: MetaTrader5 cannot tell a text that
        names a path which is not ASCII."""
        try:
            code, text = self._api.last_error()
        except UnicodeDecodeError as error:
            return UNTOLD, error.object.decode("ascii", "replace")
        return code, text

    def _learn_offset(self, positions: tuple[Position, ...], before: datetime) -> None:
        symbols = list(dict.fromkeys(p.symbol for p in positions)) or self._visible
        ticks = [self._api.symbol_info_tick(symbol) for symbol in symbols[:SYMBOLS_WATCHED]]
        newest = max((tick.time_msc for tick in ticks if tick is not None), default=0)
        self._server.observe(newest, before, self.now()[0])


def _account(raw: Any) -> Account:
    call = "account_info"
    if not raw.login > 0:
        raise lie(call, "no account is logged in")
    return Account(
        login=raw.login,
        server=raw.server,
        currency=raw.currency,
        kind=known(ACCOUNT_KINDS, raw.trade_mode, call, "trade_mode"),
        margin_mode=known(MARGIN_MODES, raw.margin_mode, call, "margin_mode"),
        balance=finite(raw, "balance", call),
        equity=finite(raw, "equity", call),
        profit=finite(raw, "profit", call),
        margin=finite(raw, "margin", call),
        trade_allowed=bool(raw.trade_allowed and raw.trade_expert),
    )
