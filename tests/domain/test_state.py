"""The two tables of states: as they are laid down, total, with nothing in them that is not used."""

from itertools import product
from pathlib import Path

import pytest
from dtms_server.domain.events import TradeClosed, TradeReleased, apply
from dtms_server.domain.policy import Policy
from dtms_server.domain.scoring import Band
from dtms_server.domain.state import (
    BANDS,
    ON_FACT,
    ON_SCORE,
    SEVERITY,
    WANT_HEDGE,
    Fact,
    arrows,
    diagram,
    is_worse,
    on_fact,
    on_score,
)
from dtms_server.domain.trade import GUARDED, State
from ledgers import CLOSING
from situations import AT, a_trade

README = Path(__file__).parents[2] / "README.md"
BY_SCORE = """
| state | STEADY | SOFT | WEAK | FAILING | CRITICAL |
|---|---|---|---|---|---|
| HEALTHY | HEALTHY | HEALTHY | WARNING_L1 | WARNING_L2 | hedge |
| WARNING_L1 | HEALTHY | WARNING_L1 | WARNING_L1 | WARNING_L2 | hedge |
| WARNING_L2 | WARNING_L1 | WARNING_L1 | WARNING_L2 | WARNING_L2 | hedge |
"""
BY_FACT = """
WARNING_L2 HEDGE_OPENED HEDGED
HEDGED HEDGE_GONE RECOVERING
RECOVERING RECOVERED HEALTHY
HEALTHY POSITION_GONE CLOSED
WARNING_L1 POSITION_GONE CLOSED
WARNING_L2 POSITION_GONE CLOSED
HEDGED POSITION_GONE CLOSED
RECOVERING POSITION_GONE CLOSED
HEALTHY RELEASED RELEASED
WARNING_L1 RELEASED RELEASED
WARNING_L2 RELEASED RELEASED
HEDGED RELEASED RELEASED
RECOVERING RELEASED RELEASED
RELEASED REARMED HEALTHY
"""


def judged() -> dict[tuple[State, Band], str]:
    """The first table, cell by cell."""
    head, _, *rows = [
        [c.strip() for c in row.split("|")[1:-1]] for row in BY_SCORE.split("\n")[1:-1]
    ]
    bands = [Band(name) for name in head[1:]]
    return {
        (State(row[0]), band): WANT_HEDGE if cell == "hedge" else State(cell)
        for row in rows
        for band, cell in zip(bands, row[1:], strict=True)
    }


def entered() -> dict[tuple[State, Fact], State]:
    """The second table, line by line."""
    lines = [line.split() for line in BY_FACT.split("\n")[1:-1]]
    return {(State(before), Fact(fact)): State(after) for before, fact, after in lines}


@pytest.mark.parametrize(("state", "band"), list(product(State, Band)))
def test_every_score_makes_of_every_state_what_the_table_says(state: State, band: Band) -> None:
    assert on_score(state, band) == judged().get((state, band), state)


@pytest.mark.parametrize(("state", "fact"), list(product(State, Fact)))
def test_every_fact_makes_of_every_state_what_the_table_says(state: State, fact: Fact) -> None:
    assert on_fact(state, fact) is entered().get((state, fact), state)


def test_no_row_and_no_cell_is_too_many() -> None:
    assert {(s, band) for s, row in ON_SCORE.items() for band in BANDS[: len(row)]} == set(judged())
    assert all(len(row) == len(Band) for row in ON_SCORE.values())
    assert dict(ON_FACT) == entered()
    assert all(after is not before for (before, _), after in ON_FACT.items())


def test_the_bands_run_from_the_best_to_the_worst_as_the_judged_states_do() -> None:
    assert BANDS == (Band.STEADY, Band.SOFT, Band.WEAK, Band.FAILING, Band.CRITICAL)
    assert set(SEVERITY) == set(ON_SCORE)
    for state, band in product(SEVERITY, BANDS[:-1]):
        after, worse = on_score(state, band), on_score(state, BANDS[BANDS.index(band) + 1])
        assert worse == WANT_HEDGE or not is_worse(State(after), State(worse))


def test_no_judgement_leads_to_what_only_a_fact_can_make_true() -> None:
    led_to = {State(cell) for row in ON_SCORE.values() for cell in row if cell != WANT_HEDGE}
    assert led_to == set(SEVERITY)


def test_every_state_is_reached_and_only_closed_is_never_left() -> None:
    ways = list(arrows())
    reached = {State.HEALTHY}
    for _ in State:
        reached |= {after for before, after in ways if before in reached}
    assert reached == set(State)
    assert set(State) - {before for before, _ in ways} == {State.CLOSED}


@pytest.mark.parametrize("state", sorted(GUARDED))
def test_a_trade_is_closed_and_released_as_the_table_says(state: State) -> None:
    trade = a_trade(state)
    closed, released = apply(trade, TradeClosed(CLOSING), AT), apply(trade, TradeReleased(91), AT)
    assert closed.state is on_fact(state, Fact.POSITION_GONE)
    assert released.state is on_fact(state, Fact.RELEASED)
    assert not closed.is_guarded
    assert not released.is_guarded


def test_the_diagram_has_every_arrow_once_with_all_that_leads_there() -> None:
    drawn = [line.strip() for line in diagram().splitlines()]
    assert drawn[:2] == ["stateDiagram-v2", "[*] --> HEALTHY: registered"]
    assert len(drawn) == len(set(drawn))
    told = {
        (before, cause, after)
        for before, _, after, *causes in (line.replace(":", "").split() for line in drawn[2:-1])
        for cause in (each.strip(",") for each in causes)
    }
    cells = {
        (s, b, State.WARNING_L2 if to == WANT_HEDGE else to) for (s, b), to in judged().items()
    }
    wanted = {(before, cause, to) for before, cause, to in cells if before != to}
    assert told == wanted | {(before, fact, to) for (before, fact), to in entered().items()}
    assert drawn[-1] == "CLOSED --> [*]"


def test_the_readme_shows_the_diagram_of_these_tables() -> None:
    block = f"```mermaid\n{diagram()}\n```"
    assert block in README.read_text("utf-8"), f"README.md needs this block:\n{block}"


def test_the_readme_tells_the_numbers_that_are_in_force() -> None:
    policy = Policy()
    states, stops, bands = policy.defence.states, policy.defence.stops, policy.scoring.bands
    text = README.read_text("utf-8")
    section = text[text.index("## What becomes of a trade") :].split("\n## ", 1)[0]
    told = " ".join(section.split())
    for number in (
        f"STEADY from {bands.steady_from:g}, SOFT above {bands.soft_above:g}",
        f"WEAK above {bands.weak_above:g}, FAILING above {bands.failing_above:g}",
        f"held for {states.descent_bars} M5 bars",
        f"after {states.flat_minutes:g} minutes",
        f"after {states.recovery_minutes:g} minutes",
        f"a score of {states.recovered_score:g} or more",
        f"for {states.grace_minutes:g} minutes from its registration",
        f"gained {states.grace_gain_r:g} R or lost {states.grace_loss_r:g} R",
        f"up to {states.timer_spread_minutes:g} minutes for the spread",
        f"to {stops.tighten_r:g} R behind the price, at least {stops.tighten_least_atr:g} ATR",
        f"one at {stops.missing_stop_r:g} R",
        f"is {stops.r_least_atr:g} ATR away or more; else {stops.r_default_atr:g} ATR",
    ):
        assert number in told, number
