"""Each contract's candidates."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from desks import Desk
from dtms_server.domain.policy import Policy
from dtms_server.ports import Actions, Journal, Ledger, Trades
from dtms_server.storage.store import SqliteStore
from dtms_server.terminal.link import LinkedTerminal
from dtms_server.terminal.local import LocalTerminal
from dtms_server.terminal.messages import Deadlines
from dtms_server.terminal.options import HostOptions, parse_address
from dtms_server.terminal.simulator.settings import Settings
from hands import DistantHand, House, LocalHand
from hosts import KEY, PATIENCE_SECONDS, STILL, RunningHost
from ledgers import ACCOUNT

LENIENT: dict[str, str | float] = {"filling_mode": 3, "execution": "market", "stops_level": 0}


@pytest.fixture(params=["file", "memory"])
async def store(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[SqliteStore]:
    monkeypatch.setenv("DTMS_STATE_DIR", str(tmp_path / "state"))
    path = tmp_path / "dtms.db" if request.param == "file" else None
    store = await SqliteStore.open(path, Policy(), holder="the test")
    yield store
    await store.close()


@pytest.fixture
async def ledger(store: SqliteStore) -> Ledger:
    return await store.open_account(ACCOUNT)


@pytest.fixture
def journal(ledger: Ledger) -> Journal:
    return ledger.journal


@pytest.fixture
def trades(ledger: Ledger) -> Trades:
    return ledger.trades


@pytest.fixture
def actions(ledger: Ledger) -> Actions:
    return ledger.actions


def options(state: Path) -> HostOptions:
    return replace(STILL, sim_state=str(state))


@pytest.fixture
def deadlines() -> Deadlines:
    return Deadlines()


@pytest.fixture(params=["local", "spawned", "attached"])
async def house(
    request: pytest.FixtureRequest, tmp_path: Path, deadlines: Deadlines
) -> AsyncIterator[House]:
    state = tmp_path / "simulator.json"
    match request.param:
        case "local":
            settings = Settings(speed=0, seed=7, symbol="EURUSD", state_path=state)
            yield House("local", LocalTerminal(settings), LocalHand())
        case "spawned":
            spawned = LinkedTerminal(options(state), KEY, deadlines=deadlines)
            yield House("spawned", spawned, DistantHand(lambda: spawned.listening[0]))
            await spawned.close()
        case "attached":
            host = RunningHost(options(state))
            attached = LinkedTerminal(parse_address(host.address), KEY, deadlines=deadlines)
            yield House("attached", attached, DistantHand(lambda: host.address))
            await attached.close()
            host.end()


@pytest.fixture
async def connected(house: House) -> House:
    await house.terminal.connect(PATIENCE_SECONDS)
    return house


@pytest.fixture(scope="module", params=["local", "attached"])
def lasting_house(request: pytest.FixtureRequest) -> Iterator[House]:
    """One terminal for all tests: each of them begins with no position and no fault."""
    if request.param == "local":
        yield House("local", LocalTerminal(Settings(speed=0, seed=7, symbol="EURUSD")), LocalHand())
        return
    host = RunningHost(STILL)
    terminal = LinkedTerminal(parse_address(host.address), KEY)
    yield House("attached", terminal, DistantHand(lambda: host.address))
    host.end()


@pytest.fixture
async def desk(lasting_house: House) -> AsyncIterator[Desk]:
    house = lasting_house
    await house.terminal.connect(PATIENCE_SECONDS)
    desk = Desk(house)
    yield desk
    house.hand.clear()
    house.hand.symbol("EURUSD", **LENIENT)
    house.hand.advance(600)  # what was to be carried out later is
    await house.terminal.connect(PATIENCE_SECONDS)
    for position in await desk.held():
        house.hand.close(position.ticket)
    house.hand.advance(1)  # the past is the last test's, to the millisecond
    await house.terminal.close()
