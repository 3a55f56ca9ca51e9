"""
Trains the networks of this folder in PyTorch and writes NAME.pt2, NAME_calibration.npz and
NAME_test.npz.

    python examples/chips/train.py [xylo] [reckon] [ranc] [tinyodin]

Needs torch (2.13.0 is what the files here were made with). Takes about five minutes on one core.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import click
import networks
import numpy as np
import rounded
import torch
from data import HERE, LARGEST, Images, split
from networks import Network
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from tasks import TASKS, Task
from torch import Tensor, nn

BATCH = 40
Trace = dict[str, Tensor]
"""States after each step, [T, B, neurons], by name."""


def alive(spikes: Tensor, least: float, most: float) -> Tensor:
    """What neurons pay whose rate is below `least` or above `most`."""
    rate = spikes.mean((0, 1))
    return 20 * ((least - rate).relu() ** 2).sum() + 2 * ((rate - most).relu() ** 2).sum()


def beyond(values: Tensor, limit: float) -> Tensor:
    """How far values are outside of +-limit, on average."""
    return (values.abs() - limit).relu().mean()


def xylo_cost(trace: Trace) -> Tensor:
    """Registers of 16 bits; a membrane that reaches twice the threshold would spike twice."""
    before = trace["v"] + trace["z"]
    limits = 3 * beyond(trace["v"], 4) + 3 * beyond(trace["u"], 4)
    return alive(trace["z"], 0.03, 0.35) + 30 * (before - 1.8).relu().mean() + limits


def reckon_cost(trace: Trace) -> Tensor:
    """Registers of 16 bits; outputs that e-prop's targets, +-2048, are not far from."""
    limits = beyond(trace["u"], 4) + 0.02 * beyond(trace["o"], 6)
    return alive(trace["z"], 0.03, 0.2) + 0.5 * trace["z"].mean() + limits


def ranc_cost(trace: Trace) -> Tensor:
    """Membranes of 9 bits."""
    spikes = sum(alive(trace[name], 0.02, 0.4) for name in ("sa", "sb", "sc", "sd"))
    return spikes + sum(0.01 * beyond(trace[f"v{name}"], 150) for name in "abcdy")


def tinyodin_cost(trace: Trace) -> Tensor:
    """Membranes of 12 bits, of which the thresholds are 24 and 32."""
    return 0.1 * beyond(trace["v"], 20) + 0.1 * beyond(trace["u"], 20)


@dataclass(frozen=True)
class Training:
    """How a network is trained: Adam, whose rate falls to nothing along a cosine."""

    make: Callable[[], Network]
    cost: Callable[[Trace], Tensor]
    epochs: int
    rate: float
    noise: float
    """Of pixels, in sixteenths, so that images are not learned by heart."""
    rounds_from: float
    """The part of the epochs after which weights are rounded to the chip's bits."""
    black_stays: bool = False
    """No noise on pixels of 0, where a pixel that is not 0 makes a spike of its own."""
    by_count: bool = True
    """Outputs spike; else they are potentials."""
    seed: int = 0


TRAININGS = {
    "xylo": Training(networks.Xylo, xylo_cost, 60, 3e-3, 2.0, 0.5),
    "reckon": Training(networks.ReckOn, reckon_cost, 100, 3e-3, 2.0, 0.5, by_count=False),
    "ranc": Training(networks.Ranc, ranc_cost, 50, 3e-3, 2.0, 0.0),
    "tinyodin": Training(networks.TinyODIN, tinyodin_cost, 120, 5e-3, 1.0, 0.5, True),
}


def noisy(images: Images, training: Training, draw: np.random.Generator) -> Images:
    """Pixels of another sensor."""
    moved = np.rint(images + training.noise * draw.standard_normal(images.shape))
    if training.black_stays:
        moved[images == 0] = 0
    return moved.clip(0, LARGEST).astype(np.uint8)


def one_by_one(stream: np.ndarray) -> np.ndarray:
    """Each event of [T, B, inputs] in a step of its own, in ascending order."""
    samples, _, inputs = np.nonzero(stream.swapaxes(0, 1))
    place = np.arange(len(samples)) - np.searchsorted(samples, samples)
    found = np.zeros((place.max() + 1, *stream.shape[1:]), np.uint8)
    found[place, samples, inputs] = 1
    return found


