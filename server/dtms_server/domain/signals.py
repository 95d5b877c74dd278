"""What each signal of an analysis gives to one side: points, and in words why."""

from collections.abc import Mapping, Sequence
from enum import StrEnum

from dtms_server.domain.analysis.reading import Analysis
from dtms_server.domain.analysis.regime import Volatility
from dtms_server.domain.policy.scoring import PointsPolicy, ScoringPolicy
from dtms_server.domain.trade import Direction

Part = tuple[float, str]
"""Points from the side, before any weight, and in words why."""


class Signal(StrEnum):
    """What gives points; the names are those of Weights."""

    STRUCTURE = "structure"
    VWAP_VOLUME = "vwap_volume"
    MOMENTUM = "momentum"
    EMA_ALIGNMENT = "ema_alignment"
    DELTA_PRESSURE = "delta_pressure"
    CANDLE_CONVICTION = "candle_conviction"


def structure(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> Part:
    """The latest structural break, while it is recent."""
    found, points = analysis.m15.structure.latest_break, policy.points.structure_break
    if found is None or found.bars_ago >= policy.break_bars:
        return 0.0, f"no break in the last {policy.break_bars} M15 bars"
    way = "up" if found.direction is Direction.BUY else "down"
    price = f"{found.swing.price:.{analysis.digits}f}"
    reason = f"{found.kind} {way} through {price}, {found.bars_ago} M15 bars ago"
    return (points if found.direction is side else -points), reason


def vwap(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> Part:
    """The side of the session's VWAP that the newest closes lie on."""
    at, side_now, digits = analysis.m5.vwap, analysis.vwap_side, analysis.digits
    if at is None:
        return 0.0, "no VWAP: the session has no volume"
    near, price = f"{analysis.vwap_distance:.{digits}f}", f"VWAP {at:.{digits}f}"
    if side_now == 0:
        return 0.0, f"a close within {near} of {price}, or closes on both sides"
    words = f"closes {'above' if side_now > 0 else 'below'} {price} by over {near}"
    if analysis.vwap_flip(side):
        return policy.points.vwap_flip, f"{words}, a flip"
    return policy.points.vwap_held, words


def volume(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> Part:
    """The share of the newest volume that went against the side."""
    if analysis.m5.volume is None:
        return 0.0, "no volume"
    points, against = policy.points, analysis.m5.volume.against(side)
    words = f"{against:.0%} of volume against"
    if analysis.volume_flip(side):
        return points.volume_flip, f"{words}, a flip"
    if against > policy.volume_leaning_share:
        return points.volume_leaning, words
    return (points.volume_favourable if against < policy.volume_favourable_share else 0.0), words


def momentum(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> Part:
    """RSI and MACD histogram together."""
    reading, limit = analysis.m15.momentum, policy.points.momentum_limit
    rsi = _rsi(analysis, side, policy)
    macd = _running([bar * side.sign for bar in reading.histogram]) * policy.points.macd
    moved = "falling" if reading.rsi_change < 0 else "rising" if reading.rsi_change > 0 else "still"
    words = f"RSI {50 + reading.rsi_lead:.1f} {moved}; MACD histogram {_for(macd)}"
    return within(rsi + macd, limit), words


def _rsi(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> float:
    quiet = analysis.regime.volatility is Volatility.LOW
    weak = policy.low_volatility_rsi_weak if quiet else policy.rsi_weak
    seen = 50 + analysis.m15.momentum.rsi_lead * side.sign
    change = analysis.m15.momentum.rsi_change * side.sign
    if seen < weak and change < 0:
        return -policy.points.rsi
    return policy.points.rsi if seen > policy.rsi_strong and change > 0 else 0.0


def ema_alignment(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> Part:
    """The slopes of both EMAs."""
    slopes, points = analysis.m15.slopes, policy.points
    if slopes is None:
        return 0.0, "too few M15 bars for the EMAs"
    fast, slow = slopes.fast * side.sign, slopes.slow * side.sign
    words = f"slope of the fast EMA {_for(fast)}, of the slow one {_for(slow)}"
    if fast < 0:
        return (points.ema_both_against if slow < 0 else points.ema_fast_against), words
    return (points.ema_both_favourable if fast > 0 and slow > 0 else 0.0), words


def delta_pressure(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> Part:
    """The changes of the bid within the newest bar."""
    seen, points = analysis.pressure * side.sign, policy.points.delta
    words = f"bid changes {analysis.pressure:+.1f} deviations from even"
    if abs(seen) <= policy.delta_deviations:
        return 0.0, words
    return (points if seen > 0 else -points), words


def candle_conviction(analysis: Analysis, side: Direction, policy: ScoringPolicy) -> Part:
    """The newest candle, where it is a strong one."""
    candle, points = analysis.m5.candle, policy.points
    if candle.side == 0:
        return 0.0, "no strong candle"
    way = "up" if candle.side > 0 else "down"
    words = f"a strong candle {way}{' through VWAP' if candle.through_vwap else ''}"
    if candle.side == side.sign:
        return points.candle_favourable, words
    return (points.candle_through_vwap if candle.through_vwap else points.candle_against), words


def possible(points: PointsPolicy) -> Mapping[str, tuple[float, ...]]:
    """Return the points that each part of a score can have, by the names of Score.parts, the lowest
    first."""
    rsi, macd = _either_way(points.rsi), _either_way(points.macd)
    limit = points.momentum_limit
    values = {
        "structure": _either_way(points.structure_break),
        "vwap": {points.vwap_flip, 0.0, points.vwap_held},
        "volume": {
            points.volume_flip,
            points.volume_leaning,
            0.0,
            points.volume_favourable,
        },
        "momentum": {within(one + other, limit) for one in rsi for other in macd},
        "ema_alignment": {
            points.ema_both_against,
            points.ema_fast_against,
            0.0,
            points.ema_both_favourable,
        },
        "delta_pressure": _either_way(points.delta),
        "candle_conviction": {
            points.candle_through_vwap,
            points.candle_against,
            0.0,
            points.candle_favourable,
        },
    }
    return {name: tuple(sorted(each)) for name, each in values.items()}


def within(points: float, limit: float) -> float:
    """Return the points kept within the limit, either way."""
    return max(-limit, min(limit, points))


def _either_way(points: float) -> set[float]:
    return {-points, 0.0, points}


def _running(values: Sequence[float]) -> int:
    return 1 if min(values) > 0 else -1 if max(values) < 0 else 0


def _for(seen: float) -> str:
    return "in favour" if seen > 0 else "against" if seen < 0 else "neither way"
