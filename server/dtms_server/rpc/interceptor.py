"""The edge of every call: bytes become requests, errors become statuses, once, and here only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeAlias

import grpc
import structlog
from dtms.v1 import service_pb2
from google.protobuf.message import DecodeError

from dtms_server.domain.errors import DtmsError, InvalidRequest
from dtms_server.rpc import errors
from dtms_server.rpc.correlation import Metadata, NamedStream, correlated
from dtms_server.rpc.outcomes import Answered, counted, nobody

_DESCRIPTOR: Final = service_pb2.DESCRIPTOR.services_by_name["DtmsService"]
SERVICE: Final = _DESCRIPTOR.full_name
RPCS: Final = tuple(method.name for method in _DESCRIPTOR.methods)

# grpc's types leave a handler's messages open: they are what the descriptor says.
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

log = structlog.get_logger()


class Edge(grpc.aio.ServerInterceptor):
    """Outermost interceptor of DtmsService; calls of other services pass through untouched."""

    def __init__(self, answered: Answered = nobody) -> None:
        self._answered = answered
        self._begun: set[asyncio.Task[Any]] = set()

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Handler | None:
        """Return the handler with parsing, errors and the shield around it."""
        handler = await continuation(handler_call_details)
        if handler is None or not handler_call_details.method.startswith(f"/{SERVICE}/"):
            return handler
        name = handler_call_details.method.rpartition("/")[2]
        if handler.response_streaming:
            return self._streaming(handler, name)
        return self._unary(handler, name)

    async def finished(self) -> None:
        """Return once every unary call that has begun is done, its caller there or gone."""
        while self._begun:
            await asyncio.wait(tuple(self._begun))

    def _unary(self, handler: Handler, name: str) -> Handler:
        async def call(raw: bytes, context: Context) -> Any:
            with correlated(context) as metadata, counted(self._answered, name, context):
                answer = await _told(context, self._answer(handler, raw, context))
                await context.send_initial_metadata(metadata)
                return answer

        return grpc.unary_unary_rpc_method_handler(call, None, handler.response_serializer)

    def _streaming(self, handler: Handler, name: str) -> Handler:
        async def call(raw: bytes, context: Context) -> None:
            with (
                correlated(context) as metadata,
                counted(self._answered, name, context, stream=True),
            ):
                await _told(context, _stream(handler, raw, context, metadata))

        return grpc.unary_stream_rpc_method_handler(call, None, handler.response_serializer)

    async def _answer(self, handler: Handler, raw: bytes, context: Context) -> Any:
        behaviour: Any = handler.unary_unary
        return await self._shielded(behaviour(_parse(handler, raw), context))

    async def _shielded(self, call: Coroutine[Any, Any, Any]) -> Any:
        """Finish the call even if its caller hangs up: then its failure goes to the log."""
        task = asyncio.create_task(call)
        self._begun.add(task)
        task.add_done_callback(self._begun.discard)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_failure)
            raise


async def _stream(handler: Handler, raw: bytes, context: Context, metadata: Metadata) -> None:
    behaviour: Any = handler.unary_stream
    await behaviour(_parse(handler, raw), NamedStream(context, metadata))


async def _told(context: Context, work: Coroutine[Any, Any, Any]) -> Any:
    try:
        return await work
    except grpc.aio.BaseError:  # the call is over for grpc: aborted, or its peer has gone
        raise
    except Exception as error:  # noqa: BLE001 - nothing else stands between an error and the peer
        await errors.abort(context, error)


def _parse(handler: Handler, raw: bytes) -> Any:
    assert handler.request_deserializer is not None
    try:
        return handler.request_deserializer(raw)
    except DecodeError:
        why = "is not a valid message of its type, or holds text that is not UTF-8"
        raise InvalidRequest([("request", why)]) from None


def _log_failure(task: asyncio.Task[Any]) -> None:
    if task.cancelled():
        return
    match task.exception():
        case None:
            return
        case DtmsError() as refusal:
            log.warning("call refused after its caller had gone", error=refusal.message)
        case fault:
            log.error("call failed after its caller had gone", exc_info=fault)
