"""The health service: readiness and liveness, as the engine tells of them."""
# ruff: noqa: N802 - the methods bear the names of their RPCs

import asyncio
from typing import Any, Final, TypeAlias

import grpc
from grpc_health.v1 import health_pb2 as pb
from grpc_health.v1 import health_pb2_grpc

from dtms_server.domain.errors import Draining
from dtms_server.engine.readiness import Readiness
from dtms_server.engine.watchdog import Watchdog
from dtms_server.rpc import errors
from dtms_server.rpc.interceptor import SERVICE

READINESS: Final = ("", SERVICE, "readiness")
LIVENESS: Final = "liveness"

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class Health(health_pb2_grpc.HealthServicer):
    """Says NOT_SERVING until told otherwise.

    The package's own servicer is not used: it begins with "" SERVING, has no List, would make
    liveness NOT_SERVING as soon as a drain begins, and its watches never end by themselves.
    """

    def __init__(self) -> None:
        self._serving = dict.fromkeys((*READINESS, LIVENESS), False)
        self._change = asyncio.Event()
        self._ended = False

    async def follow_readiness(self, readiness: Readiness) -> None:
        """Say for ever what the readiness is."""
        while True:
            self._say(readiness.is_serving, *READINESS)
            await readiness.changed()

    async def follow_liveness(self, watchdog: Watchdog) -> None:
        """Say for ever what the watchdog finds; never tied to the terminal."""
        while True:
            self._say(watchdog.is_alive, LIVENESS)
            await watchdog.changed()

    @property
    def is_ready(self) -> bool:
        """Is readiness what everybody who asks now is told is SERVING?"""
        return self._serving[READINESS[-1]]

    @property
    def is_live(self) -> bool:
        """Is liveness?"""
        return self._serving[LIVENESS]

    def end(self) -> None:
        """The listener ends: so does every watch, with DRAINING, and nothing is ready or live from
        now on, whatever is found, and also where no drain came before."""
        self._say(False, *self._serving)
        self._ended = True
        self._wake()

    async def Check(self, request: pb.HealthCheckRequest, context: Context) -> Any:
        """Tell one name's status; NOT_FOUND for a name that there is not."""
        if request.service not in self._serving:
            await context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        return pb.HealthCheckResponse(status=self._status(request.service))

    async def List(self, request: Any, context: Context) -> Any:
        """Tell every name's status."""
        statuses = {
            name: pb.HealthCheckResponse(status=self._status(name)) for name in self._serving
        }
        return pb.HealthListResponse(statuses=statuses)  # type: ignore[attr-defined] # stubs lag

    async def Watch(self, request: pb.HealthCheckRequest, context: Context) -> None:
        """Tell one name's status, and then each change of it."""
        told = None
        while not self._ended:
            change, status = self._change, self._status(request.service)  # taken before the write
            if status != told:
                await context.write(pb.HealthCheckResponse(status=status))
                told = status
            await change.wait()
        await errors.abort(context, Draining())

    def _status(self, name: str) -> int:
        match self._serving.get(name):
            case None:
                return pb.HealthCheckResponse.SERVICE_UNKNOWN
            case True:
                return pb.HealthCheckResponse.SERVING
            case _:
                return pb.HealthCheckResponse.NOT_SERVING

    def _say(self, serving: bool, *names: str) -> None:
        if not self._ended and any(self._serving[name] is not serving for name in names):
            self._serving.update(dict.fromkeys(names, serving))
            self._wake()

    def _wake(self) -> None:
        self._change.set()
        self._change = asyncio.Event()
