"""Checks what only a live terminal can show, on a demo account: docs/demo-account.md says what for.

Needs the package MetaTrader5 alone: `python demo_account.py CHECK`, beside a terminal that is open.
It deals with the smallest volume, closes what it opened, and refuses an account with real money.
"""

import argparse
import importlib
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median
from typing import Any

PATIENCE_SECONDS = 10.0
POLL_SECONDS = 0.005
SYNC_SECONDS = 300.0
ROUNDS = 10
AWAY = 0.01
"""How far stop and target are from the price, as a share of it."""
COMMENT = "dtms demo check 0123456789"
"""As long as the longest that DTMS writes: 26 characters."""
MAGIC = 20_261_124
"""What positions of these checks bear, and no others: not DTMS's own number."""


class NotHere(Exception):
    """The check cannot be made here; the text says why."""


class Account:
    """One symbol on one demo account, by the API module, and what was seen to differ there."""

    def __init__(self, mt5: Any, symbol: str) -> None:
        """Connect. Raises NotHere without a terminal, a demo account or the symbol."""
        self.mt5 = mt5
        self.symbol = symbol
        self.differs = False
        if not mt5.initialize():
            raise NotHere(f"no terminal: {mt5.last_error()}")
        account = mt5.account_info()
        if account is None or account.trade_mode != mt5.ACCOUNT_TRADE_MODE_DEMO:
            raise NotHere("this is for demo accounts only")
        if not mt5.symbol_select(symbol, True):
            raise NotHere(f"{symbol}: {mt5.last_error()}; give --symbol as Market Watch spells it")
        self.hedging = account.margin_mode == mt5.ACCOUNT_MARGIN_MODE_RETAIL_HEDGING
        if not self.hedging and self.read("positions_get", symbol=symbol):
            raise NotHere(f"a netting account would change your own position in {symbol}")
        self.facts = self.read("symbol_info", symbol)

    def expect(self, what: str, seen: object, expected: object) -> None:
        """Print what was seen, and whether it is what DTMS expects."""
        if seen == expected:
            print(f"as said  {what}: {seen}")
        else:
            self.differs = True
            print(f"DIFFERS  {what}: {seen}, and not {expected}")

    def read(self, call: str, *unnamed: object, **named: object) -> Any:
        """Return what a call of the module answers. Raises NotHere for an error."""
        ask = getattr(self.mt5, call)
        answer = ask(*unnamed, **named) if named else ask(*unnamed)  # not all bear keywords
        if answer is None:
            raise NotHere(f"{call} answered {self.mt5.last_error()}")
        return answer

    def send(self, **request: object) -> Any:
        """Send a request. Raises NotHere where no answer comes: look at the terminal then."""
        return self.read("order_send", {"symbol": self.symbol, "magic": MAGIC, **request})

    def deal(self, side: int, filling: int | None = None, **more: Any) -> Any:
        """Deal the smallest volume at the market, by a filling that the symbol takes."""
        tick = self.read("symbol_info_tick", self.symbol)
        request = {
            "action": self.mt5.TRADE_ACTION_DEAL,
            "type": side,
            "volume": self.facts.volume_min,
            "price": tick.ask if side == self.mt5.ORDER_TYPE_BUY else tick.bid,
            "deviation": 50,
            "type_filling": self.fillings[0] if filling is None else filling,
        }
        return self.send(**(request | more))

    def open(self, side: int, **more: Any) -> int:
        """Open a position and return its ticket. Raises NotHere where the broker refuses."""
        answer = self.deal(side, **more)
        if answer.retcode != self.mt5.TRADE_RETCODE_DONE:
            raise NotHere(f"the broker refused to open: {answer.retcode} {answer.comment}")
        self.until(partial(self.is_open, answer.order))
        return int(answer.order)

    def close(self, ticket: int) -> None:
        """Close a position that `open` has opened."""
        held = self.position(ticket)
        self.deal(1 - held.type, position=ticket, volume=held.volume)

    def position(self, ticket: int) -> Any:
        """Return an open position. Raises NotHere for an error, and where it is not listed."""
        listed = self.read("positions_get", ticket=ticket)
        if not listed:
            raise NotHere(f"there is no position {ticket} any more")
        return listed[0]

    def is_open(self, ticket: int) -> bool:
        """Is the position listed? An error is no answer."""
        return bool(self.read("positions_get", ticket=ticket))

    def is_gone(self, ticket: int) -> bool:
        """Is it no longer listed?"""
        return not self.is_open(ticket)

    def has_deals(self, ticket: int, count: int) -> bool:
        """Does the history show so many deals of the position?"""
        return len(self.read("history_deals_get", position=ticket)) == count

    def has_stop(self, ticket: int, stop: float) -> bool:
        """Does the position show this stop?"""
        return bool(self.position(ticket).sl == stop)

    def until(self, holds: Callable[[], bool]) -> float | None:
        """Wait for something to be true; return after how many milliseconds, None for never."""
        begun = time.perf_counter()
        while not holds():
            if time.perf_counter() - begun > PATIENCE_SECONDS:
                return None
            time.sleep(POLL_SECONDS)
        return (time.perf_counter() - begun) * 1000

    def tidy(self) -> bool:
        """Close all that bears our magic number in the symbol, also what was opened by an order
        that had no answer; say where that cannot be done."""
        try:
            for held in self._ours():
                self.close(held.ticket)
            tidied = self.until(lambda: not self._ours()) is not None
        except NotHere:
            tidied = False
        if not tidied:
            print(f"look for positions of magic {MAGIC}, and close them by hand", file=sys.stderr)
        return tidied

    def _ours(self) -> list[Any]:
        listed = self.read("positions_get", symbol=self.symbol)
        return [held for held in listed if held.magic == MAGIC]

    @property
    def fillings(self) -> tuple[int, ...]:
        """The fillings that a market order may have, by DTMS's reading of the symbol's facts."""
        mt5, execution = self.mt5, self.facts.trade_exemode
        if execution in (mt5.SYMBOL_TRADE_EXECUTION_REQUEST, mt5.SYMBOL_TRADE_EXECUTION_INSTANT):
            return (mt5.ORDER_FILLING_FOK,)
        bits = {mt5.ORDER_FILLING_FOK: 1, mt5.ORDER_FILLING_IOC: 2}
        named = tuple(each for each, bit in bits.items() if self.facts.filling_mode & bit)
        exchange = execution == mt5.SYMBOL_TRADE_EXECUTION_EXCHANGE
        return (*named, mt5.ORDER_FILLING_RETURN) if exchange else named

    def levels(self) -> tuple[float, float]:
        """Return a stop and a target of a BUY position, far enough from the price."""
        bid, digits = self.read("symbol_info_tick", self.symbol).bid, self.facts.digits
        return round(bid * (1 - AWAY), digits), round(bid * (1 + AWAY), digits)


