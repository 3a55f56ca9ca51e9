"""
Times training beside torch autograd: forward, backward and update, on one core, in one run.

    python -m benchmarks.training --rounds 9 --json training.json

W1 is 784-1024-1024-10 of leaky neurons over 25 steps, W3 700-256-20 of neurons with currents
over 100 steps, the 256 of them recurrent. The same module is loaded by snncc and trained by
torch. Exits with 1 where losses or gradients are not those of torch.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

# as a script, Python looks in this folder and not in the one that holds it
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console
from rich.table import Table

import snncc
from benchmarks.results import environment
from benchmarks.timing import Ratio, Times, cpu_seconds, measure, pin
from benchmarks.torch_training import Autograd, Layers, Steps, Weights, first_steps
from snncc.dialects.arrays import Array
from snncc.network import Network
from snncc.training.optimizers import SGD

GOAL = 5.0
"""How many times as long as snncc the steps of torch should take at least."""
STEPS, LAYERS = "torch, step by step", "torch, layer by layer"
SUBJECT = "snncc"
WEIGHT_STEP = 2.0**-12
"""Weights are multiples of this: at first sums of spikes are exact, in any order."""
UPDATES, RATE = 4, 1e-3
FIRST, LATER = 1e-6, 1e-3
"""
How far losses may be from torch's, relatively. At first spikes are the same. Later weights
differ in their last bits: a membrane at its threshold may fall on either side, which a loss
of few samples shows.
"""
GRADIENT = 1e-5
"""How far an element of the first gradient may be, of the largest: sums in another order."""


@dataclass(frozen=True)
class Workload:
    """Fully connected layers with normal weights, whose gains give each layer its rate."""

    sizes: tuple[int, ...]
    steps: int
    rate: float
    """Of the input's spikes."""
    rates: tuple[float, ...]
    """Of the spikes of each layer, alone on its input."""
    current: bool = False
    """Whether neurons have currents of their own."""
    recurrent: bool = False
    """Whether the first layer reads its own spikes."""


WORKLOADS = {
    "W1": Workload((784, 1024, 1024, 10), 25, 0.10, (0.08, 0.06, 0.10)),
    "W3": Workload((700, 256, 20), 100, 0.03, (0.08, 0.08), current=True, recurrent=True),
}
RUNS = (("W1", 1), ("W1", 32), ("W3", 1))
VARIANTS: dict[str, dict[str, Any]] = {
    SUBJECT: {},
    "snncc, rounded products": {"fused": False},
    "snncc, one by one": {"samples": 1},
}
"""As users get it; with the bits of every processor's products; without several at once."""


def exact(weight: Array) -> Array:
    return (np.round(weight / WEIGHT_STEP) * WEIGHT_STEP).astype(np.float32)


def weights_of(load: Workload) -> list[Weights]:
    """The gains are found by bisection, layer by layer, on an input of one sample."""
    rng = np.random.default_rng(0)
    stream = (rng.random((load.steps, load.sizes[0])) < load.rate).astype(np.float32)
    found: list[Weights] = []
    for (inputs, outputs), rate in zip(pairwise(load.sizes), load.rates, strict=True):
        unit = rng.normal(scale=inputs**-0.5, size=(outputs, inputs))
        back = None
        if load.recurrent and not found:
            back = exact(rng.normal(scale=0.1 * outputs**-0.5, size=(outputs, outputs)))
        low, high = 0.0, 64.0
        for _ in range(30):
            gain = (low + high) / 2
            layer = Weights(exact(unit * gain), back)
            below = first_steps(layer, load.current, stream).mean() < rate
            low, high = (gain, high) if below else (low, gain)
        found.append(Weights(exact(unit * high), back))
        stream = first_steps(found[-1], load.current, stream)
    return found


class Trainer(Protocol):
    """What trains a network by one batch after another."""

    name: str
    exact: bool

    def step(self) -> float:
        """Forward, backward, update: the loss before it."""
        ...

    def gradients(self) -> dict[str, Array]:
        """Of the last step, by the module's names."""
        ...

    def time(self, x: Array, repeats: int) -> float: ...


class Compiled:
    """`snncc.compile(network, train="bptt")` with some of its options."""

    exact = False

    def __init__(
        self, name: str, network: Network, x: Array, labels: Array, rate: float, **options: Any
    ):
        self.name = name
        self.x, self.labels, self.rate = x, labels, rate
        self.program = snncc.compile(
            network, train="bptt", loss="ce_count", steps=len(x), optimizer=SGD(), **options
        )

    def step(self) -> float:
        loss = self.program.train_step(self.x, self.labels)
        self.program.apply(self.rate)
        return loss

    def gradients(self) -> dict[str, Array]:
        self.program.train_step(self.x, self.labels)
        return self.program.gradients()

    def time(self, x: Array, repeats: int) -> float:
        return cpu_seconds(self.step, repeats)

    @property
    def kilobytes(self) -> float:
        return self.program.size / 1000


def load_network(load: Workload, weights: list[Weights]) -> Network:
    """A few steps of the module show all there is of it."""
    import torch

    module = Steps(weights, load.current)
    return snncc.load(module, torch.zeros(4, 1, load.sizes[0]), time_axis=0)


