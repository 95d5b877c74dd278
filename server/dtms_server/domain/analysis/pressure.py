"""Which way the bid was pushed within a bar."""

from math import sqrt

from dtms_server.domain.charts import BidChanges


def pressure(changes: BidChanges | None) -> float:
    """Return by how many standard deviations of a coin's toss the ups outnumber the downs; 0 where
    there are no changes, or no ticks were to be had."""
    up, down = changes or (0, 0)
    return (up - down) / sqrt(up + down) if up + down > 0 else 0.0
