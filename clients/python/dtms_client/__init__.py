"""Python client of DTMS: bots register their trades, dashboards follow what becomes of them."""

from dtms_client.async_client import AsyncDtmsClient
from dtms_client.async_event_stream import AsyncEventStream
from dtms_client.channels import ForkedProcess, close_channels
from dtms_client.client import DtmsClient
from dtms_client.correlation import correlated
from dtms_client.endpoint import DEFAULT_TARGET, Tls
from dtms_client.errors import DtmsError
from dtms_client.event_stream import EventStream
from dtms_client.trades import TradeList
from dtms_client.wire import Violation

__all__ = [
    "DEFAULT_TARGET",
    "AsyncDtmsClient",
    "AsyncEventStream",
    "DtmsClient",
    "DtmsError",
    "EventStream",
    "ForkedProcess",
    "Tls",
    "TradeList",
    "Violation",
    "close_channels",
    "correlated",
]
