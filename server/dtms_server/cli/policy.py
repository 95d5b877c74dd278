"""The command that tells which numbers DTMS decides by, and where each comes from."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Annotated, Any, Final

import typer

from dtms_server import config
from dtms_server.cli.output import AsJson, print_json, print_table
from dtms_server.cli.serving import Config
from dtms_server.config.policy_table import SETTINGS, SYMBOL, SYMBOLS
from dtms_server.config.tree import Place, dotted, leaves, plain
from dtms_server.domain.analysis.regime import symbol_share
from dtms_server.domain.policy.analysis import VwapPolicy

COLUMNS: Final = ("NAME", "VALUE", "SOURCE")
_SHARE: Final = ("analysis", "vwap", "share")
_SHARES: Final = ("analysis", "vwap", "share_by_symbol")


@dataclass(frozen=True, slots=True)
class Value:
    """A value in force: its key in dtms.toml, and what set it."""

    name: str
    value: Any
    source: str

    @property
    def table(self) -> str:
        """The table of dtms.toml that it stands in; "" for settings."""
        return self.name.rpartition(".")[0]


def policy(
    config_file: Config = None,
    symbol: Annotated[
        str | None,
        typer.Option("--symbol", help="Only what holds for it, as the terminal spells it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Tell which numbers DTMS decides by, and where each comes from.

    A name is the key that sets the value in dtms.toml. A running service keeps what it was started
    with.

    Example: dtms policy --symbol EURUSD
    """
    # which terminal is to be guarded does not matter here, but settings without one are refused
    settings = config.load(config_file, terminal="simulator")
    found = sorted(values(settings, symbol), key=lambda each: each.table != "")
    if as_json:
        print_json({each.name: {"value": each.value, "source": each.source} for each in found})
        return
    print_table(COLUMNS, _rows(found))


def values(settings: config.Settings, symbol: str | None = None) -> Iterator[Value]:
    """Return each value in force; with a symbol, of those that differ by symbol only its own."""
    in_force = settings.policy()
    share = _SHARE if symbol is None else _share_of(symbol, in_force.analysis.vwap)
    for place, value in leaves(plain(in_force)):
        name = _name(place)
        if symbol is None and place[:2] == SYMBOLS and settings.origin(name) == "default":
            yield Value(name, value, settings.origin(_name((*SYMBOL, place[-1]))))
        elif symbol is None or _holds_for(symbol, place, share, settings):
            yield Value(name, value, settings.origin(name))


def _holds_for(symbol: str, place: Place, share: Place, settings: config.Settings) -> bool:
    own = (*SYMBOLS, symbol, place[-1])
    if place[:2] == SYMBOLS:
        return place == own and settings.origin(_name(own)) != "default"
    if place[:2] == SYMBOL:
        return settings.origin(_name(own)) == "default"
    return place == share or place[:3] not in (_SHARE, _SHARES)


def _share_of(symbol: str, vwap: VwapPolicy) -> Place:
    """Where the share of the VWAP that holds for a symbol stands."""
    names = list(vwap.share_by_symbol)
    # asked with places for shares, so that how a symbol finds its share is written once
    places = {name: float(index) for index, name in enumerate(names)}
    found = int(symbol_share(symbol, replace(vwap, share=-1.0, share_by_symbol=places)))
    return _SHARE if found < 0 else (*_SHARES, names[found])


def _name(place: Place) -> str:
    if len(place) == 1 and place[0] in SETTINGS:
        return SETTINGS[place[0]]
    return f"policy.{dotted(place)}"


def _rows(found: list[Value]) -> Iterator[tuple[str, str, str]]:
    for index, (_, group) in enumerate(groupby(found, lambda each: each.table)):
        if index:
            yield "", "", ""
        for each in group:
            yield each.name, json.dumps(each.value), each.source
