"""All clients at once on a service that is killed and started again, round after round."""

import json
import random
import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from conformance.director import Deed, Played, Runner, running
from conformance.languages import Language
from conformance.play import RESTARTS
from conformance.scene import Scene, scene
from conformance.verdict import judge

PATIENCE_SECONDS = 120.0
LONGEST_CALM_SECONDS = 0.1
"""A kill strikes so long, at most, after all clients were told that it will: amid their calls."""


@dataclass(slots=True)
class Client:
    """What was seen of one client's process: its connections to the service at the end of each
    round, and its descriptors."""

    runner: Runner
    connections: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)

    def look(self, port: int) -> None:
        """Count, once more."""
        process = psutil.Process(self.runner.pid)
        open_ = [each for each in process.net_connections("tcp") if each.raddr]
        self.connections.append(sum(each.raddr.port == port for each in open_))
        self.descriptors.append(process.num_fds())


class Siege:
    """The rounds: in each the clients meet, the service is killed under their calls, and they meet
    again when each has all its answers."""

    def __init__(self, scene: Scene, clients: list[Client], dice: random.Random) -> None:
        self.calling: list[int] = []
        """For each kill, how many clients were amid their calls when it struck."""
        self._scene = scene
        self._clients = clients
        self._dice = dice
        self._gathered = threading.Barrier(len(clients), self._strike, PATIENCE_SECONDS)
        self._settled = threading.Barrier(len(clients), self._look, PATIENCE_SECONDS)
        self._killer = ThreadPoolExecutor(1)
        self._killing: Future[None] = Future()
        self._done = 0

    def direct(self, client: Client) -> None:
        """Do what a client asks for, to its end; one that fails ends the siege for all."""
        deeds: Mapping[str, Deed] = {
            "kill_soon": self._kill_soon,
            "killed": self._killed,
            "leave": self._leave,
        }
        try:
            judge(client.runner.direct(deeds), json.loads(RESTARTS.read_text(encoding="utf-8")))
        finally:
            if not client.runner.played.passed:
                self._gathered.abort()
                self._settled.abort()

    def _kill_soon(self) -> Mapping[str, Any]:
        opened = self._scene.open("EURUSD", "BUY", 0.01)
        self._gathered.wait()
        return {"ticket": str(opened)}

    def _strike(self) -> None:
        self._done = 0
        calm_seconds = self._dice.uniform(0.0, LONGEST_CALM_SECONDS)
        self._killing = self._killer.submit(self._kill, calm_seconds)

    def _kill(self, calm_seconds: float) -> None:
        self._scene.server.kill_after(calm_seconds)
        self.calling.append(len(self._clients) - self._done)
        self._scene.begin_service()

    def _killed(self) -> None:
        self._done += 1
        self._killing.result(PATIENCE_SECONDS)

    def _leave(self) -> None:
        self._settled.wait()

    def _look(self) -> None:
        port = int(self._scene.address.rpartition(":")[2])
        for client in self._clients:
            client.look(port)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a siege; `calling`: see Siege."""

    calling: list[int]
    clients: list[Client]
    played: list[Played]


def besiege(languages: list[Language], folder: Path, dice: random.Random) -> Outcome:
    """Let a client in each language play `restarts.json` on one service; raises BuildFailed."""
    with scene(folder) as set_, _clients(languages, set_.address) as clients:
        set_.begin_terminal()
        siege = Siege(set_, clients, dice)
        with ThreadPoolExecutor(len(clients)) as threads:
            for directed in [threads.submit(siege.direct, client) for client in clients]:
                directed.result()
    return Outcome(siege.calling, clients, [client.runner.played for client in clients])


@contextmanager
def _clients(languages: list[Language], address: str) -> Iterator[list[Client]]:
    with ExitStack() as stack:
        yield [
            Client(stack.enter_context(running(language, address, RESTARTS)))
            for language in languages
        ]
