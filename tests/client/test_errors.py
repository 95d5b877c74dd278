"""Every refusal reaches the caller as an exception of its own."""

import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from client.scripted import Server, Servicer, refusal
from dtms.v1 import service_pb2 as pb
from dtms_client import AsyncDtmsClient, DtmsClient, DtmsError, Violation, errors, statuses, wire
from hypothesis import given, settings
from hypothesis import strategies as st

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]

ONCE = {"grpc.enable_retries": 0}
TABLE = {
    grpc.StatusCode.INVALID_ARGUMENT: "INVALID_REQUEST PAGE_TOKEN_INVALID RESUME_TOKEN_INVALID",
    grpc.StatusCode.NOT_FOUND: "TRADE_NOT_FOUND",
    grpc.StatusCode.ALREADY_EXISTS: "TICKET_CONFLICT",
    grpc.StatusCode.FAILED_PRECONDITION: "POSITION_NOT_FOUND POSITION_MISMATCH POSITION_IS_HEDGE "
    "TRADE_HEDGED TRADE_NOT_GUARDED HEDGE_NOT_CLOSED",
    grpc.StatusCode.OUT_OF_RANGE: "RESUME_TOKEN_EXPIRED RESUME_TOKEN_IN_FUTURE",
    grpc.StatusCode.RESOURCE_EXHAUSTED: "SLOW_CONSUMER TOO_MANY_STREAMS RATE_LIMITED",
    grpc.StatusCode.UNAVAILABLE: "NOT_READY TERMINAL_LOST DRAINING",
    grpc.StatusCode.UNAUTHENTICATED: "TOKEN_MISSING TOKEN_INVALID",
    grpc.StatusCode.PERMISSION_DENIED: "SCOPE_MISSING",
}
ROWS = [(code, reason) for code, reasons in TABLE.items() for reason in reasons.split()]


class Refusing(Servicer):
    """Answers each GetTrade with the status given."""

    status: Any = None

    def GetTrade(self, request: Any, context: Any) -> pb.GetTradeResponse:  # noqa: N802
        context.abort_with_status(self.status)
        raise AssertionError("abort_with_status raises")


@pytest.fixture
def refusing() -> Refusing:
    return Refusing()


def test_the_table_has_each_reason_of_the_api_and_no_other() -> None:
    assert set(statuses.BY_REASON) == {reason for _, reason in ROWS}


def test_every_status_but_ok_has_a_class() -> None:
    named = {
        grpc.StatusCode.OK,
        grpc.StatusCode.ABORTED,  # no part of the API's table; DtmsError itself
        grpc.StatusCode.DATA_LOSS,
    }
    assert set(grpc.StatusCode) - set(statuses.BY_STATUS) == named


@pytest.mark.parametrize(("code", "reason"), ROWS)
def test_each_reason_becomes_its_own_exception(
    code: grpc.StatusCode,
    reason: str,
    refusing: Refusing,
    serve: Serve,
    clients: Clients,
) -> None:
    refusing.status = refusal(code, reason, ticket="7")
    client = clients(serve(refusing).target, options=ONCE)
    with pytest.raises(DtmsError) as caught:
        client.get_trade(7)
    error = caught.value
    assert type(error).__name__.upper() == reason.replace("_", "")
    assert isinstance(error, statuses.BY_STATUS[code])
    assert (error.code, error.reason, error.metadata) == (code, reason, {"ticket": "7"})
    assert str(error) == f"{reason}: in words"


async def test_the_asyncio_client_raises_the_same(refusing: Refusing, serve: Serve) -> None:
    async with AsyncDtmsClient(serve(refusing).target, options=ONCE) as client:
        for code, reason in ROWS:
            refusing.status = refusal(code, reason, ticket="7")
            with pytest.raises(statuses.BY_REASON[reason]) as caught:
                await client.get_trade(7)
            assert (caught.value.reason, caught.value.metadata) == (reason, {"ticket": "7"})


