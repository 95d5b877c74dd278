"""Messages as plain values and as words."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from cli.happenings import FACTS, event_of
from dtms.v1 import service_pb2, trade_pb2
from dtms_server.cli import words
from dtms_server.cli.moments import moment
from dtms_server.cli.output import print_table
from dtms_server.cli.pairs import pairs
from dtms_server.cli.plain import plain, short_name
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from typer import BadParameter


@pytest.mark.parametrize("facts", FACTS)
def test_an_event_of_every_type_is_json_with_its_facts_only(facts: str) -> None:
    document = json.loads(json.dumps(plain(event_of(facts))))
    assert document["type"] == facts.upper()
    assert facts in document
    assert not set(FACTS) - {facts} & set(document)


def test_what_is_absent_is_null_and_not_zero() -> None:
    trade = trade_pb2.Trade(ticket=2**63 - 1, take_profit=0.0)
    facts = plain(trade)
    assert facts["ticket"] == 2**63 - 1
    assert facts["stop_loss"] is None
    assert facts["take_profit"] == 0.0
    assert facts["closed_at"] is None


def test_every_field_of_a_status_is_there_even_when_empty() -> None:
    message = service_pb2.GetStatusResponse()
    assert set(plain(message)) == {field.name for field in message.DESCRIPTOR.fields}


def test_enums_go_by_their_short_names_and_unknown_ones_by_number() -> None:
    states = trade_pb2.TradeState.DESCRIPTOR
    assert short_name(states, trade_pb2.TRADE_STATE_WARNING_L1) == "WARNING_L1"
    assert short_name(states, 99) == "99"


def test_times_are_iso_durations_seconds_and_masks_lists() -> None:
    assert plain(Timestamp(seconds=1, nanos=500_000_000)) == "1970-01-01T00:00:01.500Z"
    assert plain(Duration(seconds=1, nanos=500_000_000)) == 1.5
    assert plain(FieldMask(paths=["volume", "labels"])) == ["volume", "labels"]


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_labels_survive_json(labels: dict[str, str]) -> None:
    document = json.loads(json.dumps(plain(trade_pb2.Trade(labels=labels))))
    assert document["labels"] == labels


@given(st.floats(min_value=1e-5, max_value=1e6).map(lambda value: round(value, 5)))
def test_prices_are_told_to_their_last_digit(price: float) -> None:
    told = words.number(price)
    assert float(told) == pytest.approx(price, rel=1e-9)
    assert len(told) <= 12


@given(
    st.dictionaries(st.text(min_size=1).filter(lambda key: "=" not in key), st.text(), max_size=5)
)
def test_pairs_are_split_at_the_first_equals_sign(wanted: dict[str, str]) -> None:
    assert pairs([f"{key}={value}" for key, value in wanted.items()], "--label") == wanted


@pytest.mark.parametrize("word", ["", "key", "=value"])
def test_what_is_no_pair_is_refused(word: str) -> None:
    with pytest.raises(BadParameter):
        pairs([word], "--label")


@pytest.fixture
def abroad(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer whose own clock is not UTC, where it can be set."""
    monkeypatch.setenv("TZ", "America/New_York")
    set_clock = getattr(time, "tzset", lambda: None)  # not on Windows
    set_clock()
    yield
    monkeypatch.undo()
    set_clock()


@pytest.mark.parametrize(
    ("text", "hour", "minute"),
    [
        ("2026-03-02", 0, 0),
        ("2026-03-02T14:30", 14, 30),
        ("2026-03-02 14:30:00", 14, 30),
        ("2026-03-02T14:30:00Z", 14, 30),
        ("2026-03-02T15:30+01:00", 14, 30),
    ],
)
def test_a_time_without_a_zone_is_utc_wherever_it_is_typed(
    abroad: None, text: str, hour: int, minute: int
) -> None:
    assert moment(text, "--since") == datetime(2026, 3, 2, hour, minute, tzinfo=UTC)


def test_a_table_in_a_pipe_is_neither_cut_nor_wrapped_nor_coloured(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    wide = "x" * 500
    print_table(("NAME", "WHAT"), [("[bold]a", wide), ("b", "")])
    assert capsys.readouterr().out == f"NAME     WHAT\n[bold]a  {wide}\nb\n"
