import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings

Begin = Callable[[Settings], None]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "world.json"


def rewrite(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_world_goes_on_where_its_file_left_it(path: Path, begin: Begin) -> None:
    settings = Settings(seed=4, speed=0, state_path=path)
    begin(settings)
    kept = control.open_position("EURUSD", "BUY", 0.3, stop_loss=0.5, magic=9, comment="kept")
    gone = control.open_position("XAUUSD", "SELL", 0.1)
    assert kept is not None
    assert gone is not None
    control.close_position(gone.ticket)
    control.jump("EURUSD", 40)
    control.advance(3600)
    control.inject("late_deals", count=1)
    before = (control.positions(), control.clock(), control.faults(), mt5.account_info())
    begin(settings)
    assert (control.positions(), control.clock(), control.faults(), mt5.account_info()) == before
    assert mt5.history_deals_get(position=gone.ticket) == ()  # late, as before
    deals = mt5.history_deals_get(position=gone.ticket)
    assert deals is not None
    assert len(deals) == 2
    again = control.open_position("EURUSD", "BUY", 0.1)
    assert again is not None
    assert again.ticket > gone.ticket + 1


def test_the_same_seed_and_orders_give_the_same_book_to_the_byte(
    tmp_path: Path, begin: Begin
) -> None:
    books = []
    for name in ("one.json", "two.json"):
        begin(Settings(seed=4, speed=0, state_path=tmp_path / name, login=5))
        for symbol in ("EURUSD", "USDJPY", "XAUUSD"):
            tick = mt5.symbol_info_tick(symbol)
            assert tick is not None
            stop, target = tick.bid * 0.999, tick.bid * 1.001
            assert control.open_position(symbol, "BUY", 0.1, stop, target)
        control.advance(3 * 86_400)
        book = json.dumps(json.loads((tmp_path / name).read_text())["book"])
        books.append(book + (tmp_path / f"{name}.past").read_text())
    assert books[0] == books[1]
    assert '"positions": {}' in books[0]


def test_triggers_are_on_disk_before_they_are_shown(path: Path, begin: Begin) -> None:
    begin(Settings(seed=4, speed=0, state_path=path))
    assert control.open_position("EURUSD", "BUY", 0.3, stop_loss=1e-5)
    assert len(json.loads(path.read_text())["book"]["positions"]) == 1
    control.modify_position(control.positions()[0].ticket, take_profit=2.0)
    stops = json.loads(path.read_text())["book"]["positions"]
    assert 2.0 in next(iter(stops.values()))
    tick = mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    control.modify_position(control.positions()[0].ticket, take_profit=round(tick.bid + 0.0005, 5))
    control.jump("EURUSD", 60)
    assert json.loads(path.read_text())["book"]["positions"] == {}


def test_what_time_alone_brings_is_on_disk_too(path: Path, begin: Begin) -> None:
    begin(Settings(seed=4, speed=0, state_path=path))
    tick = mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    assert control.open_position("EURUSD", "BUY", 0.1, tick.bid - 2e-4, tick.bid + 2e-4)
    clock = current().clock
    clock.set(clock.now() + 3600)
    assert mt5.positions_get() == ()
    assert json.loads(path.read_text())["book"]["positions"] == {}


def test_a_seed_that_was_drawn_is_kept(path: Path, begin: Begin) -> None:
    begin(Settings(speed=0, state_path=path))
    tick = mt5.symbol_info_tick("EURUSD")
    begin(Settings(speed=0, state_path=path))
    assert mt5.symbol_info_tick("EURUSD") == tick
    drawn = json.loads(path.read_text())["origin"]["seed"]
    begin(Settings(speed=0, seed=drawn, state_path=path))
    assert mt5.symbol_info_tick("EURUSD") == tick


def test_worlds_without_a_seed_differ(begin: Begin) -> None:
    ticks = set()
    for _ in range(3):
        begin(Settings(speed=0))
        ticks.add(mt5.symbol_info_tick("EURUSD"))
    assert len(ticks) == 3


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (Settings(seed=5), "seed 4, not 5"),
        (Settings(seed=4, account="netting"), "account hedging, not netting"),
        (Settings(seed=4, symbol="EURUSD"), "symbols"),
        (Settings(seed=4, server_offset="UTC"), "server_offset EET, not UTC"),
        (Settings(seed=4, min_spread=3), "min_spread 1, not 3"),
        (Settings(seed=4, login=7), "login"),
    ],
)
def test_a_state_of_another_world_is_refused_and_left_alone(
    other: Settings, says: str, path: Path, begin: Begin
) -> None:
    begin(Settings(seed=4, speed=0, state_path=path))
    before = path.read_bytes()
    with pytest.raises(ValueError, match=says) as refused:
        control.start(replace(other, state_path=path))
    assert "name another file" in str(refused.value)
    assert path.read_bytes() == before


