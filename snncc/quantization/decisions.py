"""
Where a neuron decides: how far what it compares is from the threshold, step by step.

An error of the membrane matters where it may change a spike. So inputs at which a neuron of
the float network is close to its threshold count more for its weights than others.
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.interpreter import Interpreter

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.network import aligned
from snncc.interpreters.scalars import ScalarFunctions, from_stream, run_body
from snncc.quantization.calibration import Data
from snncc.quantization.model import FloatModel

NEAR = 0.25
"""Of the spread of the distances of a neuron: what is near."""
LEAST = 0.05
"""The weight of what is far."""


def nearness(distances: Array) -> Array:
    """Weights from `LEAST` to 1 of distances [T, B, *shape], of mean 1 for each element."""
    spread = np.sqrt(np.mean(distances**2, axis=(0, 1), keepdims=True)) + 1e-12
    weights = LEAST + (1 - LEAST) / (1 + (distances / (NEAR * spread)) ** 2)
    return np.asarray(weights / weights.mean(axis=(0, 1), keepdims=True))


def distances_of(model: FloatModel, op: WeightedSum, data: Data) -> Array | None:
    """
    What the neuron behind a sum compares with 0 to spike, [T, B, *shape], in the float network;
    None where the sum feeds no neuron that spikes by a comparison.
    """
    use = next(iter(op.result.uses), None)
    neuron = None if use is None else use.operation
    if not isinstance(neuron, snn.NeuronOp):
        return None
    spikes = [inner for inner in neuron.body.block.ops if isinstance(inner, snn.SpikeOp)]
    if not spikes or not isinstance(spikes[-1].argument.type, AnyFloat):
        return None
    streams = [value for value in neuron.inputs if constant_of(value) is None]
    given = dict(zip(streams, model.streams(streams, data.arrays), strict=True))
    interpreter = Interpreter(model.module)
    interpreter.register_implementations(ScalarFunctions())
    rank = len(neuron.population)
    elements = [stream_type(operand).element_type for operand in neuron.operands]
    fixed: list[Array | None] = []
    for operand, element in zip(neuron.operands, elements, strict=True):
        content = constant_of(operand)
        if content is None:
            fixed.append(None)
            continue
        fixed.append(from_stream(aligned(content, shape_of(operand), rank), element))
    first = len(neuron.inputs)
    found = np.empty((data.steps, data.samples, *neuron.population), np.float32)
    for step in range(data.steps):
        arguments = [
            from_stream(aligned(given[value][step], shape_of(value), rank), element)
            if known is None
            else known
            for value, element, known in zip(neuron.operands, elements, fixed, strict=True)
        ]
        values = run_body(interpreter, neuron.body.block, tuple(arguments))
        found[step] = values[spikes[-1].argument]
        for index, state in enumerate(neuron.terminator.states):
            fixed[first + index] = np.asarray(values[state])
    return found
