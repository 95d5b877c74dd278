"""The notes of one account: small facts that are no events."""

from functools import partial

from dtms_server.storage import meta
from dtms_server.storage.reader import Reader
from dtms_server.storage.writer import Writer


class SqliteNotes:
    """See ports.Notes."""

    def __init__(self, account: str, writer: Writer, reader: Reader) -> None:
        self._account = account
        self._writer = writer
        self._reader = reader

    async def read(self, key: str) -> str | None:
        """See ports.Notes."""
        return await self._reader.read(partial(meta.note, account=self._account, key=key))

    async def write(self, key: str, value: str) -> None:
        """See ports.Notes."""
        await self._writer.write(
            partial(meta.set_note, account=self._account, key=key, value=value)
        )
