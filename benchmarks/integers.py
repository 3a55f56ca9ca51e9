"""
Times networks of bytes beside the same networks in float32, on one core, in one run.

    python -m benchmarks.integers --rounds 15 --json integers.json

W1 is 784-1024-1024-10 over 25 steps, W5 16-64-64-4 over 100 steps: leaky neurons that
start from zero again, in the same step, where they reach their threshold. Exits with 1 where
the compiled spikes are not those of the interpreter.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

# as a script, Python looks in this folder and not in the one that holds it
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from rich.console import Console
from rich.table import Table
from xdsl.dialects.builtin import i1

import snncc
from benchmarks.results import environment
from benchmarks.timing import Times, measure, pin
from benchmarks.writer import NetworkWriter
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.network import Network

DECAY = 0.9

FLOAT, BYTES = "float32", "int8"
GOALS = {"W1": 2.5, "W5": 1.0}
"""How many times as long float32 should take at least."""


@dataclass(frozen=True)
class Workload:
    """Fully connected layers with normal weights, whose gains give each layer its rate."""

    sizes: tuple[int, ...]
    steps: int
    rate: float
    """Of the input's spikes."""
    rates: tuple[float, ...]
    """Of the spikes of each layer."""


WORKLOADS = {
    "W1": Workload((784, 1024, 1024, 10), 25, 0.10, (0.08, 0.06, 0.10)),
    "W5": Workload((16, 64, 64, 4), 100, 0.15, (0.10, 0.10, 0.10)),
}


def spikes_of(currents: Array) -> Array:
    """[T, N] of a layer of leaky neurons with a threshold of 1."""
    membrane = np.zeros(currents.shape[1], np.float32)
    found = np.zeros(currents.shape, np.float32)
    for step, current in enumerate(currents):
        membrane = np.float32(DECAY) * membrane + current
        found[step] = membrane >= 1
        membrane = np.where(found[step] > 0, 0, membrane).astype(np.float32)
    return found


def weights_of(load: Workload) -> tuple[Array, list[Array]]:
    """(input spikes [T, N], weights): the gains are found by bisection, layer by layer."""
    rng = np.random.default_rng(0)
    x = (rng.random((load.steps, load.sizes[0])) < load.rate).astype(np.float32)
    stream, weights = x, []
    for (inputs, outputs), rate in zip(pairwise(load.sizes), load.rates, strict=True):
        unit = rng.normal(scale=inputs**-0.5, size=(outputs, inputs)).astype(np.float32)
        driven = stream @ unit.T
        low, high = 0.0, 64.0
        for _ in range(30):
            gain = (low + high) / 2
            below = spikes_of(driven * np.float32(gain)).mean() < rate
            low, high = (gain, high) if below else (low, gain)
        weights.append(unit * np.float32(high))
        stream = spikes_of(driven * np.float32(high))
    return x, weights


def lif(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * DECAY + x
    z = b.spike(u - 1.0, "ge")
    return [z], [b.select(z, b.constant(0.0), u)]


def float_network(weights: list[Array]) -> Network:
    writer = NetworkWriter("floats", weights[0].shape[1:], i1)
    for number, weight in enumerate(weights, 1):
        writer.linear(f"fc{number}", weight)
        writer.neuron(f"lif{number}", lif, {"v": 0.0}, {})
    return writer.finish()


def byte_network(weights: list[Array]) -> Network:
    """The same network in integers: weights of 8 bits, states of 16."""
    return snncc.quantize(float_network(weights), "int8", state_bits=16)


class Build:
    """A network as snncc compiles it, with blocks of all steps."""

    exact = True

    def __init__(self, name: str, network: Network, steps: int):
        self.name = name
        self.network = network
        self.program = snncc.compile(network, time_block=steps)

    def run(self, x: Array) -> Array:
        return self.program.run(x)["y"]

    def time(self, x: Array, repeats: int) -> float:
        """In C alone: a call takes microseconds, and Python around it as many."""
        return float(np.median(self.program.time(x, repeats=repeats)))


@dataclass(frozen=True)
class Result:
    name: str
    times: Times
    equal: bool
    """Whether each build gives the interpreter's spikes."""
    rates: dict[str, float]
    """Of the last layer: bytes fire nearly as floats do."""

    @property
    def ratio(self) -> float:
        """How many times as long float32 takes: the median over the rounds."""
        return self.times.ratio(FLOAT, BYTES).median


def run(name: str, rounds: int) -> Result:
    load = WORKLOADS[name]
    x, weights = weights_of(load)
    builds = [
        Build(FLOAT, float_network(weights), load.steps),
        Build(BYTES, byte_network(weights), load.steps),
    ]
    equal = all(np.array_equal(b.run(x), b.network.run(x)["y"]) for b in builds)
    rates = {b.name: float(b.run(x).mean()) for b in builds}
    return Result(name, measure(builds, x, rounds), equal, rates)


def table(results: list[Result]) -> Table:
    found = Table(title="One core; time of all steps in C, medians over the rounds")
    for column in ("workload", "float32 us", "int8 us", "ratio", "goal", "rates", "equal spikes"):
        found.add_column(column, no_wrap=True)
    for result in results:
        micro = {name: result.times.median(name) * 1e6 for name in (FLOAT, BYTES)}
        goal = GOALS[result.name]
        found.add_row(
            result.name,
            f"{micro[FLOAT]:.1f}",
            f"{micro[BYTES]:.1f}",
            f"{result.ratio:.2f}",
            f"{goal:g}: {'met' if result.ratio >= goal else 'missed'}",
            " ".join(f"{rate:.3f}" for rate in result.rates.values()),
            "yes" if result.equal else "no",
        )
    return found


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="benchmarks.integers", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--rounds", type=int, default=15, help="how often each is timed (15)")
    parser.add_argument("--workload", choices=("all", *WORKLOADS), default="all")
    parser.add_argument("--cpu", type=int, help="the core to run on (else the last one)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers")
    chosen = parser.parse_args(arguments)
    pin(chosen.cpu)
    names = WORKLOADS if chosen.workload == "all" else [chosen.workload]
    results = [run(name, chosen.rounds) for name in names]
    console = Console()
    console.width = max(console.width, 100)
    console.print(table(results))
    if chosen.json is not None:
        numbers = {
            "environment": environment(),
            "results": {r.name: {"ratio": r.ratio, "seconds": r.times.rounds} for r in results},
        }
        chosen.json.write_text(json.dumps(numbers, indent=2) + "\n")
    return 0 if all(result.equal for result in results) else 1


if __name__ == "__main__":
    sys.exit(main())
