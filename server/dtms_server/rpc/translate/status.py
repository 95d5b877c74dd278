"""How the service stands, as a message."""

from dtms.v1 import service_pb2, trade_pb2

from dtms_server.domain.market import Snapshot
from dtms_server.domain.rails import Latch
from dtms_server.engine.status import Status
from dtms_server.rpc.enums import to_proto
from dtms_server.rpc.translate.times import duration, timestamp


def status(status: Status) -> service_pb2.GetStatusResponse:
    """Return how the service stands."""
    counts = sorted(status.trades_by_state.items())
    return service_pb2.GetStatusResponse(
        dtms_initialized=status.initialised,
        monitoring_active=status.monitoring,
        active_trades=status.active_trades,
        ready=status.ready,
        not_ready_reason=status.not_ready_reason,
        phase=to_proto(service_pb2.ServicePhase, status.phase),
        trades_by_state=[
            service_pb2.StateCount(state=to_proto(trade_pb2.TradeState, state), trades=count)
            for state, count in counts
            if count
        ],
        terminal=_terminal(status),
        uptime=duration(status.uptime_seconds),
        cycles=status.cycles,
        last_cycle=duration(status.last_cycle_seconds),
        head_sequence=status.head_sequence,
        actions_paused=status.actions_paused,
        rails=map(_latched, status.rails),
        orphans=status.orphans,
        version=status.version,
    )


def _latched(latch: Latch) -> service_pb2.LatchedRail:
    return service_pb2.LatchedRail(
        rail=latch.rail, since=timestamp(latch.since), reason=latch.reason
    )


def _terminal(status: Status) -> service_pb2.TerminalStatus:
    message = service_pb2.TerminalStatus(
        source=status.terminal_source,
        connected=status.ready,
        error=status.not_ready_reason,
    )
    if status.snapshot is not None:
        message.MergeFrom(_shown(status.snapshot))
    return message


def _shown(snapshot: Snapshot) -> service_pb2.TerminalStatus:
    account = snapshot.account
    return service_pb2.TerminalStatus(
        name=snapshot.terminal,
        account=account.name,
        account_kind=to_proto(service_pb2.AccountKind, account.kind),
        margin_mode=to_proto(service_pb2.MarginMode, account.margin_mode),
        currency=account.currency,
        balance=account.balance,
        equity=account.equity,
        trade_allowed=snapshot.trade_allowed and account.trade_allowed,
        time=timestamp(snapshot.at),
        speed=snapshot.speed,
    )
