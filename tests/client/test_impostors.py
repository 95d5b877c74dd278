"""What listens on the port is no DTMS: the caller is told, and never waits without end."""

import threading
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from client.scripted import Server
from client.talkers import Talk, hang_up, say_nothing, speak_http_1, speak_smtp, talker
from dtms_client import AsyncDtmsClient, DtmsClient, cursor, errors, readiness

Serve = Callable[[object], Server]
Clients = Callable[..., DtmsClient]

ONCE = {"grpc.enable_retries": 0}
STRANGERS = [speak_http_1, speak_smtp, hang_up]
HEALTH = "/grpc.health.v1.Health/Check"
SERVING = b"\x08\x01"


class Saying(grpc.GenericRpcHandler):
    """Answers unary calls with these in turn, bytes or a status, and for ever with the last."""

    def __init__(self, *answers: bytes | grpc.StatusCode) -> None:
        self.answers = list(answers)
        self.methods: list[str] = []

    def service(self, handler_call_details: Any) -> Any:
        self.methods.append(handler_call_details.method)
        return grpc.unary_unary_rpc_method_handler(self._say)

    def _say(self, request: bytes, context: grpc.ServicerContext) -> bytes:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, grpc.StatusCode):
            context.abort(answer, "as it was told")
        return answer


@pytest.mark.parametrize("talk", STRANGERS)
async def test_a_stranger_on_the_port_is_a_server_that_is_not_there(
    talk: Talk, clients: Clients
) -> None:
    with talker(talk) as target:
        with pytest.raises(errors.Unavailable) as caught:
            clients(target, options=ONCE).status()
        assert caught.value.reason == ""
        async with AsyncDtmsClient(target, options=ONCE) as client:
            with pytest.raises(errors.Unavailable):
                await client.status()
            with pytest.raises(errors.Unavailable):
                await anext(client.events(give_up_after=0))


@pytest.mark.parametrize("talk", [*STRANGERS, say_nothing])
def test_waiting_for_a_stranger_ends_in_time_and_tells_what_was_seen(
    talk: Talk, clients: Clients
) -> None:
    with talker(talk) as target, pytest.raises(errors.NotReady, match=r"not ready within 0\.5 s: "):
        clients(target).wait_until_ready(timeout=0.5)


async def test_one_who_says_nothing_costs_a_call_its_deadline_and_no_more(clients: Clients) -> None:
    with talker(say_nothing) as target:
        with pytest.raises(errors.DeadlineExceeded):
            clients(target, timeout=0.3).status()
        async with AsyncDtmsClient(target, timeout=0.3) as client:
            with pytest.raises(errors.DeadlineExceeded):
                await client.status()


async def test_a_stream_to_one_who_says_nothing_is_silence(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cursor, "MISSED_HEARTBEATS", 0.2)
    with talker(say_nothing) as target:
        stream = clients(target).events(heartbeat_interval=1, give_up_after=0)
        with pytest.raises(errors.Unavailable, match=r"no message for 0\.2 s"):
            next(stream)
        async with AsyncDtmsClient(target) as client:
            with pytest.raises(errors.Unavailable, match=r"no message for 0\.2 s"):
                await anext(client.events(heartbeat_interval=1, give_up_after=0))


def test_closing_ends_a_stream_that_waits_for_one_who_says_nothing(clients: Clients) -> None:
    called, seen = threading.Event(), list[object]()

    def listen(caller: Any) -> None:
        called.set()
        say_nothing(caller)

    with talker(listen) as target:
        client = clients(target)
        reader = threading.Thread(target=lambda: seen.append(list(client.events())))
        reader.start()
        assert called.wait(30)
        client.close()
        reader.join(30)
    assert seen == [[]]


@pytest.mark.parametrize("nonsense", [b"", b"\xff\xff", b"\x08\x63", b"\x0a\x01x"])
def test_a_nonsense_answer_of_health_is_not_readiness(
    nonsense: bytes, serve: Serve, clients: Clients
) -> None:
    saying = Saying(nonsense, nonsense, SERVING)
    clients(serve(saying).target).wait_until_ready(timeout=60)
    assert saying.methods == [HEALTH] * 3


@pytest.mark.parametrize(("nonsense", "status"), [(b"", 0), (b"\x08\x63", 99)])
def test_the_end_of_a_wait_tells_what_was_seen_and_not_that_it_cut_short_the_last_look(
    nonsense: bytes, status: int
) -> None:
    wait = readiness.Wait(0)
    assert not wait.is_over(nonsense)
    wait.failed(errors.DeadlineExceeded(grpc.StatusCode.DEADLINE_EXCEEDED, "too late", ""))
    with pytest.raises(errors.NotReady, match=rf"not serving \(health status {status}\)"):
        wait.pause()


@pytest.mark.parametrize("code", [grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.NOT_FOUND])
async def test_a_server_that_knows_no_readiness_is_not_waited_for(
    code: grpc.StatusCode, serve: Serve, clients: Clients
) -> None:
    saying = Saying(code)
    target = serve(saying).target
    with pytest.raises(errors.DtmsError) as caught:
        clients(target).wait_until_ready(timeout=600)
    assert caught.value.code is code
    async with AsyncDtmsClient(target) as client:
        with pytest.raises(errors.DtmsError):
            await client.wait_until_ready(timeout=600)
    assert saying.methods == [HEALTH, HEALTH]


def test_waiting_ends_when_the_client_is_closed(clients: Clients) -> None:
    called, said = threading.Event(), list[str]()

    def wait(client: DtmsClient) -> None:
        with pytest.raises(RuntimeError) as caught:
            client.wait_until_ready(timeout=600)
        said.append(str(caught.value))

    with talker(lambda caller: called.set()) as target:
        client = clients(target)
        waiting = threading.Thread(target=wait, args=(client,))
        waiting.start()
        assert called.wait(30)
        client.close()
        waiting.join(30)
    assert said == ["this DtmsClient is closed"]
