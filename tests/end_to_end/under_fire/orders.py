"""What became of orders, by the broker's own book: each is carried out once, or not at all."""

import time
from collections import defaultdict
from pathlib import Path
from threading import Event
from typing import Final

from dtms.v1 import action_pb2
from dtms.v1.action_pb2 import Action
from dtms_client import DtmsClient
from dtms_server.terminal.simulator import state
from processes import PATIENCE_SECONDS

HEDGED_AT_ONCE: Final = """
[policy.defence.states]
grace_minutes = 0
[policy.defence.symbol]
readd = false
[policy.scoring.bands]
steady_from = 99.0
soft_above = 98.0
weak_above = 97.0
failing_above = 96.0
"""
"""The first score of a trade calls for a hedge: an order for each position that is registered."""
LOTS: Final = 0.02
OUR_COMMENT: Final = "dtms-"
DONE, FAILED = action_pb2.ACTION_STATE_DONE, action_pb2.ACTION_STATE_FAILED
TOO_LATE: Final = "carried out when no longer wanted"
"""What is said of a hedge that turns up when its trade was let go."""
MOVES_MONEY: Final = (action_pb2.ORDER_VERB_OPEN, action_pb2.ORDER_VERB_CLOSE)


def settled(client: DtmsClient) -> list[Action]:
    """Return every attempt, once the outcome of each is known."""
    until, look = time.monotonic() + PATIENCE_SECONDS, Event()
    while True:
        actions = [action for action in client.list_actions() if action.id]
        if all(action.state in (DONE, FAILED) for action in actions):
            return actions
        assert time.monotonic() < until, actions
        look.wait(0.1)


def audit(actions: list[Action], world: Path) -> None:
    """Compare the attempts with the deals in the world's file: what is done has its one order, what
    failed has none, and there is no order of ours besides."""
    found = state.load(world)
    assert found is not None
    orders = defaultdict(set)
    for deal in found.book.deals:
        if deal.comment.startswith(OUR_COMMENT):
            orders[deal.comment.removeprefix(OUR_COMMENT)].add(deal.order)
    twice = {id_: made for id_, made in orders.items() if len(made) > 1}
    assert not twice, "carried out twice"
    done = {a.id for a in actions if a.state == DONE and a.verb in MOVES_MONEY}
    assert done, "nothing was tried"
    assert orders.keys() >= done, "told to be done, and never carried out"
    failed = {a.id for a in actions if a.state == FAILED and a.message != TOO_LATE}
    assert not orders.keys() & failed, "told to have failed, and carried out"
    assert orders.keys() <= {a.id for a in actions}, "an order without its intent"
