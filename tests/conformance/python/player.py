"""Plays the steps of a scenario, one after another."""

import json
import re
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.python.errors import PASSING, Failure
from conformance.python.follower import PATIENCE_SECONDS, Follower
from conformance.python.likeness import unlike
from conformance.python.service import Service

Step = Mapping[str, Any]
DEADLINE_SECONDS = 10.0
RETRY_PAUSE_SECONDS = 0.1


class Unexpected(Exception):
    """A step did not come out as told."""


class Player:
    """One scenario's course: what was kept, and who follows."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept: dict[str, str] = {}
        self._followers: dict[str, Follower] = {}
        self._count = 0

    def play(self, steps: Sequence[Step]) -> bool:
        """Play the steps until one does not come out as told; return whether all did."""
        for step in steps:
            if "repeat" in step:
                if not all(self.play(step["steps"]) for _ in range(step["repeat"])):
                    return False
                continue
            self._count += 1
            try:
                self._step(self._filled(step))
            except (Unexpected, Failure, TimeoutError) as fault:
                tell({"step": self._count, "ok": False, "why": f"{_name(step)}: {fault}"})
                return False
            tell({"step": self._count, "ok": True})
        return True

    def _step(self, step: Step) -> None:
        match step:
            case {"do": verb}:
                self._keep(step, ask({"do": verb, "with": step.get("with", {})}))
            case {"call": _} | {"health": _}:
                self._call(step)
            case {"stream": request}:
                self._stream(step, request)
            case {"follow": name, "request": request}:
                self._followers[name] = Follower(self._service, request)
            case {"await": name, "events": events}:
                for place, wanted in enumerate(events):
                    _demand(unlike(wanted, self._followers[name].next(), f"events.{place}"))
            case {"await": name, "until": wanted}:
                while unlike(wanted, self._followers[name].next()):
                    pass
            case {"end": name}:
                follower = self._followers.pop(name)
                follower.end()
                tell({"told": name, "sequences": follower.sequences})
            case _:
                raise Unexpected(f"there is no such step: {step}")

    def _call(self, step: Step) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            difference, passing = self._attempt(step)
            if difference is None:
                return
            if not (step.get("retry") and passing and time.monotonic() < deadline):
                raise Unexpected(difference)
            time.sleep(RETRY_PAUSE_SECONDS)

    def _attempt(self, step: Step) -> tuple[str | None, bool]:
        """Call once: return how the outcome differs, and whether another call may do better."""
        wanted_error = step.get("error")
        try:
            answer = self._answer(step)
        except Failure as failure:
            if wanted_error is None:
                return str(failure), failure.code in PASSING
            return failure.unlike(wanted_error), True
        if wanted_error is not None:
            return f"it was answered {answer}, not refused", True
        difference = unlike(step.get("answer", {"status": step.get("status")}), answer)
        if difference is None:
            self._keep(step, answer)
        return difference, True

    def _answer(self, step: Step) -> Mapping[str, Any]:
        deadline_seconds = step.get("deadline_seconds", DEADLINE_SECONDS)
        if "health" in step:
            return {"status": self._service.health(step["health"], deadline_seconds)}
        cancel_after = step.get("cancel_after_seconds")
        return self._service.call(step["call"], step["request"], deadline_seconds, cancel_after)

    def _stream(self, step: Step, request: Mapping[str, Any]) -> None:
        stream = self._service.stream(request, PATIENCE_SECONDS)
        wanted = list(step.get("events", []))
        try:
            for message in stream:
                if "error" in step:
                    raise Unexpected(f"it was told {message}, not refused")
                if event := message.get("event"):
                    _demand(unlike(wanted.pop(0), event))
                if not wanted:
                    self._keep(step, message)
                    return
        except Failure as failure:
            if "error" not in step:
                raise
            _demand(failure.unlike(step["error"]))
            return
        finally:
            stream.cancel()
        raise Unexpected("the stream ended by itself")

    def _keep(self, step: Step, answer: Any) -> None:
        for name, path in step.get("keep", {}).items():
            value = answer
            for part in path.split("."):
                value = value[int(part)] if isinstance(value, list) else value[part]
            self._kept[name] = str(value)

    def _filled(self, value: Any) -> Any:
        match value:
            case str():
                return re.sub(r"\$\{(\w+)\}", lambda found: self._kept[found[1]], value)
            case list():
                return [self._filled(one) for one in value]
            case dict():
                return {name: self._filled(one) for name, one in value.items()}
        return value


def tell(line: Mapping[str, Any]) -> None:
    """Write a line to the director."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def ask(deed: Mapping[str, Any]) -> Mapping[str, Any]:
    """Let the director do something, and return its answer. Raises Unexpected."""
    tell(deed)
    answer: Mapping[str, Any] = json.loads(sys.stdin.readline() or '{"error": "it has gone"}')
    if "error" in answer:
        raise Unexpected(f"the director: {answer['error']}")
    return answer


def _demand(difference: str | None) -> None:
    if difference is not None:
        raise Unexpected(difference)


def _name(step: Step) -> str:
    kinds = ("do", "call", "health", "stream", "follow", "await", "end")
    kind = next((kind for kind in kinds if kind in step), "?")
    return str(step.get("say", f"{kind} {step.get(kind)}"))
