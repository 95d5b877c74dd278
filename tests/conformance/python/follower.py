"""A follower: it goes on where it was, whatever becomes of the service."""

import threading
from collections.abc import Mapping
from typing import Any

from conformance.python.errors import PAUSE_SECONDS, Failure
from conformance.python.service import Service


class Follower:
    """Follows events in a thread of its own, until it is ended or fails for good."""

    def __init__(self, service: Service, request: Mapping[str, Any]) -> None:
        self.sequences: list[str] = []
        self._service = service
        self._request = dict(request)
        self._events: list[Mapping[str, Any]] = []
        self._taken = 0
        self._failure: Failure | None = None
        self._ended = threading.Event()
        self._more = threading.Condition()
        self._stream = service.stream(self._request)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def next(self, patience_seconds: float) -> Mapping[str, Any]:
        """Return the next event that was told. Raises Failure, or TimeoutError."""
        with self._more:
            self._more.wait_for(
                lambda: len(self._events) > self._taken or self._failure, patience_seconds
            )
            if len(self._events) > self._taken:
                self._taken += 1
                return self._events[self._taken - 1]
            if self._failure:
                raise self._failure
        raise TimeoutError("no such event came in time")

    def end(self) -> None:
        """End the stream and the thread."""
        self._ended.set()
        self._stream.cancel()
        self._thread.join()

    def _run(self) -> None:
        while True:
            pause_seconds = PAUSE_SECONDS
            try:
                for message in self._stream:
                    self._take(message)
            except Failure as failure:
                if not (failure.interrupts or self._ended.is_set()):
                    self._fail(failure)
                    return
                pause_seconds = failure.pause_seconds
            if self._ended.wait(pause_seconds):
                return
            self._stream = self._service.stream(self._request)
            if self._ended.is_set():  # meanwhile, and cancelled the stream before
                self._stream.cancel()

    def _take(self, message: Mapping[str, Any]) -> None:
        if token := message.get("resumeToken"):
            self._request = self._request | {"resumeToken": token}
        if event := message.get("event"):
            with self._more:
                self._events.append(event)
                self.sequences.append(event["sequence"])
                self._more.notify_all()

    def _fail(self, failure: Failure) -> None:
        with self._more:
            self._failure = failure
            self._more.notify_all()
