"""The server's end of the link: a terminal whose API module runs in a process of its own."""

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import TemporaryDirectory
from typing import Final

from dtms_server.domain.actions import Answer, Order
from dtms_server.domain.charts import Charts
from dtms_server.domain.errors import (
    DtmsError,
    TerminalSilent,
    TerminalUnreachable,
)
from dtms_server.domain.market import Deal, History, Quote, Snapshot
from dtms_server.domain.policy.analysis import AnalysisPolicy
from dtms_server.terminal import charts, requests
from dtms_server.terminal.messages import (
    Charted,
    Clock,
    Connect,
    Deadlines,
    Dealt,
    Done,
    Past,
    Quoted,
    ReadClock,
    ReadDeals,
    ReadHistory,
    ReadQuote,
    ReadSnapshot,
    Seen,
    SendOrder,
    Sent,
)
from dtms_server.terminal.options import HostOptions
from dtms_server.terminal.session import Session, Target

GONE_SECONDS: Final = 10.0
"""How long to wait for a connection that was ended to be gone; its thread may hang in a dial."""
TELL_SHARE: Final = 0.9
"""The share of its time that initialize() gets, so that its own error comes before our deadline."""


@dataclass(frozen=True, slots=True)
class Login:
    """What the terminal is initialised with; None is its own choice."""

    path: str | None = None
    login: int | None = None
    server: str | None = None
    password: str | None = field(default=None, repr=False)


class LinkedTerminal:
    """A terminal host, spawned or attached to, as ports.Terminal. Requests are answered in turn,
    each by its deadline; one that is missed ends the connection, and the host if it is ours."""

    def __init__(
        self,
        target: Target,
        key: bytes,
        login: Login = Login(),
        deadlines: Deadlines = Deadlines(),  # noqa: B008 - frozen
    ) -> None:
        """Take what to spawn or where to attach, the shared key, and what to log in with."""
        self.listening: tuple[str, ...] = ()
        """Where the connected host listens on TCP, HOST:PORT each: for control connections."""
        self._target = target
        self._key = key
        self._login = login
        self._deadlines = deadlines
        self._session: Session | None = None
        self._connecting = asyncio.Lock()
        self._state: TemporaryDirectory[str] | None = None

    async def connect(self, timeout_seconds: float) -> None:
        """See ports.Terminal; `timeout_seconds` bounds all of it."""
        async with self._connecting:
            await self._drop("connecting anew")
            session = self._session = Session(self._target_now(), self._key)
            reason = "given up while it connected"
            try:
                async with asyncio.timeout(timeout_seconds):
                    await self._open(session, timeout_seconds)
                reason = ""
            except TimeoutError as silence:
                reason = f"no connection within {timeout_seconds:g} s"
                raise TerminalSilent(call="connect", seconds=f"{timeout_seconds:g}") from silence
            except DtmsError as error:
                reason = error.message
                raise
            finally:
                if reason:
                    session.end(reason)

    async def snapshot(self) -> Snapshot:
        """See ports.Terminal."""
        seen = await self._connected().ask(ReadSnapshot(), Seen, self._deadlines.snapshot)
        return seen.snapshot

    async def clock(self) -> tuple[datetime, float]:
        """See ports.Terminal."""
        clock = await self._connected().ask(ReadClock(), Clock, self._deadlines.clock)
        return clock.at, clock.speed

    async def deals(self, position_id: int) -> tuple[Deal, ...]:
        """See ports.Terminal."""
        request = ReadDeals(position_id)
        return (await self._connected().ask(request, Dealt, self._deadlines.deals)).deals

    async def charts(self, symbol: str, at: datetime, policy: AnalysisPolicy) -> Charts:
        """See ports.Terminal."""
        wanted = charts.request(symbol, at, policy)
        return charts.unpack(await self._connected().ask(wanted, Charted, self._deadlines.charts))

    async def quote(self, symbol: str) -> Quote:
        """See ports.Terminal."""
        request = ReadQuote(symbol)
        return (await self._connected().ask(request, Quoted, self._deadlines.quote)).quote

    async def history(self, since: datetime) -> History:
        """See ports.Terminal."""
        request = ReadHistory(since)
        return (await self._connected().ask(request, Past, self._deadlines.history)).history

    async def send(self, order: Order, comment: str, magic: int, deviation_points: int) -> Answer:
        """See ports.Terminal; raises ValueError, with nothing sent, for what no order can be."""
        request = SendOrder(requests.request(order, comment, magic, deviation_points))
        return (await self._connected().ask(request, Sent, self._deadlines.send)).answer

    async def close(self) -> None:
        """See ports.Terminal."""
        await self._drop("closed")
        if self._state is not None:
            self._state.cleanup()
            self._state = None

    async def _open(self, session: Session, seconds: float) -> None:
        until = time.monotonic() + seconds
        welcome = await session.open(seconds, self._deadlines.hello)
        self.listening = welcome.listening
        left = max(until - time.monotonic(), 0.001)
        login = self._login
        request = Connect(left * TELL_SHARE, login.path, login.login, login.server, login.password)
        await session.ask(request, Done, left)

    def _connected(self) -> Session:
        if self._session is None:
            raise TerminalUnreachable(reason="there is no connection")
        return self._session

    def _target_now(self) -> Target:
        target = self._target
        if not isinstance(target, HostOptions) or not target.forgets:
            return target
        if self._state is None:  # so that a host started again goes on where the last one was
            self._state = TemporaryDirectory(prefix="dtms-", ignore_cleanup_errors=True)
        return target.kept_in(self._state.name)

    async def _drop(self, reason: str) -> None:
        session = self._session
        if session is None:
            return
        session.end(reason)
        with suppress(TimeoutError):
            async with asyncio.timeout(GONE_SECONDS):
                await session.gone()
