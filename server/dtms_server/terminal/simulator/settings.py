"""What a simulated terminal is started with."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from dtms_server.terminal.options import FIRST_TICKET
from dtms_server.terminal.simulator.scenario import Scenario

ACCOUNT_MODES: Final = ("hedging", "netting")
MAX_SPEED: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a simulated terminal is started with; what is wrong raises ValueError at the start.

    `replay` is a CSV file as MetaTrader 5 exports it, or "BIDFILE,ASKFILE" (M1, UTC); without it
    the market is made from `seed` (None: one is drawn). `symbol`: names separated by commas, for a
    replay one. `speed`: virtual seconds a second, 0 stands still; None is 1, or as it was saved.
    `state_path`: where the world is kept; None keeps nothing. `server_offset`: the server's clock
    against UTC, a time zone's name or "+HH:MM". `min_spread`: points, at least 1. `start`: where
    the clock of a new world begins (aware; None: where there are bars enough to analyse). `login`:
    the account's number; None draws one for a new world, so that no two worlds are one account.
    `first_ticket`: that of the first order in a new world.
    `conditions` by symbol ("*": all) and `rules` of the account, as in conditions.py, are those
    that a new world begins with; one taken up again keeps its own. `scenario` is what is played;
    a world taken up again goes on with its own unless this is another. `told` gets a line for each
    of its steps; `reboot` is to end the process, where that can be done.
    """

    replay: str | None = None
    symbol: str | None = None
    speed: float | None = None
    seed: int | None = None
    state_path: Path | None = None
    server_offset: str = "EET"
    min_spread: int = 1
    account: str = "hedging"
    login: int | None = None
    first_ticket: int = FIRST_TICKET
    balance: float = 10_000.0
    leverage: int = 100
    start: datetime | None = None
    conditions: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    rules: Mapping[str, object] = field(default_factory=dict)
    scenario: Scenario | None = None
    told: Callable[[str], None] = lambda _: None
    reboot: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        """Refuse what can be seen to be wrong without looking at any file."""
        if self.account not in ACCOUNT_MODES:
            raise ValueError(f"account {self.account!r} is not one of hedging, netting")
        if self.speed is not None and not 0 <= self.speed <= MAX_SPEED:
            raise ValueError(f"speed {self.speed} is not between 0 and {MAX_SPEED:.0f}")
        if not 1 <= self.first_ticket < 2**62:
            raise ValueError(f"first ticket {self.first_ticket} is not between 1 and 2^62")
        if self.min_spread < 1:
            raise ValueError(f"min spread {self.min_spread} is not at least 1 point")
        if self.leverage < 1:
            raise ValueError(f"leverage {self.leverage} is not at least 1")
        if not 0 <= self.balance <= 1e12:
            raise ValueError(f"balance {self.balance} is not between 0 and 1000000000000")
        if self.start is not None and self.start.tzinfo is None:
            raise ValueError(f"start {self.start} has no time zone")
