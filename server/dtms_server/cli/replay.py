"""The command that tells, over history, what the defence is worth."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import fields
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import track

from dtms_server import config
from dtms_server.cli.flags import setting_help
from dtms_server.cli.output import AsJson, print_json, print_table, say
from dtms_server.cli.serving import Config
from dtms_server.replay.history import load
from dtms_server.replay.plan import LOTS, Plan, plan
from dtms_server.replay.rails import BALANCE
from dtms_server.replay.report import Report, Results
from dtms_server.replay.run import run
from dtms_server.replay.statistics import Summary
from dtms_server.replay.tally import Tally

HOUR_SECONDS: Final = 3600
DEFAULT: Final = Plan()
Table = tuple[Sequence[str], Sequence[Sequence[str]]]
"""Headings, and the rows below them."""
UNITS: Final = {"r": "R", "money": "USD"}
WORDS: Final = {"spread": "standard deviation", "worst_5_percent": "worst 5 %"}
"""What numbers are called, where not by their name."""


def replay(
    file: Annotated[
        str,
        typer.Argument(
            metavar="FILE[,ASKFILE]",
            help="Bars of 15 minutes or shorter as MetaTrader 5 exports them; or bids and asks of "
            "minutes in UTC. Files may be compressed (.gz).",
        ),
    ],
    symbol: Annotated[
        str, typer.Option("--symbol", help="Whose bars they are; its volumes and ticks count.")
    ],
    every: Annotated[
        int, typer.Option("--every", metavar="N", help="M15 bars from one entry to the next.")
    ] = DEFAULT.every,
    stop: Annotated[
        str, typer.Option("--stop", help="From entry to stop, in ATR(14, M15); it is one R.")
    ] = f"{DEFAULT.stop_atr:g}atr",
    target: Annotated[
        str, typer.Option("--target", help="From entry to target, in R; none: no target.")
    ] = f"{DEFAULT.target_r:g}r",
    hold: Annotated[
        str, typer.Option("--hold", help="What is left is closed then: 90m, 24h, 2d.")
    ] = f"{DEFAULT.hold_seconds // HOUR_SECONDS}h",
    rails: Annotated[
        bool,
        typer.Option(
            "--rails",
            help="Let spread and equity hold openings back too; each account then begins with "
            f"{BALANCE:,.0f} USD.",
        ),
    ] = False,
    compare: Annotated[
        str | None,
        typer.Option("--compare", help="Plain exits to hold against it: chandelier,breakeven."),
    ] = None,
    commission: Annotated[
        float, typer.Option("--commission", metavar="USD", help="USD a lot and side.")
    ] = DEFAULT.commission,
    server_offset: Annotated[
        str | None, typer.Option("--server-offset", help=setting_help("server_offset"))
    ] = None,
    min_spread: Annotated[
        int | None,
        typer.Option("--min-spread", metavar="N", help="Least spread, in points. Default: 1."),
    ] = None,
    config_file: Config = None,
    as_json: AsJson = False,
) -> None:
    """Tell what the defence would have been worth over a symbol's history.

    Every N bars a trade of 1.00 lot is opened on either side, each on an
    account of its own, and lived through twice: under the policy in force
    (see dtms policy), and without DTMS, leaving by the same stop, target or
    time. Orders are filled at the bid or ask of their moment; there is no
    swap and no slippage.

    Bars of M5 that the file is without, and tick volumes, are filled in: what
    has read such is marked made. No terminal is needed, nothing is written.

    Example: dtms replay EURUSD_M15.csv --symbol EURUSD --compare breakeven
    """
    wanted = plan(every, stop, target, hold, compare, commission=commission, rails=rails)
    # which terminal is to be guarded does not matter here, but settings without one are refused
    settings = config.load(
        config_file, terminal="simulator", server_offset=server_offset, min_spread=min_spread
    )
    history = load(file, symbol, settings.server_offset, settings.min_spread)
    report = run(history, wanted, settings.policy(), _shown)
    if as_json:
        print_json(report.plain())
        return
    _print(report)


def _shown(bars: Iterable[int]) -> Iterable[int]:
    """Show on a terminal how far it is."""
    console = Console(stderr=True)
    return track(
        bars, "replaying", console=console, transient=True, disable=not sys.stderr.isatty()
    )


def _print(report: Report) -> None:
    say(
        f"{report.symbol} from {report.since} to {report.until} UTC: {report.trades} trades of "
        f"{LOTS:.2f} lot, one a side every {report.plan.every} M15 bars"
    )
    for columns, rows in _tables(report):
        say("")
        print_table(columns, rows)
    never = [f"{a}>{b}" for (a, b), times in report.tally.transitions.items() if not times]
    if never:
        say("")
        say(f"never: {', '.join(never)}")


def _tables(report: Report) -> Iterator[Table]:
    tally, twins = report.tally, report.twins
    yield _to_the_right(["", *map(str.upper, twins)], list(_results(list(twins.values()))))
    yield ("SIGNAL", "INPUT", "POINTS: HOW OFTEN"), list(_signals(report))
    yield ("STATE", "ENTERED"), [(state, str(times)) for state, times in tally.states.items()]
    yield (
        ("TRANSITION", "TIMES"),
        [(f"{a}>{b}", str(times)) for (a, b), times in tally.transitions.items() if times],
    )
    yield ("ACTION", "DONE", "CAME TO NOTHING"), list(_actions(tally))
    if tally.blocked:
        yield ("RAIL", "HELD BACK"), [(r, str(n)) for r, n in sorted(tally.blocked.items())]


def _results(twins: Sequence[Results]) -> Iterator[Sequence[str]]:
    for unit, digits in (("r", 3), ("money", 2)):
        for number in fields(Summary):
            words = WORDS.get(number.name, number.name.replace("_", " "))
            values = [getattr(getattr(each, unit), number.name) for each in twins]
            yield [f"{words}, {UNITS[unit]}", *(f"{value:.{digits}f}" for value in values)]
    yield [f"total, {UNITS['money']}", *(f"{each.total_money:.2f}" for each in twins)]


def _signals(report: Report) -> Iterator[Sequence[str]]:
    for name, counts in report.tally.signals.items():
        told = [f"{points + 0.0:g}: {counts[points]}" for points in sorted(counts)]
        yield name, report.inputs[name], "   ".join(told)


def _actions(tally: Tally) -> Iterator[Sequence[str]]:
    for kind, done in tally.actions.items():
        yield kind, str(done), str(tally.not_done[kind])


def _to_the_right(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """Return a table whose numbers stand below each other."""
    widths = [max(map(len, column)) for column in zip(columns, *rows, strict=True)]
    lines = [[line[0], *map(str.rjust, line[1:], widths[1:])] for line in (columns, *rows)]
    return lines[0], lines[1:]
