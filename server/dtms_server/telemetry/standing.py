"""How the service stands, as metrics: read when they are asked for, and kept nowhere."""

from collections.abc import Iterator

from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.registry import Collector

from dtms_server.domain.trade import State
from dtms_server.engine.status import Status
from dtms_server.telemetry.sources import Sources


class Standing(Collector):
    """All gauges of ours."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources

    def collect(self) -> Iterator[GaugeMetricFamily | InfoMetricFamily]:
        """Read everything once."""
        status = self._sources.standing()
        yield InfoMetricFamily("dtms_build", "This server.", {"version": status.version})
        yield from self._health(status)
        yield _trades(status)
        yield from _guarding(status)
        yield from self._reading_and_writing(status)

    def _health(self, status: Status) -> Iterator[GaugeMetricFamily]:
        sources = self._sources
        yield _gauge(
            "dtms_ready", "1 while gRPC health tells readiness SERVING.", sources.is_ready()
        )
        yield _gauge("dtms_live", "1 while gRPC health tells liveness SERVING.", sources.is_live())
        yield _gauge(
            "dtms_terminal_up", "1 while the terminal's last answer was good.", status.terminal_up
        )
        yield _gauge("dtms_uptime_seconds", "Seconds since the start.", status.uptime_seconds)

    def _reading_and_writing(self, status: Status) -> Iterator[GaugeMetricFamily]:
        lags = self._sources.stream_lags()
        yield _gauge(
            "dtms_journal_head", "Sequence of the journal's newest event.", status.head_sequence
        )
        yield _gauge("dtms_streams_open", "Event streams that are open.", len(lags))
        yield _gauge(
            "dtms_stream_lag_events",
            "Events that the hindmost open stream has still to look at.",
            max(lags, default=0),
        )
        yield _gauge(
            "dtms_writes_waiting",
            "Pieces of work that wait for the writer.",
            self._sources.writes_waiting(),
        )


def _guarding(status: Status) -> Iterator[GaugeMetricFamily]:
    yield _gauge("dtms_actions_paused", "1 while no order may leave.", status.actions_paused)
    yield _gauge("dtms_rails_latched", "Rails that stay shut until reset.", len(status.rails))
    yield _gauge(
        "dtms_orphans",
        "Positions with our magic that the store does not know.",
        len(status.orphans),
    )
    yield _gauge(
        "dtms_cycle_lag_seconds",
        "Seconds by which the last cycle began later than it was due.",
        status.cycle_lag_seconds,
    )
    yield _gauge(
        "dtms_cycle_age_seconds",
        "Seconds since the last cycle ended; before the first, since the start.",
        status.cycle_age_seconds,
    )


def _trades(status: Status) -> GaugeMetricFamily:
    trades = GaugeMetricFamily(
        "dtms_trades",
        "Active trades by state; CLOSED and RELEASED are active while they have a hedge.",
        labels=("state",),
    )
    for state in State:
        trades.add_metric((state,), status.trades_by_state.get(state, 0))
    return trades


def _gauge(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=float(value))
