"""The domain's values into messages."""

from dtms_server.rpc.translate.actions import action
from dtms_server.rpc.translate.events import event
from dtms_server.rpc.translate.scores import score
from dtms_server.rpc.translate.status import status
from dtms_server.rpc.translate.times import duration, timestamp
from dtms_server.rpc.translate.trades import trade

__all__ = ["action", "duration", "event", "score", "status", "timestamp", "trade"]
