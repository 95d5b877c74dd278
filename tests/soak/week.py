"""When the simulated market trades: not on Saturdays and Sundays of the broker's clock."""

from datetime import UTC, datetime
from typing import Final

from dtms_server.terminal.simulator.clock import ServerZone

BROKER: Final = ServerZone.parse("EET")
DAY_SECONDS: Final = 86_400.0
SATURDAY: Final = 5


def is_open(at: datetime) -> bool:
    """Does the market trade at this time?"""
    return _broker(at).weekday() < SATURDAY


def until_open(at: datetime) -> float:
    """Return the seconds from a time in a weekend to some minutes past its end."""
    now = _broker(at)
    gone = (now - now.replace(hour=0, minute=0, second=0, microsecond=0)).total_seconds()
    return (7 - now.weekday()) * DAY_SECONDS - gone + 300.0


def _broker(at: datetime) -> datetime:
    """Return the broker's clock, read as if it were UTC."""
    return datetime.fromtimestamp(BROKER.server(at.timestamp()), UTC)
