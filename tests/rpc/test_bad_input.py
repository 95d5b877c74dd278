"""Whatever bytes come in, the answer is INVALID_ARGUMENT with all that is wrong, or a sound one."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from dtms.v1 import event_pb2, service_pb2, trade_pb2
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SERVICE = service_pb2.DESCRIPTOR.services_by_name["DtmsService"]
METHODS = tuple(SERVICE.methods_by_name)
UNARY = tuple(name for name, rpc in SERVICE.methods_by_name.items() if not rpc.server_streaming)
SWITCHES = {"PauseActions": True, "ResumeActions": False}
"""What paused is afterwards; the only calls that may write though no trade is named."""
FORESEEN = {
    StatusCode.INVALID_ARGUMENT,
    StatusCode.NOT_FOUND,
    StatusCode.FAILED_PRECONDITION,
}
live = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # they hold no state
)
Ask = Callable[[str, bytes], Any]


@pytest.fixture
def ask(grpc_channel: grpc.Channel, refusal: Callable[[grpc.RpcError], Any]) -> Ask:
    """Send raw bytes to a method; return the refusal, or None where there is none."""

    def call(method: str, raw: bytes) -> Any:
        path = f"/dtms.v1.DtmsService/{method}"
        try:
            if method in UNARY:
                unary: Any = grpc_channel.unary_unary(path)
                unary(raw, timeout=20)
            else:
                streaming: Any = grpc_channel.unary_stream(path)
                stream = streaming(raw, timeout=20)
                next(stream)
                stream.cancel()
        except grpc.RpcError as error:
            return refusal(error)
        return None

    return call


@contextmanager
def nothing_is_written(server: Any, method: str = "") -> Iterator[None]:
    """Demand that the journal stands still, unless the method turns the switch: that is told."""
    before, was_paused = server.house.head, server.house.guard.switch.paused
    yield
    is_paused = server.house.guard.switch.paused
    assert is_paused in (was_paused, SWITCHES.get(method, was_paused))
    assert server.house.head == before + (is_paused is not was_paused)


def request_of(method: str) -> type[Message]:
    kind: type[Message] = getattr(service_pb2, f"{method}Request")
    return kind


def is_message(method: str, raw: bytes) -> bool:
    try:
        request_of(method).FromString(raw)
    except DecodeError:
        return False
    return True


@live
@given(st.sampled_from(METHODS), st.binary(max_size=200))
def test_random_bytes_are_refused_or_understood(
    ask: Ask, grpc_server: Any, method: str, raw: bytes
) -> None:
    with nothing_is_written(grpc_server, method):
        refused = ask(method, raw)
    if not is_message(method, raw):
        assert (refused.code, refused.reason) == (StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
        assert refused.fields == ("request",)
    assert refused is None or refused.code in FORESEEN


NUMBERS = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**63 - 1, 2**63, 2**64 - 1]) | st.integers()
FLOATS = st.sampled_from([0.0, -1.0, math.nan, math.inf, -math.inf, 1e308, 5e-324]) | st.floats()
TEXTS = st.sampled_from(["", "EURUSD", "\0", "x" * 65, "x" * 300, "é" * 33]) | st.text(max_size=80)
RANGES = {
    "int32": (-(2**31), 2**31 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
}


def scalars(field: Any) -> st.SearchStrategy[Any]:
    match field.type:
        case field.TYPE_DOUBLE:
            return FLOATS
        case field.TYPE_STRING:
            return TEXTS
        case field.TYPE_BOOL:
            return st.booleans()
        case field.TYPE_ENUM:
            return st.integers(-2, 25) | st.sampled_from([2**31 - 1, -(2**31)])
        case field.TYPE_INT32:
            return clamped("int32")
        case field.TYPE_INT64:
            return clamped("int64")
        case field.TYPE_UINT64:
            return clamped("uint64")
        case _:
            raise AssertionError(f"no values for {field.full_name}")


def clamped(kind: str) -> st.SearchStrategy[int]:
    low, high = RANGES[kind]
    return NUMBERS.map(lambda number: min(max(number, low), high))


@st.composite
def filled(draw: st.DrawFn, kind: type[Message]) -> Message:
    """A message of that kind with any of its fields set to anything that its types can hold."""
    message = kind()
    field: Any
    for field in kind.DESCRIPTOR.fields:
        if not draw(st.booleans()):
            continue
        if field.message_type and field.message_type.GetOptions().map_entry:
            getattr(message, field.name).update(draw(st.dictionaries(TEXTS, TEXTS, max_size=20)))
        elif field.message_type:
            inner = filled(GetMessageClass(field.message_type))
            getattr(message, field.name).CopyFrom(draw(inner))
        elif field.is_repeated:
            getattr(message, field.name).extend(draw(st.lists(scalars(field), max_size=3)))
        else:
            setattr(message, field.name, draw(scalars(field)))
    return message


CALLS = st.sampled_from(METHODS).flatmap(
    lambda method: st.tuples(st.just(method), filled(request_of(method)))
)


@settings(live, max_examples=300)
@given(CALLS)
def test_any_fields_are_refused_by_name_or_understood(
    ask: Ask, grpc_server: Any, call: tuple[str, Message]
) -> None:
    method, message = call
    with nothing_is_written(grpc_server, method):
        refused = ask(method, message.SerializeToString())
    assert refused is None or refused.code in FORESEEN
    if refused and refused.reason == "INVALID_REQUEST":
        names = {field.name for field in message.DESCRIPTOR.fields}
        roots = {path.partition("[")[0].partition(".")[0] for path in refused.fields}
        assert roots
        assert roots <= names | {""}  # "": how many more there are


SOUND = {
    "RegisterTrade": service_pb2.RegisterTradeRequest(
        ticket=7, symbol="EURUSD", direction=trade_pb2.DIRECTION_BUY, labels={"a": "b"}
    ),
    "ListTrades": service_pb2.ListTradesRequest(symbols=["EURUSD"], labels={"a": "b"}),
    "ListActions": service_pb2.ListActionsRequest(
        ticket=7, started_from=Timestamp(seconds=1), started_before=Timestamp(seconds=2**40)
    ),
    "StreamMonitorEvents": service_pb2.StreamMonitorEventsRequest(
        symbols=["EURUSD"], types=[event_pb2.MONITOR_EVENT_TYPE_TRADE_CLOSED]
    ),
}


@pytest.mark.parametrize("method", SOUND)
def test_every_truncation_of_a_message_is_refused_or_a_message_of_its_own(
    ask: Ask, grpc_server: Any, method: str
) -> None:
    raw = SOUND[method].SerializeToString()
    with nothing_is_written(grpc_server):
        refusals = {end: ask(method, raw[:end]) for end in range(1, len(raw))}
    broken = [end for end in refusals if not is_message(method, raw[:end])]
    assert broken
    assert all(refusals[end].fields == ("request",) for end in broken)


NOT_UTF8 = (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xc0\x80", b"EUR\xe9USD")


@pytest.mark.parametrize("text", NOT_UTF8)
@pytest.mark.parametrize(
    ("method", "field", "in_a_map"),
    [
        ("RegisterTrade", 2, False),
        ("RegisterTrade", 9, True),
        ("UpdateTrade", 4, True),
        ("ListTrades", 2, False),
        ("ListTrades", 4, False),
        ("ListTrades", 5, True),
        ("ListActions", 2, False),
        ("StreamMonitorEvents", 1, False),
        ("StreamMonitorEvents", 4, False),
        ("PauseActions", 1, False),
        ("ResumeActions", 1, False),
    ],
)
def test_text_that_is_not_utf8_is_an_invalid_argument(
    ask: Ask, method: str, field: int, in_a_map: bool, text: bytes
) -> None:
    def text_field(number: int, value: bytes) -> bytes:
        return bytes([number << 3 | 2, len(value)]) + value

    raw = text_field(field, text)
    if in_a_map:
        raw = text_field(field, text_field(1, b"key") + text_field(2, text))
    refused = ask(method, raw)
    assert (refused.code, refused.fields) == (StatusCode.INVALID_ARGUMENT, ("request",))


def test_a_message_beyond_the_limit_is_refused_by_grpc_itself(grpc_channel: grpc.Channel) -> None:
    call: Any = grpc_channel.unary_unary("/dtms.v1.DtmsService/GetTrade")
    with pytest.raises(grpc.RpcError) as error:
        call(b"\0" * (256 * 1024 + 1), timeout=20)
    assert error.value.code() is StatusCode.RESOURCE_EXHAUSTED


def test_a_great_many_violations_still_reach_the_caller(ask: Ask) -> None:
    labels = {f"{n}" + "k" * 100: "" for n in range(1500)}
    request = service_pb2.RegisterTradeRequest(labels=labels, symbol="é" * 5000)
    refused = ask("RegisterTrade", request.SerializeToString())
    assert refused.code is StatusCode.INVALID_ARGUMENT
    assert {"ticket", "symbol", "direction", "labels", ""} <= set(refused.fields)
