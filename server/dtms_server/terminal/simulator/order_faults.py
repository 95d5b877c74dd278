"""Faults of orders: what a broker, or the way to it, makes of orders that break no rule."""

from typing import Annotated, Final, Literal

import msgspec

from dtms_server.terminal.simulator import constants as c
from dtms_server.terminal.simulator.orders import Kind

Count = Annotated[int, msgspec.Meta(ge=1, le=1_000_000_000)]
Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e9)]
Text = Annotated[str, msgspec.Meta(min_length=1)]
Unanswered = Literal[-10001, -10002, -10005, -1]


class _Struck(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The next `count` orders of a kind (None: of any) are struck."""

    order: Kind | None = None
    count: Count = 1


class Retcode(_Struck, frozen=True, tag="retcode"):
    """The next `count` orders are answered with this retcode; `executed`: and yet carried out, at
    once or after `seconds` of the virtual clock."""

    code: int
    executed: bool = False
    seconds: Seconds = 0.0


class Requote(_Struck, frozen=True, tag="requote"):
    """The next `count` orders are answered with 10004 and a fresh price, and not carried out."""


class Timeout(_Struck, frozen=True, tag="timeout"):
    """The next `count` orders are answered with 10012; `executed`: and yet carried out, at once or
    after `seconds` of the virtual clock."""

    executed: bool = True
    seconds: Seconds = 0.0


class NoAnswer(_Struck, frozen=True, tag="no_answer"):
    """The next `count` orders are answered None with this error code, or with `hang` never;
    `executed`: and yet carried out, at once or after `seconds` of the virtual clock."""

    code: Unanswered = c.RES_E_INTERNAL_FAIL_RECEIVE
    hang: bool = False
    executed: bool = True
    seconds: Seconds = 0.0


class LateFill(_Struck, frozen=True, tag="late_fill"):
    """The next `count` orders are answered with 10008 or 10009 and an order's ticket, and carried
    out after `seconds` of the virtual clock; until then the order is listed as placed."""

    code: Literal[10008, 10009] = c.TRADE_RETCODE_PLACED
    seconds: Seconds = 5.0


class Partial(_Struck, frozen=True, tag="partial"):
    """The next `count` deals with immediate-or-cancel filling get only this `share` of their lots,
    rounded down to the step (one step at least), and are answered with 10010."""

    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.5


class Hand(_Struck, frozen=True, tag="hand"):
    """Just before the next `count` orders on a position somebody else closes it, closes half of
    it, or takes its stop and target away."""

    does: Literal["close", "halve", "unprotect"] = "close"


OrderFault = Retcode | Requote | Timeout | NoAnswer | LateFill | Partial
KINDS: Final = (Retcode, Requote, Timeout, NoAnswer, LateFill, Partial)
