"""What systemd is told of the service: it listens, how it stands, it still turns, it stops.

The protocol, sd_notify(3), is a datagram of KEY=value lines to a socket that the environment
names. Of the libraries for it one wants libsystemd's headers, and the other is no longer kept.
"""

import asyncio
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

import structlog

from dtms_server.engine.readiness import Readiness
from dtms_server.engine.watchdog import Watchdog

PINGS: Final = 6
"""As many as the watchdog's limit has room for while all is well."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class ServiceManager:
    """systemd where it started this process, else nobody: then nothing is sent.

    `watchdog_seconds`: it ends the process that has been silent for so long; 0: it does not.
    """

    address: str = ""
    watchdog_seconds: float = 0.0

    @classmethod
    def of(cls, environment: Mapping[str, str]) -> Self:
        """Return what the environment names."""
        microseconds = environment.get("WATCHDOG_USEC", "0")
        is_meant = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        return cls(
            address=environment.get("NOTIFY_SOCKET", ""),
            watchdog_seconds=int(microseconds) / 1e6 if is_meant else 0.0,
        )

    def tell(self, **facts: str) -> None:
        """Send the facts, each on a line of its own; never waits, nor fails where nobody reads."""
        if not self.address:
            return
        lines = "\n".join(f"{name}={' '.join(fact.split())}" for name, fact in facts.items())
        where = f"\0{self.address[1:]}" if self.address.startswith("@") else self.address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as out:
                out.setblocking(False)
                out.sendto(lines.encode(), where)
        except OSError as fault:  # trades are guarded all the same
            log.warning("systemd does not hear", error=str(fault))

    def ready(self) -> None:
        """Tell that the service listens. Not that it is ready to serve: a terminal that is away
        for an hour is no reason to end, again and again, the guard that waits for it."""
        self.tell(READY="1")

    async def follow_readiness(self, readiness: Readiness) -> None:
        """Tell for ever how the service stands."""
        while True:
            stopping = {"STOPPING": "1"} if readiness.draining.is_set() else {}
            reason = f": {readiness.reason}" if readiness.reason else ""
            self.tell(STATUS=f"{readiness.phase}{reason}", **stopping)
            await readiness.changed()

    async def follow_liveness(self, watchdog: Watchdog) -> None:
        """Tell six times within the limit that the service turns, and at once when it does again:
        a short dip must not make a silence of the limit; never tied to the terminal. A loop that
        stands tells nothing by itself."""
        while self.watchdog_seconds:
            if watchdog.is_alive:
                self.tell(WATCHDOG="1")
            with suppress(TimeoutError):
                async with asyncio.timeout(self.watchdog_seconds / PINGS):
                    await watchdog.changed()
