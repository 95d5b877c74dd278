"""One connection: one request is read, one answer written, and the connection is over."""

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Final

import h11

from dtms_server.telemetry.pages import Page, plain

MAX_HEAD_BYTES: Final = 8 * 1024
CHUNK_BYTES: Final = 4 * 1024

Ask = Callable[[str, str, str], Coroutine[Any, Any, Page]]
"""Gets method, target and what is accepted."""


async def exchange(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ask: Ask) -> None:
    """Answer one request, a wrong one too; return once the system has the whole answer. Raises
    OSError where the peer has gone."""
    writer.transport.set_write_buffer_limits(0)
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
    try:
        request = await _request(connection, reader)
    except h11.RemoteProtocolError as fault:
        writer.write(_answer(connection, plain(HTTPStatus(fault.error_status_hint), str(fault))))
    else:
        if request is None:
            return
        method, target = request.method.decode("ascii"), request.target.decode("ascii")
        accepted = b",".join(value for name, value in request.headers if name == b"accept")
        page = await ask(method, target, accepted.decode("latin-1"))
        writer.write(_answer(connection, page, has_body=method != "HEAD"))
    await writer.drain()
    writer.write_eof()


async def linger(reader: asyncio.StreamReader) -> None:
    """Return once the peer has closed: to close on what it still sends could take back the
    answer."""
    while await reader.read(CHUNK_BYTES):
        pass


async def _request(connection: h11.Connection, reader: asyncio.StreamReader) -> h11.Request | None:
    """Return the head of the request; None where the peer has closed without one."""
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(await reader.read(CHUNK_BYTES))
    return event if isinstance(event, h11.Request) else None


def _answer(connection: h11.Connection, page: Page, *, has_body: bool = True) -> bytes:
    headers = [
        ("Content-Type", page.content_type),
        ("Content-Length", str(len(page.body))),
        ("Cache-Control", "no-store"),
        ("Connection", "close"),
        *((("Allow", page.allow),) if page.allow else ()),
    ]
    response = h11.Response(status_code=page.status, headers=headers, reason=page.status.phrase)
    head = connection.send(response)
    return (head or b"") + (page.body if has_body else b"")
