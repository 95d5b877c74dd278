"""The key that terminal hosts and those who call them share."""

import os
import secrets
import sys
from pathlib import Path

from filelock import FileLock, Timeout
from platformdirs import user_state_dir

from dtms_server.domain.errors import ConfigurationInvalid


def terminal_key() -> bytes:
    """Return the key: DTMS_TERMINAL_KEY, else the file that the first process makes. Raises
    ConfigurationInvalid where that file cannot be used."""
    named = os.environ.get("DTMS_TERMINAL_KEY", "")
    return named.encode() if named else _kept(state_directory() / "terminal.key")


def state_directory() -> Path:
    """Return the user's state directory, or DTMS_STATE_DIR; it may not exist yet."""
    return Path(os.environ.get("DTMS_STATE_DIR") or user_state_dir("dtms", appauthor=False))


def _kept(path: Path) -> bytes:
    try:
        if not path.exists():
            _make(path)
        _check(path)
        key = path.read_text("ascii").strip()
    except (OSError, Timeout, UnicodeDecodeError) as error:
        reason = f"the terminal's key {path} cannot be used: {error}"
        raise ConfigurationInvalid(reason=reason) from error
    if not key:
        raise ConfigurationInvalid(reason=f"the terminal's key {path} is empty: delete it")
    return key.encode()


def _make(path: Path) -> None:
    """Make the key whole or not at all: two processes that start at once get the same one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock"), timeout=10):
        if path.exists():
            return
        draft = path.with_suffix(".new")
        draft.unlink(missing_ok=True)
        handle = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)


def _check(path: Path) -> None:
    """On Windows the directory is the user's own; elsewhere the file's mode must say so."""
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        reason = f"the terminal's key {path} can be read by others: chmod 600 it, or delete it"
        raise ConfigurationInvalid(reason=reason)
