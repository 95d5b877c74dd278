"""A follower: it goes on where it was, whatever becomes of the service."""

import threading
import time
from collections.abc import Mapping
from typing import Any

from conformance.python.errors import Failure
from conformance.python.service import Service

PAUSE_SECONDS = 0.1
PATIENCE_SECONDS = 60.0


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

    def next(self) -> Mapping[str, Any]:
        """Return the next event that was told. Raises Failure, or TimeoutError after 60 s."""
        with self._more:
            self._more.wait_for(
                lambda: len(self._events) > self._taken or self._failure, PATIENCE_SECONDS
            )
            if len(self._events) > self._taken:
                self._taken += 1
                return self._events[self._taken - 1]
            if self._failure:
                raise self._failure
        raise TimeoutError(f"no further event within {PATIENCE_SECONDS:g} s")

    def end(self) -> None:
        """End the stream and the thread."""
        self._ended.set()
        self._stream.cancel()
        self._thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                for message in self._stream:
                    self._take(message)
            except Failure as failure:
                if self._ended.is_set():
                    return
                if failure.code != "UNAVAILABLE" and failure.reason:
                    self._fail(failure)
                    return
            time.sleep(PAUSE_SECONDS)
            self._stream = self._service.stream(self._request)

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