def test_a_replay_must_be_the_one_it_was(path: Path, tmp_path: Path, begin: Begin) -> None:
    rows = [f"2025.07.07 10:{m}:00,1.1,1.2,1.0,1.1,9,0,2" for m in ("00", "15", "30", "45")]
    bars = tmp_path / "bars.csv"
    header = "Date,Open,High,Low,Close,Tickvol,Volume,Spread"
    bars.write_text("\n".join([header, *rows]))
    settings = Settings(replay=str(bars), symbol="EURUSD", speed=0, state_path=path)
    begin(settings)
    begin(settings)
    bars.write_text("\n".join([header, *rows, "2025.07.07 11:00:00,1.1,1.2,1.0,1.1,9,0,2"]))
    with pytest.raises(ValueError, match="replay"):
        control.start(settings)
    with pytest.raises(ValueError, match="was made with"):
        control.start(Settings(symbol="EURUSD", state_path=path))


@pytest.mark.parametrize("content", [b"", b"{}", b"not json", b"\xff\xff", b'{"origin": 5}'])
def test_a_damaged_state_is_refused_and_left_alone(content: bytes, path: Path) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"world\.json cannot be read") as refused:
        control.start(Settings(state_path=path))
    assert "move world.json and world.json.past away" in str(refused.value)
    assert path.read_bytes() == content


def test_a_lost_connection_of_an_older_state_is_over(path: Path, begin: Begin) -> None:
    begin(Settings(seed=4, speed=0, state_path=path))
    until = 1_753_000_000.25  # as it was kept: in seconds of our clock
    rewrite(path, faults=[{"type": "disconnect", "seconds": 600.0, "until": until}])
    begin(Settings(seed=4, speed=0, state_path=path))
    assert mt5.positions_get() == ()
    assert control.faults() == []


def test_a_half_written_file_beside_it_does_no_harm(path: Path, begin: Begin) -> None:
    begin(Settings(seed=4, speed=0, state_path=path))
    path.with_name("world.json.new").write_bytes(b"{half")
    begin(Settings(seed=4, speed=0, state_path=path))
    assert control.open_position("EURUSD", "BUY", 0.1)


def test_time_goes_on_without_a_process_but_for_a_day_at_most(path: Path, begin: Begin) -> None:
    settings = Settings(seed=4, speed=60.0, state_path=path)
    begin(settings)
    control.set_speed(60)
    saved = json.loads(path.read_text())
    rewrite(path, wall=saved["wall"] - 10)
    control.start(settings)
    gone_on = control.clock()[0].timestamp() - saved["utc"]
    assert 600 <= gone_on < 86_400
    rewrite(path, wall=saved["wall"] - 1e6, utc=saved["utc"])
    control.start(settings)
    gone_on = control.clock()[0].timestamp() - saved["utc"]
    assert 86_400 <= gone_on < 86_400 + 3600


def test_what_happened_meanwhile_has_happened(path: Path, begin: Begin) -> None:
    settings = Settings(seed=4, speed=60.0, state_path=path)
    begin(settings)
    tick = mt5.symbol_info_tick("EURUSD")
    assert tick is not None
    assert control.open_position("EURUSD", "BUY", 0.1, tick.bid - 2e-4, tick.bid + 2e-4)
    rewrite(path, wall=json.loads(path.read_text())["wall"] - 1440)
    begin(settings)
    assert control.positions() == ()


def test_a_standing_clock_stands_also_without_a_process(path: Path, begin: Begin) -> None:
    settings = Settings(seed=4, speed=0, state_path=path)
    begin(settings)
    at = control.clock()
    rewrite(path, wall=0.0)
    begin(settings)
    assert control.clock() == at


def test_a_speed_set_by_command_outlives_a_restart_but_not_another_setting(
    path: Path, begin: Begin
) -> None:
    begin(Settings(seed=4, speed=60.0, state_path=path))
    control.set_speed(0)
    begin(Settings(seed=4, speed=60.0, state_path=path))
    assert control.clock()[1] == 0
    begin(Settings(seed=4, state_path=path))
    assert control.clock()[1] == 0
    begin(Settings(seed=4, speed=5.0, state_path=path))
    assert control.clock()[1] == 5


def test_the_clock_is_saved_while_nothing_else_happens(path: Path, begin: Begin) -> None:
    begin(Settings(seed=4, speed=0, state_path=path))
    before = control.clock()[0]
    control.advance(5)
    begin(Settings(seed=4, speed=0, state_path=path))
    assert control.clock()[0] == before + timedelta(seconds=5)


def test_a_world_keeps_its_login_and_shares_it_with_no_other(tmp_path: Path, begin: Begin) -> None:
    one, two = (Settings(seed=4, state_path=tmp_path / name) for name in ("one.json", "two.json"))
    logins = []
    for settings in (one, two, one, Settings(seed=4, login=3)):
        begin(settings)
        account = mt5.account_info()
        assert account is not None
        logins.append(account.login)
    assert logins[0] == logins[2] != logins[1]
    assert logins[3] == 3


def test_a_state_that_cannot_be_written_is_told_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be written"):
        control.start(Settings(state_path=tmp_path / "absent" / "world.json"))
