"""
A network over time as a differentiable program: every step's values are kept, and gradients
go back through the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import product

import numpy as np
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of
from snncc.interpreters import sums
from snncc.interpreters.network import aligned
from snncc.quantization.adjoints import BodyProgram, NoAdjoint, summed_to
from snncc.quantization.features import columns_of, groups_of

Values = dict[SSAValue, Array]


class Tape:
    """
    Runs and differentiates a network whose outputs are those of a float model. `weights` and
    `parameters` replace what the operations read: a sum's weights, a neuron's parameters.
    """

    def __init__(self, network: snn.NetworkOp):
        self.network = network
        self.operations = [
            op
            for op in network.body.block.ops
            if not isinstance(op, snn.UseOp | snn.ConstantOp | snn.YieldOp)
            and constant_of(op.results[0]) is None
        ]
        self.bodies = {
            op: BodyProgram(op) for op in self.operations if isinstance(op, snn.NeuronOp)
        }
        for op in self.operations:
            if not isinstance(
                op,
                WeightedSum
                | snn.NeuronOp
                | snn.Pool2dOp
                | snn.ReshapeOp
                | snn.RearrangeOp
                | snn.ConcatOp
                | snn.DelayOp,
            ):
                raise NoAdjoint(op.name)
            if isinstance(op, snn.DelayOp) and (
                len(op.steps_per_element) > 1 or op.is_instantaneous
            ):
                raise NoAdjoint("a delay of several lengths")
        self.constants: Values = {}
        for op in network.body.block.ops:
            for operand in op.operands:
                content = constant_of(operand)
                if content is not None:
                    self.constants[operand] = content.astype(np.float32)
        self.wanted: set[Operation] = set()
        self.found: dict[Operation, list[Array]] = {}
        self.weights: dict[Operation, Array] = {}
        self.parameters: dict[tuple[Operation, int], Array] = {}
        """(neuron, operand) -> what stands in for its constant."""
        self.steps: list[Values] = []
        self._scalars: list[dict[Operation, Values]] = []
        self._columns: list[dict[Operation, Array]] = []

    # --- forward

    def run(self, x: Mapping[str, Array]) -> list[Values]:
        """Inputs [T, B, *shape]; the streams of every step, each [B, *shape]."""
        first = next(iter(x.values()))
        total, self.batch = first.shape[:2]
        self.steps, self._scalars, self._columns = [], [], []
        states: dict[tuple[Operation, int], Array] = {}
        for op, body in self.bodies.items():
            for index, operand in enumerate(body.neuron.initial_states):
                content = self.constants[operand]
                states[op, index] = np.broadcast_to(content, body.neuron.population)[None]
        for step in range(total):
            values: Values = {
                argument: x[name][step].astype(np.float32)
                for name, argument in self.network.inputs.items()
            }
            self.steps.append(values)
            self._scalars.append({})
            self._columns.append({})
            for op in self.operations:
                self._forward(op, step, values, states)
        return self.steps

    def _forward(
        self, op: Operation, step: int, values: Values, states: dict[tuple[Operation, int], Array]
    ) -> None:
        match op:
            case WeightedSum():
                values[op.result] = self._sum(op, step, values[op.input])
            case snn.NeuronOp():
                self._neuron(op, step, values, states)
            case snn.DelayOp():
                past = step - op.depth
                if past >= 0:
                    values[op.result] = self.steps[past][op.stream]
                else:
                    init = np.broadcast_to(self.constants[op.init], shape_of(op.stream))
                    values[op.result] = np.broadcast_to(init, (self.batch, *init.shape))
            case snn.Pool2dOp():
                values[op.result] = _pooled(op, values[op.input])
            case snn.ReshapeOp():
                x = values[op.input]
                values[op.result] = x.reshape(x.shape[0], *shape_of(op.result))
            case snn.RearrangeOp():
                x = values[op.input].reshape(self.batch, -1)
                found = x[:, op.indices]
                found[:, op.indices < 0] = 0
                values[op.result] = found
            case snn.ConcatOp():
                parts = [values[v] if v in values else self._wide(v) for v in op.inputs]
                values[op.result] = np.concatenate(parts, axis=op.axis.value.data + 1)

    def _wide(self, value: SSAValue) -> Array:
        return np.broadcast_to(self.constants[value], (self.batch, *shape_of(value)))

    def weight_of(self, op: WeightedSum) -> Array:
        found = self.weights.get(op)
        return self.constants[op.weight] if found is None else found

    def _sum(self, op: WeightedSum, step: int, x: Array) -> Array:
        weight = self.weight_of(op)
        columns = columns_of(op, x)
        self._columns[step][op] = columns
        groups = groups_of(op)
        rows = weight.reshape(groups, weight.shape[0] // groups, -1)
        total = np.matmul(columns, rows.transpose(0, 2, 1))  # [groups, B * windows, outputs]
        shape = shape_of(op.result)
        total = total.reshape(groups, x.shape[0], -1, rows.shape[1]).transpose(1, 0, 3, 2)
        total = total.reshape(x.shape[0], *shape)
        if op.bias is not None:
            total = total + self.constants[op.bias].reshape(-1, *(1,) * (len(shape) - 1))
        return total

    def _neuron(
        self,
        op: snn.NeuronOp,
        step: int,
        values: Values,
        states: dict[tuple[Operation, int], Array],
    ) -> None:
        rank, first = len(op.population), len(op.inputs)
        arguments: list[Array] = []
        for index, operand in enumerate(op.operands):
            state = index - first
            if 0 <= state < len(op.initial_states):
                arguments.append(states[op, state])
                continue
            given = self.parameters.get((op, index))
            value = values.get(operand) if given is None else given
            value = self.constants[operand] if value is None else value
            arguments.append(aligned(value, shape_of(operand), rank))
        body = self.bodies[op]
        scalars = body.forward(arguments)
        self._scalars[step][op] = scalars
        for result, scalar in zip(op.outputs, op.terminator.outputs, strict=True):
            values[result] = np.broadcast_to(scalars[scalar], (self.batch, *op.population))
        for index, scalar in enumerate(op.terminator.states):
            states[op, index] = scalars[scalar]

    # --- backward

    def gradients(
        self, seeds: list[Values]
    ) -> tuple[dict[Operation, Array], dict[tuple[Operation, int], Array]]:
        """
        From the gradients of streams at each step, those of the sums' weights (of the
        operations in `weights`) and of `parameters`.
        """
        weights = {op: np.zeros_like(w) for op, w in self.weights.items()}
        parameters = {key: np.zeros_like(p) for key, p in self.parameters.items()}
        states: dict[tuple[Operation, int], Array] = {}
        for step in reversed(range(len(self.steps))):
            grads = seeds[step]
            for op in reversed(self.operations):
                if isinstance(op, snn.NeuronOp):
                    self._neuron_back(op, step, grads, states, parameters)
                    continue
                gradient = grads.get(op.results[0])
                if gradient is None:
                    continue
                if op in self.wanted:
                    self.found[op].append(gradient)
                match op:
                    case WeightedSum():
                        self._sum_back(op, step, gradient, grads, weights)
                    case snn.DelayOp():
                        if step - op.depth >= 0:
                            _add(seeds[step - op.depth], op.stream, gradient)
                    case snn.Pool2dOp():
                        x, y = self.steps[step][op.input], self.steps[step][op.result]
                        _add(grads, op.input, _pooled_back(op, gradient, x, y))
                    case snn.ReshapeOp():
                        shape = (gradient.shape[0], *shape_of(op.input))
                        _add(grads, op.input, gradient.reshape(shape))
                    case snn.RearrangeOp():
                        size = int(np.prod(shape_of(op.input)))
                        moved = np.zeros((gradient.shape[0], size + 1), np.float32)
                        places = np.where(op.indices < 0, size, op.indices).ravel()
                        np.add.at(moved.T, places, gradient.reshape(gradient.shape[0], -1).T)
                        shape = (gradient.shape[0], *shape_of(op.input))
                        _add(grads, op.input, moved[:, :size].reshape(shape))
                    case snn.ConcatOp():
                        axis = op.axis.value.data
                        sizes = np.cumsum([shape_of(v)[axis] for v in op.inputs])[:-1]
                        for value, part in zip(
                            op.inputs, np.split(gradient, sizes, axis + 1), strict=True
                        ):
                            _add(grads, value, part)
        return weights, parameters

    def _sum_back(
        self,
        op: WeightedSum,
        step: int,
        gradient: Array,
        grads: Values,
        weights: dict[Operation, Array],
    ) -> None:
        weight = self.weight_of(op)
        groups = groups_of(op)
        rows = weight.reshape(groups, weight.shape[0] // groups, -1)
        batch = gradient.shape[0]
        split = gradient.reshape(batch, groups, rows.shape[1], -1).transpose(1, 0, 3, 2)
        split = np.ascontiguousarray(split).reshape(groups, -1, rows.shape[1])
        if op in weights:
            columns = self._columns[step][op]
            weights[op] += np.matmul(split.transpose(0, 2, 1), columns).reshape(weight.shape)
        if not isinstance(op.input.owner, Operation):
            return  # an input of the network
        back = np.matmul(split, rows)
        if isinstance(op, snn.LinearOp):
            _add(grads, op.input, back.reshape(batch, -1))
        else:
            _add(grads, op.input, _windows_back(op, back, batch))

    def _neuron_back(
        self,
        op: snn.NeuronOp,
        step: int,
        grads: Values,
        states: dict[tuple[Operation, int], Array],
        parameters: dict[tuple[Operation, int], Array],
    ) -> None:
        seeds: Values = {}
        for result, scalar in zip(op.outputs, op.terminator.outputs, strict=True):
            gradient = grads.get(result)
            if gradient is not None:
                _add(seeds, scalar, gradient)
        for index, scalar in enumerate(op.terminator.states):
            gradient = states.pop((op, index), None)
            if gradient is not None:
                _add(seeds, scalar, gradient)
        if not seeds:
            return
        found = self.bodies[op].backward(self._scalars[step][op], seeds)
        first = len(op.inputs)
        for index, operand in enumerate(op.operands):
            gradient = found.get(op.body.block.args[index])
            if gradient is None:
                continue
            state = index - first
            if 0 <= state < len(op.initial_states):
                states[op, state] = gradient
            elif (op, index) in parameters:
                shape = parameters[op, index].shape
                parameters[op, index] += summed_to(gradient, shape)
            elif operand in self.steps[step]:
                shape = (self.batch, *shape_of(operand))
                wide = np.broadcast_to(gradient, (self.batch, *op.population))
                _add(grads, operand, _narrowed(wide, shape))


def _narrowed(gradient: Array, shape: tuple[int, ...]) -> Array:
    """A gradient [B, *population] summed to what was broadcast to it, [B, *shape]."""
    missing = gradient.ndim - len(shape)
    padded = (shape[0], *(1,) * missing, *shape[1:])
    return summed_to(gradient, padded).reshape(shape)


def _add(grads: Values, value: SSAValue, gradient: Array) -> None:
    known = grads.get(value)
    grads[value] = gradient if known is None else known + gradient


def _windows_back(
    op: snn.Conv1dOp | snn.Conv2dOp | WeightedSum, columns: Array, batch: int
) -> Array:
    """The adjoint of `columns_of`: windows [groups, B * windows, columns] added to the input."""
    assert isinstance(op, snn.Conv1dOp | snn.Conv2dOp)
    channels, *sizes = shape_of(op.input)
    kernel = shape_of(op.weight)[2:]
    places = shape_of(op.result)[1:]
    groups = op.group_count
    padded = [size + sum(pair) for size, pair in zip(sizes, op.paddings, strict=True)]
    total = np.zeros((batch, groups, channels // groups, *padded), np.float32)
    split = columns.reshape(groups, batch, *places, channels // groups, *kernel)
    for place in product(*(range(size) for size in kernel)):
        window = tuple(
            slice(at * d, at * d + s * (n - 1) + 1, s)
            for at, d, s, n in zip(place, op.dilations, op.strides, places, strict=True)
        )
        # [groups, B, *places, C] -> [B, groups, C, *places]
        part = np.moveaxis(split[(..., *place)], (0, -1), (1, 2))
        total[(slice(None), slice(None), slice(None), *window)] += part
    inside = tuple(
        slice(pair[0], pair[0] + size) for pair, size in zip(op.paddings, sizes, strict=True)
    )
    return total.reshape(batch, channels, *padded)[(slice(None), slice(None), *inside)]


def _taps(op: snn.Pool2dOp) -> list[tuple[slice, slice]]:
    height, width = shape_of(op.result)[1:]
    return [
        (
            slice(i, i + op.strides[0] * (height - 1) + 1, op.strides[0]),
            slice(j, j + op.strides[1] * (width - 1) + 1, op.strides[1]),
        )
        for i in range(op.kernels[0])
        for j in range(op.kernels[1])
    ]


def _divisor(op: snn.Pool2dOp) -> Array:
    """What an average divides by, for each window."""
    if op.pool.data is not Pool.AVG:
        return np.ones((1, 1), np.float32)
    if not op.excludes_padding:
        return np.full((1, 1), op.kernels[0] * op.kernels[1], np.float32)
    inside = sums.pad(np.ones(shape_of(op.input)[1:], np.float32), op.paddings)
    total: Array = np.sum([inside[tap] for tap in _taps(op)], axis=0)
    return total


def _pooled(op: snn.Pool2dOp, x: Array) -> Array:
    largest = op.pool.data is Pool.MAX
    padded = sums.pad(x, op.paddings, -np.inf if largest else 0)
    parts = [padded[(..., *tap)] for tap in _taps(op)]
    join: Callable[[Array, Array], Array] = np.maximum if largest else np.add
    total = parts[0]
    for part in parts[1:]:
        total = join(total, part)
    return (total / _divisor(op)).astype(np.float32)


def _pooled_back(op: snn.Pool2dOp, gradient: Array, x: Array, y: Array) -> Array:
    largest = op.pool.data is Pool.MAX
    padded = sums.pad(x, op.paddings, -np.inf if largest else 0)
    total = np.zeros(padded.shape, np.float32)
    shared = gradient / _divisor(op)
    for tap in _taps(op):
        total[(..., *tap)] += shared * (padded[(..., *tap)] == y) if largest else shared
    (top, _), (left, _) = op.paddings
    height, width = x.shape[-2:]
    return total[..., top : top + height, left : left + width]
