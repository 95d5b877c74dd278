"""What happened in a demo, counted."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass(slots=True)
class Tally:
    """Counts events; profit is in the account's currency."""

    events: int = 0
    registered: int = 0
    profit: float = 0.0
    closed: Counter[str] = field(default_factory=Counter)

    def lines(self) -> list[str]:
        """Return the summary."""
        by_reason = ", ".join(
            f"{count} by {reason}" for reason, count in sorted(self.closed.items())
        )
        return [
            f"trades registered  {self.registered}",
            f"trades closed      {self.closed.total()}" + (f" ({by_reason})" if by_reason else ""),
            f"profit             {self.profit:+.2f} USD",
            f"events             {self.events}",
        ]
