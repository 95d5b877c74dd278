"""Hands one order to the API module, once, and says what its answer means."""

from collections.abc import Callable
from math import isfinite
from typing import Any, Final

from dtms_server.domain.actions import Answer, Verdict
from dtms_server.domain.errors import TerminalFailed
from dtms_server.terminal import retcodes
from dtms_server.terminal.requests import DEAL, OrderRequest

# The module's ORDER_FILLING_* and SYMBOL_TRADE_EXECUTION_*; the bits of filling_mode
# (SYMBOL_FILLING_*) have no names there.
FOK: Final = 0
IOC: Final = 1
RETURN: Final = 2
BITS: Final = {FOK: 1, IOC: 2}
AT_STREAMED_PRICES: Final = frozenset({0, 1})
"""Request and instant execution."""
EXCHANGE: Final = 3
TOO_LATE: Final = Answer(Verdict.NOT_SENT, None, "nobody waits for this order any more")


class OrderSender:
    """Sends by one module's calls; `call` raises TerminalFailed for None."""

    def __init__(self, call: Callable[..., Any]) -> None:
        self._call = call

    def send(self, request: OrderRequest, in_time: Callable[[], bool]) -> Answer:
        """Send a request; `in_time` tells right before whether anybody still waits for it.

        A deal refused for its filling (10030), and for nothing else, goes out once more with each
        filling that is left: that refusal is certain, so the broker still has one order at most.
        """
        if request.action != DEAL:
            return self._sent(request.fields()) if in_time() else TOO_LATE
        try:
            possible = self._fillings(request.symbol)
        except TerminalFailed as failure:
            return Answer(Verdict.NOT_SENT, None, failure.message)
        answer = TOO_LATE
        for filling in possible:
            if not in_time():
                break
            answer = self._sent(request.fields() | {"type_filling": filling})
            if answer.retcode != retcodes.INVALID_FILL:
                break
        return answer

    def _fillings(self, symbol: str) -> tuple[int, ...]:
        self._call("symbol_select", symbol, True)
        facts = self._call("symbol_info", symbol)
        return fillings(facts.trade_exemode, facts.filling_mode)

    def _sent(self, fields: dict[str, str | int | float]) -> Answer:
        try:
            raw = self._call("order_send", fields)
        except TerminalFailed as failure:
            verdict = retcodes.of_error(int(failure.facts["code"]))
            return Answer(verdict, None, failure.message)
        return Answer(
            verdict=retcodes.of_retcode(raw.retcode),
            retcode=raw.retcode,
            message=raw.comment or retcodes.name(raw.retcode),
            order=raw.order,
            deal=raw.deal,
            volume_lots=_number(raw.volume),
            price=_number(raw.price),
        )


def fillings(execution: int, mask: int) -> tuple[int, ...]:
    """Return the fillings to try, the likeliest first: those that the symbol names, then the rest.

    MQL5 Reference, Order Properties: request and instant execution take fill-or-kill whatever the
    mask; Return is for exchange execution only.
    """
    named = [filling for filling, bit in BITS.items() if mask & bit]
    if execution in AT_STREAMED_PRICES:
        named = [FOK]
    last = [RETURN] if execution == EXCHANGE else []
    return tuple(dict.fromkeys([*named, *last, FOK, IOC]))


def _number(value: float) -> float:
    """Return what an answer tells beside its retcode: nothing that is worth losing that for."""
    return float(value) if isfinite(value) else 0.0
