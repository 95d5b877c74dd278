"""Actions in words: what was asked, and what came of it."""

from typing import Final

from dtms.v1 import action_pb2

from dtms_server.cli import words

UNDER_WAY: Final = "not answered yet"
UNSURE: Final = "not known yet"


def kind(action: action_pb2.Action) -> str:
    """Return what it is for."""
    return words.name(action_pb2.ActionKind, action.kind)


def asked(action: action_pb2.Action) -> str:
    """Return what its order asks for; empty where there is no order."""
    order = action.asked
    match action.verb:
        case action_pb2.ORDER_VERB_OPEN:
            return f"open {_lots(order)}, {words.stops(order)}"
        case action_pb2.ORDER_VERB_CLOSE:
            return f"close {_lots(order, f' of {action.position_ticket}')}"
        case action_pb2.ORDER_VERB_PROTECT if action.HasField("position_ticket"):
            return f"{words.stops(order)} on {action.position_ticket}"
        case action_pb2.ORDER_VERB_CLOSE_BY:
            return f"close {action.position_ticket} by {action.by_ticket}"
    return ""


def outcome(action: action_pb2.Action) -> str:
    """Return what became true, or why nothing did, or that it is not known."""
    match action.state:
        case action_pb2.ACTION_STATE_DONE:
            return _became(action) or action.message
        case action_pb2.ACTION_STATE_STARTED:
            return UNDER_WAY
        case action_pb2.ACTION_STATE_UNKNOWN:
            return f"{UNSURE}: {action.message}"
    return action.message


def _became(action: action_pb2.Action) -> str:
    became = action.became
    lots = [_lots(became)] if became.HasField("volume") else []
    if action.verb in (action_pb2.ORDER_VERB_OPEN, action_pb2.ORDER_VERB_PROTECT):
        lots.append(words.stops(became))
    return ", ".join(lots)


def _lots(terms: action_pb2.OrderTerms, of: str = "") -> str:
    return f"{words.optional(terms, 'volume')}{of} at {words.optional(terms, 'price')}"
