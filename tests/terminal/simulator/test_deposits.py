import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from terminal.simulator.trader import account, opened


@pytest.mark.parametrize(("amount", "comment"), [(250.5, "Deposit"), (-99.995, "Withdrawal")])
def test_what_is_paid_in_or_out_is_a_deal_of_no_position(
    amount: float, comment: str, hedging: None
) -> None:
    before = account()
    control.advance(60)
    control.deposit(amount)
    after = account()
    assert after.balance == pytest.approx(before.balance + amount, abs=0.006)
    assert after.equity == after.balance
    deals = mt5.history_deals_get(0, 4_000_000_000)
    assert deals is not None
    *_, paid = deals
    assert (paid.type, paid.position_id, paid.symbol) == (mt5.DEAL_TYPE_BALANCE, 0, "")
    assert (paid.profit, paid.comment) == (round(amount, 2), comment)
    assert paid.time - deals[0].time == 60


def test_no_more_is_paid_out_than_is_free(hedging: None) -> None:
    opened(volume=1.0)
    free = account().margin_free
    with pytest.raises(control.Refused, match="is free"):
        control.deposit(-free - 1)
    control.deposit(-free)
    assert account().margin_free == pytest.approx(0, abs=0.006)


def test_a_charge_is_a_deal_of_its_own_type(hedging: None) -> None:
    before = account().balance
    control.charge(12.5)
    assert account().balance == before - 12.5
    deals = mt5.history_deals_get(0, 4_000_000_000)
    assert deals is not None
    charged = deals[-1]
    assert (charged.type, charged.profit) == (mt5.DEAL_TYPE_CHARGE, -12.5)
    assert (charged.symbol, charged.order, charged.position_id, charged.volume) == ("", 0, 0, 0)


@pytest.mark.parametrize("amount", [0.0, -5.0, float("nan"), float("inf")])
def test_what_is_no_charge_is_refused(amount: float, hedging: None) -> None:
    with pytest.raises(control.Refused, match="charged"):
        control.charge(amount)


@pytest.mark.parametrize("amount", [0.0, 0.001, float("nan"), float("inf")])
def test_what_is_no_amount_is_refused(amount: float, hedging: None) -> None:
    with pytest.raises(control.Refused, match="paid"):
        control.deposit(amount)
