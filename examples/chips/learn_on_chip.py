"""
ReckOn learns on the chip after its sensor slipped by one column: e-prop in its own engine.

    python examples/chips/learn_on_chip.py [--epochs 4] [--out build/learned]

The learning description (a surrogate by name, a learning rate) becomes the registers of the engine,
and a model of the chip with its engine, bit for bit, plays one image after the other: weights move
by one, with the probability that the chip's random numbers make of their gradient. The
configuration that is written has the weights that were learned; learning.txt and samples.txt are
the command files with which the chip would learn the first images itself.

Writes OUT/reckon, OUT/learning.txt, OUT/samples.txt and OUT/learned.svg.
"""

from __future__ import annotations

from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from tasks import TASKS
from tune_on_chip import draw

import snncc

RATE = 5e-4
TARGET_STEPS = 8
"""In which the target is valid: the last ones, when most of an image was seen."""
WRITTEN = 20
"""Images in samples.txt."""


@click.command(help=__doc__)
@click.option("--epochs", type=click.IntRange(1), default=4, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("build/learned"))
def main(epochs: int, out: Path) -> None:
    task, console = TASKS["reckon"], Console()
    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    x, y = task.data("shifted_train")
    unseen, wanted = task.data("shifted_test")
    with Progress(*columns, console=console) as bar:
        line = bar.add_task("compiling for the chip", total=epochs * len(y) + 2)
        calibration, _ = task.data("calibration")
        configuration = snncc.compile(task.load(), target="reckon", calibration=calibration)
        training = configuration.on_chip(
            calibration,
            surrogate=task.surrogate,
            optimizer=f"sgd(lr={RATE})",
            target_steps=TARGET_STEPS,
        )
        bar.update(line, advance=1)
        plain = task.accuracy(configuration.run((test := task.data("test"))[0])["output"], test[1])
        curve = [task.accuracy(configuration.run(unseen)["output"], wanted)]
        rng = np.random.default_rng(0)
        for _ in range(epochs):
            bar.update(line, description=f"learning: {curve[-1]:.3f}")
            for sample in rng.permutation(len(y)):
                training.train_step(x[:, sample], y[sample])
                bar.update(line, advance=1)
            learned = training.configuration()
            curve.append(task.accuracy(learned.run(unseen)["output"], wanted))
        folder = learned.save(out / "reckon")
        for name, data in training.files(x[:, :WRITTEN], y[:WRITTEN]).items():
            (out / name).write_bytes(data)
        bar.update(line, advance=1, description="done")
    draw("ReckOn, which learns", curve, plain, out / "learned.svg")
    console.print(f"sensor as it was: {plain:.3f} on {len(test[1])} images")
    console.print(f"shifted: {curve[0]:.3f} -> {curve[-1]:.3f} on {len(wanted)} unseen images")
    for name, value in training.settings.registers().items():
        console.print(f"  {name} = {value}")
    console.print(f"wrote {folder}, learning.txt, samples.txt, learned.svg")


if __name__ == "__main__":
    main()
