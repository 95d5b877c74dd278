"""The pages, each from memory: health for tools that speak HTTP only, and Prometheus metrics."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from dtms_server.telemetry.sources import Sources
from dtms_server.telemetry.standing import Standing

PLAIN: Final = "text/plain; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text"
METHODS: Final = ("GET", "HEAD")


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered."""

    status: HTTPStatus
    body: bytes
    content_type: str = PLAIN
    allow: str | None = None
    """The methods that would have done."""


class Pages:
    """Finds the page that a request asks for."""

    def __init__(self, sources: Sources, registry: CollectorRegistry) -> None:
        """The registry is shown with how the service stands added to it."""
        self._sources = sources
        self._registry = registry
        registry.register(Standing(sources))
        self._pages: Mapping[str, Callable[[str], Page]] = {
            "/health": self._health,
            "/dtms/health": self._health,
            "/live": self._live,
            "/metrics": self._metrics,
        }

    def answer(self, method: str, target: str, accept: str) -> Page:
        """Return the page of a target; `accept` is what the request takes, as its header says."""
        page = self._pages.get(target.partition("?")[0])
        if page is None:
            return plain(HTTPStatus.NOT_FOUND, f"the pages are {', '.join(self._pages)}")
        if method not in METHODS:
            allow = ", ".join(METHODS)
            return plain(HTTPStatus.METHOD_NOT_ALLOWED, f"only {allow}", allow=allow)
        return page(accept)

    def _health(self, accept: str) -> Page:
        status, ready = self._sources.standing(), self._sources.is_ready()
        facts = {
            "dtms_initialized": status.initialised,
            "monitoring_active": status.monitoring,
            "active_trades": status.active_trades,
            "ready": ready,
        }
        return Page(_ok(ready), json.dumps(facts).encode() + b"\n", "application/json")

    def _live(self, accept: str) -> Page:
        live = self._sources.is_live()
        return plain(_ok(live), "alive" if live else "not alive")

    def _metrics(self, accept: str) -> Page:
        # the name alone: the library fails on versions and escapings that it cannot read
        encode, content_type = choose_encoder(OPENMETRICS if OPENMETRICS in accept.lower() else "")
        return Page(HTTPStatus.OK, encode(self._registry), content_type)


def plain(status: HTTPStatus, text: str, allow: str | None = None) -> Page:
    """Return a page of one line of text."""
    return Page(status, f"{text}\n".encode(), allow=allow)


def _ok(well: bool) -> HTTPStatus:
    return HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
