"""Lists and streams are asked for within limits, and refused with all that is wrong."""

import pytest
from dtms.v1 import event_pb2, trade_pb2
from dtms.v1 import service_pb2 as pb
from dtms_server.domain.errors import InvalidRequest, PageTokenInvalid, ResumeTokenInvalid
from dtms_server.domain.events import EventType
from dtms_server.domain.trade import State
from dtms_server.rpc import requests
from google.protobuf.duration_pb2 import Duration
from hypothesis import given
from hypothesis import strategies as st


def wrong(error: pytest.ExceptionInfo[InvalidRequest]) -> list[str]:
    return [path for path, _ in error.value.violations]


@pytest.mark.parametrize(("asked", "size"), [(0, 100), (1, 1), (1000, 1000), (2**31 - 1, 1000)])
def test_a_page_has_a_size_within_reason(asked: int, size: int) -> None:
    assert requests.listing(pb.ListTradesRequest(page_size=asked)).size == size


def test_a_list_is_told_all_that_is_wrong_with_its_filters() -> None:
    request = pb.ListTradesRequest(page_size=-1, states=[0, 1, 99], symbols=["EURUSD", ""])  # type: ignore[list-item]
    with pytest.raises(InvalidRequest) as error:
        requests.listing(request)
    assert sorted(wrong(error)) == ["page_size", "states[0]", "states[2]", "symbols[1]"]


def test_a_list_holds_its_filters() -> None:
    listing = requests.listing(
        pb.ListTradesRequest(
            states=[trade_pb2.TRADE_STATE_CLOSED],
            symbols=["EURUSD"],
            labels={"a": "b"},
            include_closed=True,
        )
    )
    assert listing.wanted.states == {State.CLOSED}
    assert listing.wanted.symbols == {"EURUSD"}
    assert listing.wanted.labels == {"a": "b"}
    assert listing.wanted.include_closed


def test_mangled_tokens_have_reasons_of_their_own() -> None:
    with pytest.raises(PageTokenInvalid):
        requests.listing(pb.ListTradesRequest(page_token="x"))
    with pytest.raises(ResumeTokenInvalid):
        requests.following(pb.StreamMonitorEventsRequest(resume_token="x"))


def test_a_stream_is_told_all_that_is_wrong_with_its_filters() -> None:
    request = pb.StreamMonitorEventsRequest(
        start_from=5,  # type: ignore[arg-type] # an open enum takes any number
        tickets=[1, 0],
        symbols=["x" * 65],
        types=[0, 99],  # type: ignore[list-item] # the same
    )
    with pytest.raises(InvalidRequest) as error:
        requests.following(request)
    assert sorted(set(wrong(error))) == [
        "start_from", "symbols[0]", "tickets[1]", "types[0]", "types[1]",
    ]  # fmt: skip


@pytest.mark.parametrize("path", ["tickets", "symbols"])
def test_a_streams_filters_are_few(path: str) -> None:
    items = {"tickets": range(1, 102), "symbols": [f"S{n}" for n in range(101)]}[path]
    with pytest.raises(InvalidRequest) as error:
        requests.following(pb.StreamMonitorEventsRequest(**{path: items}))  # type: ignore[arg-type]
    assert wrong(error) == [path]


@pytest.mark.parametrize("wanted", EventType)
def test_every_type_of_event_can_be_asked_for(wanted: EventType) -> None:
    number = event_pb2.MonitorEventType.Value(f"MONITOR_EVENT_TYPE_{wanted}")
    asked = requests.following(pb.StreamMonitorEventsRequest(types=[number]))
    assert asked.wanted.types == {wanted}


def test_a_stream_without_types_has_no_filter_of_types() -> None:
    assert requests.following(pb.StreamMonitorEventsRequest()).wanted.types == frozenset()


INT64 = st.integers(-(2**63), 2**63 - 1)
INT32 = st.integers(-(2**31), 2**31 - 1)


@given(INT64, INT32)
def test_any_heartbeat_interval_lies_within_its_range(seconds: int, nanos: int) -> None:
    interval = Duration(seconds=seconds, nanos=nanos)
    asked = requests.following(pb.StreamMonitorEventsRequest(heartbeat_interval=interval))
    assert 1 <= asked.heartbeat_seconds <= 60


def test_a_heartbeat_interval_is_kept_where_it_may_be_and_10_s_where_absent() -> None:
    request = pb.StreamMonitorEventsRequest(
        heartbeat_interval=Duration(seconds=2, nanos=500_000_000)
    )
    assert requests.following(request).heartbeat_seconds == 2.5
    assert requests.following(pb.StreamMonitorEventsRequest()).heartbeat_seconds == 10


@given(INT64, INT32)
def test_any_timestamp_of_a_list_of_actions_is_taken_or_refused(seconds: int, nanos: int) -> None:
    request = pb.ListActionsRequest()
    request.started_from.seconds, request.started_from.nanos = seconds, nanos
    sound = -62_135_596_800 <= seconds < 253_402_300_800 and 0 <= nanos < 10**9
    if sound:
        requests.actions(request)
    else:
        with pytest.raises(InvalidRequest):
            requests.actions(request)


def test_an_operators_reason_is_short() -> None:
    assert requests.reason(pb.PauseActionsRequest(reason="x" * 256)) == "x" * 256
    with pytest.raises(InvalidRequest) as error:
        requests.reason(pb.ResumeActionsRequest(reason="x" * 257))
    assert wrong(error) == ["reason"]
