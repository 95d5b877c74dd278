"""The live scores of a stream: what its reader has not been told of yet."""

import asyncio
from collections.abc import Iterator

from dtms.v1 import service_pb2

from dtms_server.domain.scoring import Score
from dtms_server.engine.guard import Guard
from dtms_server.engine.scores import NoScore
from dtms_server.ports import EventFilter
from dtms_server.rpc import translate


class LiveScores:
    """Scores of the guarded trades that fit a filter's tickets and symbols; not journalled, so a
    stream that begins tells the present ones first."""

    def __init__(self, guard: Guard, wanted: EventFilter) -> None:
        self._guard = guard
        self._wanted = wanted
        self._told: dict[int, Score | NoScore] = {}

    def fresh(self) -> Iterator[service_pb2.ScoreUpdate]:
        """Yield the scores that differ from those told last."""
        wanted, scores = self._wanted, dict[int, Score | NoScore]()
        for trade, score in self._guard.scores.of_guarded():
            if (not wanted.tickets or trade.ticket in wanted.tickets) and (
                not wanted.symbols or trade.symbol in wanted.symbols
            ):
                scores[trade.ticket] = score
        told, self._told = self._told, scores
        for ticket, score in scores.items():
            if told.get(ticket) != score:
                yield service_pb2.ScoreUpdate(
                    ticket=ticket,
                    score=translate.score(score),
                    at=translate.timestamp(self._guard.now()),
                )

    @property
    def change(self) -> asyncio.Event:
        """What is set at the next new reading."""
        return self._guard.scores.change
