"""
Runs a program of a chip that goes step by step: quickly where the order of sources does not show.

A chip that fits a register after each source is, to the letter, as many additions as there are
sources. Where no register comes to its end on the way, one sum does: that is looked at in each
step, and samples for which it is not so run again on the chip's own network.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.network import Network
from snncc.passes.chip_model import model_of
from snncc.passes.chip_model.events import interface


class SteppedChip:
    """The chip's model of a program. Inputs and outputs are those of the program."""

    def __init__(self, program: ProgramOp, description: Description):
        self.program = program
        self.description = description

    @cached_property
    def network(self) -> Network:
        """The chip to the letter."""
        return Network(model_of(self.program, self.description))

    @cached_property
    def _sums(self) -> Network:
        return Network(model_of(self.program, self.description, "guarded"))

    @property
    def interface(self) -> Network:
        """A network with the same inputs, for readers of files."""
        if len(self.program.given) == len(self.program.inputs):
            return self._sums
        return Network(interface(self.program, self.description.inputs.most))

    @property
    def inputs(self) -> dict[str, tuple[int, ...]]:
        """Input name -> shape at one step, without those that are always on."""
        always = set(self.program.inputs) - set(self.program.given)
        return {n: shape for n, shape in self._sums.inputs.items() if n not in always}

    @property
    def outputs(self) -> dict[str, tuple[int, ...]]:
        """Output name -> shape at one step."""
        return {n: shape for n, shape in self._sums.outputs.items() if n in self.program.outputs}

    def run(self, x: Mapping[str, Any], trace: bool = False) -> dict[str, Any]:
        """As `Network.run`, which is given what is always on."""
        if len(self.program.given) != len(self.program.inputs):
            x = {**x, **self.program.with_always(x)}
        found = self._sums.run(x, trace=trace)
        doubts = [found.pop(name) for name in self._sums.outputs if name.endswith(".doubt")]
        found = {n: array for n, array in found.items() if not n.endswith(".out1")}
        if not any(doubt.any() for doubt in doubts):
            return found
        name, shape = next(iter(self.inputs.items()))
        if np.ndim(x[name]) == len(shape) + 1:
            return self.network.run(x, trace=trace)
        chosen = np.any([doubt.any(axis=(0, 2)) for doubt in doubts], axis=0)
        again = self.network.run({n: np.asarray(a)[:, chosen] for n, a in x.items()}, trace=trace)
        for name, array in again.pop("final", {}).items():
            found["final"][name] = _with(found["final"][name], (chosen,), array)
        for name, array in again.items():
            found[name] = _with(found[name], (slice(None), chosen), array)
        return found


def _with(array: Array, place: tuple[Any, ...], part: Array) -> Array:
    """A copy of an array with another part."""
    copy = array.copy()
    copy[place] = part
    return copy
