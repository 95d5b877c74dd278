"""A shell beside a real service on a real simulated terminal."""

from dataclasses import dataclass

import pytest
from dtms_server.cli.application import run
from processes import Shop


@dataclass(frozen=True)
class Town:
    """A service, its terminal, and a shell beside them."""

    shop: Shop
    target: str
    terminal: str
    capsys: pytest.CaptureFixture[str]

    def call(self, *arguments: str, status: int = 0) -> str:
        """Run a command that calls the service; return what it printed (refused: on stderr)."""
        return self._run([*arguments, "--target", self.target], status)

    def sim(self, *arguments: str, status: int = 0) -> str:
        """Run a `sim` command on the terminal."""
        return self._run(["sim", *arguments, "--terminal", self.terminal], status)

    def open(self, direction: str = "buy") -> str:
        """Open a position and return its ticket."""
        return self.sim("open", "EURUSD", direction, "0.1").strip()

    def register(self, ticket: str, direction: str = "buy", *flags: str) -> str:
        """Register a position."""
        return self.call("register", ticket, "--symbol", "EURUSD", "--direction", direction, *flags)

    def _run(self, arguments: list[str], status: int) -> str:
        self.capsys.readouterr()
        ended = run(arguments)
        printed = self.capsys.readouterr()
        assert ended == status, printed.err
        return printed.err if status else printed.out
