"""What the commands print with: tables on stdout, warnings and progress on stderr."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccWarning

PIPE_WIDTH = 120
"""Columns where the output is not a terminal."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)


def say(text: str) -> None:
    """A line of prose: whole where it goes to a pipe."""
    out.print(text, markup=False, soft_wrap=True)


@contextmanager
def told_warnings() -> Iterator[None]:
    """What Python's interface issues as warnings stands on stderr as those of commands do."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SnnccWarning)
        yield
    for each in caught:
        _warn(str(each.message))


def print_warnings(problems: Sequence[Problem]) -> None:
    for problem in problems:
        _warn(str(problem))


def _warn(text: str) -> None:
    err.print("[yellow]warning:[/] ", end="")
    err.print(text, markup=False, soft_wrap=True)


def table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    left: int = 1,
    whole: int = 0,
) -> Table:
    """
    A table whose first `left` columns are text and whose others are numbers; the first
    `whole` columns are never broken.
    """
    made = Table(
        title=Text(title, "bold") if title else None, title_justify="left", box=SIMPLE_HEAD
    )
    for index, column in enumerate(columns):
        made.add_column(
            column,
            justify="left" if index < left else "right",
            overflow="fold",
            no_wrap=index < whole,
        )
    for row in rows:
        made.add_row(*(Text(cell) for cell in row))
    return made


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """
    A bar on stderr, for work that calls it with (done, total). Before the first call it
    only moves: how much there is to do is not known while a network is compiled. Where
    stderr is no terminal, nothing is written.
    """
    bar = Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
        disable=not err.is_terminal,
    )
    with bar:
        task = bar.add_task(what, total=None, count="")

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, count=f"{done}/{total}")

        yield update


def size_text(count: int | None) -> str:
    if count is None:
        return "-"
    for unit, scale in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= 10 * scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


def shape_text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "1"


def range_text(values: Array) -> str:
    """The ends of some numbers, once where they are equal."""
    low, high = f"{float(np.min(values)):.4g}", f"{float(np.max(values)):.4g}"
    return low if low == high else f"{low} to {high}"
