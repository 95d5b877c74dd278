"""What is said over the link to a terminal host: typed requests and replies, in msgpack."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from msgspec import UNSET, Struct, UnsetType, msgpack

from dtms_server.domain.market import Deal, Position, Snapshot
from dtms_server.domain.trade import Direction

PROTOCOL: Final = 1
"""Both ends must speak the same; raised by every change of this page."""

Role = Literal["server", "control"]


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long to wait for an answer, in seconds of wall time."""

    hello: float = 5.0
    snapshot: float = 5.0
    deals: float = 20.0
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
    """Answered by History."""

    position_id: int


class ReadClock(Message, frozen=True):
    """Answered by Clock, as are SetSpeed and Advance; a server asks it too, as a sign of life."""


class Command(Message, frozen=True):
    """What a control connection may ask for; simulated terminals only."""


class OpenPosition(Command, frozen=True):
    """Open at the market, as somebody's hand would. Answered by Held, as the next two."""

    symbol: str
    direction: Direction
    volume_lots: float
    stop_loss: float | None = None
    take_profit: float | None = None
    magic: int = 0
    comment: str = ""


class ClosePosition(Command, frozen=True):
    """Close a position or a part of it."""

    ticket: int
    volume_lots: float | None = None


class ModifyPosition(Command, frozen=True):
    """Set (a price), remove (None) or keep (UNSET) the stops of a position."""

    ticket: int
    stop_loss: float | UnsetType | None = UNSET
    take_profit: float | UnsetType | None = UNSET


class ListPositions(Command, frozen=True):
    """Answered by Held, past all faults."""


class InjectFault(Command, frozen=True):
    """Let the simulated terminal misbehave."""

    fault: str
    parameters: Mapping[str, str | bool | int | float]


class ClearFaults(Command, frozen=True):
    """End all faults."""


class SetSpeed(Command, frozen=True):
    """How fast the virtual clock runs; at 0 it stands."""

    speed: float


class Advance(Command, frozen=True):
    """Put the virtual clock forward; all ticks between happen."""

    seconds: float


class Jump(Command, frozen=True):
    """Move a symbol's price by so many points from now on."""

    symbol: str
    points: int


ControlRequest = (
    OpenPosition
    | ClosePosition
    | ModifyPosition
    | ListPositions
    | InjectFault
    | ClearFaults
    | SetSpeed
    | Advance
    | Jump
)
Request = Hello | Connect | ReadSnapshot | ReadDeals | ReadClock | ControlRequest


class Welcome(Message, frozen=True):
    """The answer to Hello: what answers, and the TCP addresses that it listens on."""

    module: str
    listening: tuple[str, ...]


class Done(Message, frozen=True):
    """Nothing to tell but success."""


class Seen(Message, frozen=True):
    """The answer to ReadSnapshot."""

    snapshot: Snapshot


class History(Message, frozen=True):
    """The answer to ReadDeals."""

    deals: tuple[Deal, ...]


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


Reply = Welcome | Done | Seen | History | Held | Clock | Failure | Refused


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
