"""Each RPC's cases, asked of a real server through pytest-grpc's channel."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from dtms.v1 import service_pb2 as pb
from dtms.v1 import trade_pb2
from dtms.v1.service_pb2_grpc import DtmsServiceStub
from dtms_server.domain.events import EventType
from dtms_server.rpc import service
from grpc import StatusCode

BUY, SELL = trade_pb2.DIRECTION_BUY, trade_pb2.DIRECTION_SELL

Refused = Callable[[Callable[[], object]], Any]


@pytest.fixture
def refused(refusal: Callable[[grpc.RpcError], Any]) -> Refused:
    """Call, and read the refusal."""

    def call(work: Callable[[], object]) -> Any:
        with pytest.raises(grpc.RpcError) as error:
            work()
        return refusal(error.value)

    return call


@pytest.fixture
def ticket(grpc_server: Any) -> int:
    """A new position's ticket."""
    opened: int = grpc_server.do(grpc_server.house.open_position)
    return opened


def registration(ticket: int, **fields: Any) -> pb.RegisterTradeRequest:
    sound: dict[str, Any] = {"ticket": ticket, "symbol": "EURUSD", "direction": BUY}
    return pb.RegisterTradeRequest(**(sound | fields))


def test_a_new_trade_is_as_the_terminal_has_it(
    grpc_stub: DtmsServiceStub, grpc_server: Any, ticket: int
) -> None:
    answer = grpc_stub.RegisterTrade(registration(ticket, volume=55, labels={"bot": "one"}))
    assert not answer.already_registered
    assert answer.trade.ticket == answer.trade.position_ticket == ticket
    assert answer.trade.state == trade_pb2.TRADE_STATE_HEALTHY
    assert answer.trade.volume == 0.1  # a claim of 55 lots is only a claim
    assert dict(answer.trade.labels) == {"bot": "one"}
    assert grpc_server.run(grpc_server.house.told(ticket)) == [EventType.TRADE_REGISTERED]


def test_a_repeated_registration_changes_nothing(
    grpc_stub: DtmsServiceStub, grpc_server: Any, ticket: int
) -> None:
    grpc_stub.RegisterTrade(registration(ticket))
    grpc_server.run(grpc_server.house.measured(ticket))
    first = grpc_stub.GetTrade(pb.GetTradeRequest(ticket=ticket))
    before = grpc_server.house.head
    again = grpc_stub.RegisterTrade(registration(ticket, stop_loss=0.5, labels={"other": "labels"}))
    assert again.already_registered
    assert again.trade == first.trade
    assert grpc_server.house.head == before


def test_of_many_at_once_exactly_one_is_new(
    grpc_stub: DtmsServiceStub, grpc_server: Any, ticket: int
) -> None:
    with ThreadPoolExecutor(64) as pool:
        answers = list(pool.map(grpc_stub.RegisterTrade, [registration(ticket)] * 64))
    assert [answer.already_registered for answer in answers].count(False) == 1
    assert grpc_server.run(grpc_server.house.told(ticket)) == [EventType.TRADE_REGISTERED]


def test_another_symbol_or_direction_is_a_conflict_that_names_the_fields(
    grpc_stub: DtmsServiceStub, refused: Refused, ticket: int
) -> None:
    grpc_stub.RegisterTrade(registration(ticket))
    conflict = refused(
        lambda: grpc_stub.RegisterTrade(registration(ticket, symbol="GBPUSD", direction=SELL))
    )
    assert (conflict.code, conflict.reason) == (StatusCode.ALREADY_EXISTS, "TICKET_CONFLICT")
    assert conflict.metadata == {"ticket": str(ticket), "fields": "symbol, direction"}


@pytest.mark.parametrize(
    "claim", [{"symbol": "GBPUSD"}, {"direction": SELL}, {"entry_price": 2.0}], ids=str
)
def test_a_claim_that_the_position_contradicts_is_a_mismatch(
    grpc_stub: DtmsServiceStub, refused: Refused, ticket: int, claim: dict[str, Any]
) -> None:
    mismatch = refused(lambda: grpc_stub.RegisterTrade(registration(ticket, **claim)))
    assert mismatch.code is StatusCode.FAILED_PRECONDITION
    assert mismatch.reason == "POSITION_MISMATCH"
    assert mismatch.metadata["fields"] == next(iter(claim))


def test_a_ticket_without_a_position_is_not_found_on_the_terminal(
    grpc_stub: DtmsServiceStub, refused: Refused
) -> None:
    missing = refused(lambda: grpc_stub.RegisterTrade(registration(2**63 - 1)))
    assert missing.code is StatusCode.FAILED_PRECONDITION
    assert missing.reason == "POSITION_NOT_FOUND"


def test_an_update_sets_what_its_mask_names(
    grpc_stub: DtmsServiceStub, grpc_server: Any, ticket: int
) -> None:
    grpc_stub.RegisterTrade(registration(ticket, labels={"a": "b"}))
    grpc_server.run(grpc_server.house.measured(ticket))
    request = pb.UpdateTradeRequest(ticket=ticket, protection=trade_pb2.PROTECTION_OBSERVE)
    request.update_mask.paths.append("protection")
    trade = grpc_stub.UpdateTrade(request).trade
    assert trade.protection == trade_pb2.PROTECTION_OBSERVE
    assert dict(trade.labels) == {"a": "b"}
    assert grpc_stub.GetTrade(pb.GetTradeRequest(ticket=ticket)).trade == trade


