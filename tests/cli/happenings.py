"""Events as the service sends them, with as much in them as a test wants."""

from dtms.v1 import event_pb2

FACTS = [field.name for field in event_pb2.MonitorEvent.DESCRIPTOR.oneofs_by_name["facts"].fields]
"""Every type of event, by the name of its facts."""


def event_of(facts: str) -> event_pb2.MonitorEvent:
    """An event of that type, whose facts are empty."""
    event = event_pb2.MonitorEvent(sequence=7, ticket=11, symbol="EURUSD")
    event.type = event_pb2.MonitorEventType.Value(f"MONITOR_EVENT_TYPE_{facts.upper()}")
    getattr(event, facts).SetInParent()
    return event
