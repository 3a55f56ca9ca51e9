"""
How long a current acts: the response of a neuron to a pulse in one of its inputs.

Found by running the body, so nothing need be known of it: an integrator answers for ever, a
leaky one decays, one with a synapse rises first.
"""

from __future__ import annotations

import numpy as np
from xdsl.interpreter import Interpreter
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of, dtype_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.scalars import ScalarFunctions, from_stream, run_body
from snncc.interpreters.streams import aligned
from snncc.quantization.model import FloatModel

PULSE = 1e-2
"""In units of the current that the body is given; a threshold is of the order of 1."""


def response_of(model: FloatModel, op: WeightedSum, steps: int) -> Array:
    """
    What a pulse of 1 in the sum's result does to what its neuron compares with the
    threshold, at that step and the following ones: [steps], the mean over the population.
    Where the sum feeds no neuron, the pulse itself.
    """
    alone = np.zeros(steps)
    alone[0] = 1.0
    use = next(iter(op.result.uses), None)
    neuron = None if use is None else use.operation
    if not isinstance(neuron, snn.NeuronOp) or use is None:
        return alone
    watched = _watched(neuron)
    if watched is None:
        return alone
    bias = model.bias_of(op)
    silent = set() if bias is None else {bias.operand}
    rest = _run(neuron, watched, use.index, 0.0, steps, silent)
    moved = _run(neuron, watched, use.index, PULSE, steps, silent)
    found = (moved - rest) / PULSE
    if not np.all(np.isfinite(found)) or not np.any(np.abs(found) > 1e-6):
        return alone
    return found


def _watched(neuron: snn.NeuronOp) -> SSAValue | None:
    """The scalar that decides on the output: what the last spike compares, else the output."""
    spikes = [op for op in neuron.body.block.ops if isinstance(op, snn.SpikeOp | snn.CountOp)]
    if spikes:
        return spikes[-1].argument
    output = neuron.terminator.outputs[0]
    return output if stream_type(neuron.outputs[0]).element_type == output.type else None


def _run(
    neuron: snn.NeuronOp,
    watched: SSAValue,
    pulsed: int,
    size: float,
    steps: int,
    silent: set[int],
) -> Array:
    interpreter = Interpreter(neuron.get_toplevel_object())  # type: ignore[arg-type]
    interpreter.register_implementations(ScalarFunctions())
    rank = len(neuron.population)
    arguments: list[Array] = []
    for index, operand in enumerate(neuron.operands):
        element = stream_type(operand).element_type
        content = constant_of(operand)
        if content is None or index in silent:
            content = np.zeros((1, *shape_of(operand)), dtype_of(element))
        arguments.append(from_stream(aligned(content, shape_of(operand), rank), element))
    first_state = len(neuron.inputs)
    found = np.zeros(steps)
    for step in range(steps):
        given = list(arguments)
        if step == 0:
            given[pulsed] = np.full_like(given[pulsed], size)
        values = run_body(interpreter, neuron.body.block, tuple(given))
        found[step] = float(np.mean(values[watched]))
        for index, state in enumerate(neuron.terminator.states):
            arguments[first_state + index] = np.asarray(values[state])
    return found


def filtered(x: Array, response: Array) -> Array:
    """x [T, ...] through a response [T]: y[t] = sum over k of response[k] * x[t - k]."""
    if np.count_nonzero(response) == 1 and response[0]:
        return np.asarray(x * x.dtype.type(response[0]))
    result = np.zeros_like(x)
    for delay, factor in enumerate(response):
        if abs(factor) > 1e-4 * np.abs(response).max():
            result[delay:] += x.dtype.type(factor) * x[: x.shape[0] - delay]
    return result
