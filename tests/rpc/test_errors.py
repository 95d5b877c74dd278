"""Every error has one status, and no status outgrows its headers."""

from collections.abc import Iterator, Sequence

import pytest
from dtms_server.domain import errors
from dtms_server.rpc.errors import (
    FAULTS_OF_OURS,
    STARTUP_ONLY,
    STATUS,
    cut,
    to_status,
)
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc import StatusCode
from hypothesis import given
from hypothesis import strategies as st


def kinds(parent: type[errors.DtmsError] = errors.DtmsError) -> Iterator[type[errors.DtmsError]]:
    for child in parent.__subclasses__():
        yield child
        yield from kinds(child)


def details(status: Status) -> dict[type[Message], Message]:
    found: dict[type[Message], Message] = {}
    for packed in status.details:
        for kind in (ErrorInfo, BadRequest, RetryInfo):
            message = kind()
            if packed.Unpack(message):
                found[kind] = message
    return found


def header_bytes(status: Status) -> int:
    """What a status takes in the headers: the message percent-encoded, the details as base64."""
    words = sum(1 if 0x20 <= byte < 0x7F else 3 for byte in status.message.encode())
    return int(words + status.ByteSize() * 4 / 3)


@pytest.mark.parametrize("kind", sorted(set(kinds()), key=str))
def test_every_error_has_a_status_or_a_reason_for_having_none(kind: type) -> None:
    assert [kind in table for table in (STATUS, STARTUP_ONLY, FAULTS_OF_OURS)].count(True) == 1


def test_reasons_are_told_by_one_status_each() -> None:
    codes: dict[str, set[StatusCode]] = {}
    for code, reason in STATUS.values():
        codes.setdefault(reason, set()).add(code)
    assert all(len(of_reason) == 1 for of_reason in codes.values())


def test_an_error_carries_domain_reason_and_facts() -> None:
    code, status = to_status(errors.UnknownTrade(ticket=7, account="1@Demo"))
    info = details(status)[ErrorInfo]
    assert code is StatusCode.NOT_FOUND
    assert status.code == code.value[0]
    assert status.message == "No trade with ticket 7 is registered on 1@Demo."
    assert info == ErrorInfo(
        domain="dtms", reason="TRADE_NOT_FOUND", metadata={"ticket": "7", "account": "1@Demo"}
    )


def test_an_invalid_request_names_every_field() -> None:
    _, status = to_status(errors.InvalidRequest([("ticket", "is 0"), ("symbol", "is empty")]))
    bad = details(status)[BadRequest]
    assert isinstance(bad, BadRequest)
    told = [(violation.field, violation.description) for violation in bad.field_violations]
    assert told == [("ticket", "is 0"), ("symbol", "is empty")]


@pytest.mark.parametrize("error", [errors.Draining(), errors.NotReady(reason="starting")])
def test_what_passes_says_when_to_come_again(error: errors.DtmsError) -> None:
    code, status = to_status(error)
    retry = details(status)[RetryInfo]
    assert code is StatusCode.UNAVAILABLE
    assert isinstance(retry, RetryInfo)
    assert retry.retry_delay.ToSeconds() == 1


def test_what_does_not_pass_names_no_time_to_come_again() -> None:
    _, status = to_status(errors.UnknownTrade(ticket=7, account="1@House"))
    assert RetryInfo not in details(status)


@given(st.lists(st.tuples(st.text(), st.text()), min_size=1), st.integers(1, 500))
def test_a_status_fits_into_headers_whatever_the_caller_sent(
    violations: Sequence[tuple[str, str]], times: int
) -> None:
    for error in (
        errors.InvalidRequest(list(violations) * times),
        errors.TerminalLost(reason="é\x00" * 40 * times),
    ):
        _, status = to_status(error)
        assert header_bytes(status) < 7_000  # of 8 KiB, with room for the other headers
        assert Status.FromString(status.SerializeToString()) == status


def test_violations_that_do_not_fit_are_counted() -> None:
    _, status = to_status(errors.InvalidRequest([("labels[x]", "is too long")] * 1000))
    bad = details(status)[BadRequest]
    assert isinstance(bad, BadRequest)
    rest = bad.field_violations[-1].description
    assert rest == f"{1000 - len(bad.field_violations) + 1} more violations"


@given(st.text(), st.integers(3, 40))
def test_a_cut_text_keeps_its_limit_and_its_beginning(text: str, limit: int) -> None:
    short = cut(text, limit)
    assert len(short.encode()) <= limit
    assert text.encode(errors="replace").decode().startswith(short.removesuffix("..."))
