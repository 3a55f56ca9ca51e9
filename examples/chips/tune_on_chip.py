"""
Tunes a chip's digits network after its sensor slipped by one column, with the chip in the loop.

    python examples/chips/tune_on_chip.py [--chip xylo|reckon|ranc|tinyodin] [--epochs 6]
        [--out build/tuned]

Forward runs the bit-exact model of the chip, backward the graph that the compiler makes of it;
floats that the chip's whole numbers follow get the gradients. The tuned weights are packed into
the chip's format again, and what is measured at the end is the configuration that is written.

Writes OUT/CHIP (the tuned configuration) and OUT/CHIP.svg. Needs a compiler of C.
"""

from __future__ import annotations

from pathlib import Path

import click
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from tasks import TASKS

import snncc

mpl.rcParams["svg.hashsalt"] = "snncc"  # the same bytes each time
mpl.rcParams["svg.fonttype"] = "none"
BATCH = 16


def draw(name: str, curve: list[float], plain: float, path: Path) -> None:
    figure = Figure(figsize=(4.8, 3.2), layout="constrained")
    axis = figure.subplots()
    axis.plot(range(len(curve)), curve, "o-", label="unseen images")
    axis.axhline(plain, color="gray", linestyle=":", label="before the sensor slipped")
    axis.set(
        title=f"digits on {name}, shifted sensor",
        xlabel="passes over 400 images",
        ylabel="accuracy on 400 unseen images",
        ylim=(0, 1),
    )
    axis.legend(loc="lower right", fontsize=8)
    figure.savefig(path, metadata={"Date": None})


@click.command(help=__doc__)
@click.option("--chip", type=click.Choice(list(TASKS)), default="xylo", show_default=True)
@click.option("--epochs", type=click.IntRange(1), default=6, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/tuned"))
def main(chip: str, epochs: int, out: Path) -> None:
    task, console = TASKS[chip], Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        line = bar.add_task("compiling for the chip", total=epochs + 3)
        calibration, _ = task.data("calibration")
        configuration = snncc.compile(task.load(), target=chip, calibration=calibration)
        bar.update(line, advance=1, description="compiling the training")
        training = configuration.trainer("ce_count", optimizer="adam", surrogate=task.surrogate)
        plain = task.accuracy(training.run((test := task.data("test"))[0])["output"], test[1])
        x, y = task.data("shifted_train")
        unseen, wanted = task.data("shifted_test")

        def accuracy() -> float:
            return task.accuracy(training.run(unseen)["output"], wanted)

        curve = [accuracy()]
        rng = np.random.default_rng(0)
        for _ in range(epochs):
            bar.update(line, advance=1, description=f"tuning: {curve[-1]:.3f}")
            order = rng.permutation(len(y))
            for first in range(0, len(y), BATCH):
                some = order[first : first + BATCH]
                training.train_step(x[:, some], y[some])
                training.apply(task.rate)
            curve.append(accuracy())
        bar.update(line, advance=1, description="packing and running the chip's model")
        tuned = training.configuration()
        folder = tuned.save(out / chip)
        shown = {}
        for name, each in (("before", configuration), ("after", tuned)):
            shown[name] = task.accuracy(each.run(unseen)["output"], wanted)
        bar.update(line, advance=1, description="done")
    draw(chip, curve, plain, out / f"{chip}.svg")
    console.print(f"sensor as it was: {plain:.3f} on {len(test[1])} images")
    console.print(
        f"shifted, on {configuration.description.title}: "
        f"{shown['before']:.3f} -> {shown['after']:.3f} on {len(wanted)} unseen images"
    )
    for change in tuned.steps[-1].changes:
        console.print(f"  {change}")
    console.print(f"wrote {folder} and {out / f'{chip}.svg'}")


if __name__ == "__main__":
    main()
