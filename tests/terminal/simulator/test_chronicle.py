"""What a world has behind it lies beside its state, is added to, and is there again."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from dtms_server.terminal import simulator as mt5
from dtms_server.terminal.simulator import control
from dtms_server.terminal.simulator.session import current
from dtms_server.terminal.simulator.settings import Settings

Begin = Callable[[Settings], None]
STATE, PAST = "world.json", "world.json.past"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(symbol="EURUSD", seed=4, speed=0, state_path=tmp_path / STATE)


def trade(times: int = 1) -> int:
    """Open and close positions; return the ticket of the last."""
    ticket = 0
    for _ in range(times):
        opened = control.open_position("EURUSD", "BUY", 0.1)
        assert opened is not None
        ticket = opened.ticket
        control.close_position(ticket)
    return ticket


def behind() -> tuple[object, object]:
    book = current().broker.book
    return book.orders, book.deals


def test_all_that_was_done_is_there_after_a_restart(settings: Settings, begin: Begin) -> None:
    begin(settings)
    trade(3)
    before = behind()
    begin(settings)
    assert behind() == before
    trade(2)
    before = behind()
    begin(settings)
    assert behind() == before
    assert len(current().broker.book.deals) == 1 + 2 * 5  # the deposit, and two a trade


def test_the_state_does_not_grow_with_what_is_done(
    settings: Settings, tmp_path: Path, begin: Begin
) -> None:
    begin(settings)
    trade()
    small = len((tmp_path / STATE).read_bytes())
    trade(50)
    assert len((tmp_path / STATE).read_bytes()) < small + 50
    assert not json.loads((tmp_path / STATE).read_text())["book"]["deals"]


def test_what_was_done_is_written_once(settings: Settings, tmp_path: Path, begin: Begin) -> None:
    begin(settings)
    trade()
    first = (tmp_path / PAST).read_bytes()
    control.advance(5)  # a change without a deal
    assert (tmp_path / PAST).read_bytes() == first
    trade()
    assert (tmp_path / PAST).read_bytes().startswith(first)


def test_what_was_added_without_its_state_never_was(
    settings: Settings, tmp_path: Path, begin: Begin
) -> None:
    begin(settings)
    trade()
    before = behind()
    with (tmp_path / PAST).open("ab") as file:
        file.write(b"[[half of a line")
    begin(settings)
    assert behind() == before
    ticket = trade()
    begin(settings)
    deals = mt5.history_deals_get(position=ticket)
    assert deals is not None
    assert len(deals) == 2


@pytest.mark.parametrize("harm", ["gone", "short", "torn"])
def test_a_state_without_its_past_is_refused(
    harm: str, settings: Settings, tmp_path: Path, begin: Begin
) -> None:
    begin(settings)
    trade(2)
    past = tmp_path / PAST
    content = past.read_bytes()
    match harm:
        case "gone":
            past.unlink()
        case "short":
            past.write_bytes(content.splitlines(keepends=True)[0])
        case "torn":
            past.write_bytes(content[:-20])
    with pytest.raises(ValueError, match=r"world\.json\.past cannot be read") as refused:
        control.start(settings)
    assert "move world.json and world.json.past away" in str(refused.value)


def test_the_past_of_another_world_is_none_of_a_new_one(
    settings: Settings, tmp_path: Path, begin: Begin
) -> None:
    begin(settings)
    trade(3)
    (tmp_path / STATE).unlink()
    begin(settings)
    assert len(current().broker.book.deals) == 1
    trade()
    begin(settings)
    assert len(current().broker.book.deals) == 3


def test_a_state_that_has_all_in_itself_goes_on(
    settings: Settings, tmp_path: Path, begin: Begin
) -> None:
    """As versions before had it."""
    begin(settings)
    trade(2)
    whole = json.loads((tmp_path / STATE).read_text())
    for line in (tmp_path / PAST).read_text().splitlines():
        orders, deals = json.loads(line)
        whole["book"]["orders"] += orders
        whole["book"]["deals"] += deals
    del whole["past"]
    (tmp_path / STATE).write_text(json.dumps(whole))
    (tmp_path / PAST).unlink()
    before = behind()
    begin(settings)
    assert behind() == before
    begin(settings)
    assert behind() == before
