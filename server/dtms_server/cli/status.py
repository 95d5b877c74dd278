"""The command that tells how a service stands."""

from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2

from dtms_server.cli import words
from dtms_server.cli.connection import Connection
from dtms_server.cli.output import AsJson, print_facts, print_json
from dtms_server.cli.plain import plain


def status(connection: Connection, as_json: AsJson = False) -> None:
    """Tell how the service stands; works in every phase.

    Example: dtms status --json
    """
    with connection.client() as client:
        answer = client.status()
    if as_json:
        print_json(plain(answer))
        return
    print_facts(_facts(answer))


def _facts(status: pb.GetStatusResponse) -> dict[str, str]:
    phase = words.name(pb.ServicePhase, status.phase)
    why = f": {status.not_ready_reason}" if status.not_ready_reason else ""
    by_state = ", ".join(
        f"{count.trades} {words.name(trade_pb2.TradeState, count.state)}"
        for count in status.trades_by_state
    )
    facts = {
        "service": f"{phase}{why}",
        "version": status.version,
        "uptime": f"{status.uptime.ToTimedelta().total_seconds():.0f} s",
        "trades": f"{status.active_trades} active" + (f" ({by_state})" if by_state else ""),
        "cycles": f"{status.cycles}, the last took {status.last_cycle.ToMilliseconds()} ms",
        "head": str(status.head_sequence),
        "actions": "paused: no order leaves until dtms resume"
        if status.actions_paused
        else "not paused",
        "rails": ", ".join(map(_shut, status.rails)) or "none is shut",
        **_terminal_facts(status.terminal),
    }
    orphans = ", ".join(map(str, status.orphans))
    return facts | ({"orphans": orphans} if orphans else {})


def _shut(rail: pb.LatchedRail) -> str:
    return f"{rail.rail} since {words.time(rail.since)} UTC ({rail.reason})"


def _terminal_facts(terminal: pb.TerminalStatus) -> dict[str, str]:
    answers = "connected" if terminal.connected else f"not connected: {terminal.error}"
    facts = {"terminal": f"{terminal.name or terminal.source}, {answers}"}
    if not terminal.account:
        return facts
    kind = words.name(pb.AccountKind, terminal.account_kind).lower()
    mode = words.name(pb.MarginMode, terminal.margin_mode).lower()
    trading = "" if terminal.trade_allowed else ", trading not allowed"
    return facts | {
        "account": f"{terminal.account} ({kind}, {mode}{trading})",
        "balance": f"{terminal.balance:.2f} {terminal.currency}",
        "equity": f"{terminal.equity:.2f} {terminal.currency}",
        "time": f"{words.time(terminal.time)} UTC, speed {terminal.speed:g}",
    }
