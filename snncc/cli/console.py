"""What the commands print with: tables on stdout, warnings and progress on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from snncc.errors import Problem

PIPE_WIDTH = 120
"""Columns where the output is not a terminal."""

out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPE_WIDTH)
err = Console(stderr=True, highlight=False)


def print_warnings(problems: Sequence[Problem]) -> None:
    for problem in problems:
        err.print("[yellow]warning:[/] ", end="")
        err.print(str(problem), markup=False, soft_wrap=True)


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
    made = Table(title=title or None, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for index, column in enumerate(columns):
        made.add_column(
            column,
            justify="left" if index < left else "right",
            overflow="fold",
            no_wrap=index < whole,
        )
    for row in rows:
        made.add_row(*(cell.replace("[", r"\[") for cell in row))
    return made


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """
    A bar on stderr, for work that calls it with (done, total). Before the first call it
    only moves: how much there is to do is not known while a network is compiled.
    """
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[count]}"),
        TimeRemainingColumn(),
        console=err,
        transient=True,
    )
    with bar:
        task = bar.add_task(what, total=None, count="")

        def update(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, count=f"{done}/{total}")

        yield update


def size_text(count: int | None) -> str:
    if count is None:
        return "-"
    for unit, scale in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if count >= 10 * scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


def shape_text(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "1"
