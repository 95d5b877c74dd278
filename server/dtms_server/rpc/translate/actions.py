"""Actions as messages."""

from dtms.v1 import action_pb2

from dtms_server.domain.actions import Action, Became, Order
from dtms_server.rpc.enums import to_proto
from dtms_server.rpc.translate.times import optional, timestamp


def action(given: Action) -> action_pb2.Action:
    """Return an attempt, or what an attempt would have been, as callers see it."""
    order = given.order
    return action_pb2.Action(
        id=given.id,
        ticket=given.ticket,
        symbol=order.symbol,
        kind=to_proto(action_pb2.ActionKind, given.kind),
        state=to_proto(action_pb2.ActionState, given.state),
        reason=given.reason,
        verb=to_proto(action_pb2.OrderVerb, order.verb),
        position_ticket=order.position_ticket,
        by_ticket=order.by_ticket,
        asked=_asked(order),
        became=None if given.became is None else _became(given.became),
        retcode=given.retcode,
        message=given.message,
        sends=given.sends,
        started_at=timestamp(given.started_at),
        sent_at=timestamp(given.sent_at) if given.sends else None,
        ended_at=optional(given.ended_at),
    )


def _asked(order: Order) -> action_pb2.OrderTerms:
    return action_pb2.OrderTerms(
        volume=order.volume_lots or None,  # an order about stops has none
        price=order.price,
        stop_loss=order.stop_loss,
        take_profit=order.take_profit,
    )


def _became(became: Became) -> action_pb2.OrderTerms:
    return action_pb2.OrderTerms(
        volume=became.volume_lots,
        price=became.price,
        stop_loss=became.stop_loss,
        take_profit=became.take_profit,
    )
