"""Tokens go on where they were given out, and nowhere else."""

import string
from dataclasses import dataclass, replace

import pytest
from dtms_server.domain.errors import (
    PageTokenInvalid,
    ResumeTokenExpired,
    ResumeTokenInFuture,
    ResumeTokenInvalid,
)
from dtms_server.domain.trade import State
from dtms_server.ports import Journal, TradeFilter
from dtms_server.rpc.tokens import PageToken, ResumeToken
from hypothesis import given
from hypothesis import strategies as st

SEQUENCES = st.integers(0, 2**63 - 1)
ALPHABET = string.ascii_letters + string.digits + "-_"


@dataclass(frozen=True)
class Kept:
    """What a token asks of a journal."""

    store_id: str = "a" * 32
    head: int = 2**63 - 1
    compacted_through: int = 0


def journal(**kept: object) -> Journal:
    return Kept(**kept)  # type: ignore[arg-type, return-value] # the part that tokens read


FILTERS = st.builds(
    TradeFilter,
    states=st.frozensets(st.sampled_from(State)),
    symbols=st.frozensets(st.text(max_size=4)),
    labels=st.none() | st.dictionaries(st.text(max_size=3), st.text(max_size=3), min_size=1),
    include_closed=st.booleans(),
)


@given(SEQUENCES)
def test_a_resume_token_leads_back_to_its_sequence(sequence: int) -> None:
    token = ResumeToken.of(journal(), sequence).write()
    assert ResumeToken.read(token).place_in(journal()) == sequence


@given(SEQUENCES, st.data())
def test_a_token_changed_in_any_character_is_invalid(sequence: int, data: st.DataObject) -> None:
    token = ResumeToken.of(journal(), sequence).write()
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.sampled_from(ALPHABET + "+/= é").filter(lambda c: c != token[place]))
    with pytest.raises(ResumeTokenInvalid):
        ResumeToken.read(token[:place] + other + token[place + 1 :])


@given(SEQUENCES, st.data())
def test_a_token_cut_short_or_grown_is_invalid(sequence: int, data: st.DataObject) -> None:
    token = ResumeToken.of(journal(), sequence).write()
    shorter = token[: data.draw(st.integers(0, len(token) - 1))]
    longer = token + data.draw(st.text(min_size=1))
    for mangled in (shorter, longer):
        with pytest.raises(ResumeTokenInvalid):
            ResumeToken.read(mangled)


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_any_other_text_is_no_token(text: str) -> None:
    with pytest.raises(ResumeTokenInvalid):
        ResumeToken.read(text)
    with pytest.raises(PageTokenInvalid):
        PageToken.read(text)


def test_tokens_of_one_kind_have_one_length_and_are_url_safe() -> None:
    tokens = {ResumeToken.of(journal(), n).write() for n in (0, 1, 2**40, 2**63 - 1)}
    assert {len(token) for token in tokens} == {44}
    assert set("".join(tokens)) <= set(ALPHABET)


def test_a_resume_token_is_no_page_token_nor_the_other_way_round() -> None:
    resume = ResumeToken.of(journal(), 7).write()
    page = PageToken.of(journal(), TradeFilter(), 7, 7).write()
    with pytest.raises(PageTokenInvalid):
        PageToken.read(resume)
    with pytest.raises(ResumeTokenInvalid):
        ResumeToken.read(page)


def test_a_token_of_another_store_is_invalid() -> None:
    token = ResumeToken.of(journal(), 7)
    with pytest.raises(ResumeTokenInvalid):
        token.place_in(journal(store_id="b" * 32))


def test_a_token_from_before_the_compaction_names_the_earliest_event() -> None:
    token = ResumeToken.of(journal(), 7)
    with pytest.raises(ResumeTokenExpired) as expired:
        token.place_in(journal(compacted_through=8))
    assert expired.value.facts == {"earliest_sequence": "9"}
    assert token.place_in(journal(compacted_through=7)) == 7


def test_a_token_ahead_of_the_journal_is_in_the_future() -> None:
    token = ResumeToken.of(journal(), 7)
    with pytest.raises(ResumeTokenInFuture) as future:
        token.place_in(journal(head=6))
    assert future.value.facts == {"head_sequence": "6"}
    assert token.place_in(journal(head=7)) == 7


@given(FILTERS, SEQUENCES, SEQUENCES)
def test_a_page_token_carries_its_place_and_the_first_reads_sequence(
    wanted: TradeFilter, ticket: int, sequence: int
) -> None:
    token = PageToken.read(PageToken.of(journal(), wanted, ticket, sequence).write())
    token.require(journal(), wanted)
    assert (token.after_ticket, token.resume_sequence) == (ticket, sequence)


@given(FILTERS, FILTERS)
def test_a_page_token_holds_for_its_own_filters_only(one: TradeFilter, two: TradeFilter) -> None:
    token = PageToken.of(journal(), one, 1, 1)
    if replace(one, labels=one.labels or {}) == replace(two, labels=two.labels or {}):
        token.require(journal(), two)
    else:
        with pytest.raises(PageTokenInvalid):
            token.require(journal(), two)


def test_a_page_token_of_another_store_is_invalid() -> None:
    token = PageToken.of(journal(), TradeFilter(), 1, 1)
    with pytest.raises(PageTokenInvalid):
        token.require(journal(store_id="b" * 32), TradeFilter())
