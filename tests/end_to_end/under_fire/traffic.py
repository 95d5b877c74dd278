"""Calls of every RPC without pause, and all that came of them, while a test strikes."""

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import count
from typing import Any, Final

import grpc
from dtms.v1 import event_pb2, trade_pb2
from dtms.v1 import service_pb2 as pb
from dtms_client import DtmsClient, statuses
from end_to_end.calling import LIVENESS, OK, HealthWatch, calling, watching
from end_to_end.reading import journal
from end_to_end.under_fire.following import Follower
from google.protobuf.field_mask_pb2 import FieldMask
from processes import PATIENCE_SECONDS

EVERY_RPC: Final = frozenset(
    method.name for method in pb.DESCRIPTOR.services_by_name["DtmsService"].methods
)
MAY_FAIL: Final[Mapping[str, Collection[str]]] = {"RegisterTrade": {"UNAVAILABLE TERMINAL_LOST"}}
"""All that may fail while the terminal is lost, and with what; every other call works."""
PACE_SECONDS: Final = 0.02
LET_GO: Final = 5
"""Every so many-th ticket is released as soon as it is registered."""
READINESS: Final = ""
SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"


class Traffic:
    """A bot, a manager, a dashboard, an operator and a probe, each in a thread of its own, none
    with retries; one stream that follows from the first event to the end, and a watch of each kind
    of health."""

    def __init__(self, target: str, tickets: Sequence[int], stack: ExitStack) -> None:
        """Take the server's address, and the tickets of open positions to register in turn."""
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.registered: dict[int, None] = {}
        self.released: set[int] = set()
        self._target = target
        self._tickets = list(tickets)
        self._turn = count()
        self._caller = stack.enter_context(calling(target))
        self._more = threading.Condition()
        self._stop = threading.Event()
        self._client = stack.enter_context(DtmsClient(target))
        self.follower = stack.enter_context(Follower(target))
        self._watches = {
            name: stack.enter_context(watching(target, name)) for name in (LIVENESS, READINESS)
        }
        stack.callback(self._stop.set)
        steps = (
            *(self._act_as_bot, self._manage, self._act_as_dashboard),
            *(self._operate, self._probe),
        )
        pool = stack.enter_context(ThreadPoolExecutor(len(steps)))
        self._running: list[Future[None]] = [pool.submit(self._repeat, step) for step in steps]
        stack.callback(self._stop.set)

    @property
    def readiness(self) -> HealthWatch:
        """What was told of readiness."""
        return self._watches[READINESS]

    def add(self, ticket: int) -> None:
        """Take one more position to register, as the very next."""
        self._tickets.insert(0, ticket)
        self._turn = count()

    def await_round(self) -> None:
        """Return when every RPC was called, and has ended, once from now on."""
        with self._more:
            before = self._ended()
            self._await(lambda: all(self._ended()[rpc] >= before[rpc] + 2 for rpc in EVERY_RPC))

    def await_outcome(self, rpc: str, told: str) -> None:
        """Return when an RPC has come to that since now."""
        with self._more:
            before = self.outcomes[rpc, told]
            self._await(lambda: self.outcomes[rpc, told] > before)

    def end(self) -> None:
        """Stop calling, and demand that all went by the table, and that nothing is lost."""
        self._stop.set()
        for task in self._running:
            task.result(PATIENCE_SECONDS)
        self._check_outcomes()
        assert set(self._watches[LIVENESS].told) == {SERVING}, self._watches[LIVENESS].told
        listed = self._client.list_trades(include_closed=True)
        states = {trade.ticket: trade.state for trade in listed}
        assert self.registered.keys() <= states.keys(), "an acknowledged trade is lost"
        let_go = {ticket for ticket in states if states[ticket] == trade_pb2.TRADE_STATE_RELEASED}
        assert self.released <= let_go
        self.follower.check(journal(self._client, through=listed.resume_token))

    def _check_outcomes(self) -> None:
        assert {rpc for rpc, told in self.outcomes if told == OK} == EVERY_RPC, self.outcomes
        wrong = {
            (rpc, told): times
            for (rpc, told), times in self.outcomes.items()
            if told != OK and told not in MAY_FAIL.get(rpc, ())
        }
        assert not wrong, wrong

    def _ended(self) -> Counter[str]:
        ended: Counter[str] = Counter()
        for (rpc, _), times in self.outcomes.items():
            ended[rpc] += times
        return ended

    def _await(self, enough: Callable[[], bool]) -> None:
        done = self._more.wait_for(
            lambda: enough() or any(task.done() for task in self._running), PATIENCE_SECONDS
        )
        for task in self._running:
            if task.done():
                task.result()
        assert done, f"calls hang: {self.outcomes}"

    def _repeat(self, step: Callable[[], None]) -> None:
        try:
            while not self._stop.wait(PACE_SECONDS):
                step()
        finally:
            with self._more:
                self._more.notify_all()

    def _act_as_bot(self) -> None:
        """Register the next position, until that is acknowledged; once where it is let go, since
        a registration would arm it again."""
        ticket = self._tickets[next(self._turn) % len(self._tickets)]
        buy = trade_pb2.DIRECTION_BUY
        request = pb.RegisterTradeRequest(ticket=ticket, symbol="EURUSD", direction=buy)
        if _is_let_go(ticket) and ticket in self.registered:
            return
        while not self._stop.is_set():
            if self._tell("RegisterTrade", request) is not None:
                self.registered[ticket] = None
                return
            self._stop.wait(PACE_SECONDS)

    def _manage(self) -> None:
        """Label the trades in turn, and let some of them go."""
        for ticket in list(self.registered):
            mask = FieldMask(paths=["labels"])
            labels = {"drill": str(self.outcomes.total())}
            request = pb.UpdateTradeRequest(ticket=ticket, update_mask=mask, labels=labels)
            self._tell("UpdateTrade", request)
            if _is_let_go(ticket):
                self._release(ticket)
            if self._stop.wait(PACE_SECONDS):
                return

    def _release(self, ticket: int) -> None:
        """Let a trade go, and leave its hedge, if it has one."""
        request = pb.ReleaseTradeRequest(ticket=ticket, hedge=event_pb2.HEDGE_DISPOSITION_LEAVE)
        if self._tell("ReleaseTrade", request) is not None:
            self.released.add(ticket)

    def _act_as_dashboard(self) -> None:
        for ticket in list(self.registered)[-1:]:
            self._tell("GetTrade", pb.GetTradeRequest(ticket=ticket))
        self._tell("ListTrades", pb.ListTradesRequest(include_closed=True, page_size=1000))
        self._tell("ListActions", pb.ListActionsRequest())
        self._tell("GetStatus", pb.GetStatusRequest())
        self._note("StreamMonitorEvents", lambda: self._caller.follow().cancel())

    def _operate(self) -> None:
        self._tell("PauseActions", pb.PauseActionsRequest(reason="a drill"))
        self._tell("ResumeActions", pb.ResumeActionsRequest(reason="a drill"))
        self._tell("ResetRails", pb.ResetRailsRequest())
        self._stop.wait(10 * PACE_SECONDS)

    def _probe(self) -> None:
        """Ask as a probe does: by a Check each time."""
        assert self._caller.health(LIVENESS) == SERVING
        assert self._caller.health(READINESS) in (SERVING, NOT_SERVING)

    def _tell(self, rpc: str, request: Any) -> Any:
        """Call; return the answer, None for a refusal."""
        call = getattr(self._caller.stub, rpc)
        return self._note(rpc, partial(call, request, timeout=PATIENCE_SECONDS))

    def _note(self, rpc: str, call: Callable[[], Any]) -> Any:
        answer, told = None, OK
        try:
            answer = call()
        except grpc.RpcError as error:
            refusal = statuses.from_rpc(error)
            told = f"{refusal.code.name} {refusal.reason}"
        with self._more:
            self.outcomes[rpc, told] += 1
            self._more.notify_all()
        return answer


def _is_let_go(ticket: int) -> bool:
    return ticket % LET_GO == 0


@contextmanager
def traffic(target: str, tickets: Sequence[int]) -> Iterator[Traffic]:
    """Call while the block lasts."""
    with ExitStack() as stack:
        yield Traffic(target, tickets, stack)
