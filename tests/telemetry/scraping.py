"""Reading the pages as tools do: one request a connection."""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

PATIENCE_SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: str

    @property
    def facts(self) -> dict[str, Any]:
        """The body as JSON."""
        return dict(json.loads(self.body))


class Metrics:
    """One scrape."""

    def __init__(self, text: str) -> None:
        self.families = {family.name: family for family in text_string_to_metric_families(text)}
        self._values = {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in self.families.values()
            for sample in family.samples
        }

    def value(self, name: str, **labels: str) -> float:
        """The value of the one series of that name with these labels; 0 where there is none."""
        return self._values.get((name, frozenset(labels.items())), 0.0)


async def send(address: str, request: bytes) -> Answer:
    """Send these bytes and read the answer to its end."""
    host, _, port = address.rpartition(":")
    async with asyncio.timeout(PATIENCE_SECONDS):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(request)
        whole = (await reader.read()).decode()
        writer.close()
    head, _, body = whole.partition("\r\n\r\n")
    first, *lines = head.split("\r\n")
    headers = dict(line.lower().split(": ", 1) for line in lines)
    return Answer(int(first.split()[1]), headers, body)


async def fetch(address: str, path: str, method: str = "GET", **headers: str) -> Answer:
    """Ask for a page."""
    lines = [f"{method} {path} HTTP/1.1", f"Host: {address}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return await send(address, "\r\n".join([*lines, "", ""]).encode())


async def scrape(address: str) -> Metrics:
    """Read the metrics."""
    answer = await fetch(address, "/metrics")
    assert answer.status == 200, answer.body
    return Metrics(answer.body)


async def scraped(address: str, holds: Callable[[Metrics], bool]) -> Metrics:
    """Scrape until that holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not holds(metrics := await scrape(address)):
            pass
    return metrics
