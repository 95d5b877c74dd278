"""The correlation id: one name for a call, in its caller's log, in ours, and in the answer."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import grpc
from structlog.contextvars import bound_contextvars

KEY: Final = "x-correlation-id"
LONGEST: Final = 128

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Metadata: TypeAlias = "tuple[tuple[str, str], ...]"


@contextmanager
def correlated(context: Context) -> Iterator[Metadata]:
    """Name the call in every log line within; gives the name as an answer's initial metadata.

    It is what the caller named the call, if that is 1 to 128 printable characters of ASCII; else
    a new one. Trailing metadata always has it, and that alone for a refusal: once anything came
    before it, gRPC's retries do not repeat a call.
    """
    metadata = ((KEY, _given(context) or uuid.uuid4().hex),)
    context.set_trailing_metadata(metadata)
    with bound_contextvars(correlation_id=metadata[0][1]):
        yield metadata


class NamedStream:
    """A stream's context that sends the call's name ahead of the first message."""

    def __init__(self, context: Context, metadata: Metadata) -> None:
        self._context = context
        self._unsent: Metadata | None = metadata

    async def write(self, message: Any) -> None:
        """Send a message."""
        metadata, self._unsent = self._unsent, None
        if metadata is not None:
            await self._context.send_initial_metadata(metadata)
        await self._context.write(message)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)


def _given(context: Context) -> str:
    for key, value in context.invocation_metadata() or ():
        if key == KEY:
            return value if isinstance(value, str) and _is_sound(value) else ""
    return ""


def _is_sound(name: str) -> bool:
    printable = name.isascii() and name.isprintable()
    return printable and name == name.strip() and 1 <= len(name) <= LONGEST
