"""What commands print: tables and lines for people, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

_MAY_WRAP: Final = frozenset({"STATE", "WHAT HAPPENS", "WHY", "ASKED", "OUTCOME", "HOLDS BACK"})
"""Columns whose values are words; half a number is worse than a narrower column of these."""


def print_json(document: Any) -> None:
    """Print one document on a line of its own, at once."""
    say(json.dumps(document, ensure_ascii=False, allow_nan=False))


def say(line: str) -> None:
    """Print a line as it is, and at once: a pipe's reader wants to see it now."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print rows under their headings; into a pipe or a file whole, as wide as they are."""
    if sys.stdout.isatty():
        Console().print(table(columns, rows))
        return
    lines = [columns, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    for line in lines:
        say("  ".join(map(str.ljust, line, widths)).rstrip())


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    """Return rows under their headings, for a terminal."""
    drawn = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 1, 0, 0))
    for column in columns:
        drawn.add_column(column, no_wrap=column not in _MAY_WRAP)
    for row in rows:
        drawn.add_row(*map(Text, row))  # as text: a symbol may hold what Rich takes for markup
    return drawn


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names and values, one pair a line."""
    width = max(map(len, facts), default=0) + 2
    for name, value in facts.items():
        say(f"{name:<{width}}{value}".rstrip())
