"""How long a service may take to stop: what every unit that stops it has to wait for."""

from typing import Final

from dtms_server.config import Settings
from dtms_server.domain.policy import Policy
from dtms_server.terminal.messages import Deadlines

TO_SPARE_SECONDS: Final = 20.0
"""To read back what an order has changed, to end the terminal's process, to close the database."""


def stop_seconds(settings: Settings) -> float:
    """Return the seconds of a stop with one order in flight that is never answered."""
    order = Deadlines().send + Policy().defence.sending.read_back_seconds
    return settings.drain_delay + settings.drain_grace + order + TO_SPARE_SECONDS
