"""Plays the steps of a scenario, one after another."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from conformance.python.director import Refused, ask, tell
from conformance.python.errors import Failure
from conformance.python.follower import Follower
from conformance.python.kept import Kept
from conformance.python.likeness import unlike
from conformance.python.service import Service
from conformance.python.steps import KINDS, Malformed, Step, check

DEADLINE_SECONDS = 10.0
PATIENCE_SECONDS = 60.0
RETRY_PAUSE_SECONDS = 0.1


class Unexpected(Exception):
    """A step did not come out as told."""


class Player:
    """One scenario's course: what was kept, and who follows."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._kept = Kept()
        self._followers: dict[str, Follower] = {}
        self._count = 0

    def play(self, steps: Sequence[Step]) -> bool:
        """Play the steps until one does not come out as told; return whether all did."""
        return all(self._play(step) for step in steps)

    def _play(self, step: Step) -> bool:
        self._count += 1
        try:
            check(step)
            if "repeat" in step:
                self._count -= 1  # it is itself no step
                return all(self.play(step["steps"]) for _ in range(step["repeat"]))
            self._step(self._kept.filled(step))
        except (Unexpected, Failure, Malformed, Refused, TimeoutError) as fault:
            tell({"step": self._count, "ok": False, "why": f"{_name(step)}: {fault}"})
            return False
        tell({"step": self._count, "ok": True})
        return True

    def _step(self, step: Step) -> None:
        match step:
            case {"do": verb}:
                self._kept.keep(step, ask(verb, step.get("with", {})))
            case {"call": _} | {"health": _}:
                self._call(step)
            case {"stream": request}:
                self._stream(step, request)
            case {"follow": name, "request": request}:
                if name in self._followers:
                    raise Malformed(f"{name} follows already")
                self._followers[name] = Follower(self._service, request)
            case {"await": name}:
                self._await(step, self._follower(name))
            case {"end": name}:
                follower = self._follower(name)
                del self._followers[name]
                follower.end()
                tell({"told": name, "sequences": follower.sequences})

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
        try:
            answer = self._answer(step)
        except Failure as failure:
            told = failure.unlike(step["error"]) if "error" in step else str(failure)
            return told, failure.passes
        if "error" in step:
            return f"it was answered {answer}, not refused", True
        wanted = {"status": step["status"]} if "health" in step else step.get("answer", {})
        difference = unlike(wanted, answer)
        if difference is None:
            self._kept.keep(step, answer)
        return difference, True

    def _answer(self, step: Step) -> Mapping[str, Any]:
        deadline_seconds = float(step.get("deadline_seconds", DEADLINE_SECONDS))
        cancel_after = step.get("cancel_after_seconds")
        times = deadline_seconds, None if cancel_after is None else float(cancel_after)
        if "health" in step:
            return self._service.health(step["health"], *times)
        return self._service.call(step["call"], step.get("request", {}), *times)

    def _stream(self, step: Step, request: Mapping[str, Any]) -> None:
        stream = self._service.stream(request, PATIENCE_SECONDS)
        wanted = list(step.get("events", []))
        try:
            for message in stream:
                if "error" in step:
                    raise Unexpected(f"it was told {message}, not refused")
                if wanted and (event := message.get("event")):
                    _demand(unlike(wanted.pop(0), event))
                if not wanted:
                    self._kept.keep(step, message)
                    return
        except Failure as failure:
            if "error" not in step:
                raise
            _demand(failure.unlike(step["error"]))
            return
        finally:
            stream.cancel()
        raise Unexpected("the stream ended by itself")

    def _await(self, step: Step, follower: Follower) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        for place, wanted in enumerate(step.get("events", [])):
            _demand(unlike(wanted, _next(follower, deadline), f"events.{place}"))
        if "until" in step:
            while unlike(step["until"], _next(follower, deadline)):
                pass

    def _follower(self, name: str) -> Follower:
        if name not in self._followers:
            raise Malformed(f"nobody follows as {name}")
        return self._followers[name]


def _next(follower: Follower, deadline: float) -> Mapping[str, Any]:
    left_seconds = deadline - time.monotonic()
    if left_seconds < 0:
        raise TimeoutError("no such event came in time")
    return follower.next(left_seconds)


def _demand(difference: str | None) -> None:
    if difference is not None:
        raise Unexpected(difference)


def _name(step: Step) -> str:
    kind = next((kind for kind in KINDS if kind in step), "?")
    return str(step.get("say", f"{kind} {step.get(kind)}"))
