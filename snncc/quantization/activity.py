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
    """Neurons of one layer that are silent or saturated."""

    layer: str
    what: str
    """`silent`: no spike on the calibration data; `saturated`: a spike in each step."""
    neurons: tuple[int, ...]
    """Flat, in C order."""
    population: int
    in_float: bool = False
    """Whether they are so in the float network: then it is not rounding that made them."""
    weights: tuple[str, ...] = ()
    """The weighted sums that feed the layer and have less than 8 bits."""

    def problem(self) -> Problem:
        listed = ", ".join(map(str, self.neurons[:SHOWN]))
        more = ", ..." if len(self.neurons) > SHOWN else ""
        does = "never spike" if self.what == "silent" else "spike in each step"
        where = "already in the float network" if self.in_float else "not in the float network"
        return Problem(
            "SNC-W021",
            f"{len(self.neurons)} of {self.population} neurons {does} on the calibration data, "
            f"{where}: {listed}{more}",
            node=self.layer,
            remedy=self._remedy(),
            severity="warning",
        )

    def _remedy(self) -> str:
        if self.in_float:
            return "calibrate with data that drive them, or leave them out of the network"
        if self.weights:
            wider = ", ".join(f'"{name}": "int8"' for name in self.weights)
            return f"give more bits: layers={{{wider}}}"
        return "8 bits round so: calibrate with more data, or with input_bits=16 for fine inputs"


def rates_of(network: Network, data: Data) -> dict[str, Array]:
    """Neuron -> spikes a step of each element [*population], on calibration data."""
    names = StateNames(network.op)
    run = NetworkInterpreter(network.module, network.op, blas=True).run(data.arrays, trace=True)
    return {
        outputs[0]: run.trace[outputs[0]].mean(axis=(0, 1), dtype=np.float64)
        for op, outputs in names.outputs_of.items()
        if outputs and outputs[0] in run.trace and is_spiking(op)  # type: ignore[arg-type]
    }


def oddities(
    real: Mapping[str, Array],
    rounded: Mapping[str, Array],
    narrow: Mapping[str, tuple[str, ...]],
) -> list[Oddity]:
    """
    From the rates of a float network and of the one made of it; `narrow`: layer -> the
    weighted sums of few bits that feed it.
    """
    found: list[Oddity] = []
    for name, wanted in real.items():
        got = rounded.get(name)
        if got is None or got.shape != wanted.shape:
            continue
        for what, now, before in (
            ("silent", got == 0, wanted == 0),
            ("saturated", got >= 1, wanted >= 1),
        ):
            for in_float in (False, True):
                where = now & (before if in_float else ~before)
                numbers = tuple(int(i) for i in np.flatnonzero(where))
                if numbers:
                    sums = () if in_float else narrow.get(name, ())
                    found.append(Oddity(name, what, numbers, wanted.size, in_float, sums))
    return found
