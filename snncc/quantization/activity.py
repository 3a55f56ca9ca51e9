"""Neurons that rounding silenced or saturated, by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames
from snncc.errors import Problem
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from snncc.quantization.calibration import Data, is_spiking

SHOWN = 12
"""Of the neurons of a layer, by number; the message says how many there are."""
SAMPLES = 128


@dataclass(frozen=True)
class Oddity:
    """Neurons of one layer that do what those of the float network do not."""

    layer: str
    what: str
    """`silent`: no spike on the calibration data; `saturated`: a spike in each step."""
    neurons: tuple[int, ...]
    """Flat, in C order."""
    population: int

    def problem(self) -> Problem:
        listed = ", ".join(map(str, self.neurons[:SHOWN]))
        more = ", ..." if len(self.neurons) > SHOWN else ""
        does = "never spike" if self.what == "silent" else "spike in each step"
        return Problem(
            "SNC-W021",
            f"{len(self.neurons)} of {self.population} neurons {does} on the calibration data, "
            f"as they do not in the float network: {listed}{more}",
            node=self.layer,
            remedy="give the layer more bits, for example layers={'...': 'int8'} for its weights",
            severity="warning",
        )


def rates_of(network: Network, data: Data) -> dict[str, Array]:
    """Neuron -> spikes a step of each element [*population], on calibration data."""
    names = StateNames(network.op)
    run = NetworkInterpreter(network.module, network.op, blas=True).run(data.arrays, trace=True)
    return {
        outputs[0]: run.trace[outputs[0]].mean(axis=(0, 1), dtype=np.float64)
        for op, outputs in names.outputs_of.items()
        if outputs and outputs[0] in run.trace and is_spiking(op)  # type: ignore[arg-type]
    }


def oddities(real: Mapping[str, Array], rounded: Mapping[str, Array]) -> list[Oddity]:
    """From the rates of a float network and of the one made of it."""
    found: list[Oddity] = []
    for name, wanted in real.items():
        got = rounded.get(name)
        if got is None or got.shape != wanted.shape:
            continue
        for what, where in (
            ("silent", (got == 0) & (wanted > 0)),
            ("saturated", (got >= 1) & (wanted < 1)),
        ):
            numbers = tuple(int(i) for i in np.flatnonzero(where))
            if numbers:
                found.append(Oddity(name, what, numbers, wanted.size))
    return found