def batch_of(load: Workload, samples: int) -> tuple[Array, Array]:
    """(x [T, B, inputs], labels [B])"""
    rng = np.random.default_rng(1)
    x = rng.random((load.steps, samples, load.sizes[0])) < load.rate
    return x.astype(np.float32), rng.integers(0, load.sizes[-1], samples)


def trainers(
    network: Network, load: Workload, weights: list[Weights], samples: int, rate: float
) -> list[Trainer]:
    x, labels = batch_of(load, samples)
    found: list[Trainer] = [
        Autograd(STEPS, Steps(weights, load.current), x, labels, rate),
        Autograd(LAYERS, Layers(weights, load.current), x, labels, rate),
    ]
    for name, options in VARIANTS.items():
        if samples > 1 or "samples" not in options:
            found.append(Compiled(name, network, x, labels, rate, **options))
    return found


@dataclass(frozen=True)
class Agreement:
    """How far a trainer is from torch's steps, relatively."""

    gradient: float
    losses: tuple[float, ...]

    @property
    def accepted(self) -> bool:
        first, *later = self.losses
        return self.gradient <= GRADIENT and first <= FIRST and max(later) <= LATER


def agreement(subjects: Sequence[Trainer]) -> dict[str, Agreement]:
    """Of some updates from the same weights; the first trainer is what others are held to."""
    found: dict[str, Agreement] = {}
    wanted: tuple[dict[str, Array], list[float]] | None = None
    for subject in subjects:
        losses = [subject.step()] if isinstance(subject, Autograd) else []
        gradients = subject.gradients()  # of snncc: another step without an update
        if isinstance(subject, Compiled):
            subject.program.apply(0.0)
        losses += [subject.step() for _ in range(UPDATES - len(losses))]
        if wanted is None:
            wanted = gradients, losses
        worst = max(
            float(abs(gradients[name] - other).max() / abs(other).max())
            for name, other in wanted[0].items()
        )
        apart = tuple(abs(a - b) / abs(b) for a, b in zip(losses, wanted[1], strict=True))
        found[subject.name] = Agreement(worst, apart)
    return found


@dataclass(frozen=True)
class Result:
    name: str
    times: Times
    agreement: dict[str, Agreement]
    kilobytes: dict[str, float]

    def ratios(self, slow: str) -> dict[str, Ratio]:
        """How many times as long a trainer of torch takes, by snncc's."""
        return {n: self.times.ratio(slow, n) for n in self.times.rounds if n.startswith(SUBJECT)}

    @property
    def accepted(self) -> bool:
        return all(found.accepted for found in self.agreement.values())


def run(name: str, samples: int, rounds: int) -> Result:
    """All train the same weights while they are timed: the update's rate is 0 there."""
    load = WORKLOADS[name]
    weights = weights_of(load)
    network = load_network(load, weights)
    found = agreement(trainers(network, load, weights, samples, RATE))
    timed = trainers(network, load, weights, samples, 0.0)
    times = measure(timed, batch_of(load, samples)[0], rounds)
    kilobytes = {t.name: t.kilobytes for t in timed if isinstance(t, Compiled)}
    return Result(f"{name}, batch {samples}", times, found, kilobytes)


def table(results: Sequence[Result]) -> Table:
    found = Table(title="One core; forward, backward and update, medians over the rounds")
    for column in ("workload", "trainer", "ms", STEPS, LAYERS, "kB", "like torch"):
        found.add_column(column, no_wrap=True)
    for result in results:
        for number, name in enumerate(result.times.rounds):
            texts = ["", ""]
            if name.startswith(SUBJECT):
                for place, slow in enumerate((STEPS, LAYERS)):
                    ratio = result.times.ratio(slow, name)
                    texts[place] = f"{ratio.median:.1f} ({ratio.lowest:.1f} to {ratio.highest:.1f})"
                texts[0] += f" {'met' if result.ratios(STEPS)[name].median >= GOAL else 'missed'}"
            found.add_row(
                "" if number else result.name,
                name,
                f"{result.times.median(name) * 1e3:.2f}",
                *texts,
                f"{result.kilobytes[name]:.0f}" if name in result.kilobytes else "",
                "yes" if result.agreement[name].accepted else "no",
            )
        found.add_section()
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.training", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=9, help="how often each is timed (9)")
    parser.add_argument("--workload", choices=("all", *WORKLOADS), default="all")
    parser.add_argument("--cpu", type=int, help="the core to run on (else the last one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    chosen = parser.parse_args(arguments)
    pin(chosen.cpu)
    console = Console()
    console.width = max(console.width, 130)
    results = [
        run(name, samples, chosen.rounds)
        for name, samples in RUNS
        if chosen.workload in ("all", name)
    ]
    console.print(table(results))
    if chosen.json is not None:
        numbers = {
            "environment": environment(),
            "results": {
                r.name: {
                    "seconds": r.times.rounds,
                    "kilobytes": r.kilobytes,
                    "losses": {name: list(a.losses) for name, a in r.agreement.items()},
                    "gradient": {name: a.gradient for name, a in r.agreement.items()},
                }
                for r in results
            },
        }
        chosen.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return 0 if all(result.accepted for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
