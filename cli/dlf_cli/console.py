"""What commands print: tables and bars drawn by rich on a terminal, plain text when piped."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["is_terminal", "print_json", "progress", "say", "table"]

_COLOURS = {"ok": "green", "unavailable": "yellow", "disabled": "yellow", "shadowed": "yellow"}
_COLOURS |= {
    "broken": "red",
    "incompatible": "red",
    "missing": "red",
    "fallback": "yellow",
    "native": "green",
}


def is_terminal() -> bool:
    """Whether a person looks at standard output."""
    return sys.stdout.isatty()


def say(text: str = "") -> None:
    """Print a line."""
    click.echo(text)


def print_json(value: Any) -> None:
    """Print `value` as JSON."""
    click.echo(json.dumps(value, indent=2, default=str))


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], title: str = "") -> None:
    """Print a table; piped, a heading and one line a row in even columns, nothing cut off."""
    cells = [["" if cell is None else str(cell) for cell in row] for row in rows]
    if is_terminal():
        _rich_table(columns, cells, title)
        return
    if title:
        say(title)
    lines = [list(columns), *[[" ".join(cell.split()) for cell in row] for row in cells]]
    widths = [max(len(line[i]) for line in lines) for i in range(len(columns))]
    for line in lines:
        say("  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False)


def _rich_table(columns: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    drawn = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left")
    for column in columns:
        drawn.add_column(column, overflow="fold")
    for row in rows:
        # Text, not str: names and reasons of plugins are not markup.
        drawn.add_row(*[Text(cell, style=_COLOURS.get(cell, "")) for cell in row])
    _console().print(drawn)


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar that goes when done; gives the function that moves it a step. Piped: nothing."""
    if not is_terminal():
        yield lambda: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=_console(), transient=True) as bar:
        task = bar.add_task(label, total=total)
        yield lambda: bar.advance(task)
