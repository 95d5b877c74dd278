"""Scores as messages."""

from dtms.v1 import trade_pb2

from dtms_server.domain.scoring import Score
from dtms_server.engine.scores import NoScore
from dtms_server.rpc.translate.times import timestamp


def score(given: Score | NoScore) -> trade_pb2.Score:
    """Return a score with all that led to it, or why there is none."""
    if isinstance(given, NoScore):
        return trade_pb2.Score(missing_reason=given.reason)
    regime = given.regime
    return trade_pb2.Score(
        value=given.value,
        points=[
            trade_pb2.SignalPoints(
                signal=trade_pb2.Signal.Value(f"SIGNAL_{each.signal.name}"),
                points=each.points,
                weight=each.weight,
                reason=each.reason,
            )
            for each in given.points
        ],
        regime=trade_pb2.Regime(
            session=regime.session, volatility=regime.volatility, structure=regime.structure
        ),
        bar_closed_at=timestamp(given.bar_closed_at),
    )
