"""What is about to be told of one trade: on disk together, or not at all."""

from datetime import datetime

from dtms_server.domain.events import Change, TradeEvent, change
from dtms_server.domain.trade import Trade


class Draft:
    """The trade as its changes so far leave it."""

    def __init__(self, trade: Trade, at: datetime) -> None:
        self.trade = trade
        self.at = at
        self.changes: list[Change] = []

    def tell(self, *events: TradeEvent) -> None:
        """Add events of the trade."""
        for event in events:
            added = change(self.trade, event, self.at)
            assert added.trade is not None, "an event of a trade leaves a trade behind"
            self.trade = added.trade
            self.changes.append(added)

    def go_on_from(self, trade: Trade) -> None:
        """Go on from a trade that was written since; nothing may be left to be told before."""
        assert not self.changes, "what is not on disk yet would be told twice"
        self.trade = trade

    def add(self, other: Change) -> None:
        """Add a change of another trade that belongs to these."""
        self.changes.append(other)

    def taken(self) -> tuple[Change, ...]:
        """Return the changes, and begin anew after them."""
        changes, self.changes = tuple(self.changes), []
        return changes