def test_violations_and_the_pause_that_is_asked_for_are_told(
    refusing: Refusing, serve: Serve, clients: Clients
) -> None:
    client = clients(serve(refusing).target, options=ONCE)
    wrong = (("ticket", "must be above 0"), ("symbol", "is required"))
    refusing.status = refusal(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST", violations=wrong)
    with pytest.raises(errors.InvalidRequest) as invalid:
        client.get_trade(0)
    assert invalid.value.violations == tuple(Violation(*each) for each in wrong)
    refusing.status = refusal(grpc.StatusCode.UNAVAILABLE, "NOT_READY", retry_after_ms=1500)
    with pytest.raises(errors.NotReady) as unready:
        client.get_trade(7)
    assert unready.value.retry_after == 1.5


@pytest.mark.parametrize(
    ("domain", "reason", "code", "kind"),
    [
        ("dtms", "NEWER_THAN_THIS_CLIENT", grpc.StatusCode.NOT_FOUND, errors.NotFound),
        ("a-proxy", "TRADE_NOT_FOUND", grpc.StatusCode.NOT_FOUND, errors.NotFound),
        ("dtms", "TERMINAL_LOST", grpc.StatusCode.NOT_FOUND, errors.NotFound),
        ("dtms", "TRADE_NOT_FOUND", grpc.StatusCode.ABORTED, DtmsError),
    ],
)
def test_where_the_reason_cannot_be_trusted_the_status_counts(
    domain: str,
    reason: str,
    code: grpc.StatusCode,
    kind: type[DtmsError],
    refusing: Refusing,
    serve: Serve,
    clients: Clients,
) -> None:
    refusing.status = refusal(code, reason, domain=domain)
    with pytest.raises(DtmsError) as caught:
        clients(serve(refusing).target, options=ONCE).get_trade(7)
    assert type(caught.value) is kind
    assert caught.value.code is code


def test_garbage_beside_the_status_leaves_a_bare_error(
    refusing: Refusing, serve: Serve, clients: Clients
) -> None:
    status = refusal(grpc.StatusCode.NOT_FOUND, "TRADE_NOT_FOUND")
    refusing.status = status._replace(  # type: ignore[attr-defined]  # a named tuple
        trailing_metadata=(("grpc-status-details-bin", b"\xff\x00garbage"),)
    )
    with pytest.raises(errors.NotFound) as caught:
        clients(serve(refusing).target).get_trade(7)
    assert (caught.value.reason, caught.value.metadata) == ("", {})


@settings(deadline=None)  # the machine may be busy
@given(st.binary(max_size=200))
def test_no_bytes_break_the_reading_of_details(payload: bytes) -> None:
    assert isinstance(wire.parse_details(payload), wire.Details)
    assert isinstance(wire.health_status(payload), int)


def test_an_error_survives_pickling() -> None:
    error = errors.TicketConflict(
        grpc.StatusCode.ALREADY_EXISTS, "in words", "TICKET_CONFLICT", {"fields": "symbol"}
    )
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is errors.TicketConflict
    assert (str(copy), copy.code, copy.metadata) == (str(error), error.code, error.metadata)


def test_only_what_may_pass_by_itself_is_transient() -> None:
    def bare(code: grpc.StatusCode) -> bool:
        return statuses.BY_STATUS[code](code, "").is_transient

    passing = {code for code in statuses.BY_STATUS if bare(code)}
    assert passing == {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
    told = {r for c, r in ROWS if statuses.BY_REASON[r](c, "", r).is_transient}
    assert told == {"NOT_READY", "TERMINAL_LOST", "DRAINING", "SLOW_CONSUMER", "RATE_LIMITED"}


ONLY_ITS_OWN = """
import sys
ALLOWED = {"dtms", "dtms_client", "google", "grpc", "typing_extensions", "cython_runtime"}
ALLOWED |= sys.stdlib_module_names
class Refuse:
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] not in ALLOWED or name.startswith("google.rpc"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import dtms_client.wire
dtms_client.wire.parse_details(b"")
print("imported")
"""


def test_the_client_needs_nothing_but_grpcio_and_protobuf() -> None:
    command = [sys.executable, "-c", ONLY_ITS_OWN]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (run.stdout, run.stderr) == ("imported\n", "")