def test_a_released_trade_is_not_guarded_until_it_is_registered_again(
    grpc_stub: DtmsServiceStub, refused: Refused, ticket: int
) -> None:
    grpc_stub.RegisterTrade(registration(ticket))
    request = pb.ReleaseTradeRequest(ticket=ticket)
    released = grpc_stub.ReleaseTrade(request).trade
    assert released.state == trade_pb2.TRADE_STATE_RELEASED
    assert grpc_stub.ReleaseTrade(request).trade == released
    update = pb.UpdateTradeRequest(ticket=ticket)
    update.update_mask.paths.append("protection")
    assert refused(lambda: grpc_stub.UpdateTrade(update)).reason == "TRADE_NOT_GUARDED"
    again = grpc_stub.RegisterTrade(registration(ticket))
    assert not again.already_registered
    assert again.trade.state == trade_pb2.TRADE_STATE_HEALTHY


def test_unknown_trades_are_not_found(grpc_stub: DtmsServiceStub, refused: Refused) -> None:
    update = pb.UpdateTradeRequest(ticket=1)
    update.update_mask.paths.append("labels")
    for call in (
        lambda: grpc_stub.GetTrade(pb.GetTradeRequest(ticket=1)),
        lambda: grpc_stub.ReleaseTrade(pb.ReleaseTradeRequest(ticket=1)),
        lambda: grpc_stub.UpdateTrade(update),
    ):
        unknown = refused(call)
        assert (unknown.code, unknown.reason) == (StatusCode.NOT_FOUND, "TRADE_NOT_FOUND")
        assert unknown.metadata["ticket"] == "1"


def test_pages_hold_every_trade_once_and_resume_where_the_first_was_read(
    grpc_stub: DtmsServiceStub, grpc_server: Any
) -> None:
    tickets = [grpc_server.do(grpc_server.house.open_position) for _ in range(5)]
    for ticket in tickets:
        grpc_stub.RegisterTrade(registration(ticket, labels={"list": "pages"}))
    request = pb.ListTradesRequest(page_size=2, labels={"list": "pages"})
    pages = [grpc_stub.ListTrades(request)]
    while pages[-1].next_page_token:
        request.page_token = pages[-1].next_page_token
        grpc_stub.RegisterTrade(registration(grpc_server.do(grpc_server.house.open_position)))
        pages.append(grpc_stub.ListTrades(request))
    assert [len(page.trades) for page in pages] == [2, 2, 1]
    assert [trade.ticket for page in pages for trade in page.trades] == tickets
    assert len({page.resume_token for page in pages}) == 1


def test_a_page_is_cut_before_it_outgrows_what_clients_receive(
    grpc_stub: DtmsServiceStub, grpc_server: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    labels = {f"{n:063}": "x" * 256 for n in range(15)} | {"list": "large"}
    tickets = [grpc_server.do(grpc_server.house.open_position) for _ in range(3)]
    for ticket in tickets:
        grpc_stub.RegisterTrade(registration(ticket, labels=labels))
    grpc_server.run(grpc_server.house.measured(tickets[-1]))  # a trade grows by R and its score
    trade = grpc_stub.GetTrade(pb.GetTradeRequest(ticket=tickets[-1])).trade
    monkeypatch.setattr(service, "MAX_PAGE_BYTES", 2 * trade.ByteSize() + 100)
    request = pb.ListTradesRequest(labels={"list": "large"})
    first = grpc_stub.ListTrades(request)
    assert [trade.ticket for trade in first.trades] == tickets[:2]
    request.page_token = first.next_page_token
    monkeypatch.setattr(service, "MAX_PAGE_BYTES", 1)  # one trade there is always room for
    second = grpc_stub.ListTrades(request)
    assert [trade.ticket for trade in second.trades] == tickets[2:]
    assert not second.next_page_token


def test_a_page_token_does_not_serve_other_filters(
    grpc_stub: DtmsServiceStub, grpc_server: Any, refused: Refused
) -> None:
    for _ in range(2):
        grpc_stub.RegisterTrade(registration(grpc_server.do(grpc_server.house.open_position)))
    token = grpc_stub.ListTrades(pb.ListTradesRequest(page_size=1)).next_page_token
    other = pb.ListTradesRequest(page_size=1, page_token=token, include_closed=True)
    invalid = refused(lambda: grpc_stub.ListTrades(other))
    assert (invalid.code, invalid.reason) == (StatusCode.INVALID_ARGUMENT, "PAGE_TOKEN_INVALID")


def test_status_tells_of_terminal_account_and_trades(
    grpc_stub: DtmsServiceStub, grpc_server: Any, ticket: int
) -> None:
    grpc_stub.RegisterTrade(registration(ticket))
    grpc_server.run(grpc_server.house.measured(ticket))
    status = grpc_stub.GetStatus(pb.GetStatusRequest())
    assert status.dtms_initialized
    assert status.monitoring_active
    assert status.ready
    assert status.phase == pb.SERVICE_PHASE_READY
    assert not status.not_ready_reason
    assert status.active_trades >= 1
    assert sum(count.trades for count in status.trades_by_state) >= status.active_trades
    assert status.head_sequence == grpc_server.house.head
    assert status.terminal.connected
    assert status.terminal.source == "simulator"
    assert status.terminal.account_kind == pb.ACCOUNT_KIND_DEMO
    assert status.terminal.margin_mode == pb.MARGIN_MODE_HEDGING
    assert status.terminal.currency == "USD"
