"""What can go wrong, in the domain's words: a class's docstring is its message."""

from collections.abc import Sequence


class DtmsError(Exception):
    """Something that a caller or an operator should know went wrong."""

    def __init__(self, **facts: object) -> None:
        self.facts = {name: str(value) for name, value in facts.items()}  # the variable parts
        super().__init__(self.message)

    @property
    def message(self) -> str:
        """The docstring with the facts filled in, on one line."""
        words = " ".join((type(self).__doc__ or "").split())
        return words.format_map(self.facts)


class InvalidRequest(DtmsError):
    """The request is not valid: {violations}"""

    def __init__(self, violations: Sequence[tuple[str, str]]) -> None:
        """Take (field path, what is wrong with it) pairs, at least one."""
        self.violations = tuple(violations)
        super().__init__(violations="; ".join(f"{name}: {why}" for name, why in violations))


class PageTokenInvalid(DtmsError):
    """The page token is not one of this list: start again without it, or keep the filters of the
    first page."""


class ResumeTokenInvalid(DtmsError):
    """The resume token is malformed or belongs to another store: list the trades again and stream
    from that answer's token."""


class ResumeTokenExpired(DtmsError):
    """Events after the resume token are no longer kept; the earliest is {earliest_sequence}: list
    the trades again and stream from that answer's token."""


class ResumeTokenInFuture(DtmsError):
    """The resume token is ahead of the journal, whose newest event is {head_sequence}: the
    database was restored from an older copy."""


class UnknownTrade(DtmsError):
    """No trade with ticket {ticket} is registered on {account}."""


class TicketConflict(DtmsError):
    """Ticket {ticket} is registered with another {fields}."""


class PositionMissing(DtmsError):
    """The terminal shows no open position with ticket {ticket}."""


class PositionMismatch(DtmsError):
    """The position with ticket {ticket} has another {fields} than claimed."""


class PositionIsHedge(DtmsError):
    """The position with ticket {ticket} is one of DTMS's own; register the trade that it belongs
    to."""


class TradeNotGuarded(DtmsError):
    """The trade with ticket {ticket} is {state} and is not guarded."""


class TradeHedged(DtmsError):
    """The trade with ticket {ticket} has hedge {hedge} open: say what is to become of it, or wait
    until it is closed."""


class HedgeNotClosed(DtmsError):
    """The hedge of the trade with ticket {ticket} cannot be closed now, and the trade is as it
    was: {why}"""


class SlowConsumer(DtmsError):
    """The stream's reader took nothing for {seconds} s."""


class TooManyStreams(DtmsError):
    """No more than {limit} streams are allowed {scope}."""


class NotReady(DtmsError):
    """DTMS is starting: {reason}"""


class TerminalLost(DtmsError):
    """The terminal is lost: {reason}"""


class Draining(DtmsError):
    """DTMS is stopping."""


class TerminalFailed(DtmsError):
    """The terminal answered {call} with error {code}: {text}"""


class TerminalSilent(DtmsError):
    """The terminal gave no answer to {call} within {seconds} s."""


class TerminalUnreachable(DtmsError):
    """The terminal cannot be reached: {reason}"""


class TerminalUnusable(TerminalUnreachable):
    """The terminal cannot be started as configured: {reason}"""


class WrongAccount(DtmsError):
    """The terminal is logged in to {found}, but this database guards {expected}: log in to that
    account, or give another --database."""


class AccountHeld(DtmsError):
    """Account {account} is already guarded by {holder}: stop that server first."""


class DatabaseHeld(DtmsError):
    """Database {path} is in use by {holder}: stop that server first, or give another
    --database."""


class DatabaseUnusable(DtmsError):
    """Database {path} cannot be used: {reason}"""


class StoreFailed(DtmsError):
    """The database failed: {reason}"""


class ConfigurationInvalid(DtmsError):
    """{reason}"""


class StartupFailed(DtmsError):
    """Not ready within {seconds} s. The step that failed: {reason}"""
