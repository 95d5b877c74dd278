"""Trades and their terms as messages."""

from dtms.v1 import action_pb2, event_pb2, trade_pb2

from dtms_server.domain.scoring import Score
from dtms_server.domain.trade import Closing, Terms, Trade
from dtms_server.engine.scores import NoScore
from dtms_server.rpc.enums import to_proto
from dtms_server.rpc.translate.scores import score
from dtms_server.rpc.translate.times import optional, timestamp


def trade(trade: Trade, given: Score | NoScore | None = None) -> trade_pb2.Trade:
    """Return a trade as callers see it; an event's has no score, since scores are not kept."""
    terms = trade.terms
    message = trade_pb2.Trade(
        ticket=trade.ticket,
        position_ticket=terms.position_ticket,
        position_id=trade.position_id,
        account=trade.account,
        symbol=trade.symbol,
        direction=to_proto(trade_pb2.Direction, trade.direction),
        entry_price=terms.entry_price,
        volume=terms.volume_lots,
        initial_volume=trade.initial_volume_lots,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        initial_stop_loss=trade.initial_stop_loss,
        r_distance=terms.r_distance,
        state=to_proto(trade_pb2.TradeState, trade.state),
        state_entered_at=timestamp(trade.state_entered_at),
        state_reason=trade.state_reason,
        score=score(given) if given else None,
        protection=to_proto(trade_pb2.Protection, terms.protection),
        parent_ticket=trade.parent_ticket,
        closing_unconfirmed=terms.closing_unconfirmed,
        hedge_profit=terms.hedge_profit,
        account_currency=trade.account_currency,
        labels=terms.labels,
        registered_at=timestamp(trade.registered_at),
        updated_at=timestamp(trade.updated_at),
    )
    for part in (_defended(trade), _hedged(terms), _closed(trade.closing)):
        message.MergeFrom(part)
    return message


def terms(terms: Terms) -> event_pb2.TradeTerms:
    """Return what may change about a trade while it stays in its state."""
    hedge = terms.hedge
    return event_pb2.TradeTerms(
        position_ticket=terms.position_ticket,
        position_id=terms.position_id,
        entry_price=terms.entry_price,
        volume=terms.volume_lots,
        stop_loss=terms.stop_loss,
        take_profit=terms.take_profit,
        r_distance=terms.r_distance,
        grace_until=optional(terms.grace_until),
        protection=to_proto(trade_pb2.Protection, terms.protection),
        labels=terms.labels,
        closing_unconfirmed=terms.closing_unconfirmed,
        hedge_ticket=hedge.ticket if hedge else None,
        hedge_position_id=hedge.position_id if hedge else None,
        hedge_volume=hedge.volume_lots if hedge else None,
        hedge_opened_at=timestamp(hedge.opened_at) if hedge else None,
        hedge_profit=terms.hedge_profit,
    )


def close_reason(closing: Closing) -> trade_pb2.CloseReason.ValueType:
    """Return why a position closed."""
    return to_proto(trade_pb2.CloseReason, closing.reason)


def _defended(trade: Trade) -> trade_pb2.Trade:
    defence = trade.defence
    return trade_pb2.Trade(
        defensive=trade.is_defensive,
        grace_until=optional(trade.terms.grace_until),
        timer_until=optional(defence.deadline),
        closing_reason=defence.exit_reason or "",
        owed=[to_proto(action_pb2.ActionKind, kind) for kind in defence.owed],
    )


def _hedged(terms: Terms) -> trade_pb2.Trade:
    hedge = terms.hedge
    if hedge is None:
        return trade_pb2.Trade()
    return trade_pb2.Trade(
        hedge_ticket=hedge.ticket,
        hedge_position_id=hedge.position_id,
        hedge_volume=hedge.volume_lots,
        hedge_opened_at=timestamp(hedge.opened_at),
    )


def _closed(closing: Closing | None) -> trade_pb2.Trade:
    if closing is None:
        return trade_pb2.Trade()
    return trade_pb2.Trade(
        close_reason=close_reason(closing),
        profit=closing.profit,
        closed_at=timestamp(closing.at),
    )
