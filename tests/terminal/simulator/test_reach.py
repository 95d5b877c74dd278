"""How far prices reach in a while, told without reading every tick: never less than they do."""

from dataclasses import replace

from dtms_server.terminal.simulator.quotes import Jump, Quotes
from dtms_server.terminal.simulator.seeded import FIRST_DAY, START, SeededMarket
from dtms_server.terminal.simulator.symbols import facts
from hypothesis import given
from hypothesis import settings as run_settings
from hypothesis import strategies as st

BEGIN = int(START) * 1000
JUMPS = st.lists(
    st.tuples(st.integers(-7_200_000, 7_200_000), st.integers(-300, 300), st.integers(0, 200)),
    max_size=4,
)


@given(
    seed=st.integers(0, 20),
    after=st.integers(-3_600_000, 3_600_000),
    lasts=st.one_of(st.integers(1, 90_000), st.integers(1, 200_000_000)),
    jumps=JUMPS,
    grid=st.sampled_from((1, 5)),
)
@run_settings(max_examples=150, deadline=None)
def test_no_tick_is_beyond_it(
    seed: int, after: int, lasts: int, jumps: list[tuple[int, int, int]], grid: int
) -> None:
    symbol = replace(facts("EURUSD"), tick_points=grid)
    bent = [Jump("EURUSD", BEGIN + at, by, wider) for at, by, wider in sorted(jumps)]
    quotes = Quotes(SeededMarket(seed, {"EURUSD": symbol}, 1), bent)
    begin = BEGIN + after
    ticks = quotes.ticks("EURUSD", begin, begin + lasts)
    lowest, highest = quotes.reach("EURUSD", begin, begin + lasts)
    assert lowest <= highest
    if len(ticks):
        assert lowest <= ticks["bid"].min() / symbol.scale
        assert ticks["ask"].max() / symbol.scale <= highest


def test_over_a_weekend_it_is_of_the_bar_that_was_last() -> None:
    quotes = Quotes(SeededMarket(1, {"EURUSD": facts("EURUSD")}, 1), [])
    saturday = (FIRST_DAY + 5) * 86_400_000
    last = quotes.last("EURUSD", saturday)
    assert last is not None
    lowest, highest = quotes.reach("EURUSD", saturday, saturday + 3_600_000)
    assert lowest <= last.bid < last.ask <= highest
