"""grpc_health_probe exits 0 only while the service is ready, in every phase of its life, and the
HTTP pages and `dtms health` agree with it at every moment."""

import signal
import subprocess
import sys

import pytest
from end_to_end.calling import LIVENESS, HealthWatch, held_open
from end_to_end.probing import MUTUAL, PLAIN, WITH_TLS, Instruments, Life, Papers
from go_tools import GRPC_HEALTH_PROBE, go_tool
from processes import QUICK_SERVER, QUICK_TERMINAL, Process, Shop, free_address

pytestmark = [
    pytest.mark.timeout(900),  # the first of them builds the probe
    pytest.mark.skipif(sys.platform == "win32", reason="a test cannot send SIGTERM on Windows"),
]
SERVING, NOT_SERVING = "SERVING", "NOT_SERVING"
# longer than it takes to ask everything twice, also on a machine that is full
PATIENT = ("--startup-timeout", "0", "--lost-grace", "8", "--drain-delay", "8")
# for a call that stays open: the phase after the listener's end lasts until it ends
STAYING = ("--reflection", "--drain-grace", "120")


@pytest.mark.parametrize("papers", [PLAIN, WITH_TLS], ids=["plain", "tls"])
def test_probe_pages_and_command_agree_in_every_phase_of_life(town: Shop, papers: Papers) -> None:
    target, pages, terminal = free_address(), free_address(), free_address()
    life = Life(Instruments(town, target, pages, papers))
    with life.watched():
        life.settled("before the server", ready=False, live=False)
        server = town.start(
            "serve", "--terminal", terminal, "--listen", target, "--http-listen", pages,
            "--sim-listen", "0", *PATIENT, *STAYING, *QUICK_SERVER, *papers.server_flags(),
        )  # fmt: skip
        server.expect("^listening ")
        with papers.channel(target) as channel:
            watch = HealthWatch(channel, "readiness")
            watch.await_told(NOT_SERVING)
            life.settled("starting", ready=False, live=True)

            host = open_terminal(town, terminal)
            watch.await_told(NOT_SERVING, SERVING)
            life.settled("ready", ready=True, live=True)

            host.kill()
            server.expect("terminal lost")
            life.settled("the terminal lost within its grace", ready=True, live=True)
            watch.await_told(NOT_SERVING, SERVING, NOT_SERVING)
            life.settled("the terminal lost beyond its grace", ready=False, live=True)

            open_terminal(town, terminal)
            watch.await_told(NOT_SERVING, SERVING, NOT_SERVING, SERVING)
            life.settled("the terminal back", ready=True, live=True)

            with held_open(channel):
                server.signal(signal.SIGTERM)
                watch.await_told(NOT_SERVING, SERVING, NOT_SERVING, SERVING, NOT_SERVING)
                life.settled("draining", ready=False, live=True)
                assert watch.await_end() == "DRAINING"
                life.settled("the listener has ended", ready=False, live=False)
        assert server.wait() == 0
        life.settled("ended", ready=False, live=False)
    assert life.disagreements == []


def open_terminal(town: Shop, address: str) -> Process:
    """Open the terminal there, with the world that it had."""
    world = str(town.folder / "world.json")
    return town.terminal("--listen", address, "--sim-state", world, *QUICK_TERMINAL)[0]


def test_with_mutual_tls_a_probe_needs_a_certificate_too(town: Shop) -> None:
    process, target = town.serve("simulator", *MUTUAL.server_flags())
    process.expect("guarding")
    assert Instruments(town, target, "", MUTUAL).probe("readiness")
    assert Instruments(town, target, "", MUTUAL).command("readiness")
    for others in (PLAIN, WITH_TLS):
        stranger = [f"-addr={target}", *others.probe_flags()]
        done = subprocess.run([go_tool(GRPC_HEALTH_PROBE), *stranger], check=False)
        assert done.returncode != 0


def test_a_name_that_there_is_not_is_not_well(town: Shop) -> None:
    process, target = town.serve("simulator")
    process.expect("guarding")
    ask = Instruments(town, target, "", PLAIN)
    assert [ask.probe(name) for name in ("readyness", LIVENESS)] == [False, True]
    assert [ask.command(name) for name in ("readyness", LIVENESS)] == [False, True]
