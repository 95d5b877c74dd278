"""Times as operators type them."""

from datetime import UTC, datetime

import typer


def moment(text: str, flag: str) -> datetime:
    """Return a date, or a date and a time, in ISO 8601; without a zone it is UTC. Raises
    BadParameter that names the flag."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        example = "2026-03-02 or 2026-03-02T14:30"
        raise typer.BadParameter(f"{text!r} is no time as {example}", param_hint=flag) from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