def facts(account: Account) -> None:
    """What the terminal says of itself, the account and the symbol."""
    terminal, info = account.read("terminal_info"), account.read("account_info")
    account.expect("connected", terminal.connected, True)
    account.expect("AutoTrading is on", terminal.trade_allowed, True)
    account.expect("the account may trade", info.trade_allowed, True)
    account.expect("programs may trade", info.trade_expert, True)
    tick = account.read("symbol_info_tick", account.symbol)
    say("hours that the server is ahead of UTC", round((tick.time - time.time()) / 1800) / 2)
    say("hedging", account.hedging)
    say("the oldest of a symbol is closed first (FIFO)", info.fifo_close)
    for name in ("trade_exemode", "filling_mode", "order_mode", "trade_stops_level"):
        say(name, getattr(account.facts, name))
    for name in ("trade_freeze_level", "volume_min", "volume_step", "trade_tick_size"):
        say(name, getattr(account.facts, name))


def filling(account: Account) -> None:
    """Which fillings the broker takes, and which DTMS expects by the symbol's facts."""
    mt5 = account.mt5
    for name in ("ORDER_FILLING_FOK", "ORDER_FILLING_IOC", "ORDER_FILLING_RETURN"):
        wanted = getattr(mt5, name)
        fits = wanted in account.fillings
        expected = mt5.TRADE_RETCODE_DONE if fits else mt5.TRADE_RETCODE_INVALID_FILL
        account.expect(name, account.deal(mt5.ORDER_TYPE_BUY, wanted).retcode, expected)
        account.tidy()


def stops(account: Account) -> None:
    """What becomes of a stop or a target that a request leaves out."""
    mt5 = account.mt5
    stop, target = account.levels()
    ticket = account.open(mt5.ORDER_TYPE_BUY, sl=stop, tp=target)
    opened = account.position(ticket)
    account.expect("stop and target at the opening", (opened.sl, opened.tp), (stop, target))
    change = {"action": mt5.TRADE_ACTION_SLTP, "position": ticket}
    nearer = round(stop + 10 * account.facts.trade_tick_size, account.facts.digits)
    account.send(**change, sl=nearer)
    account.until(partial(account.has_stop, ticket, nearer))
    account.expect("a target that is left out is deleted", account.position(ticket).tp, 0.0)
    again = account.send(**change, sl=nearer)
    account.expect("the same once more", again.retcode, mt5.TRADE_RETCODE_NO_CHANGES)
    wrong = account.send(**change, sl=target)
    account.expect("a stop on the wrong side", wrong.retcode, mt5.TRADE_RETCODE_INVALID_STOPS)


