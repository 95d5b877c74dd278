"""Measures the longest stall of the server's event loop under fire beside that of a quiet run.

Each round is a quiet run and then each fire, with the same ordinary calls; what is told are medians
of the rounds. The server is the real one, with a probe in its loop; the terminal host and the
callers are processes of their own. A stall is told without the time for which the loop's thread
waited for a processor; LATE is with it. Exit status 1 where a fire of the terminal stalls the loop
more than 3 times as long as a quiet run; a storm of callers is load, and shown beside them. Linux
only, and best on a machine with nothing else to do.
"""

import argparse
import json
import os
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Final

import fires
from place import Place, attached, spawned

TARGET: Final = 3.0
FIRES: Final = (fires.mute, fires.killed, fires.storm)
LOAD: Final = "storm"
FIRES_OF_AN_ATTACHED_HOST: Final = (fires.late,)


@dataclass(frozen=True, slots=True)
class Result:
    """Medians of a fire's rounds and of the quiet runs beside them, in milliseconds."""

    fire: str
    quiet_ms: float
    fire_ms: float
    ratio: float
    quiet_late_ms: float
    fire_late_ms: float
    """As callers feel it: with what the machine added."""

    @property
    def is_met(self) -> bool:
        """Is it within the target, or load, which has none?"""
        return self.fire == LOAD or self.ratio <= TARGET


def main(arguments: Sequence[str]) -> int:
    """Measure, tell, and return the exit status."""
    options = _parser().parse_args(arguments)
    if not Path("/proc/self/stat").exists():
        sys.stderr.write("the terminal host's process can be found, and struck, only on Linux\n")
        return 2
    results = []
    with tempfile.TemporaryDirectory(prefix="dtms-bench-") as name:
        folders = [Path(name) / each for each in ("spawned", "attached")]
        for folder in folders:
            folder.mkdir()
        results += _measured(spawned(folders[0], _free_port()), FIRES, options)
        results += _measured(attached(folders[1]), FIRES_OF_AN_ATTACHED_HOST, options)
    _tell(results, options)
    return 0 if all(result.is_met for result in results) else 1


def _measured(
    setting: AbstractContextManager[Place],
    burning: Sequence[fires.Fire],
    options: argparse.Namespace,
) -> list[Result]:
    stalls: dict[fires.Fire, list[tuple[float, float]]] = {}
    with setting as place, fires.ordinary_calls(place):
        _run(place, fires.quiet, options.seconds)  # what is slow only once is not counted
        for _ in range(options.rounds):
            for fire in (fires.quiet, *burning):
                stalls.setdefault(fire, []).append(_run(place, fire, options.seconds))
    own = {fire: median(stall for stall, _ in told) for fire, told in stalls.items()}
    late = {fire: median(stall for _, stall in told) for fire, told in stalls.items()}
    quiet = fires.quiet
    return [
        Result(
            *(fire.__name__, own[quiet], own[fire], own[fire] / own[quiet]),
            *(late[quiet], late[fire]),
        )
        for fire in burning
    ]


def _run(place: Place, fire: fires.Fire, seconds: float) -> tuple[float, float]:
    """Return the longest stall, own and late, until the fire is over and the server ready again."""
    over = threading.Event()
    place.longest_stall_ms()
    with ThreadPoolExecutor(1) as pool:
        burning = pool.submit(fire, place, over)
        time.sleep(seconds)
        over.set()
    burning.result()
    place.await_ready()
    return place.longest_stall_ms()


def _tell(results: Sequence[Result], options: argparse.Namespace) -> None:
    if options.json:
        rows = [{**asdict(result), "is_met": result.is_met} for result in results]
        sys.stdout.write(json.dumps({"target": TARGET, "results": rows}, indent=2) + "\n")
        return
    out = sys.stdout.write
    out(f"longest stall of the event loop, ms: medians of {options.rounds} rounds\n\n")
    load, processors = os.getloadavg()[0], os.cpu_count() or 1
    if load > 2 * processors:
        out(f"this machine is busy: a load of {load:.1f} on {processors} processors\n\n")
    out("FIRE     QUIET   FIRE  RATIO   LATE: QUIET    FIRE\n")
    for result in results:
        out(
            f"{result.fire:<7}{result.quiet_ms:>7.1f}{result.fire_ms:>7.1f}{result.ratio:>7.2f}"
            f"{result.quiet_late_ms:>14.1f}{result.fire_late_ms:>8.1f}\n"
        )
    for result in results:
        if not result.is_met:
            out(
                f"\nMISSED: {result.fire} stalls {result.ratio:.2f} times as long, not {TARGET:g}\n"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench",
        description=__doc__,
        epilog="fires: "
        + "; ".join(
            f"{fire.__name__}: {fire.__doc__}" for fire in (*FIRES, *FIRES_OF_AN_ATTACHED_HOST)
        ),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    parser.add_argument("--seconds", type=float, default=8.0, help="of each run; default 8")
    parser.add_argument("--json", action="store_true", help="for programs")
    return parser


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
