"""The pages by HTTP: what is asked for is answered, and all else is refused shortly."""

from collections.abc import AsyncIterator

import pytest
from dtms_server.telemetry.pages import Page, Pages
from dtms_server.telemetry.registry import Registry
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from structlog.testing import capture_logs
from telemetry.scraping import fetch, send
from telemetry.standins import HOUR, SOURCES, listening, pages_of

PAGES = ("/health", "/dtms/health", "/live", "/metrics")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"
KINDS = st.sampled_from(("text/plain", "application/openmetrics-text", "*/*", "", "a/b"))
NAMES = st.sampled_from(("version", "escaping", "q", "charset", ""))
VALUES = st.sampled_from(("1.0.0", "0.0.4", "2", "x", "1.x", "", "=", "values", "\xe9")) | st.text()
WORDS = st.builds("{}={}".format, NAMES, VALUES) | VALUES
RANGES = st.builds(lambda kind, words: ";".join((kind, *words)), KINDS, st.lists(WORDS, max_size=3))


@pytest.fixture
async def http() -> AsyncIterator[str]:
    async with listening(pages_of(), HOUR) as address:
        yield address


@pytest.mark.parametrize("path", PAGES)
async def test_a_page_is_answered_once_and_the_connection_is_over(http: str, path: str) -> None:
    answer = await fetch(http, path)
    assert answer.status == 200
    assert answer.headers["connection"] == "close"
    assert answer.headers["cache-control"] == "no-store"
    assert int(answer.headers["content-length"]) == len(answer.body)


@pytest.mark.parametrize("path", PAGES)
async def test_its_head_is_the_same_without_a_body(http: str, path: str) -> None:
    answer = await fetch(http, path, "HEAD")
    assert (answer.status, answer.body) == (200, "")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("path", PAGES)
async def test_nothing_can_be_done_to_a_page(http: str, path: str) -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "CONNECT", "BREW"):
        answer = await fetch(http, path, method)
        assert answer.status == 405
        assert answer.headers["allow"] == "get, head"
        assert answer.body == "only GET, HEAD\n"


async def test_there_are_no_other_pages(http: str) -> None:
    for path in ("/", "/metrics/", "/../metrics", "/HEALTH", "*", "//health", "/%68ealth"):
        answer = await fetch(http, path)
        assert answer.status == 404
        assert answer.body == f"the pages are {', '.join(PAGES)}\n"


async def test_what_follows_a_question_mark_changes_nothing(http: str) -> None:
    assert (await fetch(http, "/health?verbose=1")).facts["ready"] is True


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /health HTTP/1.0\r\n\r\n", 200),
        (b"GET /health HTTP/1.1\r\n\r\n", 400),  # it names no host
        (b"How do you do?\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400),  # TLS
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 20_000 + b"\r\n\r\n", 431),
    ],
    ids=["an old one", "no host", "no HTTP", "TLS", "a huge head"],
)
async def test_what_is_no_request_is_told_so(http: str, request_: bytes, status: int) -> None:
    assert (await send(http, request_)).status == status


async def test_metrics_are_told_in_both_formats(http: str) -> None:
    plain = await fetch(http, "/metrics")
    assert plain.headers["content-type"].startswith("text/plain; version=0.0.4")
    opened = await fetch(http, "/metrics", Accept=OPENMETRICS)
    assert opened.headers["content-type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(opened.body)  # type: ignore[no-untyped-call]
    names = {family.name for family in families}
    assert {"dtms_rpcs", "dtms_ready", "dtms_build"} <= names


@given(accepted=st.lists(RANGES, max_size=3).map(", ".join) | st.text())
def test_metrics_are_told_whatever_is_accepted(accepted: str) -> None:
    page = pages_of().answer("GET", "/metrics", accepted)
    assert page.status == 200
    assert b"dtms_ready 1" in page.body


class Faulty(Pages):
    """Pages with a fault of ours."""

    def answer(self, method: str, target: str, accept: str) -> Page:
        raise ZeroDivisionError


async def test_a_fault_of_ours_is_told_to_the_peer_and_seldom_to_the_log() -> None:
    faulty = Faulty(SOURCES, Registry())
    async with listening(faulty, HOUR) as http:
        with capture_logs() as told:
            assert [(await fetch(http, "/live")).status for _ in range(3)] == [500] * 3
    assert [(line["event"], line["target"]) for line in told] == [("page failed", "/live")]
