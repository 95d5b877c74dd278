"""How the tests read events: up to one that they wait for, or all that there are."""

import time
from collections.abc import Callable, Iterable
from typing import Any

from dtms.v1.event_pb2 import MonitorEvent
from dtms_client import DtmsClient
from dtms_server.cli.plain import short_name
from processes import PATIENCE_SECONDS

Enough = Callable[[MonitorEvent], bool]


def type_of(event: MonitorEvent) -> str:
    """Return an event's type as the API's documentation calls it."""
    field = event.DESCRIPTOR.fields_by_name["type"]
    assert field.enum_type is not None
    return short_name(field.enum_type, event.type)


def told(event: MonitorEvent) -> tuple[str, int]:
    """Return type and ticket; ticket 0 is of an event that is not about one trade."""
    return type_of(event), event.ticket


def measures(event: MonitorEvent) -> bool:
    """Tell whether an event tells a trade's R, as the first analysis does, and nothing else."""
    return list(event.trade_changed.changed.paths) == ["r_distance"]


def read_until(client: DtmsClient, enough: Enough, **wanted: Any) -> list[MonitorEvent]:
    """Follow until an event is `enough`, and return all up to it."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    seen: list[MonitorEvent] = []
    with client.messages(
        heartbeat_interval=1, give_up_after=PATIENCE_SECONDS, **wanted
    ) as messages:
        for message in messages:
            if message.HasField("event"):
                seen.append(message.event)
                if enough(message.event):
                    return seen
            if time.monotonic() > deadline:
                break
    raise AssertionError(f"what was waited for did not come; seen: {list(map(told, seen))}")


def await_all(client: DtmsClient, type_: str, tickets: Iterable[int], since: str) -> None:
    """Return once every ticket has had an event of the type since that place."""
    missing = set(tickets)
    if not missing:
        return

    def is_last(event: MonitorEvent) -> bool:
        missing.discard(event.ticket)
        return not missing

    read_until(client, is_last, since=since, types=[type_])


def journal(client: DtmsClient, through: str) -> list[MonitorEvent]:
    """Return every event from the first up to the place that a list of trades was read at."""
    seen = []
    with client.messages(start_from="EARLIEST", give_up_after=PATIENCE_SECONDS) as messages:
        for message in messages:
            if message.HasField("event"):
                seen.append(message.event)
            if message.resume_token == through:
                return seen
            if not message.HasField("event") and message.heartbeat.caught_up:
                break
    raise AssertionError(f"that place is not in the journal of {len(seen)} events")