def readback(account: Account) -> None:
    """How long after the broker's answer the terminal shows what it has done."""
    waits: dict[str, list[float | None]] = {}

    def wait(what: str, holds: Callable[[], bool]) -> None:
        waits.setdefault(what, []).append(account.until(holds))

    for _ in range(ROUNDS):
        ticket = account.deal(account.mt5.ORDER_TYPE_BUY).order
        wait("opened", partial(account.is_open, ticket))
        stop, target = account.levels()
        account.send(action=account.mt5.TRADE_ACTION_SLTP, position=ticket, sl=stop, tp=target)
        wait("stop changed", partial(account.has_stop, ticket, stop))
        account.close(ticket)
        wait("gone", partial(account.is_gone, ticket))
        wait("its deals listed", partial(account.has_deals, ticket, 2))
    for what, times in waits.items():
        seen = [each for each in times if each is not None]
        account.expect(f"{what}, of {ROUNDS}", len(seen), ROUNDS)
        say("ms, median and longest", f"{median(seen or [0]):.0f} {max(seen or [0]):.0f}")


def closeby(account: Account) -> None:
    """How two opposite positions close each other."""
    mt5 = account.mt5
    if not account.hedging:
        raise NotHere("a netting account has no opposite positions")
    pair = account.open(mt5.ORDER_TYPE_BUY), account.open(mt5.ORDER_TYPE_SELL)
    answer = account.send(action=mt5.TRADE_ACTION_CLOSE_BY, position=pair[0], position_by=pair[1])
    account.expect("answer", answer.retcode, mt5.TRADE_RETCODE_DONE)
    for ticket in pair:
        gone = account.until(partial(account.is_gone, ticket)) is not None
        account.expect(f"{ticket} is gone", gone, True)
        account.until(partial(account.has_deals, ticket, 2))
        entries = [deal.entry for deal in account.read("history_deals_get", position=ticket)]
        account.expect("its deals", entries, [mt5.DEAL_ENTRY_IN, mt5.DEAL_ENTRY_OUT_BY])


def comment(account: Account) -> None:
    """Does a comment arrive whole, where DTMS looks for it: on position, order and deal?"""
    mt5 = account.mt5
    ticket = account.open(mt5.ORDER_TYPE_BUY, comment=COMMENT)
    account.until(partial(account.has_deals, ticket, 1))
    held = account.position(ticket)
    account.expect("position", (held.comment, held.magic), (COMMENT, MAGIC))
    for what, records in (
        ("order", mt5.history_orders_get(ticket=ticket)),
        ("deal", mt5.history_deals_get(position=ticket)),
    ):
        account.expect(what, [record.comment for record in records or ()], [COMMENT])


def sync(account: Account) -> None:
    """What the list of positions shows while the terminal loses its server and finds it again."""
    mt5 = account.mt5
    ticket = account.open(mt5.ORDER_TYPE_BUY)
    print(f"restart the terminal, or cut its network, within {SYNC_SECONDS:.0f} s", flush=True)
    before, empty, begun = None, 0, time.monotonic()
    while (passed := time.monotonic() - begun) < SYNC_SECONDS:
        listed, error, terminal = mt5.positions_get(), mt5.last_error(), mt5.terminal_info()
        connected = bool(terminal and terminal.connected)
        shown = connected, None if listed is None else len(listed), error
        if shown != before:
            print(
                f"{passed:8.2f} s  connected {shown[0]}  positions {shown[1]}  {error}", flush=True
            )
            before = shown
        empty += connected and listed == ()
        if listed is None:
            mt5.initialize()
        time.sleep(POLL_SECONDS)
    say("reads that were empty while connected: what must not be believed", empty)
    account.expect("the position is there at the end", account.is_open(ticket), True)


def say(what: str, value: object) -> None:
    """Print what is neither right nor wrong."""
    print(f"         {what}: {value}")


CHECKS = {each.__name__: each for each in (facts, filling, stops, readback, closeby, comment, sync)}


def main(arguments: list[str]) -> int:
    """Make a check; return 0 where all is as DTMS expects, 1 where it is not, 2 where it cannot be
    made here."""
    names = "\n".join(f"  {name:9} {check.__doc__}" for name, check in CHECKS.items())
    parser = argparse.ArgumentParser(
        description=__doc__,
        epilog=f"checks:\n{names}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("check", choices=CHECKS, metavar="CHECK", help="one of those below")
    parser.add_argument(
        "--symbol", default="EURUSD", help="as Market Watch spells it (%(default)s)"
    )
    parser.add_argument("--module", default="MetaTrader5", help="the API module (%(default)s)")
    given = parser.parse_args(arguments)
    account = None
    try:
        account = Account(importlib.import_module(given.module), given.symbol)
        CHECKS[given.check](account)
    except (NotHere, ImportError) as reason:
        print(f"not here: {reason}", file=sys.stderr)
        return 2
    finally:
        tidied = account is None or account.tidy()
    return int(account.differs or not tidied)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
