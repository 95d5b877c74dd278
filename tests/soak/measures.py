"""What processes and files weigh. From /proc, so on Linux only: a soak's way to measure is no part
of the product, and needs no further dependency there."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Weight:
    """One process at a moment."""

    pid: int
    rss_bytes: int
    descriptors: int
    threads: int


def weigh(pid: int | None) -> Weight | None:
    """Weigh a process; None where there is none."""
    if pid is None:
        return None
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
    facts = dict(line.split(":", 1) for line in lines)
    if "VmRSS" not in facts:  # it has just ended
        return None
    rss = int(facts["VmRSS"].split()[0]) * 1024
    return Weight(pid, rss, descriptors, int(facts["Threads"]))


def size(path: Path) -> int:
    """Return a file's size in bytes; 0 where there is none."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def share(values: Sequence[float], part: float) -> float:
    """Return the value that this part of the values does not exceed; 0 where there are none."""
    ordered = sorted(values)
    return ordered[min(int(len(ordered) * part), len(ordered) - 1)] if ordered else 0.0
