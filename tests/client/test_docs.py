"""What the Python client's docstrings and README show is what happens at a live service."""

import asyncio
import doctest
import importlib
import io
import pkgutil
import re
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dtms_client
import grpc
import pytest
from client.living import Live, live
from dtms.v1.trade_pb2 import Direction, TradeState
from dtms_client import AsyncDtmsClient, DtmsClient, Tls, errors, requests

__all__ = ["live"]

README = Path(__file__).parents[2] / "clients" / "python" / "README.md"
BLOCKS: list[str] = re.findall(r"^```python\n(.*?)^```$", README.read_text("utf-8"), re.M | re.S)


def shown() -> Iterator[doctest.DocTest]:
    """Every docstring of the client that has an example."""
    for found in pkgutil.iter_modules(dtms_client.__path__):
        module = importlib.import_module(f"dtms_client.{found.name}")
        for test in doctest.DocTestFinder(exclude_empty=True).find(module):
            if test.examples:
                yield test


def test_what_a_bot_calls_is_shown() -> None:
    names = {test.name.partition(".")[2].partition(".")[2] for test in shown()}
    calls = [name for name in vars(dtms_client.calls.Calls) if not name.startswith("_")]
    assert {f"Calls.{name}" for name in calls if name != "resume_actions"} <= names
    own = [name for name in vars(DtmsClient) if not name.startswith("_")]
    assert {f"DtmsClient.{name}" for name in own} <= names
    assert {"DtmsClient", "AsyncDtmsClient", "EventStream", "AsyncEventStream"} <= names


@pytest.mark.parametrize("example", list(shown()), ids=lambda test: test.name)
def test_a_docstring_shows_what_happens(example: doctest.DocTest, live: Live) -> None:
    with live.client() as dtms:
        example.globs = {
            "AsyncDtmsClient": AsyncDtmsClient,
            "Direction": Direction,
            "DtmsClient": DtmsClient,
            "Tls": Tls,
            "TradeState": TradeState,
            "asyncio": asyncio,
            "dtms": dtms,
            "enum_value": requests.enum_value,
            "errors": errors,
            "grpc": grpc,
            "target": live.target,
            "ticket": live.open().ticket,
        }
        told = io.StringIO()
        doctest.DocTestRunner().run(example, out=told.write)
    assert told.getvalue() == ""


# --- the README


@dataclass(frozen=True)
class Run:
    """What makes a program of a block: what comes before it and after it, and what it prints."""

    block: str
    """How the block begins."""
    prints: str
    before: str = ""
    after: str = ""
    is_follower: bool = False
    """Does it go on until its trade is closed?"""


BEFORE = """
import asyncio, os
from dtms_client import AsyncDtmsClient, DtmsClient
dtms = DtmsClient("127.0.0.1:50051")
ticket = 5012345
place = dtms.list_trades().resume_token
"""
REGISTERED = "dtms.register_trade(ticket, 'EURUSD', 'BUY')\n"
RUNS = [
    Run("from dtms_client import DtmsClient\n", r"^0\.1 False$"),
    Run(
        "async with AsyncDtmsClient",
        r"^\[5012345\]$",
        after="print([trade.ticket for trade in dtms.list_trades() if trade.ticket == ticket])",
    ),
    Run(
        "def on_fill(position)",
        r"^True$",
        after="""
class Position:
    ticket, symbol = 5012345, "EURUSD"
async def main():
    global dtms
    async with AsyncDtmsClient("127.0.0.1:50051") as dtms:
        on_fill(Position)
asyncio.run(main())
print(DtmsClient("127.0.0.1:50051").get_trade(ticket).ticket == ticket)
""",
    ),
    Run("trades = dtms.list_trades()", r"^\d+ 5012345 trade_closed$", REGISTERED, is_follower=True),
    Run(
        "stream = dtms.events(since=load_token()",
        r"^booked 5012345, kept \w+",
        before=REGISTERED
        + """
def load_token(): return place
def book(event): print("booked", event.ticket, end=", ")
def save_token(token): print("kept", token)
""",
        is_follower=True,
    ),
    Run("from datetime import UTC", "^done$", before=REGISTERED, after="print('done')"),
    Run("from dtms_client import errors", "^closed already$", before="ticket = 424242\n"),
    Run("from dtms_client import errors", "^registered$", after="print('registered')"),
]


def test_every_block_of_the_readme_is_run() -> None:
    begun = [block for block in BLOCKS if any(block.startswith(run.block) for run in RUNS)]
    assert begun == BLOCKS


@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.block[:40].strip())
def test_a_block_of_the_readme_does_what_it_says(run: Run, live: Live) -> None:
    [block] = [block for block in BLOCKS if block.startswith(run.block)]
    if re.search(r"^(async|await)\b", block, re.M):
        block = f"async def main():\n{textwrap.indent(block, '    ')}asyncio.run(main())\n"
    position = live.open()
    program = BEFORE + run.before + block + run.after
    for written, real in (
        ("127.0.0.1:50051", live.target),
        ("5012345", str(position.ticket)),
        ("1.0843", str(position.entry_price)),
        ("...  # closed already", "print('closed already')"),
    ):
        program = program.replace(written, real)
    bot = live.shop.spawn(sys.executable, "-u", "-c", program)
    if run.is_follower:
        with live.client() as dtms:
            told = dtms.events(start_from="EARLIEST", types=["TRADE_REGISTERED"])
            next(event for event in told if event.ticket == position.ticket)
        live.hand.close(position.ticket)
    bot.expect(run.prints.replace("5012345", str(position.ticket)))
    bot.kill()
