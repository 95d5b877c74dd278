"""The commands about trades: list, register, release."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Final

import typer
from dtms.v1 import trade_pb2

from dtms_server.cli import explanation, words
from dtms_server.cli.connection import ORDER_SECONDS, Connection
from dtms_server.cli.output import AsJson, print_json, print_table, say
from dtms_server.cli.pairs import pairs
from dtms_server.cli.plain import plain
from dtms_server.domain.trade import MAX_TICKET, Direction, Protection, State

Ticket = Annotated[
    int,
    typer.Argument(min=1, max=MAX_TICKET, metavar="TICKET", help="The position's ticket."),
]
Label = Annotated[
    list[str] | None, typer.Option("--label", metavar="KEY=VALUE", help="May be repeated.")
]
COLUMNS: Final = (
    "TICKET", "SYMBOL", "SIDE", "VOLUME", "ENTRY", "STOP", "TARGET", "STATE", "REASON", "PROFIT"
)  # fmt: skip


class Hedge(StrEnum):
    """What to do with the hedge of a trade that is released."""

    CLOSE = "close"
    LEAVE = "leave"


def trades(
    connection: Connection,
    ticket: Annotated[
        int | None,
        typer.Argument(
            min=1, max=MAX_TICKET, metavar="TICKET", help="Show this trade only, in full."
        ),
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="Closed and released ones too.")] = False,
    state: Annotated[
        list[State] | None,
        typer.Option(
            "--state",
            metavar="STATE",
            case_sensitive=False,
            help="In this state, as HEALTHY or CLOSED; may be repeated.",
        ),
    ] = None,
    symbol: Annotated[
        list[str] | None, typer.Option("--symbol", help="Of this symbol; may be repeated.")
    ] = None,
    label: Label = None,
    as_json: AsJson = False,
) -> None:
    """List the trades that are guarded, or explain one.

    Of one trade: its state and why, its score signal by signal, R, grace,
    timer and hedge, what is still to be done, and what was tried last.

    Example: dtms trades --all --symbol EURUSD, or: dtms trades 1001
    """
    with connection.client() as client:
        if ticket is not None:
            if as_json:
                print_json(plain(client.get_trade(ticket)))
            else:
                explanation.explain(client, ticket)
            return
        listed = client.list_trades(
            states=state or (),
            symbols=symbol or (),
            labels=pairs(label, "--label"),
            include_closed=all_ or _asks_for_closed(state),
        )
    if as_json:
        print_json(
            {"trades": [plain(each) for each in listed.trades], "resume_token": listed.resume_token}
        )
        return
    print_table(COLUMNS, map(row, listed.trades))


def register(
    connection: Connection,
    ticket: Ticket,
    symbol: Annotated[str, typer.Option("--symbol", help="As the terminal spells it.")],
    direction: Annotated[
        Direction, typer.Option("--direction", case_sensitive=False, help="The side.")
    ],
    entry_price: Annotated[float | None, typer.Option("--entry-price", help="To check.")] = None,
    volume: Annotated[float | None, typer.Option("--volume", help="In lots.")] = None,
    stop_loss: Annotated[float | None, typer.Option("--stop-loss", help="A price.")] = None,
    take_profit: Annotated[float | None, typer.Option("--take-profit", help="A price.")] = None,
    protection: Annotated[
        Protection,
        typer.Option("--protection", case_sensitive=False, help="Send orders, or only advise."),
    ] = Protection.PROTECT,
    label: Label = None,
    as_json: AsJson = False,
) -> None:
    """Put an open position under guard. Safe to repeat.

    Example: dtms register 1001 --symbol EURUSD --direction buy
    """
    with connection.client() as client:
        answer = client.register_trade(
            ticket,
            symbol,
            direction,
            entry_price=entry_price,
            volume=volume,
            stop_loss=stop_loss,
            take_profit=take_profit,
            protection=protection,
            labels=pairs(label, "--label"),
        )
    if as_json:
        print_json(plain(answer))
        return
    done = "already registered" if answer.already_registered else "registered"
    say(f"{answer.trade.ticket} {done}: {words.state(answer.trade)}")


def release(
    connection: Connection,
    ticket: Ticket,
    hedge: Annotated[
        Hedge | None, typer.Option("--hedge", help="What to do with its hedge, if it has one.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Stop guarding a trade; its position stays open.

    One that has a hedge is released only when it is said what becomes of it.

    Example: dtms release 1001 --hedge close
    """
    with connection.client(usual_seconds=ORDER_SECONDS) as client:
        trade = client.release_trade(ticket, hedge=hedge.name if hedge else "UNSPECIFIED")
    if as_json:
        print_json(plain(trade))
        return
    say(f"{trade.ticket} {words.state(trade)}")


def _asks_for_closed(states: Sequence[State] | None) -> bool:
    return any(state in (State.CLOSED, State.RELEASED) for state in states or ())


def row(trade: trade_pb2.Trade) -> Sequence[str]:
    """Return a trade as a line of a table under COLUMNS."""
    closed = trade.HasField("profit")
    return (
        str(trade.ticket),
        trade.symbol,
        words.name(trade_pb2.Direction, trade.direction),
        words.number(trade.volume),
        words.number(trade.entry_price),
        words.optional(trade, "stop_loss"),
        words.optional(trade, "take_profit"),
        words.state(trade),
        words.name(trade_pb2.CloseReason, trade.close_reason) if closed else words.NOTHING,
        words.money(trade.profit) if closed else words.NOTHING,
    )
