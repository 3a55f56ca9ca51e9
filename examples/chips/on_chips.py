"""
The digits networks of this folder on their chips: compiled, measured step by step, and run on the
chips' bit-exact models.

    python examples/chips/on_chips.py [xylo] [reckon] [ranc] [tinyodin] [-o FOLDER]

For each chip, what every step of legalization costs on the 297 images for calibration, and the
accuracy on the 500 test images beside that of the float network. With -o the configurations are
written, one folder a chip.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.console import Console
from rich.progress import track
from rich.table import Table
from tasks import TASKS

import snncc
from snncc.cores.configuration import Configuration


def configured(name: str) -> Configuration:
    task = TASKS[name]
    x, y = task.data("calibration")
    return snncc.compile(task.load(), target=name, calibration=x, labels=y)


def accuracy(name: str, runnable: Configuration | snncc.Network) -> float:
    """On the test images."""
    task = TASKS[name]
    x, y = task.data("test")
    return task.accuracy(runnable.run(x)["output"], y)


def costs(name: str, configuration: Configuration) -> Table:
    table = Table("step", "changed", "spikes moved", "accuracy", title=name, title_justify="left")
    for step in configuration.steps:
        assert step.cost is not None
        table.add_row(
            step.name,
            "\n".join(step.changes) or "-",
            f"{100 * step.cost.moved:.1f} %",
            f"{step.cost.accuracy:.3f}",
        )
    return table


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice(list(TASKS)))
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="FOLDER")
def main(names: Sequence[str], output: Path | None) -> None:
    console = Console()
    found = Table("chip", "float", "chip", title="500 test images", title_justify="left")
    tables = []
    for name in track(names or list(TASKS), "compiling and running"):
        configuration = configured(name)
        tables.append(costs(name, configuration))
        real, whole = accuracy(name, TASKS[name].load()), accuracy(name, configuration)
        found.add_row(name, f"{real:.3f}", f"{whole:.3f}")
        if output is not None:
            configuration.save(output / name)
    for table in [*tables, found]:
        console.print(table)


if __name__ == "__main__":
    main()
