"""A terminal that plays a scenario, beside a real server: it is rebooted, and all goes on."""

from dtms_client import DtmsClient
from dtms_server.domain.trade import Direction
from end_to_end.reading import await_all, journal, measures, read_until, type_of
from processes import NEVER_JUDGED, QUICK_TERMINAL, Shop

WRONG = """
title = "Wrong"
what = "Two things are wrong with it."
[[step]]
at = "00:01:00"
do = "disconect"
[[step]]
at = "soon"
do = "clear"
"""


def test_a_reboot_of_the_terminal_s_machine_loses_no_trade(town: Shop) -> None:
    (town.folder / "dtms.toml").write_text(NEVER_JUDGED)
    # the clock stands until there is a trade, else a slow start would miss the reboot
    terminal, address = town.terminal(*QUICK_TERMINAL, "--speed", "0", "--faults", "vps-reboot")
    server, target = town.serve(address, "--cycle", "0.1")
    server.expect("guarding")
    with DtmsClient(target, options={"grpc.enable_retries": 0}) as client:
        with town.control(address) as hand:
            ticket = hand.open("EURUSD", Direction.BUY, 0.01).ticket
        since = client.list_trades().resume_token
        client.register_trade(ticket, "EURUSD", "BUY")
        read_until(client, measures, since=since, tickets=[ticket])
        with town.control(address) as hand:
            hand.speed(60)
        terminal.expect("^scenario 0:10:00 reboot$")
        terminal.expect("the terminal host ended with status 3 and is started again")
        read_until(client, lambda event: True, since=since, types=["TERMINAL_CONNECTED"])
        events = journal(client, through=client.list_trades().resume_token)
        assert "TERMINAL_LOST" in map(type_of, events)
        assert "TRADE_CLOSED" not in map(type_of, events)
        with town.control(address) as hand:
            hand.close(ticket)
        await_all(client, "TRADE_CLOSED", [ticket], since)
    assert terminal.output.count("reboot") == 1  # it is not played again


def test_a_scenario_can_be_played_on_a_terminal_that_runs(town: Shop) -> None:
    terminal, address = town.terminal(*QUICK_TERMINAL)
    assert town.run("sim", "play", "requote-storm", "--terminal", address).returncode == 0
    assert town.run("sim", "clock", "--advance", "300", "--terminal", address).returncode == 0
    terminal.expect("^scenario 0:05:00 requote count=4$")
    assert town.run("sim", "play", "--stop", "--terminal", address).returncode == 0
    refused = town.run("sim", "play", "weekend-gap", "--terminal", address)
    assert refused.returncode == 1
    assert "'Weekend gap' begins with a new world" in refused.stderr


def test_a_wrong_scenario_starts_nothing(town: Shop) -> None:
    (town.folder / "wrong.toml").write_text(WRONG)
    flags = ("terminal", "--module", "simulator", "--listen", "127.0.0.1:0")
    done = town.run(*flags, "--sim-state", "world.json", "--faults", "wrong.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert "wrong.toml: line 4, step 1: do = 'disconect' is no fault or move; known are" in line
    assert "; line 7, step 2: at is 'soon'" in line
    assert not (town.folder / "world.json").exists()


def test_a_scenario_of_a_symbol_that_is_not_there_starts_nothing(town: Shop) -> None:
    text = WRONG.replace("disconect", 'jump"\npoints = 5\nsymbol = "USDCHF').replace(
        "soon", "00:02:00"
    )
    (town.folder / "chf.toml").write_text(text)
    flags = ("terminal", "--module", "simulator", "--listen", "127.0.0.1:0", "--symbol", "EURUSD")
    done = town.run(*flags, "--faults", "chf.toml")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "the scenario 'Wrong' is of USDCHF, and here are EURUSD" in done.stderr
