"""An order whose answer is no answer was perhaps carried out: it is settled, and sent once."""

from pathlib import Path

import pytest
from dtms_client import DtmsClient
from dtms_server.domain.trade import Direction
from dtms_server.terminal.messages import SendOrder
from end_to_end.reading import read_until
from end_to_end.under_fire.liar import (
    Liar,
    Lie,
    Tell,
    cut_short,
    not_in_utf8,
    of_another_type,
    the_one_before,
)
from end_to_end.under_fire.orders import HEDGED_AT_ONCE, LOTS, audit, settled
from processes import QUICK_SERVER, QUICK_TERMINAL, TERMINAL_KEY, Shop


@pytest.mark.parametrize(
    "tell",
    [not_in_utf8]
    + [
        pytest.param(each, marks=pytest.mark.long)
        for each in (cut_short, of_another_type, the_one_before)
    ],
)
def test_an_order_that_is_answered_with_a_lie_is_settled(town: Shop, tell: Tell) -> None:
    (town.folder / "dtms.toml").write_text(HEDGED_AT_ONCE)
    _, terminal = town.terminal(*QUICK_TERMINAL, "--sim-state", "world.json")
    with town.control(terminal) as hand, Liar(terminal, TERMINAL_KEY) as liar:
        server, target = town.serve(liar.address, *QUICK_SERVER)
        server.expect("guarding")
        with DtmsClient(target) as client:
            ticket = hand.open("EURUSD", Direction.BUY, LOTS, stop_loss=0.9).ticket
            liar.plan(Lie(tell, SendOrder))
            client.register_trade(ticket, "EURUSD", "BUY")
            server.expect("order's outcome unknown")
            server.expect("order carried out")
            read_until(
                client,
                lambda event: event.action_done.action.id != "",
                start_from="EARLIEST",
                types=["ACTION_DONE"],
            )
            client.pause_actions("audit")
            audit(settled(client), Path(town.folder, "world.json"))
