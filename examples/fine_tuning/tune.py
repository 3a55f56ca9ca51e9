"""
Fine-tunes int8 networks after their sensor slipped by one column, in compiled C.

    python examples/fine_tuning/tune.py                          both networks, BPTT and e-prop
    python examples/fine_tuning/tune.py --network rows --train eprop --seeds 1 --out build/tuned
    python examples/fine_tuning/tune.py --train integer         e-prop without floats: int8 alone

The networks compute in int8, forward; floats that the weights follow get the gradients. All of
it, forward, backward and the updates, is the C that `snncc.compile` made for the network: no
step is computed in Python. Recovery is what tuning gives of what PyTorch gains on the same
images (retrained.json, by retrain.py): (tuned - shifted) / (retrained - shifted).

Writes accuracy.svg, memory.svg and the C of the last training of each network to OUT.
"""

from __future__ import annotations

import argparse
import json
import warnings
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from pictures import draw_accuracy, draw_memory
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from tasks import HERE, TASKS, Images, Task, digits, shifted

import snncc
from snncc.training import SGD, TrainProgram

BATCH = 16
MODES = ("bptt", "eprop", "integer")


@dataclass
class Tuning:
    """One network, tuned in one way, from several seeds."""

    network: str
    mode: str
    plain: float
    """Accuracy on unseen images of the sensor as it was."""
    shifted: float
    """Of the shifted one, before tuning."""
    retrained: list[float]
    """By PyTorch."""
    memory: dict[str, int]
    """Part of the memory -> bytes."""
    accuracy: list[list[float]] = field(default_factory=list)
    """[seeds][epochs]"""

    def recovery(self, seed: int) -> float:
        return (self.accuracy[seed][-1] - self.shifted) / (self.retrained[seed] - self.shifted)


def share(runnable: Any, task: Task, images: Images, labels: np.ndarray) -> float:
    """Of the images that are told right, by the output that spikes most."""
    (spikes,) = runnable.run(task.stream(images)).values()
    return float((spikes.sum(axis=0).argmax(axis=1) == labels).mean())


def compiled(task: Task, mode: str) -> TrainProgram:
    calibration, labels = digits("calibration")
    options = {"surrogate": task.surrogate, "steps": task.steps}
    if mode == "integer":  # units follow from what the device will see
        return snncc.compile(
            task.load(),
            quantize="int8",
            calibration=task.stream(calibration),
            calibration_target=aims(mode, labels),
            train="eprop",
            arithmetic="integer",
            loss="mse_lowpass(low_pass=0.8)",
            optimizer=SGD(lr=task.rates[mode], rounding="stochastic", bits=8),
            **options,
        )
    return snncc.compile(
        task.load(),
        quantize="int8",
        calibration=task.stream(calibration),
        train=mode,
        loss="ce_count",
        optimizer="adam",
        **options,
        **({"fused": False} if mode == "bptt" else {}),  # the same numbers on every machine
    )


def aims(mode: str, labels: np.ndarray) -> np.ndarray:
    """What the loss takes: labels, or how each output is to spike."""
    return np.eye(10, dtype=np.float32)[labels] if mode == "integer" else labels


def epoch(program: TrainProgram, task: Task, images: Images, labels: np.ndarray, rate: float):
    """One pass over the images; `images` and aims in the order in which they come."""
    for first in range(0, len(images) - BATCH + 1, BATCH):
        some = slice(first, first + BATCH)
        program.train_step(task.stream(images[some]), labels[some])
        program.apply(rate)


def tuned(name: str, mode: str, seeds: int, epochs: int, bar: Progress, out: Path) -> Tuning:
    task = TASKS[name]
    images, labels = digits("training")
    unseen, wanted = digits("digits")
    images, seen = shifted(images), shifted(unseen)
    line = bar.add_task(f"{name} {mode}", total=seeds * epochs, accuracy="compiling")
    program = compiled(task, mode)
    found = Tuning(
        name,
        mode,
        share(program, task, unseen, wanted),
        share(program, task, seen, wanted),
        json.loads((HERE / "retrained.json").read_text())[name],
        program.package.manifest["memory"],
    )
    for seed in range(seeds):
        program.restart()
        random = np.random.default_rng(seed)
        curve = [found.shifted]
        for done in range(epochs):
            order = random.permutation(len(images))
            rate = task.rates[mode] * (1 - done / epochs)
            epoch(program, task, images[order], aims(mode, labels[order]), rate)
            curve.append(share(program, task, seen, wanted))
            bar.update(line, advance=1, accuracy=f"{found.shifted:.3f} -> {curve[-1]:.3f}")
        # what the device keeps: integers alone, compiled again without anything of training
        kept = snncc.compile(snncc.freeze(program.trained()))
        if share(kept, task, seen, wanted) != curve[-1]:
            raise SystemExit(f"{name} {mode}: the network that is kept tells other images right")
        found.accuracy.append(curve)
    program.save(out / f"{name}_{mode}")
    return found


def table(found: list[Tuning]) -> Table:
    made = Table(title="Accuracy on 500 unseen images, int8 in C")
    made.add_column("network")
    made.add_column("learns by")
    for column in ("seed", "plain", "shifted", "tuned", "PyTorch", "recovery"):
        made.add_column(column, justify="right")
    for each in found:
        for seed, curve in enumerate(each.accuracy):
            accuracies = (each.plain, each.shifted, curve[-1], each.retrained[seed])
            texts = (format(number, ".3f") for number in accuracies)
            names = ("", "") if seed else (each.network, each.mode)
            made.add_row(*names, str(seed), *texts, format(each.recovery(seed), ".2f"))
        made.add_section()
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--network", choices=("both", *TASKS), default="both")
    parser.add_argument("--train", choices=("both", *MODES), default="both")
    parser.add_argument("--seeds", type=int, choices=(1, 2, 3), default=3)
    parser.add_argument("--epochs", type=int, default=20, help="passes over the images (20)")
    parser.add_argument("--out", type=Path, default=Path("build/fine_tuning"))
    chosen = parser.parse_args()
    networks = list(TASKS) if chosen.network == "both" else [chosen.network]
    modes = ["bptt", "eprop"] if chosen.train == "both" else [chosen.train]
    # two hidden neurons of the first network never spike, of which the compiler warns
    warnings.filterwarnings("ignore", message="SNC-W021", category=snncc.SnnccWarning)
    chosen.out.mkdir(parents=True, exist_ok=True)
    columns = (
        TextColumn("{task.description:10}"),
        BarColumn(),
        TextColumn("{task.fields[accuracy]}"),
    )
    with Progress(*columns, TimeRemainingColumn()) as bar:
        found = [
            tuned(name, mode, chosen.seeds, chosen.epochs, bar, chosen.out)
            for name in networks
            for mode in modes
        ]
    Console().print(table(found))
    draw_accuracy(found, chosen.out / "accuracy.svg")
    draw_memory(found, chosen.out / "memory.svg")
    print(f"wrote {chosen.out}")


if __name__ == "__main__":
    main()
