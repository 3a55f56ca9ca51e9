"""
What calibration leaves on a network for `snn-quantize` to read, and the pass for others.

    snn.network   input_ranges = {x = [0.0, 1.0, 0.0625]}    least, largest and step of an input
    snn.neuron    observed = {v = 3.5}                       the largest magnitude of a state
    snn.linear    grid = @fc1.grid                           the scale of each output's weights
    any           scales = {result = 0.01}                   what a whole number is worth

What quantization leaves on neurons of integers for people:

    snn.neuron    held = {v = 32767.0}                       where a state saturates
    snn.neuron    held_for_training = ["v"]                  only because weights may move
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import (
    ArrayAttr,
    DictionaryAttr,
    FloatAttr,
    StringAttr,
    SymbolRefAttr,
    f64,
)
from xdsl.ir import Attribute, Operation

from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array
from snncc.dialects.symbols import symbol_named
from snncc.passes.quantization.arithmetic import single
from snncc.passes.quantization.rounded_inputs import Rounding, own_roundings

INPUT_RANGES, OBSERVED, GRID, SCALES = "input_ranges", "observed", "grid", "scales"
HELD, HELD_FOR_TRAINING = "held", "held_for_training"


@dataclass(frozen=True)
class InputRange:
    """
    What an input may be: what lies outside is held at the ends. `step` is that of a grid
    on which all its values lie, where there is one; `rounding` the model's own.
    """

    low: float
    high: float
    step: float | None = None
    rounding: Rounding | None = None

    @classmethod
    def rounded(cls, own: Rounding) -> InputRange:
        """Of an input that the model rounds to a grid."""
        return cls(own.low * own.scale, own.high * own.scale, own.scale, own)

    def step_of(self, bits: int) -> float:
        """What one whole number is worth: of the own grid, or of the finest that `bits` hold."""
        largest, top = max(abs(self.low), abs(self.high), 1e-30), (1 << (bits - 1)) - 1
        if self.step is None or (self.rounding is None and largest / self.step > top):
            return largest / top
        return self.step


def write_input_ranges(network: snn.NetworkOp, ranges: Mapping[str, InputRange]) -> None:
    def numbers(given: InputRange) -> ArrayAttr[FloatAttr]:
        ends = [given.low, given.high, *([] if given.step is None else [given.step])]
        return ArrayAttr([FloatAttr(float(end), f64) for end in ends])

    network.attributes[INPUT_RANGES] = DictionaryAttr(
        {name: numbers(given) for name, given in ranges.items()}
    )


def read_input_ranges(network: snn.NetworkOp) -> dict[str, InputRange]:
    """Raises ValueError for another form."""
    given = network.attributes.get(INPUT_RANGES)
    if given is None:
        return {}
    found: dict[str, InputRange] = {}
    for name, ends in given.data.items() if isinstance(given, DictionaryAttr) else ():
        numbers = [
            end.value.data
            for end in (ends.data if isinstance(ends, ArrayAttr) else ())
            if isinstance(end, FloatAttr)
        ]
        if len(numbers) not in (2, 3) or not np.all(np.isfinite(numbers)):
            raise ValueError(f"{INPUT_RANGES}: expected {name} = [least, largest, (step)]")
        if numbers[0] > numbers[1] or (len(numbers) == 3 and numbers[2] <= 0):
            raise ValueError(f"{INPUT_RANGES}: {name} = {numbers} is no range")
        found[name] = InputRange(numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None)
    return found


def input_ranges_of(network: snn.NetworkOp) -> dict[str, InputRange]:
    """Those that are written on a fused network, and those of inputs that it rounds itself."""
    own = {name: InputRange.rounded(found) for name, found in own_roundings(network).items()}
    return {**read_input_ranges(network), **own}


def write_observed(neuron: snn.NeuronOp, largest: Mapping[str, float]) -> None:
    neuron.attributes[OBSERVED] = DictionaryAttr(
        {name: FloatAttr(float(value), f64) for name, value in largest.items()}
    )


def read_observed(neuron: snn.NeuronOp, state: str) -> float | None:
    given = neuron.attributes.get(OBSERVED)
    value = given.data.get(state) if isinstance(given, DictionaryAttr) else None
    return value.value.data if isinstance(value, FloatAttr) else None


def write_held(neuron: snn.NeuronOp, bounds: Mapping[str, float]) -> None:
    """Where states (or operations, by name) saturate, beside what is written already."""
    known = neuron.attributes.get(HELD)
    found = dict(known.data) if isinstance(known, DictionaryAttr) else {}
    found.update({name: FloatAttr(bound, f64) for name, bound in bounds.items()})
    if found:
        neuron.attributes[HELD] = DictionaryAttr(found)


def read_held(neuron: snn.NeuronOp) -> dict[str, float]:
    given = neuron.attributes.get(HELD)
    if not isinstance(given, DictionaryAttr):
        return {}
    return {n: v.value.data for n, v in given.data.items() if isinstance(v, FloatAttr)}


def write_held_for_training(neuron: snn.NeuronOp, names: Sequence[str]) -> None:
    """States that would not be held if the weights stayed as they are; none takes it off."""
    neuron.attributes.pop(HELD_FOR_TRAINING, None)
    if names:
        neuron.attributes[HELD_FOR_TRAINING] = ArrayAttr([StringAttr(name) for name in names])


def read_held_for_training(neuron: snn.NeuronOp) -> list[str]:
    given = neuron.attributes.get(HELD_FOR_TRAINING)
    found = given.data if isinstance(given, ArrayAttr) else ()
    return [name.data for name in found if isinstance(name, StringAttr)]


def forget_held(neuron: snn.NeuronOp, name: str) -> None:
    """A state that saturates no more."""
    known = neuron.attributes.get(HELD)
    kept = dict(known.data) if isinstance(known, DictionaryAttr) else {}
    kept.pop(name, None)
    neuron.attributes.pop(HELD, None)
    if kept:
        neuron.attributes[HELD] = DictionaryAttr(kept)


def read_grid(op: Operation) -> Array | None:
    """The scale [outputs] that the weights of a sum were rounded to."""
    given = op.attributes.get(GRID)
    if not isinstance(given, SymbolRefAttr):
        return None
    declared = symbol_named(op, given.root_reference.data)
    if not isinstance(declared, snn.ParameterOp):
        raise ValueError(f"{GRID}: no snn.parameter is named {given.root_reference.data!r}")
    return np.asarray(parameter_array(declared), np.float64)


def read_scale(op: Operation, name: str) -> Array | None:
    """What one whole number of a result or state is worth: broadcasts to its shape."""
    given = op.attributes.get(SCALES)
    found: Attribute | None = given.data.get(name) if isinstance(given, DictionaryAttr) else None
    if isinstance(found, FloatAttr):
        return single(found.value.data).reshape(())
    if isinstance(found, SymbolRefAttr):
        declared = symbol_named(op, found.root_reference.data)
        if isinstance(declared, snn.ParameterOp):
            return np.asarray(parameter_array(declared), np.float64)
    return None
