"""The broker's clock: turns the terminal's epochs, which are server time, into UTC."""

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np
from numpy.typing import NDArray

STEP: Final = timedelta(minutes=30)
FARTHEST: Final = timedelta(hours=15)
FRESH: Final = timedelta(minutes=2)
"""How far from a whole step a tick may be and still tell the offset."""
EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - what the terminal counts from, in its own time


class ServerClock:
    """Server time to UTC, by the configured zone until fresh ticks tell another offset."""

    def __init__(self, configured: str) -> None:
        """Take a zone's name ("EET") or a fixed "+HH:MM"; raises ValueError."""
        self._configured = self._zone = zone(configured)
        self._newest_milliseconds = 0
        self._candidate: timedelta | None = None

    def utc(self, server_milliseconds: int, fold: int = 0) -> datetime:
        """Return the instant that the server calls so many milliseconds since 1970; of the hour
        that its clock shows twice in autumn the first, or with a `fold` of 1 the second."""
        local = EPOCH + timedelta(milliseconds=server_milliseconds)
        return local.replace(tzinfo=self._zone, fold=fold).astimezone(UTC)

    def utc_seconds(self, server_seconds: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the UTC epochs of many server epochs, in whole seconds."""
        hours, where = np.unique(server_seconds // 3600, return_inverse=True)
        ahead = [h * 3600 - round(self.utc(h * 3_600_000).timestamp()) for h in hours.tolist()]
        return server_seconds - np.array(ahead, dtype=np.int64)[where]

    def server_seconds(self, utc_seconds: int) -> int:
        """Return what the server calls a UTC epoch, in whole seconds."""
        return utc_seconds + self.offset_seconds(datetime.fromtimestamp(utc_seconds, UTC))

    def offset_seconds(self, at: datetime) -> int:
        """Return by how much the server's clock is ahead of UTC at an instant."""
        offset = at.astimezone(self._zone).utcoffset()
        assert offset is not None
        return round(offset.total_seconds())

    def observe(self, tick_milliseconds: int, before: datetime, after: datetime) -> None:
        """Learn from the newest tick, read between two readings of the clock.

        Only a tick that is new since the last call tells something; two in a row must agree, for
        one may have aged while this machine slept.
        """
        known = self._newest_milliseconds
        self._newest_milliseconds = max(known, tick_milliseconds)
        if not 0 < known < tick_milliseconds or after - before > FRESH:
            return
        measured = _offset(tick_milliseconds, before)
        if measured is not None and measured == self._candidate:
            as_configured = measured == before.astimezone(self._configured).utcoffset()
            self._zone = self._configured if as_configured else timezone(measured)
        self._candidate = measured


def zone(name: str) -> tzinfo:
    """Return the zone of a name ("EET") or of a fixed offset ("+HH:MM"); raises ValueError."""
    if name[:1] in {"+", "-"}:
        return _fixed(name)
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(
            f"server offset {name!r} is neither +HH:MM nor a time zone known here "
            "(on Windows zones come with the package tzdata)"
        ) from error


def _offset(tick_milliseconds: int, now: datetime) -> timedelta | None:
    ahead = EPOCH.replace(tzinfo=UTC) + timedelta(milliseconds=tick_milliseconds) - now
    offset = round(ahead / STEP) * STEP
    fits = abs(ahead - offset) <= FRESH and abs(offset) <= FARTHEST
    return offset if fits else None


def _fixed(name: str) -> timezone:
    written = re.fullmatch(r"[+-](\d\d?):([0-5]\d)", name, re.ASCII)
    if written is None or int(written[1]) >= 24:
        raise ValueError(f"server offset {name!r} is not +HH:MM or -HH:MM")
    offset = timedelta(hours=int(written[1]), minutes=int(written[2]))
    return timezone(-offset if name[0] == "-" else offset)