def seen(task: Task, model: Network, images: Images, draw: np.random.Generator) -> Tensor:
    """Images as spikes; half of the batches as the chip has them, where that is another order."""
    stream = task.stream(images)
    other = draw.random() < 0.5
    if isinstance(model, networks.TinyODIN) and other:
        stream = one_by_one(stream)
    if isinstance(model, networks.Xylo):
        model.hidden.several = other
    return torch.tensor(stream, dtype=torch.float32)


def loss_of(training: Training, outputs: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy of the sum over time; for potentials at the last step as well."""
    if training.by_count:
        return nn.functional.cross_entropy(0.7 * outputs.sum(0), labels)
    last = nn.functional.cross_entropy(outputs[-1], labels)
    return nn.functional.cross_entropy(outputs.mean(0), labels) + 0.5 * last


def train(task: Task, training: Training, advance: Callable[[], None]) -> Network:
    torch.manual_seed(training.seed)
    draw = np.random.default_rng(training.seed)
    model = training.make()
    images, labels = split("train")
    optimizer = torch.optim.Adam(model.parameters(), training.rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, training.epochs)
    for epoch in range(training.epochs):
        model.rounds = epoch >= training.rounds_from * training.epochs
        for chosen in np.split(draw.permutation(len(images)), len(images) // BATCH):
            stream = seen(task, model, noisy(images[chosen], training, draw), draw)
            outputs, states = model.run(stream)
            steps = zip(*states, strict=True)
            trace = dict(zip(model.names, map(torch.stack, steps), strict=True))
            loss = loss_of(training, outputs, torch.tensor(labels[chosen])) + training.cost(trace)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            model.limit()
        schedule.step()
        advance()
    model.rounds = False
    if isinstance(model, networks.Xylo):
        model.hidden.several = False
    if isinstance(model, networks.Ranc):
        model.fix()  # ternary weights are the network; the others keep theirs as they were learned
    return model


def save(task: Task, model: Network, folder: Path) -> None:
    """One step with its states, and the spikes of calibration and test."""
    for part in ("calibration", "test"):
        x, y = task.data(part)
        np.savez_compressed(folder / f"{task.name}_{part}.npz", x=x, y=y)
    x, _ = task.data("test")
    example = (torch.tensor(x[0, :3], dtype=torch.float32), *model.start(3))
    program = torch.export.export(model.eval(), example)
    for node in program.graph.nodes:  # where this file lay is nobody's business
        node.meta.pop("stack_trace", None)
    torch.export.save(program, folder / f"{task.name}.pt2")


def accuracies(task: Task, model: Network) -> list[str]:
    """In float and in plainly rounded whole numbers of the chip, on parts of the digits."""

    def floats(part: str) -> float:
        x, y = task.data(part)
        with torch.no_grad():
            outputs, _ = model.run(torch.tensor(x, dtype=torch.float32))
        return task.accuracy(outputs.numpy(), y)

    x, y = task.data("test")
    total, _ = rounded.CHIPS[task.name](model, x)
    found = [floats(part) for part in ("calibration", "test", "shifted_test")]
    return [f"{value:.3f}" for value in (*found, task.accuracy(total[None], y))]


@click.command(help=__doc__)
@click.argument("names", nargs=-1, type=click.Choice(list(TASKS)))
@click.option("--out", type=click.Path(path_type=Path), default=HERE, show_default=True)
@click.option("--seed", type=int, help="another one than the files here were made with")
@click.option("--epochs", type=int, help="another number")
def main(names: Sequence[str], out: Path, seed: int | None, epochs: int | None) -> None:
    torch.set_num_threads(1)
    table = Table("network", "calibration", "test", "shifted", "test, rounded")
    with Progress() as bar:
        for name in names or TASKS:
            training = TRAININGS[name]
            if seed is not None:
                training = replace(training, seed=seed)
            if epochs is not None:
                training = replace(training, epochs=epochs)
            row = bar.add_task(name, total=training.epochs)
            model = train(TASKS[name], training, lambda row=row: bar.advance(row))
            save(TASKS[name], model, out)
            table.add_row(name, *accuracies(TASKS[name], model))
    Console().print(table)


if __name__ == "__main__":
    main()
