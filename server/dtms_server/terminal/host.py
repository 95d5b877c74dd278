"""The terminal host: the process that loads an API module and answers requests one at a time.

Run as `python -m dtms_server.terminal.host`; the key comes in DTMS_TERMINAL_KEY.
"""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from queue import Empty
from typing import Final

from dtms_server.terminal.clock import ServerClock
from dtms_server.terminal.dispatch import Dispatch, SimulatorDesk
from dtms_server.terminal.metatrader import MetaTrader
from dtms_server.terminal.options import HostOptions, is_loopback, parse_address
from dtms_server.terminal.reception import Pending, Reception

ALONE_SECONDS: Final = 60.0
"""How long a host that belongs to a server waits for it."""
ENDING_SECONDS: Final = 5.0
"""How long a call that hangs may hold up the end."""
REBOOTED: Final = 3
"""The exit status of a host whose scenario reboots its machine."""
TURN_SECONDS: Final = 0.5
"""How often the main thread looks up: on Windows a wait without end hears no Ctrl-C."""


class Unusable(Exception):
    """The host cannot start; the text says why."""


class PortTaken(Exception):
    """The host cannot start yet: a host that is ending may hold its port for some seconds."""


def main(arguments: list[str]) -> int:
    """Run a host until it is ended; return the exit status: 2 for what it can never start
    with, 1 for a port that is taken."""
    options = HostOptions.parse(arguments)
    if options.supervised or options.ends_with_link:
        _leave_signals_to_the_owner()
    try:
        dispatch = _dispatch(options)
        reception = _reception(options)
    except PortTaken as error:
        return _fail(str(error), 1)
    except (Unusable, ValueError, OSError) as error:
        return _fail(str(error), 2)
    if options.supervised:
        threading.Thread(target=_end_with_input, args=(reception,), daemon=True).start()
    return _serve(reception, dispatch, options)


def _fail(reason: str, status: int) -> int:
    print(f"terminal host: {' '.join(reason.split())}", file=sys.stderr)  # noqa: T201
    return status


def _dispatch(options: HostOptions) -> Dispatch:
    server = ServerClock(options.server_offset)
    if options.module == "simulator":
        return _simulated(options, server)
    try:
        api = importlib.import_module("MetaTrader5")
    except ImportError as error:
        raise Unusable(f"the package MetaTrader5 is not installed here ({error})") from error
    return Dispatch(MetaTrader(api, server, lambda: (datetime.now(UTC), 1.0)), None)


def _simulated(options: HostOptions, server: ServerClock) -> Dispatch:
    from dtms_server.terminal import simulator
    from dtms_server.terminal.simulator import control, library

    settings = control.Settings(
        replay=options.replay,
        symbol=options.symbol,
        speed=options.speed,
        seed=options.seed,
        state_path=None if options.sim_state is None else Path(options.sim_state),
        server_offset=options.server_offset,
        min_spread=options.min_spread,
        account=options.account,
        login=options.login,
        first_ticket=options.first_ticket,
        scenario=None if options.faults is None else library.find(options.faults),
        told=lambda line: _tell(f"scenario {line}"),
        reboot=lambda: os._exit(REBOOTED),
    )
    control.start(settings)
    terminal = MetaTrader(simulator, server, control.shown_clock)
    return Dispatch(terminal, SimulatorDesk(control, terminal))


def _reception(options: HostOptions) -> Reception:
    key = os.environ.get("DTMS_TERMINAL_KEY", "")
    if not key:
        raise Unusable("set DTMS_TERMINAL_KEY to the key that it shares with the server")
    if not options.listen and options.pipe is None:
        raise Unusable("nothing to listen on: give --listen HOST:PORT")
    reception = Reception(key.encode(), options.module, options.silence)
    if options.ends_with_link:
        reception.link_ended = lambda: _end(reception)
    for text in options.listen:
        _listen(reception, text, options)
    if options.pipe is not None:  # last: whoever gets in by it may trust that all is well
        reception.listen(options.pipe)
    return reception


def _listen(reception: Reception, text: str, options: HostOptions) -> None:
    host, port = parse_address(text)
    if not (options.allow_remote or is_loopback(host)):
        raise Unusable(
            f"{text} is beyond this machine: if that is meant, add "
            "--allow-remote (to `dtms serve`, --insecure)"
        )
    try:
        bound = reception.listen((host, port))
    except OSError as error:
        raise PortTaken(f"cannot listen on {text}: {error.strerror or error}") from error
    _tell(f"listening {bound}")


def _serve(reception: Reception, dispatch: Dispatch, options: HostOptions) -> int:
    alone_until = time.monotonic() + ALONE_SECONDS if options.ends_with_link else float("inf")
    tell: Callable[[str], None] = _tell if options.supervised else lambda _: None
    try:
        while reception.served.is_set() or time.monotonic() < alone_until:
            try:
                pending = reception.requests.get(timeout=TURN_SECONDS)
            except Empty:
                continue
            if pending is None:
                break
            _answer(pending, dispatch, tell)
    except KeyboardInterrupt:
        return 0
    finally:
        reception.close()
    return 0


def _answer(pending: Pending, dispatch: Dispatch, tell: Callable[[str], None]) -> None:
    if not pending.is_wanted():  # whoever asked has gone; above all no order may be sent now
        return
    tell(f"busy {pending.expires - time.monotonic():.3f}")
    pending.answer.set_result(dispatch.answer(pending))
    tell("idle")


def _end(reception: Reception) -> None:
    """End the process from another thread, though the main one may hang in a call."""
    reception.requests.put(None)
    time.sleep(ENDING_SECONDS)
    reception.close()
    os._exit(1)


def _end_with_input(reception: Reception) -> None:
    while os.read(0, 1):  # not sys.stdin: its lock, held here, would disturb the exit
        pass
    _end(reception)


def _leave_signals_to_the_owner() -> None:
    """A Ctrl-C or a stop of the unit goes to the whole group, but this process ends with its owner:
    else a server that drains would lose its terminal first."""
    for name in ("SIGINT", "SIGTERM", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)


def _tell(line: str) -> None:
    print(line, flush=True)  # noqa: T201 - the supervisor, or whoever started it, reads this


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
