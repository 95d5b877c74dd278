"""How each call ended, told to whoever counts them."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import grpc

Answered = Callable[[str, str, float | None], None]
"""Gets the RPC's name, its status code's, and the seconds it took: None for a stream, which lasts
for as long as its reader likes."""
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

SLACK_SECONDS: Final = 0.1
"""A caller's deadline passes before ours does, by the time that the call was on its way; one that
hangs up so shortly before ours has met its own."""
_NAMES: Final = {code.value[0]: code.name for code in grpc.StatusCode}


def nobody(method: str, code: str, seconds: float | None) -> None:
    """Count nothing."""


@contextmanager
def counted(
    answered: Answered, method: str, context: Context, *, stream: bool = False
) -> Iterator[None]:
    """Tell how the call in this block ends, once: also where its caller hung up before."""
    began, code = time.perf_counter(), grpc.StatusCode.UNKNOWN.name
    try:
        yield
        code = grpc.StatusCode.OK.name
    except grpc.aio.AbortError:
        code = _named(context.code())
        raise
    except (asyncio.CancelledError, grpc.aio.BaseError):  # its caller has gone
        code = _given_up(context).name
        raise
    finally:
        answered(method, code, None if stream else time.perf_counter() - began)


def _named(code: grpc.StatusCode | int) -> str:
    return code.name if isinstance(code, grpc.StatusCode) else _NAMES[code]


def _given_up(context: Context) -> grpc.StatusCode:
    left = context.time_remaining()
    late = left is not None and left <= SLACK_SECONDS
    return grpc.StatusCode.DEADLINE_EXCEEDED if late else grpc.StatusCode.CANCELLED
