"""What a run of the benchmark found: the numbers, and whether the spikes agree."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from benchmarks.networks import Case
from benchmarks.timing import Contender, Ratio, Times, measure
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames

SUBJECT = "snncc"
GOALS = {"dense C": 5.0, "onnxruntime Scan": 3.0}
"""How many times as long as snncc a contender should take at least."""


@dataclass(frozen=True)
class Agreement:
    """The output of a contender beside that of the interpreter."""

    equal: bool
    """The same spikes at every step."""
    count_difference: int
    """The largest difference of an output's spike count over all steps."""
    accepted: bool
    """Equal; or, where the order of sums is the contender's own, counts within one."""

    @property
    def text(self) -> str:
        if self.equal:
            return "yes"
        if self.count_difference == 0:
            return "counts only"
        return f"counts within {self.count_difference}"


def compare(contender: Contender, expected: Array, x: Array) -> Agreement:
    got = contender.run(x)
    difference = int(np.abs(got.sum(axis=0) - expected.sum(axis=0)).max())
    equal = np.array_equal(got, expected)
    return Agreement(equal, difference, equal or (not contender.exact and difference <= 1))


@dataclass(frozen=True)
class Result:
    """One network: what each contender gave."""

    network: str
    steps: int
    densities: dict[str, float]
    """The input and each population -> the share of its elements that are not zero."""
    agreement: dict[str, Agreement]
    times: Times

    def microseconds(self, name: str) -> float:
        """Per step, the median of the rounds."""
        return self.times.median(name) / self.steps * 1e6

    def ratios(self) -> dict[str, Ratio]:
        """How many times as long as snncc each other contender takes."""
        names = self.times.rounds
        if SUBJECT not in names:
            return {}
        return {name: self.times.ratio(name, SUBJECT) for name in names if name != SUBJECT}

    @property
    def accepted(self) -> bool:
        return all(agreement.accepted for agreement in self.agreement.values())

    def as_json(self) -> dict[str, Any]:
        ratios = self.ratios()
        contenders: dict[str, Any] = {}
        for name, rounds in self.times.rounds.items():
            contenders[name] = {
                "us_per_step": self.microseconds(name),
                "us_per_step_rounds": [seconds / self.steps * 1e6 for seconds in rounds],
                "spikes": asdict(self.agreement[name]),
            }
            if name in ratios:
                contenders[name]["ratio_to_snncc"] = asdict(ratios[name])
        return {
            "network": self.network,
            "steps": self.steps,
            "densities": self.densities,
            "contenders": contenders,
        }


def densities(case: Case, trace: dict[str, Array]) -> dict[str, float]:
    names = StateNames(case.network.op).node_of
    nodes = [node for op, node in names.items() if isinstance(op, snn.NeuronOp)]
    return {
        "input": float((case.x != 0).mean()),
        **{node: float((trace[node] != 0).mean()) for node in nodes},
    }


def run_case(
    case: Case,
    contenders: list[Contender],
    rounds: int,
    progress: Callable[[], None] | None = None,
) -> Result:
    """Checks every contender against the interpreter, then times them all."""
    trace = case.network.run(case.x, trace=True)
    expected = trace[case.output].astype(np.float32)
    agreement = {c.name: compare(c, expected, case.x) for c in contenders}
    times = measure(contenders, case.x, rounds, progress)
    return Result(case.name, case.steps, densities(case, trace), agreement, times)


def environment() -> dict[str, str]:
    """What the numbers depend on, besides the machine."""
    packages: dict[str, str] = {}
    for package in ("snncc", "numpy", "onnxruntime"):
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            packages[package] = "not installed"
    return {"machine": platform.machine(), "python": platform.python_version(), **packages}
