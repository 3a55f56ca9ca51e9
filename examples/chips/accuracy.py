"""
What the networks of this folder make of the digits, in the C that snncc makes of them.

    python examples/chips/accuracy.py [xylo] [reckon] [ranc] [tinyodin]

Accuracy on 297 images for calibration, 500 for tests and 400 of the shifted sensor; with --rates
the input events of an image (a count is one) and how often hidden neurons spike. Needs a compiler
of C.
"""

from __future__ import annotations

from collections.abc import Sequence

import click
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tasks import TASKS

import snncc

PARTS = ("calibration", "test", "shifted_test")


def row(name: str, *, rates: bool) -> list[str]:
    """A line of the table."""
    task = TASKS[name]
    program = snncc.compile(task.load())
    found = []
    for part in PARTS:
        x, y = task.data(part)
        found.append(f"{task.accuracy(program.run(x)['output'], y):.3f}")
    if not rates:
        return [name, *found]
    x, _ = task.data("test")
    trace = program.run(x, trace=True)
    hidden = [trace[population].reshape(-1) for population in task.hidden]
    events = np.count_nonzero(x) / x.shape[1]
    return [name, *found, f"{events:.1f}", f"{100 * np.concatenate(hidden).mean():.1f} %"]


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice(list(TASKS)))
@click.option("--rates", is_flag=True, help="events and rates, from a trace")
def main(names: Sequence[str], rates: bool) -> None:
    more = ("events", "rate") if rates else ()
    table = Table("network", "calibration", "test", "shifted", *more)
    for name in track(names or list(TASKS), "running"):
        table.add_row(*row(name, rates=rates))
    Console().print(table)


if __name__ == "__main__":
    main()
