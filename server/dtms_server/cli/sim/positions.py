"""The `sim` commands that trade: somebody else's hand."""

from typing import Annotated, Final

import msgspec
import typer
from msgspec import UNSET, UnsetType

from dtms_server.cli import words
from dtms_server.cli.output import AsJson, print_json, print_table, say
from dtms_server.cli.sim.link import Simulator
from dtms_server.cli.trades import Ticket
from dtms_server.domain.market import Position
from dtms_server.domain.trade import Direction

_COLUMNS: Final = (
    "TICKET",
    "SYMBOL",
    "SIDE",
    "VOLUME",
    "ENTRY",
    "PRICE",
    "STOP",
    "TARGET",
    "SWAP",
    "PROFIT",
)


def open_(
    simulator: Simulator,
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="For example EURUSD.")],
    direction: Annotated[
        Direction, typer.Argument(metavar="buy|sell", case_sensitive=False, help="The side.")
    ],
    volume: Annotated[float, typer.Argument(metavar="VOLUME", help="In lots.")],
    sl: Annotated[float | None, typer.Option("--sl", help="Stop loss, a price.")] = None,
    tp: Annotated[float | None, typer.Option("--tp", help="Take profit, a price.")] = None,
    magic: Annotated[int, typer.Option("--magic", min=0, help="The bot's magic number.")] = 0,
    comment: Annotated[str, typer.Option("--comment")] = "",
    as_json: AsJson = False,
) -> None:
    """Open a position at the market, as a bot or a hand would, and print its ticket.

    Example: dtms sim open EURUSD buy 0.10 --sl 1.05
    """
    with simulator.control() as control:
        position = control.open(symbol, direction, volume, sl, tp, magic, comment)
    if as_json:
        print_json(_plain(position))
    else:
        say(str(position.ticket))


def close(
    simulator: Simulator,
    ticket: Ticket,
    volume: Annotated[
        float | None, typer.Option("--volume", help="So many lots of it; default: all.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Close a position, or a part of it.

    Example: dtms sim close 1001 --volume 0.05
    """
    with simulator.control() as control:
        left = control.close(ticket, volume)
    if as_json:
        print_json(_plain(left) if left else None)
    else:
        say(f"{ticket} " + (f"has {words.number(left.volume_lots)} left" if left else "closed"))


def modify(
    simulator: Simulator,
    ticket: Ticket,
    sl: Annotated[float | None, typer.Option("--sl", min=0, help="Stop loss; 0: none.")] = None,
    tp: Annotated[float | None, typer.Option("--tp", min=0, help="Take profit; 0: none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Set or remove a position's stops; one that is not named stays.

    Example: dtms sim modify 1001 --sl 1.06 --tp 0
    """
    with simulator.control() as control:
        position = control.modify(ticket, _stop(sl), _stop(tp))
    if as_json:
        print_json(_plain(position))
    else:
        print_table(_COLUMNS, [_row(position)])


def positions(simulator: Simulator, as_json: AsJson = False) -> None:
    """List the open positions, whatever faults hide them.

    Example: dtms sim positions --json
    """
    with simulator.control() as control:
        held = control.positions()
    if as_json:
        print_json([_plain(position) for position in held])
    else:
        print_table(_COLUMNS, map(_row, held))


def _stop(price: float | None) -> float | UnsetType | None:
    match price:
        case None:
            return UNSET  # not named: it stays
        case 0:
            return None
    return price


def _plain(position: Position) -> object:
    return msgspec.to_builtins(position)


def _row(position: Position) -> tuple[str, ...]:
    return (
        str(position.ticket),
        position.symbol,
        position.direction,
        words.number(position.volume_lots),
        words.number(position.entry_price),
        words.number(position.current_price),
        words.NOTHING if position.stop_loss is None else words.number(position.stop_loss),
        words.NOTHING if position.take_profit is None else words.number(position.take_profit),
        words.money(position.swap),
        words.money(position.profit),
    )
