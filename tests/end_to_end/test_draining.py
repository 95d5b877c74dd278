"""A server that is asked to stop cuts nothing that is in flight."""

import signal
import sys

import pytest
from dtms_client import DtmsClient
from end_to_end.calling import OK, calling, outcome
from end_to_end.reading import journal, type_of
from processes import QUICK_TERMINAL, Shop

NOBODIES = range(424_242, 424_250)


@pytest.mark.skipif(sys.platform == "win32", reason="a test cannot send signals on Windows")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_and_calls_in_flight_are_answered(town: Shop, number: int) -> None:
    _, terminal = town.terminal(*QUICK_TERMINAL)
    server, target = town.serve(terminal)
    server.expect("guarding")
    with calling(target) as caller:
        stream = caller.follow()
        looking = [caller.begin_register(ticket) for ticket in NOBODIES]  # for 2 s each
        assert caller.other_outcomes(NOBODIES[0])["ListTrades"] == OK, "so that they have begun"
        server.signal(number)
        answers = {outcome(call.result) for call in looking}
        assert "POSITION_NOT_FOUND" in answers
        assert answers <= {"POSITION_NOT_FOUND", "DRAINING"}, "a call was cut"
        assert outcome(lambda: list(stream)) == "DRAINING"
    assert server.wait() == 0
    assert "Traceback" not in server.output
    again, target = town.serve(terminal)
    again.expect("guarding")
    with DtmsClient(target) as client:
        events = journal(client, through=client.list_trades().resume_token)
    stopped = [e.monitoring_stopped.reason for e in events if type_of(e) == "MONITORING_STOPPED"]
    assert stopped == [signal.Signals(number).name]
