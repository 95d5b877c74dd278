"""One stream that is opened once, and told everything, whatever happens to the terminal."""

import threading
from typing import Self

import grpc
from dtms.v1 import service_pb2 as pb
from dtms.v1.event_pb2 import MonitorEvent
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from end_to_end.calling import reason_of
from end_to_end.reading import told, type_of
from processes import PATIENCE_SECONDS


class Follower:
    """Follows from the first event on, without ever coming back. Entered, it has caught up."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.insecure_channel(target)
        from_the_first = pb.StreamMonitorEventsRequest(start_from=pb.START_FROM_EARLIEST)
        self._call = DtmsServiceStub(self._channel).StreamMonitorEvents(from_the_first)
        self._events: list[MonitorEvent] = []
        self._ended_by = ""
        self._caught_up = False
        self._more = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def __enter__(self) -> Self:
        self._reader.start()
        with self._more:
            assert self._more.wait_for(lambda: self._caught_up, PATIENCE_SECONDS), self._ended_by
        return self

    def __exit__(self, *_: object) -> None:
        self._call.cancel()
        self._reader.join(PATIENCE_SECONDS)
        self._channel.close()

    def count(self, type_: str) -> int:
        """Return how many events of a type were told."""
        with self._more:
            return sum(type_of(event) == type_ for event in self._events)

    def await_count(self, type_: str, count: int) -> MonitorEvent:
        """Return the count-th event of a type, once it is told."""
        with self._more:
            done = self._more.wait_for(
                lambda: self._ended_by or len(self._of(type_)) >= count, PATIENCE_SECONDS
            )
            assert not self._ended_by, self._ended_by
            assert done, f"no {type_} number {count}"
            return self._of(type_)[count - 1]

    def await_balance(self) -> None:
        """Return once the terminal is back from every loss that was told."""
        with self._more:
            done = self._more.wait_for(
                lambda: (
                    self._ended_by
                    or len(self._of("TERMINAL_CONNECTED")) > len(self._of("TERMINAL_LOST"))
                ),
                PATIENCE_SECONDS,
            )
            assert not self._ended_by, self._ended_by
            assert done, "the terminal is not back"

    def check(self, recorded: list[MonitorEvent]) -> None:
        """Demand that it was told all that is recorded, in order and once, without an end."""
        with self._more:
            self._more.wait_for(
                lambda: self._ended_by or len(self._events) >= len(recorded), PATIENCE_SECONDS
            )
            assert not self._ended_by
            numbers = [event.sequence for event in self._events]
            assert numbers == list(range(1, len(numbers) + 1)), "a gap, or twice the same"
            assert list(map(told, self._events[: len(recorded)])) == list(map(told, recorded))

    def _of(self, type_: str) -> list[MonitorEvent]:
        return [event for event in self._events if type_of(event) == type_]

    def _read(self) -> None:
        try:
            for message in self._call:
                with self._more:
                    self._caught_up |= message.heartbeat.caught_up
                    if message.HasField("event"):
                        self._events.append(message.event)
                    self._more.notify_all()
        except grpc.RpcError as error:
            with self._more:
                self._ended_by = reason_of(error)
                self._more.notify_all()
