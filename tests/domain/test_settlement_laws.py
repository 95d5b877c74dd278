"""Whatever others do meanwhile: what they did is never taken for ours, and ours is found."""

from typing import Any

from dtms_server.domain.actions import Action
from dtms_server.domain.market import Deal, DealEntry, DealReason, Position
from dtms_server.domain.settlement import Absent, Executed, Underway
from dtms_server.domain.trade import Direction
from hypothesis import given, settings
from hypothesis import strategies as st
from situations import AT
from sizes import BUY, SELL, a_position
from traces import (
    ANOTHERS,
    BY,
    CLOSES,
    IN,
    INOUT,
    MAGIC,
    OPENS,
    OUT,
    OUT_BY,
    PROTECTS,
    SECOND,
    a_deal,
    found,
)

lots = st.integers(1, 60).map(lambda steps: steps / 100)
directions = st.sampled_from(Direction)


@st.composite
def others_deals(draw: st.DrawFn) -> Deal:
    """A deal that no order of ours made: by its magic, its comment or its reason."""
    entry = draw(st.sampled_from(DealEntry))
    mark: dict[str, Any] = draw(
        st.sampled_from(
            [
                {"magic": 0, "comment": ""},
                {"magic": 4711, "comment": "grid 7"},
                {"magic": MAGIC, "comment": ANOTHERS},
                {"magic": MAGIC, "comment": "", "reason": DealReason.SL},
                {"magic": MAGIC, "comment": "", "reason": DealReason.CLIENT},
            ]
        )
    )
    if entry is OUT_BY and "reason" not in mark and mark["magic"] != MAGIC:
        mark = {**mark, "reason": DealReason.CLIENT}
    return a_deal(
        entry,
        **mark,
        ticket=draw(st.integers(1, 10_000)),
        position_id=draw(st.sampled_from([70, 90, 80])),
        direction=draw(directions),
        volume_lots=draw(lots),
        at=AT + draw(st.integers(-600, 600)) * SECOND,
    )


@st.composite
def others_positions(draw: st.DrawFn) -> Position:
    return a_position(
        draw(directions),
        identifier=draw(st.sampled_from([70, 90, 80])),
        volume_lots=draw(lots),
        magic=draw(st.sampled_from([0, 4711])),
    )


@settings(max_examples=300)
@given(
    st.sampled_from([OPENS, CLOSES, BY, PROTECTS]),
    st.lists(others_deals(), max_size=5).map(tuple),
    st.lists(others_positions(), max_size=3, unique_by=lambda p: p.identifier),
)
def test_nothing_that_others_do_is_ever_taken_for_ours(
    action: Action, deals: tuple[Deal, ...], shown: list[Position]
) -> None:
    assert not isinstance(found(action, *shown, deals=deals), Executed)


@st.composite
def dealings(draw: st.DrawFn) -> list[Deal]:
    """What others do to the trade's position, in turn: they add to it, and close parts or more. By
    its volumes it cannot be taken for what we do."""
    return [
        a_deal(
            draw(st.sampled_from([OUT, INOUT])) if draw(st.booleans()) else IN,
            ticket=turn,
            magic=0,
            comment="",
            position_id=70,
            direction=draw(directions),
            volume_lots=draw(st.sampled_from([0.35, 0.7])),
        )
        for turn in range(draw(st.integers(0, 4)))
    ]


FILLS = st.sampled_from([(0.25,), (0.1, 0.15), (0.05, 0.1, 0.1)])


def left_by(deals: list[Deal]) -> tuple[Position, ...]:
    """The trade's position of 0.5 lots after these."""
    moves = (deal.volume_lots * deal.direction.sign for deal in deals)
    left = round(0.5 + sum(moves), 8)
    side = BUY if left > 0 else SELL
    return (a_position(side, volume_lots=abs(left)),) if left else ()


@settings(max_examples=200)
@given(dealings(), st.integers(0, 4), FILLS)
def test_a_close_is_found_among_all_that_others_do_once_all_is_told(
    theirs: list[Deal], at: int, fills: tuple[float, ...]
) -> None:
    ours = [a_deal(OUT, ticket=500 + n, volume_lots=part) for n, part in enumerate(fills)]
    deals = [*theirs[:at], *ours, *theirs[at:]]
    finding = found(CLOSES, *left_by(deals), deals=tuple(deals))
    assert isinstance(finding, Executed)
    assert finding.became.volume_lots == 0.25


@settings(max_examples=200)
@given(dealings(), FILLS, st.sampled_from(["", "broker"]))
def test_a_close_without_its_comment_is_found_behind_what_others_have_done_before(
    theirs: list[Deal], fills: tuple[float, ...], comment: str
) -> None:
    ours = [
        a_deal(OUT, ticket=500 + n, volume_lots=part, comment=comment)
        for n, part in enumerate(fills)
    ]
    deals = [*theirs, *ours]
    finding = found(CLOSES, *left_by(deals), deals=tuple(deals))
    assert isinstance(finding, Executed)
    assert finding.became.volume_lots == 0.25


@settings(max_examples=200)
@given(dealings())
def test_a_close_that_was_not_carried_out_is_absent_once_all_is_told(theirs: list[Deal]) -> None:
    assert found(CLOSES, *left_by(theirs), deals=tuple(theirs)) == Absent()


@settings(max_examples=200)
@given(dealings(), FILLS, st.data())
def test_while_a_deal_is_late_nothing_is_certain(
    theirs: list[Deal], fills: tuple[float, ...], data: st.DataObject
) -> None:
    ours = [a_deal(OUT, ticket=500 + n, volume_lots=part) for n, part in enumerate(fills)]
    deals = [*theirs, *ours]
    told = deals[: data.draw(st.integers(0, len(deals) - 1))]
    late = sum(d.volume_lots * d.direction.sign for d in deals[len(told) :])
    finding = found(CLOSES, *left_by(deals), deals=tuple(told))
    suffixes = [told[n:] for n in range(len(told) + 1)]
    moves = [sum(d.volume_lots * d.direction.sign for d in part) for part in suffixes]
    whole = moves[0] + late
    if all(abs(move - whole) > 1e-9 for move in moves):
        assert isinstance(finding, Underway)
