"""The few facts beside trades and events: the first account, the pause, an account's store id, its
bounds and its notes."""

import secrets
from typing import Final

from sqlalchemy import Connection, Integer, bindparam, cast, func, select
from sqlalchemy.dialects.sqlite import insert

from dtms_server.storage.tables import EVENTS, META

DATABASE: Final = ""
"""What stands for the account in facts of the database itself."""
NOTE: Final = "note:"
"""How the keys of notes begin, lest one be taken for a key of ours."""
PAUSED: Final = "yes"
RUNNING: Final = "no"

_NEWEST: Final = select(func.max(EVENTS.c.sequence)).where(EVENTS.c.account == bindparam("account"))
_COMPACTED: Final = select(cast(META.c.value, Integer)).where(
    META.c.account == bindparam("account"), META.c.key == "compacted_through"
)
HEAD: Final = select(
    func.max(
        func.coalesce(_NEWEST.scalar_subquery(), 0), func.coalesce(_COMPACTED.scalar_subquery(), 0)
    )
)


def first_account(connection: Connection) -> str | None:
    """Return the account that the database was first used for."""
    return _read(connection, DATABASE, "first_account")


def add_account(connection: Connection, account: str) -> str:
    """Make sure that the account is known, and return its store id: 32 hex digits."""
    _set_new(connection, DATABASE, "first_account", account)
    _set_new(connection, account, "store_id", secrets.token_hex(16))
    store_id = _read(connection, account, "store_id")
    assert store_id is not None
    return store_id


def compacted_through(connection: Connection, account: str) -> int:
    """Return the last sequence that can no longer be streamed."""
    return int(_read(connection, account, "compacted_through") or 0)


def set_compacted_through(connection: Connection, account: str, sequence: int) -> None:
    """Set the last sequence that can no longer be streamed."""
    _set(connection, account, "compacted_through", str(sequence))


def paused(connection: Connection) -> bool:
    """Return whether an operator stopped all orders."""
    return _read(connection, DATABASE, "paused") == PAUSED


def set_paused(connection: Connection, paused: bool) -> None:
    """Set whether an operator stopped all orders."""
    _set(connection, DATABASE, "paused", PAUSED if paused else RUNNING)


def note(connection: Connection, account: str, key: str) -> str | None:
    """Return what an account's note says."""
    return _read(connection, account, NOTE + key)


def set_note(connection: Connection, account: str, key: str, value: str) -> None:
    """Set what an account's note says."""
    _set(connection, account, NOTE + key, value)


def head(connection: Connection, account: str) -> int:
    """Return the newest event's sequence. It stands even when all events up to it are removed,
    since what is removed lies within `compacted_through`."""
    return int(connection.execute(HEAD, {"account": account}).scalar_one())


def _read(connection: Connection, account: str, key: str) -> str | None:
    wanted = select(META.c.value).where(META.c.account == account, META.c.key == key)
    value = connection.execute(wanted).scalar()
    return None if value is None else str(value)


def _set(connection: Connection, account: str, key: str, value: str) -> None:
    row = insert(META).values(account=account, key=key, value=value)
    connection.execute(
        row.on_conflict_do_update(
            index_elements=[META.c.account, META.c.key], set_={"value": row.excluded.value}
        )
    )


def _set_new(connection: Connection, account: str, key: str, value: str) -> None:
    row = insert(META).values(account=account, key=key, value=value)
    connection.execute(row.on_conflict_do_nothing())
