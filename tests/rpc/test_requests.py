"""Requests are read whole or refused with all that is wrong with them."""

import math
from typing import Any

import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2
from dtms_server.domain.claims import HedgeDisposition
from dtms_server.domain.errors import InvalidRequest
from dtms_server.domain.trade import Direction, Protection
from dtms_server.rpc import requests
from google.protobuf.field_mask_pb2 import FieldMask

PRICES = ("entry_price", "volume", "stop_loss", "take_profit")
BAD_PRICES = (0.0, -0.0, -1.0, math.nan, math.inf, -math.inf, -5e-324)


def registration(**fields: Any) -> pb.RegisterTradeRequest:
    sound: dict[str, Any] = {"ticket": 7, "symbol": "EURUSD", "direction": trade_pb2.DIRECTION_BUY}
    return pb.RegisterTradeRequest(**(sound | fields))


def wrong(error: pytest.ExceptionInfo[InvalidRequest]) -> list[str]:
    return [path for path, _ in error.value.violations]


def test_a_claim_holds_what_was_sent() -> None:
    claim = requests.claim(
        registration(
            direction=trade_pb2.DIRECTION_SELL,
            entry_price=1.1,
            stop_loss=1.2,
            protection=trade_pb2.PROTECTION_OBSERVE,
            labels={"bot": "one"},
        )
    )
    assert (claim.ticket, claim.symbol, claim.direction) == (7, "EURUSD", Direction.SELL)
    assert (claim.entry_price, claim.stop_loss) == (1.1, 1.2)
    assert (claim.volume_lots, claim.take_profit) == (None, None)
    assert (claim.protection, claim.labels) == (Protection.OBSERVE, {"bot": "one"})


def test_a_claim_without_protection_is_protected() -> None:
    assert requests.claim(registration()).protection is Protection.PROTECT


@pytest.mark.parametrize("path", PRICES)
@pytest.mark.parametrize("value", BAD_PRICES)
def test_a_figure_that_is_given_must_be_finite_and_above_zero(path: str, value: float) -> None:
    with pytest.raises(InvalidRequest) as error:
        requests.claim(registration(**{path: value}))
    assert wrong(error) == [path]


@pytest.mark.parametrize("ticket", [0, 2**63, 2**64 - 1])
def test_a_ticket_must_be_in_its_range_in_every_request(ticket: int) -> None:
    mask = FieldMask(paths=["labels"])
    for read in (
        lambda: requests.claim(registration(ticket=ticket)),
        lambda: requests.update(pb.UpdateTradeRequest(ticket=ticket, update_mask=mask)),
        lambda: requests.release(pb.ReleaseTradeRequest(ticket=ticket)),
        lambda: requests.ticket(pb.GetTradeRequest(ticket=ticket)),
        lambda: requests.actions(pb.ListActionsRequest(ticket=ticket)),
    ):
        with pytest.raises(InvalidRequest) as error:
            read()
        assert wrong(error) == ["ticket"]


@pytest.mark.parametrize("ticket", [1, 2**63 - 1])
def test_the_ends_of_the_tickets_range_are_tickets(ticket: int) -> None:
    assert requests.claim(registration(ticket=ticket)).ticket == ticket


@pytest.mark.parametrize("symbol", ["", "x" * 65, "é" * 33])
def test_a_symbol_has_1_to_64_bytes(symbol: str) -> None:
    with pytest.raises(InvalidRequest) as error:
        requests.claim(registration(symbol=symbol))
    assert wrong(error) == ["symbol"]
    assert requests.claim(registration(symbol="é" * 32)).symbol == "é" * 32


@pytest.mark.parametrize("direction", [0, 3, -1, 2**31 - 1])
def test_a_direction_must_be_given_and_known(direction: int) -> None:
    with pytest.raises(InvalidRequest) as error:
        requests.claim(registration(direction=direction))
    assert wrong(error) == ["direction"]


@pytest.mark.parametrize(
    "labels",
    [{f"k{n}": "" for n in range(17)}, {"": "v"}, {"k" * 64: "v"}, {"k": "é" * 129}],
    ids=["too many", "no key", "long key", "long value"],
)
def test_labels_are_few_and_short(labels: dict[str, str]) -> None:
    for read in (
        lambda: requests.claim(registration(labels=labels)),
        lambda: requests.listing(pb.ListTradesRequest(labels=labels)),
        lambda: requests.update(
            pb.UpdateTradeRequest(ticket=1, update_mask=FieldMask(paths=["labels"]), labels=labels)
        ),
    ):
        with pytest.raises(InvalidRequest) as error:
            read()
        assert len(wrong(error)) == 1
        assert wrong(error)[0].startswith("labels")


def test_labels_at_their_limits_are_taken() -> None:
    labels = {f"{n:063}": "é" * 128 for n in range(16)}
    assert requests.claim(registration(labels=labels)).labels == labels


def test_all_that_is_wrong_is_told_at_once() -> None:
    request = pb.RegisterTradeRequest(
        entry_price=math.nan,
        volume=-1,
        stop_loss=math.inf,
        take_profit=0,
        protection=9,  # type: ignore[arg-type] # an open enum takes any number
        labels={"": "v" * 257},
    )
    with pytest.raises(InvalidRequest) as error:
        requests.claim(request)
    assert sorted(set(wrong(error))) == sorted(
        {"ticket", "symbol", "direction", *PRICES, "protection", "labels['']"}
    )
    assert wrong(error).count("labels['']") == 2


def test_an_update_changes_what_its_mask_names_and_no_more() -> None:
    request = pb.UpdateTradeRequest(
        ticket=7, protection=trade_pb2.PROTECTION_OBSERVE, labels={"a": "b"}
    )
    request.update_mask.paths[:] = ["protection"]
    assert requests.update(request) == requests.Update(7, Protection.OBSERVE, None)
    request.update_mask.paths[:] = ["labels", "labels"]
    assert requests.update(request) == requests.Update(7, None, {"a": "b"})


def test_an_update_may_empty_the_labels_and_reset_the_protection() -> None:
    request = pb.UpdateTradeRequest(ticket=7)
    request.update_mask.paths[:] = ["labels", "protection"]
    assert requests.update(request) == requests.Update(7, Protection.PROTECT, {})


@pytest.mark.parametrize(
    ("paths", "where"),
    [
        ([], ["update_mask"]),
        (["ticket"], ["update_mask.paths[0]"]),
        (["labels", "*", "labels.a", ""], [f"update_mask.paths[{n}]" for n in (1, 2, 3)]),
    ],
)
def test_a_mask_names_only_what_may_change(paths: list[str], where: list[str]) -> None:
    with pytest.raises(InvalidRequest) as error:
        requests.update(pb.UpdateTradeRequest(ticket=7, update_mask=FieldMask(paths=paths)))
    assert wrong(error) == where


def test_a_release_knows_its_hedge_dispositions() -> None:
    asked = requests.release(pb.ReleaseTradeRequest(ticket=7, hedge=2))  # type: ignore[arg-type]
    assert asked == requests.Release(7, HedgeDisposition.LEAVE)
    with pytest.raises(InvalidRequest) as error:
        requests.release(pb.ReleaseTradeRequest(ticket=7, hedge=3))  # type: ignore[arg-type]
    assert wrong(error) == ["hedge"]
