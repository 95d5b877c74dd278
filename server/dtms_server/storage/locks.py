"""Who may use a database, and who may guard an account: locks that die with their process."""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_state_dir

from dtms_server.domain.errors import (
    AccountHeld,
    ConfigurationInvalid,
    DatabaseHeld,
    DatabaseUnusable,
    DtmsError,
)


def state_directory() -> Path:
    """Return the directory for what belongs to this machine: $DTMS_STATE_DIR, or the user's."""
    return Path(os.environ.get("DTMS_STATE_DIR") or user_state_dir("dtms", appauthor=False))


def database_lock(path: Path, holder: str) -> AbstractContextManager[None]:
    """Hold the database at `path` for `holder`, who is named to whoever comes later.

    Raises DatabaseHeld, DatabaseUnusable where its directory takes no lock.
    """
    return _held(
        path.with_name(f"{path.name}.lock"),
        holder,
        lambda other: DatabaseHeld(path=path, holder=other),
        lambda why: DatabaseUnusable(path=path, reason=f"its directory takes no lock: {why}"),
    )


def account_lock(directory: Path, account: str, holder: str) -> AbstractContextManager[None]:
    """Hold an account for `holder`, whatever the database.

    Raises AccountHeld, ConfigurationInvalid where the directory takes no lock.
    """
    advice = "set DTMS_STATE_DIR to a directory that can be written"
    return _held(
        directory / "locks" / _file_name(account),
        holder,
        lambda other: AccountHeld(account=account, holder=other),
        lambda why: ConfigurationInvalid(reason=f"{directory} takes no lock: {why}; {advice}"),
    )


@contextmanager
def _held(
    path: Path,
    holder: str,
    held: Callable[[str], DtmsError],
    unusable: Callable[[str], DtmsError],
) -> Iterator[None]:
    # A soft lock would outlive a process that is killed, so there is no falling back to one.
    lock = FileLock(path, thread_local=False, fallback_to_soft=False)
    card = path.with_name(f"{path.name}.holder")  # a locked file cannot be read on Windows
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire(blocking=False)
    except Timeout:
        raise held(_read(card)) from None
    except (OSError, NotImplementedError) as error:
        raise unusable(str(error)) from error
    try:
        with suppress(OSError):  # the lock is what counts, the name on it a courtesy
            card.write_text(holder, encoding="utf-8")
        yield
    finally:
        with suppress(OSError):
            card.unlink(missing_ok=True)
        lock.release()


def _read(card: Path) -> str:
    try:
        return card.read_text(encoding="utf-8") or "another process"
    except (OSError, UnicodeDecodeError):
        return "another process"


def _file_name(account: str) -> str:
    """A name for any file system; the digest tells apart what is spelt alike."""
    readable = re.sub(r"[^A-Za-z0-9@._-]", "_", account)[:80]
    return f"{readable}-{sha256(account.encode()).hexdigest()[:16]}.lock"
