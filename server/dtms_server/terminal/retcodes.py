"""What a broker's answer to an order means: every retcode in one table.

The codes are those of the MQL5 Reference, "Return Codes of the Trade Server"; the names are the
package's TRADE_RETCODE_*, but for HEDGE_PROHIBITED, which it lacks.
"""

from types import MappingProxyType
from typing import Final

from dtms_server.domain.actions import Verdict

TABLE: Final = (
    (10004, "REQUOTE", Verdict.FRESH_PRICE),
    (10006, "REJECT", Verdict.FINAL),
    (10007, "CANCEL", Verdict.FINAL),
    (10008, "PLACED", Verdict.DONE),
    (10009, "DONE", Verdict.DONE),
    (10010, "DONE_PARTIAL", Verdict.DONE),
    (10011, "ERROR", Verdict.UNKNOWN),
    (10012, "TIMEOUT", Verdict.UNKNOWN),
    (10013, "INVALID", Verdict.FAULT),
    (10014, "INVALID_VOLUME", Verdict.RECOMPUTE),
    (10015, "INVALID_PRICE", Verdict.RECOMPUTE),
    (10016, "INVALID_STOPS", Verdict.RECOMPUTE),
    (10017, "TRADE_DISABLED", Verdict.PARKED),
    (10018, "MARKET_CLOSED", Verdict.MARKET_CLOSED),
    (10019, "NO_MONEY", Verdict.PARKED),
    (10020, "PRICE_CHANGED", Verdict.FRESH_PRICE),
    (10021, "PRICE_OFF", Verdict.FRESH_PRICE),
    (10022, "INVALID_EXPIRATION", Verdict.FINAL),
    (10023, "ORDER_CHANGED", Verdict.FINAL),
    (10024, "TOO_MANY_REQUESTS", Verdict.BACK_OFF),
    (10025, "NO_CHANGES", Verdict.DONE),
    (10026, "SERVER_DISABLES_AT", Verdict.PARKED),
    (10027, "CLIENT_DISABLES_AT", Verdict.PARKED),
    (10028, "LOCKED", Verdict.BACK_OFF),
    (10029, "FROZEN", Verdict.BACK_OFF),
    (10030, "INVALID_FILL", Verdict.RECOMPUTE),
    (10031, "CONNECTION", Verdict.UNKNOWN),
    (10032, "ONLY_REAL", Verdict.PARKED),
    (10033, "LIMIT_ORDERS", Verdict.PARKED),
    (10034, "LIMIT_VOLUME", Verdict.PARKED),
    (10035, "INVALID_ORDER", Verdict.FAULT),
    (10036, "POSITION_CLOSED", Verdict.GONE),
    (10038, "INVALID_CLOSE_VOLUME", Verdict.RECOMPUTE),
    (10039, "CLOSE_ORDER_EXIST", Verdict.FINAL),
    (10040, "LIMIT_POSITIONS", Verdict.PARKED),
    (10041, "REJECT_CANCEL", Verdict.FINAL),
    (10042, "LONG_ONLY", Verdict.PARKED),
    (10043, "SHORT_ONLY", Verdict.PARKED),
    (10044, "CLOSE_ONLY", Verdict.PARKED),
    (10045, "FIFO_CLOSE", Verdict.FIFO),
    (10046, "HEDGE_PROHIBITED", Verdict.NO_HEDGING),
)
INVALID_FILL: Final = 10030
NEVER_LEFT: Final = MappingProxyType({-2: Verdict.FAULT, -10004: Verdict.NOT_SENT})
"""Errors of order_send itself (RES_E_INVALID_PARAMS, RES_E_INTERNAL_FAIL_CONNECT) after which the
order is certainly not on its way; after any other it may be."""
_VERDICTS: Final = MappingProxyType({code: verdict for code, _, verdict in TABLE})
_NAMES: Final = MappingProxyType({code: name for code, name, _ in TABLE})


def of_retcode(code: int) -> Verdict:
    """Return what a retcode means; one that is not listed leaves the outcome unknown."""
    return _VERDICTS.get(code, Verdict.UNKNOWN)


def of_error(code: int) -> Verdict:
    """Return what it means that order_send gave no answer but this code of last_error()."""
    return NEVER_LEFT.get(code, Verdict.UNKNOWN)


def name(code: int) -> str:
    """Return a retcode's name, for where the broker says no more."""
    return _NAMES.get(code, f"retcode {code}")
