"""Starts a runner, does what it asks for, and takes note of what it tells."""

import json
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from conformance import workshop
from conformance.languages import Language
from conformance.scene import Scene
from dtms_server.domain.errors import DtmsError
from dtms_server.terminal.control import ControlRefused

PATIENCE_SECONDS = 30.0
SILENCE_SECONDS = 180.0
"""No step lasts longer: a runner that is silent for so long hangs."""
Deed = Callable[..., Mapping[str, Any] | None]


@dataclass(slots=True)
class Played:
    """What came of a runner: how many steps came out as told, why it ended, what its followers were
    told, and what it wrote beside."""

    language: str
    steps: int = 0
    why: str = ""
    told: dict[str, list[int]] = field(default_factory=dict)
    status: int | None = None
    errors: str = ""

    @property
    def passed(self) -> bool:
        """Did all steps come out as told?"""
        return self.status == 0 and self.steps > 0 and not self.why

    @property
    def account(self) -> str:
        """What is to be told of it, in one text."""
        if self.passed:
            return f"{self.steps} steps"
        return (
            f"after {self.steps} steps: {self.why or f'exit status {self.status}'}\n{self.errors}"
        )


def deeds(scene: Scene) -> dict[str, Deed]:
    """Return what a runner may ask for in a scene of its own."""

    return {
        "begin_terminal": scene.begin_terminal,
        "end_terminal": scene.end_terminal,
        "restart": scene.restart,
        "drain": scene.drain,
        "drained": scene.drained,
        "open": lambda **named: {"ticket": str(scene.open(**named))},
        "close": lambda ticket: scene.close(int(ticket)),
    }


class Runner:
    """One runner at work."""

    def __init__(self, language: Language, process: "subprocess.Popen[str]") -> None:
        self.played = Played(language.name)
        self._process = process

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def direct(self, deeds: Mapping[str, Deed]) -> Played:
        """Do what the runner asks for until it ends, and return what came of it; one that hangs,
        or writes what is no line of the protocol, is ended."""
        assert self._process.stdout is not None
        silence = self._silence()
        for line in self._process.stdout:
            silence.cancel()
            self._take(line, deeds)
            silence = self._silence()
        silence.cancel()
        self.played.status = self._process.wait(PATIENCE_SECONDS)
        return self.played

    def _silence(self) -> threading.Timer:
        silence = threading.Timer(
            SILENCE_SECONDS, self._end, (f"silent for {SILENCE_SECONDS:g} s: it hangs",)
        )
        silence.daemon = True
        silence.start()
        return silence

    def _end(self, why: str) -> None:
        self.played.why = why
        self._process.kill()

    def _take(self, line: str, deeds: Mapping[str, Deed]) -> None:
        match _read(line):
            case {"step": _, "ok": True}:
                self.played.steps += 1
            case {"step": _, "ok": False, "why": why}:
                self.played.why = why
            case {"told": name, "sequences": sequences}:
                self.played.told[name] = [int(sequence) for sequence in sequences]
            case {"do": verb, "with": dict(named)}:
                self._answer(_done(deeds, str(verb), named))
            case {"do": verb}:
                self._answer(_done(deeds, str(verb), {}))
            case _:
                self._end(f"it wrote {line!r}")

    def _answer(self, answer: Mapping[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it has ended: its output tells
            self._process.stdin.write(json.dumps(answer) + "\n")
            self._process.stdin.flush()


def _read(line: str) -> object:
    try:
        return json.loads(line)
    except ValueError:
        return None


@contextmanager
def running(language: Language, address: str, scenario: Path) -> Iterator[Runner]:
    """Start a runner, which is ended with the block, and its errors noted. Raises BuildFailed."""
    folder = workshop.build(language)
    with (
        tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as errors,
        subprocess.Popen(
            (*language.run, address, str(scenario)),
            cwd=folder,
            env=workshop.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            encoding="utf-8",
        ) as process,
    ):
        runner = Runner(language, process)
        try:
            yield runner
        finally:
            process.kill()
            process.wait(PATIENCE_SECONDS)
            errors.seek(0)
            runner.played.errors = errors.read()


def _done(deeds: Mapping[str, Deed], verb: str, named: Mapping[str, Any]) -> Mapping[str, Any]:
    if verb not in deeds:
        return {"error": f"{verb} is not one of {', '.join(deeds)}"}
    try:
        return deeds[verb](**named) or {}
    except threading.BrokenBarrierError:
        return {"error": "another client has failed"}
    except (AssertionError, ControlRefused, DtmsError, TypeError, ValueError) as fault:
        return {"error": str(fault)}
