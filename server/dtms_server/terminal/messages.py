"""What is said over the link to a terminal host: typed requests and replies, in msgpack."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from msgspec import Struct, msgpack

from dtms_server.domain.actions import Answer
from dtms_server.domain.market import Deal, History, Position, Quote, Snapshot
from dtms_server.terminal.commands import ControlRequest
from dtms_server.terminal.requests import OrderRequest

PROTOCOL: Final = 4
"""Both ends must speak the same; raised by every change of this page."""

ROW_BYTES: Final = 7 * 8
"""What one bar takes on the link."""

Role = Literal["server", "control"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait for an answer, in seconds of wall time."""

    hello: float = 5.0
    snapshot: float = 5.0
    deals: float = 20.0
    charts: float = 20.0
    quote: float = 5.0
    history: float = 20.0
    send: float = 30.0
    clock: float = 20.0
    control: float = 10.0
    advance: float = 60.0


class Message(Struct, frozen=True, tag=True):
    """Anything that is said."""


class Hello(Message, frozen=True):
    """The first message of a connection."""

    role: Role
    protocol: int = PROTOCOL


class Connect(Message, frozen=True):
    """Initialise the API module and log in; what is None is the terminal's own choice."""

    timeout_seconds: float
    path: str | None = None
    login: int | None = None
    server: str | None = None
    password: str | None = None

    def __repr__(self) -> str:  # it may be logged
        return f"Connect(path={self.path!r}, login={self.login}, server={self.server!r})"


class ReadSnapshot(Message, frozen=True):
    """Answered by Seen."""


class ReadDeals(Message, frozen=True):
    """Answered by Dealt."""

    position_id: int


class ReadCharts(Message, frozen=True):
    """Answered by Charted: so many bars closed by then, and whether a quote was fresh."""

    symbol: str
    at: datetime
    m5_bars: int
    m15_bars: int
    fresh_quote_seconds: float


class ReadQuote(Message, frozen=True):
    """Answered by Quoted."""

    symbol: str


class ReadHistory(Message, frozen=True):
    """Answered by Past."""

    since: datetime


class SendOrder(Message, frozen=True):
    """Answered by Sent."""

    request: OrderRequest


class ReadClock(Message, frozen=True):
    """Answered by Clock, as are SetSpeed and Advance; a server asks it too, as a sign of life."""


Request = (
    Hello
    | Connect
    | ReadSnapshot
    | ReadDeals
    | ReadCharts
    | ReadQuote
    | ReadHistory
    | SendOrder
    | ReadClock
    | ControlRequest
)


class Welcome(Message, frozen=True):
    """The answer to Hello: what answers, and the TCP addresses that it listens on."""

    module: str
    listening: tuple[str, ...]


class Done(Message, frozen=True):
    """Nothing to tell but success."""


class Seen(Message, frozen=True):
    """The answer to ReadSnapshot."""

    snapshot: Snapshot


class Dealt(Message, frozen=True):
    """The answer to ReadDeals."""

    deals: tuple[Deal, ...]


class Rows(Struct, frozen=True, array_like=True):
    """Bars as seven columns of float64, in the machine's byte order, one behind the other. One that
    holds another number of bytes is no message: raises ValueError."""

    count: int
    columns: bytes

    def __post_init__(self) -> None:
        if len(self.columns) != self.count * ROW_BYTES:
            raise ValueError(f"{len(self.columns)} bytes are not {self.count} bars")


class Charted(Message, frozen=True):
    """The answer to ReadCharts; times are UTC."""

    symbol: str
    point: float
    digits: int
    server_offset_seconds: int
    market_open: bool
    m5: Rows
    m15: Rows
    bid_changes: tuple[int, int] | None


class Quoted(Message, frozen=True):
    """The answer to ReadQuote."""

    quote: Quote


class Past(Message, frozen=True):
    """The answer to ReadHistory."""

    history: History


class Sent(Message, frozen=True):
    """The answer to SendOrder, whatever became of the order."""

    answer: Answer


class Held(Message, frozen=True):
    """Positions of the simulated terminal."""

    positions: tuple[Position, ...]


class Clock(Message, frozen=True):
    """The virtual clock in UTC and its speed."""

    at: datetime
    speed: float


class Failure(Message, frozen=True):
    """The module answered an error: the call, and last_error() of the same step."""

    call: str
    code: int
    text: str


class Refused(Message, frozen=True):
    """The host does not do this."""

    text: str


Reply = (
    Welcome
    | Done
    | Seen
    | Dealt
    | Charted
    | Quoted
    | Past
    | Sent
    | Held
    | Clock
    | Failure
    | Refused
)


class Asked(Struct, frozen=True, array_like=True):
    """A request on its way; after `seconds` nobody waits for its answer any more."""

    number: int
    seconds: float
    request: Request


class Answered(Struct, frozen=True, array_like=True):
    """A reply on its way, with the number of its request."""

    number: int
    reply: Reply


encode: Final = msgpack.Encoder().encode
decode_asked: Final = msgpack.Decoder(Asked).decode
decode_answered: Final = msgpack.Decoder(Answered).decode
