"""All that tells whether a service is ready, asked side by side: the real grpc_health_probe, the
HTTP pages, and `dtms health`."""

import http.client
import json
import socket
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Final

import grpc
from end_to_end.calling import LIVENESS, READINESS
from go_tools import GRPC_HEALTH_PROBE, go_tool
from processes import PATIENCE_SECONDS, Shop

PAGES: Final = ("/health", "/dtms/health")
LIVE_PAGE: Final = "/live"
FACTS: Final = {"dtms_initialized", "monitoring_active", "active_trades", "ready"}
PAUSE_SECONDS: Final = 0.05
NOT_CONNECTED: Final = 2
"""The probe's exit status where it has got no connection in time."""
TLS: Final = Path(__file__).parents[1] / "rpc" / "tls"


@dataclass(frozen=True)
class Papers:
    """What a server shows and its callers need: nothing, or files for TLS."""

    server: Mapping[str, str]
    caller: Mapping[str, str]

    def server_flags(self) -> list[str]:
        """For `dtms serve`."""
        return [word for name, file in self.server.items() for word in (f"--{name}", file)]

    def cli_flags(self) -> list[str]:
        """For `dtms health`."""
        return [word for name, file in self.caller.items() for word in (f"--{name}", file)]

    def probe_flags(self) -> list[str]:
        """For grpc_health_probe, which names the files in its own way."""
        own = {"tls-ca": "ca-cert", "tls-cert": "client-cert", "tls-key": "client-key"}
        files = [f"-tls-{own[name]}={file}" for name, file in self.caller.items()]
        return ["-tls", *files] if files else []

    def channel(self, target: str) -> grpc.Channel:
        """Return a channel of gRPC's own."""
        if not self.caller:
            return grpc.insecure_channel(target)
        ca, key, cert = (
            Path(self.caller[name]).read_bytes() if name in self.caller else None
            for name in ("tls-ca", "tls-key", "tls-cert")
        )
        return grpc.secure_channel(target, grpc.ssl_channel_credentials(ca, key, cert))


_CA: Final = str(TLS / "ca.pem")
_SERVER: Final = {"tls-cert": str(TLS / "server.pem"), "tls-key": str(TLS / "server.key")}
_CLIENT: Final = {"tls-cert": str(TLS / "client.pem"), "tls-key": str(TLS / "client.key")}
PLAIN: Final = Papers({}, {})
WITH_TLS: Final = Papers(_SERVER, {"tls-ca": _CA})
MUTUAL: Final = Papers(_SERVER | {"tls-client-ca": _CA}, {"tls-ca": _CA} | _CLIENT)


class Instruments:
    """What asks one service; True: it says that it is well."""

    def __init__(self, town: Shop, target: str, pages: str, papers: Papers) -> None:
        self._town = town
        self._target = target
        self._pages = pages
        self._papers = papers
        self._program = go_tool(GRPC_HEALTH_PROBE)

    def probe(self, name: str) -> bool:
        """Ask grpc_health_probe for a name; one who listens and does not answer within its second
        is asked again, since the machine may be full."""
        flags = [f"-addr={self._target}", f"-service={name}", *self._papers.probe_flags()]
        command = [str(self._program), *flags, f"-rpc-timeout={PATIENCE_SECONDS}s"]
        while True:
            done = subprocess.run(command, capture_output=True, check=False)
            if done.returncode != NOT_CONNECTED or not _listens(self._target):
                return done.returncode == 0

    def page(self, path: str) -> bool:
        """Ask for a page; nobody there is as bad as a 503."""
        connection = http.client.HTTPConnection(self._pages, timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except OSError:
            return False
        finally:
            connection.close()
        well = {200: True, 503: False}[answer.status]
        if path in PAGES:
            facts = json.loads(body)
            assert facts.keys() == FACTS
            assert facts["ready"] is well
        return well

    def command(self, name: str) -> bool:
        """Ask `dtms health` for a name."""
        flags = ("--target", self._target, "--service", name, *self._papers.cli_flags())
        done = self._town.run("health", *flags)
        assert done.returncode in (0, 1), done.stderr
        return done.returncode == 0


def _listens(target: str) -> bool:
    host, _, port = target.rpartition(":")
    with socket.socket() as trial:
        return trial.connect_ex((host, int(port))) == 0


@dataclass(frozen=True)
class Phase:
    """A time in which nothing changes."""

    name: str
    ready: bool
    live: bool


class Life:
    """A service's life as all instruments see it, without a pause from before its start until
    after its end; `disagreements` holds every moment that was seen wrongly."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._phase: Phase | None = None
        self._seen: Counter[tuple[Phase, str]] = Counter()
        self._more = threading.Condition()
        self._over = threading.Event()
        self.disagreements: list[str] = []

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Look at each page, and at each of the probe's names beside it, until the block ends."""
        watchers = [threading.Thread(target=self._watch, args=(page,)) for page in PAGES]
        for watcher in watchers:
            watcher.start()
        try:
            yield
        finally:
            self._over.set()
            for watcher in watchers:
                watcher.join()

    def settled(self, name: str, *, ready: bool, live: bool) -> None:
        """Nothing changes until this returns: look at everything once, and be looked at."""
        phase = Phase(name, ready, live)
        with self._more:
            self._phase = phase
        ask, names = self._instruments, (*READINESS, LIVENESS)
        with ThreadPoolExecutor(6) as pool:  # at once, since a phase may be short
            commands = pool.map(ask.command, ("readiness", LIVENESS))
            probes = pool.map(ask.probe, names)
            told = [list(probes), [ask.page(each) for each in PAGES], ask.page(LIVE_PAGE)]
            told.append(list(commands))
        assert told == [[ready, ready, ready, live], [ready, ready], live, [ready, live]], name
        with self._more:
            looked = self._more.wait_for(
                lambda: all(self._seen[phase, page] for page in PAGES), PATIENCE_SECONDS
            )
            self._phase = None
        assert looked, f"{name} was not looked at"

    def _watch(self, page: str) -> None:
        for name in cycle(READINESS):
            phase = self._phase
            before = self._instruments.page(page)
            probed = self._instruments.probe(name)
            after = self._instruments.page(page)
            with self._more:
                self._judge(phase, page, name, (before, probed, after))
                self._more.notify_all()
            if self._over.wait(PAUSE_SECONDS):
                return

    def _judge(
        self, phase: Phase | None, page: str, name: str, told: tuple[bool, bool, bool]
    ) -> None:
        before, probed, after = told
        if before == after != probed:  # else it changed between them, and the probe may say either
            self.disagreements.append(f"{page} said {before}, and the probe of {name!r} {probed}")
        if phase is None or phase is not self._phase:
            return
        self._seen[phase, page] += 1
        if set(told) != {phase.ready}:
            self.disagreements.append(f"{phase.name}: {page} and {name!r} said {told}")
