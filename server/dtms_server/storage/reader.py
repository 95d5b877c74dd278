"""The threads that read, beside the one that writes."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from dtms_server.domain.errors import StoreFailed
from dtms_server.storage.connections import READERS, reason_of

T = TypeVar("T")


class Reader(Protocol):
    """Runs reads off the event loop."""

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Return what `work` reads in one transaction. Raises what it raises, StoreFailed for a
        fault of the database."""


class ReadPool:
    """Reads on connections of their own: they neither wait for the writer nor hold it up."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._closed = False
        self._threads = ThreadPoolExecutor(READERS, thread_name_prefix="dtms-reader")

    async def open(self) -> None:
        """Open every connection now: which files and how much memory the process holds does not
        depend on how many reads ever happen to coincide. Raises StoreFailed."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(self._threads, self._open_all)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """See Reader."""
        if self._closed:
            raise StoreFailed(reason="it is closed")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(self._run, work))

    async def close(self) -> None:
        """Finish the reads under way and close the connections."""
        self._closed = True
        await asyncio.to_thread(self._threads.shutdown)
        self._engine.dispose()

    def _open_all(self) -> None:
        try:
            with (
                ExitStack() as held
            ):  # at once, else one connection would be opened again and again
                for _ in range(READERS):
                    connection = held.enter_context(self._engine.connect())
                    connection.exec_driver_sql(
                        "SELECT count(*) FROM sqlite_schema"
                    )  # opens its log
        except SQLAlchemyError as error:
            raise StoreFailed(reason=reason_of(error)) from error

    def _run(self, work: Callable[[Connection], T]) -> T:
        try:
            with self._engine.connect() as connection, connection.begin():
                return work(connection)
        except SQLAlchemyError as error:
            raise StoreFailed(reason=reason_of(error)) from error
