"""
Where a neuron decides: how far what it compares is from the threshold, step by step, and what
a current does to that.

An error of the membrane matters where it may change a spike. So inputs at which a neuron of
the float network is close to its threshold count more for its weights than others; and a
current that a reset wipes out counts no longer.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.scalars import ScalarFunctions, from_stream
from snncc.interpreters.streams import aligned
from snncc.quantization.calibration import Data
from snncc.quantization.model import FloatModel

NEAR = 0.25
"""Of the spread of the distances of a neuron: what is near."""
LEAST = 0.05
"""The weight of what is far."""
PULSE = 1e-2
"""In units of the current that the body is given; a threshold is of the order of 1."""
MOST_EFFECTS = 1 << 24
"""Numbers in the effects of pulses."""
MOST_MOMENTS = 1 << 23
"""Numbers in the second moments of a sum that each of its outputs weighs."""
MOST_PRODUCTS = 1 << 35
"""For these, of a linear sum; those of a convolution are taken of some windows."""
LEAST_SAMPLES = 200
"""Rather than to look at fewer, effects are left to the response at rest."""
FORCED = snn.SpikeOp | snn.CountOp | arith.CmpfOp
"""What decides: as it did without a pulse."""


@dataclass(frozen=True)
class Decisions:
    """Of a neuron in the float network on data."""

    distances: Array
    """What is compared with 0 to spike, [T, B, *shape]."""
    effects: Array | None
    """
    What a current of 1, d steps before step t, does to the distance at t while all decisions
    stay: [T, d, B, *shape]. None where these are too many numbers.
    """

    def nearness(self) -> Array:
        """Weights from `LEAST` to 1 of the distances, of mean 1 for each element."""
        spread = np.sqrt(np.mean(self.distances**2, axis=(0, 1), keepdims=True)) + 1e-12
        weights = LEAST + (1 - LEAST) / (1 + (self.distances / (NEAR * spread)) ** 2)
        return np.asarray(weights / weights.mean(axis=(0, 1), keepdims=True))


def samples_to_look_at(op: WeightedSum, data: Data) -> Array | None:
    """
    Samples, evenly spread, in which each output's decisions are looked at: all of them, or so
    many that their effects can be kept. None where there are too many outputs for that.
    """
    rows, columns = shape_of(op.weight)[0], int(np.prod(shape_of(op.weight)[1:]))
    products = rows * columns**2
    if products > MOST_MOMENTS:
        return None
    if isinstance(op, snn.LinearOp) and products * data.steps * data.samples > MOST_PRODUCTS:
        return None
    most = MOST_EFFECTS // _effects_of_one(op, data)
    if LEAST_SAMPLES <= most < data.samples:
        return np.linspace(0, data.samples - 1, most).astype(int)
    return np.arange(data.samples)


def _effects_of_one(op: WeightedSum, data: Data) -> int:
    return data.steps**2 * int(np.prod(shape_of(op.result)))


def decisions_of(model: FloatModel, op: WeightedSum, data: Data) -> Decisions | None:
    """None where the sum feeds no neuron that spikes by a comparison of floats."""
    use = next(iter(op.result.uses), None)
    neuron = None if use is None else use.operation
    if not isinstance(neuron, snn.NeuronOp) or use is None:
        return None
    spikes = [inner for inner in neuron.body.block.ops if isinstance(inner, snn.SpikeOp)]
    if not spikes or not isinstance(spikes[-1].argument.type, AnyFloat):
        return None
    run = _Run(model, neuron, spikes[-1].argument, data)
    distances, _ = run(0, run.first, None)
    steps, shape = data.steps, distances.shape[1:]
    if _effects_of_one(op, data) * data.samples > MOST_EFFECTS:
        return Decisions(distances, None)
    effects = np.zeros((steps, steps, *shape), np.float32)
    for step in range(steps):
        moved, _ = run(step, run.states[step], use.index)
        for delay in range(steps - step):
            effects[step + delay, delay] = (moved[delay] - distances[step + delay]) / PULSE
    return Decisions(distances, effects)


class _Run:
    """The neuron on the streams that it gets, from a step on."""

    def __init__(self, model: FloatModel, neuron: snn.NeuronOp, watched: SSAValue, data: Data):
        self.neuron, self.watched, self.steps = neuron, watched, data.steps
        self.shape = (data.samples, *neuron.population)
        streams = [value for value in neuron.inputs if constant_of(value) is None]
        self.given = dict(zip(streams, model.streams(streams, data.arrays), strict=True))
        self.interpreter = Interpreter(model.module)
        self.interpreter.register_implementations(ScalarFunctions())
        self.elements = [stream_type(operand).element_type for operand in neuron.operands]
        self.fixed: list[Array | None] = [
            None if value in self.given else self.scalar(index, constant_of(value))
            for index, value in enumerate(neuron.operands)
        ]
        start = len(neuron.inputs)
        found = self.fixed[start : start + len(neuron.state_ports)]
        self.first = [state for state in found if state is not None]
        self.states: list[list[Array]] = []
        """Before each step of the first run."""
        self.decided: list[dict[Operation, Array]] = []

    def scalar(self, index: int, content: Array | None) -> Array:
        assert content is not None
        rank, operand = len(self.neuron.population), self.neuron.operands[index]
        return from_stream(aligned(content, shape_of(operand), rank), self.elements[index])

    def __call__(
        self, start: int, states: list[Array], pulsed: int | None
    ) -> tuple[Array, list[Array]]:
        """
        What is watched from step `start` on, and the states behind it. With `pulsed`, that
        operand is moved at the first step, and all decides as in the first run.
        """
        found = np.empty((self.steps - start, *self.shape), np.float32)
        first = len(self.neuron.inputs)
        for step in range(start, self.steps):
            arguments = [
                self.scalar(index, self.given[value][step]) if known is None else known
                for index, (value, known) in enumerate(
                    zip(self.neuron.operands, self.fixed, strict=True)
                )
            ]
            arguments[first : first + len(states)] = states
            if pulsed is None:
                self.states.append(states)
                self.decided.append({})
            elif step == start:
                arguments[pulsed] = arguments[pulsed] + np.float32(PULSE)
            values = self._body(arguments, self.decided[step], pulsed is None)
            found[step - start] = values[self.watched]
            states = [np.asarray(values[state]) for state in self.neuron.terminator.states]
        return found, states

    def _body(
        self, arguments: list[Array], decided: dict[Operation, Array], first: bool
    ) -> dict[SSAValue, Array]:
        block = self.neuron.body.block
        values: dict[SSAValue, Array] = dict(zip(block.args, arguments, strict=True))
        for op in block.ops:
            if op is block.last_op:
                break
            if isinstance(op, FORCED) and not first:
                values[op.results[0]] = decided[op]
                continue
            operands = tuple(values[operand] for operand in op.operands)
            results = self.interpreter.run_op(op, operands)
            values.update(zip(op.results, results, strict=True))
            if isinstance(op, FORCED):
                decided[op] = results[0]
        return values
