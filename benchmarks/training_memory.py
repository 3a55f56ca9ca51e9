"""
Peak memory of a training against the steps that its tape holds.

    python -m benchmarks.training_memory [docs/training_memory.svg]

All memory of a training is one struct, whose parts the package's manifest tells. A tape of
fewer steps than a sample has holds one segment at a time; the states at the start of each
are kept, and segments run again on the way back. The gradients keep their bits.

W1 and W3 are those of `benchmarks.training`; W2 has the shapes of the N-MNIST CNN of the NIR
paper (2x34x34, conv 16, conv 16, pool, conv 8, pool, 256, 10), over 300 steps.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import i1

from benchmarks.training import WORKLOADS, load_network, weights_of
from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.network import Network
from snncc.training.optimizers import SGD
from snncc.training.program import TrainProgram

PARTS = {
    "parameters, gradients": ("apply", "sums", "derived"),
    "work of a block of steps": (
        "forward",
        "backward",
        "prepare",
        "predict",
        "losses",
        "again",
    ),
    "tape": ("tape",),
    "states at each segment": ("checkpoints",),
}


def integrate_and_fire(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v + x
    z = b.spike(u - 1.0, "ge")
    return [z], [u * (1.0 - b.detach(b.to_float(z)))]


def cnn() -> Network:
    rng = np.random.default_rng(0)

    def weight(*shape: int) -> np.ndarray:
        return rng.normal(scale=0.1, size=shape).astype(np.float32)

    writer = NetworkWriter("cnn", (2, 34, 34), i1)
    writer.conv2d("conv1", weight(16, 2, 5, 5), stride=2, padding=1)
    writer.neuron("if1", integrate_and_fire, {"v": 0.0}, {})
    writer.conv2d("conv2", weight(16, 16, 3, 3), padding=1)
    writer.neuron("if2", integrate_and_fire, {"v": 0.0}, {})
    writer.sum_pool("pool1", 2)
    writer.conv2d("conv3", weight(8, 16, 3, 3), padding=1)
    writer.neuron("if3", integrate_and_fire, {"v": 0.0}, {})
    writer.sum_pool("pool2", 2)
    writer.reshape("flatten", (128,))
    writer.linear("fc1", weight(256, 128))
    writer.neuron("if4", integrate_and_fire, {"v": 0.0}, {})
    writer.linear("fc2", weight(10, 256))
    writer.neuron("if5", integrate_and_fire, {"v": 0.0}, {})
    return writer.finish()


def fully_connected(name: str) -> Network:
    load = WORKLOADS[name]
    return load_network(load, weights_of(load))


@dataclass(frozen=True)
class Case:
    title: str
    network: Callable[[], Network]
    steps: int


CASES = (
    Case("W1: 784-1024-1024-10, 25 steps", lambda: fully_connected("W1"), 25),
    Case("W2: CNN on 2x34x34, 300 steps", cnn, 300),
    Case("W3: 700-256 recurrent-20, 100 steps", lambda: fully_connected("W3"), 100),
)


def budgets(steps: int) -> list[int]:
    """1, 2, 4, ... and all steps."""
    return [2**n for n in range(steps.bit_length()) if 2**n < steps] + [steps]


def parts_of(network: Network, steps: int, tape_steps: int) -> dict[str, int]:
    """Part -> bytes."""
    program = TrainProgram(
        network,
        "ce_count",
        steps=steps,
        tape_steps=tape_steps,
        optimizer=SGD(),
        surrogate="snntorch.atan(alpha=2.0)",
    )
    memory = program.package.manifest["memory"]
    found = {part: sum(memory.get(name, 0) for name in names) for part, names in PARTS.items()}
    missing = set(memory) - {name for names in PARTS.values() for name in names}
    assert not missing, f"parts that belong nowhere: {missing}"
    found["work of a block of steps"] += program.package.manifest["bytes"] - sum(found.values())
    return found


def main(path: Path, cases: Sequence[Case] = CASES) -> None:
    import matplotlib

    matplotlib.use("Agg")
    matplotlib.rcParams["svg.hashsalt"] = "snncc"  # the same bytes each time
    matplotlib.rcParams["svg.fonttype"] = "none"  # text, not its outlines
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, len(cases), figsize=(4.0 * len(cases), 3.4), layout="constrained", squeeze=False
    )
    for case, axis in zip(cases, axes[0], strict=True):
        network = case.network()
        taken = budgets(case.steps)
        rows = [parts_of(network, case.steps, tape_steps) for tape_steps in taken]
        for tape_steps, row in zip(taken, rows, strict=True):
            sizes = "  ".join(f"{part} {size / 1e6:.3f}" for part, size in row.items())
            print(
                f"{case.title}  tape of {tape_steps:3d}: {sum(row.values()) / 1e6:.3f} MB  {sizes}"
            )
        curves = [[row[part] / 1e6 for row in rows] for part in PARTS]
        axis.stackplot(taken, curves, labels=list(PARTS))
        axis.set_xscale("log", base=2)
        axis.set(title=case.title, xlabel="steps that the tape holds", ylabel="MB")
        axis.title.set_fontsize(10)
    axes[0][0].legend(fontsize=8, loc="lower left")
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
    print(f"wrote {path}")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/training_memory.svg"))
