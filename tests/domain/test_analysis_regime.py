"""The regime and the VWAP threshold that it adapts."""

from itertools import product

import markets
import pytest
from dtms_server.domain.analysis.regime import (
    Regime,
    Session,
    Shape,
    Volatility,
    session_at,
    shape_of,
    volatility_of,
    vwap_threshold,
)
from dtms_server.domain.policy.analysis import RegimePolicy, VwapPolicy

POLICY = RegimePolicy()
ASIAN, LONDON, OVERLAP, NEW_YORK = Session
PLAIN = Regime(LONDON, Volatility.NORMAL, Shape.TREND)


def test_every_hour_has_its_session() -> None:
    last_minutes = [markets.MONDAY.replace(hour=hour, minute=59) for hour in range(24)]
    day = [session_at(at, POLICY) for at in last_minutes]
    assert day == [ASIAN] * 8 + [LONDON] * 5 + [OVERLAP] * 3 + [NEW_YORK] * 5 + [ASIAN] * 3


@pytest.mark.parametrize(
    ("ratio", "volatility"),
    [(0.0, "low"), (0.69, "low"), (0.7, "normal"), (1.3, "normal"), (1.31, "high")],
)
def test_volatility_is_the_atr_over_its_mean(ratio: float, volatility: str) -> None:
    assert volatility_of(ratio, POLICY) == volatility


def test_bands_closer_than_a_share_of_the_price_are_a_range() -> None:
    assert shape_of(0.0043, 1.1, POLICY) is Shape.RANGE
    assert shape_of(0.0044 + 1e-12, 1.1, POLICY) is Shape.TREND


@pytest.mark.parametrize(
    ("symbol", "share"),
    [
        ("XAUUSD", 0.0010),
        ("XAUUSDm", 0.0010),
        ("BTCUSD", 0.0020),
        ("BTCEUR.x", 0.0020),
        ("EURUSDc", 0.0005),
        ("EURUSD.m", 0.0005),
        ("GBPUSD", 0.0005),
        ("USDJPY", 0.0007),
        ("#GBPJPY", 0.0007),
        ("AUDUSD", 0.0010),
        ("US30.cash", 0.0010),
    ],
)
def test_the_threshold_begins_with_the_symbols_base(symbol: str, share: float) -> None:
    assert vwap_threshold(symbol, PLAIN, VwapPolicy()) == share


FACTORS = {
    ASIAN: 1.5,
    LONDON: 1.0,
    NEW_YORK: 0.8,
    OVERLAP: 0.7,
    Volatility.LOW: 1.4,
    Volatility.NORMAL: 1.0,
    Volatility.HIGH: 0.8,
    Shape.RANGE: 1.3,
    Shape.TREND: 1.0,
}


@pytest.mark.parametrize("parts", list(product(Session, Volatility, Shape)))
def test_every_regime_adapts_the_threshold_up_to_its_cap(
    parts: tuple[Session, Volatility, Shape],
) -> None:
    session, volatility, shape = parts
    factor = FACTORS[session] * FACTORS[volatility] * FACTORS[shape]
    threshold = vwap_threshold("EURUSD", Regime(*parts), VwapPolicy())
    assert threshold == pytest.approx(0.0005 * min(factor, 1.8))
