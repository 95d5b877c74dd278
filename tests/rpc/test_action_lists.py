"""Lists of actions: every attempt once, latest first, by trade and by time, in pages."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms_server.domain.actions import Action
from dtms_server.domain.trade import CloseReason, Closing, State, Trade
from dtms_server.rpc import service
from google.protobuf.timestamp_pb2 import Timestamp
from grpc import StatusCode
from ledgers import AT, a_trade, an_action, done, ended, registered, started
from rpc import read_back

Refusal = Callable[[grpc.RpcError], Any]
MINUTE = timedelta(minutes=1)
RENAMED = 7_000_001
"""The ticket that the broker gave the position of trade 7."""


def stamp(at: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(at)
    return message


def past(house: Any, ticket: int) -> Trade:
    """A trade that is over, so that nobody looks for its position."""
    trade = a_trade(ticket, account=house.guard.ledger.journal.account)
    closing = Closing(CloseReason.SL, -1.0, 1.09, AT)
    return replace(trade, state=State.CLOSED, closing=closing)


@pytest.fixture
async def attempts(house: Any) -> list[Action]:
    """Seven attempts, a minute apart, latest first; those of even minutes are for trade 7, whose
    position has another ticket by now, the others for trade 9."""
    seven, nine = past(house, 7), past(house, 9)
    seven = replace(seven, terms=replace(seven.terms, position_ticket=RENAMED))
    tried = [
        an_action(nine if minute % 2 else seven, f"a{minute}", at=AT + minute * MINUTE)
        for minute in range(7)
    ]
    trades = {7: seven, 9: nine}
    intents = [started(trades[action.ticket], action) for action in tried]
    outcome = ended(seven, done(tried[0]))
    journal = house.guard.ledger.journal
    await journal.append(registered(seven), registered(nine), *intents, outcome)
    return [*reversed(tried[1:]), done(tried[0])]


async def listed(stub: Any, **wanted: Any) -> list[Action]:
    """All pages of a list, by the domain's values as far as they are told."""
    request = pb.ListActionsRequest(**wanted)
    actions: list[Action] = []
    while True:
        page = await stub.ListActions(request)
        actions.extend(map(read_back.action, page.actions))
        if not page.next_page_token:
            return actions
        request.page_token = page.next_page_token


def ids(actions: list[Action]) -> list[str]:
    return [action.id for action in actions]


async def test_every_attempt_is_listed_with_what_was_asked_and_what_became_true(
    stub: Any, attempts: list[Action]
) -> None:
    assert await listed(stub) == list(map(as_told, attempts))


def as_told(action: Action) -> Action:
    """The action without what callers are not told of its order."""
    order = replace(
        action.order, direction=read_back.UNTOLD_SIDE, position_id=None, position_lots=0.0
    )
    return replace(action, order=order)


@pytest.mark.parametrize(
    ("ticket", "found"),
    [
        (7, ["a6", "a4", "a2", "a0"]),
        (RENAMED, ["a6", "a4", "a2", "a0"]),
        (9, ["a5", "a3", "a1"]),
        (8, []),
    ],
)
async def test_a_trade_s_attempts_are_found_by_its_ticket_as_registered_or_as_it_is_now(
    stub: Any, attempts: list[Action], ticket: int, found: list[str]
) -> None:
    assert ids(await listed(stub, ticket=ticket)) == found


@pytest.mark.parametrize(
    ("first", "end", "found"),
    [
        (AT + 2 * MINUTE, None, ["a6", "a5", "a4", "a3", "a2"]),
        (None, AT + 2 * MINUTE, ["a1", "a0"]),
        (AT + 2 * MINUTE, AT + 4 * MINUTE, ["a3", "a2"]),
        (AT + 2 * MINUTE, AT + 2 * MINUTE, []),
    ],
)
async def test_a_time_counts_from_its_beginning_to_before_its_end(
    stub: Any,
    attempts: list[Action],
    first: datetime | None,
    end: datetime | None,
    found: list[str],
) -> None:
    wanted = {"started_from": first, "started_before": end}
    given = {name: stamp(at) for name, at in wanted.items() if at is not None}
    assert ids(await listed(stub, **given)) == found
    both = {"a6", "a4", "a2", "a0"} & set(found)
    assert set(ids(await listed(stub, ticket=7, **given))) == both


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_pages_hold_every_attempt_once_whatever_their_size(
    stub: Any, attempts: list[Action], size: int
) -> None:
    assert ids(await listed(stub, page_size=size)) == ids(attempts)
    page = await stub.ListActions(pb.ListActionsRequest(page_size=size))
    assert len(page.actions) == min(size, 7)
    assert bool(page.next_page_token) is (size < 7)


async def test_what_is_tried_between_two_pages_does_not_shift_the_second(
    house: Any, stub: Any, attempts: list[Action]
) -> None:
    first = await stub.ListActions(pb.ListActionsRequest(page_size=3))
    trade = past(house, 9)
    later = an_action(trade, "a7", at=AT + 7 * MINUTE)
    await house.guard.ledger.journal.append(started(trade, later))
    rest = await listed(stub, page_size=3, page_token=first.next_page_token)
    assert ids(rest) == ["a3", "a2", "a1", "a0"]


async def test_a_page_is_cut_before_it_outgrows_what_clients_receive(
    stub: Any, attempts: list[Action], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MAX_PAGE_BYTES", 1)  # one action there is always room for
    page = await stub.ListActions(pb.ListActionsRequest())
    assert len(page.actions) == 1
    assert page.next_page_token
    assert ids(await listed(stub)) == ids(attempts)


@pytest.mark.parametrize(
    "other",
    [
        {"ticket": 9},
        {},
        {"ticket": RENAMED},
        {"ticket": 7, "started_from": stamp(AT)},
        {"ticket": 7, "started_before": stamp(AT + 10 * MINUTE)},
    ],
    ids=str,
)
async def test_a_page_token_does_not_serve_other_filters(
    stub: Any, attempts: list[Action], refusal: Refusal, other: dict[str, Any]
) -> None:
    page = await stub.ListActions(pb.ListActionsRequest(page_size=1, ticket=7))
    request = pb.ListActionsRequest(page_size=1, page_token=page.next_page_token, **other)
    with pytest.raises(grpc.RpcError) as error:
        await stub.ListActions(request)
    told = refusal(error.value)
    assert (told.code, told.reason) == (StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


async def test_a_page_token_of_another_list_or_a_mangled_one_is_refused(
    stub: Any, attempts: list[Action], refusal: Refusal
) -> None:
    trades = await stub.ListTrades(pb.ListTradesRequest(page_size=1, include_closed=True))
    assert trades.next_page_token
    for token in (trades.next_page_token, trades.resume_token, "x", "é"):
        with pytest.raises(grpc.RpcError) as error:
            await stub.ListActions(pb.ListActionsRequest(page_token=token))
        assert refusal(error.value).reason == "PAGE_TOKEN_INVALID"


async def test_all_that_is_wrong_with_a_list_is_told_at_once(stub: Any, refusal: Refusal) -> None:
    request = pb.ListActionsRequest(
        page_size=-1, ticket=0, started_from=Timestamp(nanos=-1), started_before=Timestamp(nanos=-1)
    )
    with pytest.raises(grpc.RpcError) as error:
        await stub.ListActions(request)
    told = refusal(error.value)
    assert told.code is StatusCode.INVALID_ARGUMENT
    assert set(told.fields) == {"page_size", "ticket", "started_from", "started_before"}
