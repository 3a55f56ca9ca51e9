"""
What calibration leaves on a network for `snn-quantize` to read, and the pass for others.

    snn.network   input_ranges = {x = [0.0, 1.0, 0.0625]}    least, largest and step of an input
    snn.neuron    observed = {v = 3.5}                       the largest magnitude of a state
    snn.linear    grid = @fc1.grid                           the scale of each output's weights
    any           scales = {result = 0.01}                   what a whole number is worth
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import ArrayAttr, DictionaryAttr, FloatAttr, SymbolRefAttr, f64
from xdsl.ir import Attribute, Operation

from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array
from snncc.dialects.symbols import symbol_named
from snncc.passes.quantization.arithmetic import single

INPUT_RANGES, OBSERVED, GRID, SCALES = "input_ranges", "observed", "grid", "scales"


@dataclass(frozen=True)
class InputRange:
    """
    What an input may be: what lies outside is held at the ends. `step` is that of a grid
    on which all its values lie, where there is one.
    """

    low: float
    high: float
    step: float | None = None


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
        found[name] = InputRange(*numbers)
    return found


def write_observed(neuron: snn.NeuronOp, largest: Mapping[str, float]) -> None:
    neuron.attributes[OBSERVED] = DictionaryAttr(
        {name: FloatAttr(float(value), f64) for name, value in largest.items()}
    )


def read_observed(neuron: snn.NeuronOp, state: str) -> float | None:
    given = neuron.attributes.get(OBSERVED)
    value = given.data.get(state) if isinstance(given, DictionaryAttr) else None
    return value.value.data if isinstance(value, FloatAttr) else None


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
