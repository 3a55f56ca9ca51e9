"""
The transposes of the operations without state.

Each takes the gradient of a result to the operands: a sum to the transposed sum, what gathers
to what scatters. They are written in the same operations, so that everything which runs a
network runs its gradients.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.body import Body, Equations, Outputs, Relation, Scalar, build_neuron
from snncc.dialects.snn.linear import ConvolutionOp, WeightedSum
from snncc.dialects.snn.types import is_float, is_spike, shape_of, stream_type
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.integers import as_number
from snncc.passes.differentiation.neurons import transpose_neuron
from snncc.passes.differentiation.transposition import Transposition
from snncc.passes.differentiation.windows import (
    gathered_windows,
    scattered,
    spread_gradient,
    unfolded_places,
)

Operands = dict[str, SSAValue]

Rule = Callable[[Transposition, Any, SSAValue], None]
"""(the program being written, operation, gradient of its result)."""


def _add(t: Transposition, op: snn.AddOp, g: SSAValue) -> None:
    for operand in op.inputs:
        t.give(operand, lambda: g)


def _summed(t: Transposition, op: WeightedSum) -> SSAValue:
    """The input as a sum reads it: those of integers signed numbers, those of floats counts."""
    of_floats = is_float(stream_type(op.result).element_type)
    return t.value(op.input) if of_floats else t.number(op.input)


def _linear(t: Transposition, op: snn.LinearOp, g: SSAValue) -> None:
    outputs, inputs = shape_of(op.weight)

    def of_input() -> SSAValue:
        places = np.arange(outputs * inputs).reshape(outputs, inputs).T
        return t.insert(snn.LinearOp(g, t.rearrange(t.number(op.weight), places)))

    def of_weight() -> SSAValue:
        left = t.reshape(g, (1, outputs, 1))
        right = t.reshape(_summed(t, op), (1, inputs, 1))
        return t.insert(snn.OuterOp(left, right, t.element))

    t.give(op.input, of_input)
    t.give(op.weight, of_weight)
    if op.bias is not None:
        t.give(op.bias, lambda: g)


def _convolution(t: Transposition, op: ConvolutionOp, g: SSAValue) -> None:
    groups, (outputs, per_group, *kernel) = op.group_count, shape_of(op.weight)
    own = outputs // groups
    positions = prod(shape_of(op.result)[1:])

    def of_input() -> SSAValue:
        # [group, own output, input, kernel] -> [group, input, own output, flipped kernel]
        count = prod(shape_of(op.weight))
        places = np.arange(count).reshape(groups, own, per_group, *kernel)
        flipped = np.flip(places.swapaxes(1, 2), axis=tuple(range(3, 3 + len(kernel))))
        weight = t.rearrange(t.number(op.weight), flipped.reshape(groups * per_group, own, *kernel))
        rank = op.RANK
        return t.insert(
            type(op)(
                t.rearrange(g, spread_gradient(op)),
                weight,
                stride=[1] * rank,
                padding=[0] * (2 * rank),
                dilation=op.dilations,
                groups=groups,
            )
        )

    def of_weight() -> SSAValue:
        left = t.reshape(g, (groups, own, positions))
        right = t.rearrange(_summed(t, op), unfolded_places(op))
        return t.insert(snn.OuterOp(left, right, t.element))

    t.give(op.input, of_input)
    t.give(op.weight, of_weight)
    if op.bias is not None:
        spatial = (1,) * len(kernel)
        t.give(op.bias, lambda: t.insert(snn.ReduceOp("sum", g, (outputs, *spatial))))


def _pool(t: Transposition, op: snn.Pool2dOp, g: SSAValue) -> None:
    def of_input() -> SSAValue:
        windows = gathered_windows(op)
        if op.pool.data is Pool.MAX:
            parts = _of_maximum(t, op, g, windows)
        elif op.pool.data is Pool.SUM:
            parts = [g] * len(windows)
        else:
            inside = sum((places >= 0).astype(np.int64) for places in windows)
            counted = inside if op.excludes_padding else prod(op.kernels) + 0 * inside
            divisor = t.constant(1.0 / counted)
            parts = [t.insert(snn.ScaleOp(g, divisor))] * len(windows)
        shape = shape_of(op.input)
        moved = [
            t.rearrange(part, scattered(places, shape))
            for part, places in zip(parts, windows, strict=True)
        ]
        return moved[0] if len(moved) == 1 else t.insert(snn.AddOp(moved, t.element))

    t.give(op.input, of_input)


def _of_maximum(
    t: Transposition, op: snn.Pool2dOp, g: SSAValue, windows: list[npt.NDArray[np.int64]]
) -> list[SSAValue]:
    """The gradient goes to the first largest element of a window, as in PyTorch."""
    x = t.value(op.input)
    elements = {f"x{index}": t.rearrange(x, places) for index, places in enumerate(windows)}
    inside = {
        f"inside{index}": t.insert(snn.ConstantOp(dense_of(places >= 0)))
        for index, places in enumerate(windows)
        if (places < 0).any()
    }

    def equations(b: Body, g: Scalar, **p: Scalar) -> Outputs:
        numbers: list[Scalar] = []
        for index in range(len(windows)):
            number = as_number(b, p[f"x{index}"])
            known = p.get(f"inside{index}")
            outside = b.constant(-math.inf)
            numbers.append(number if known is None else b.select(known, number, outside))
        zero = b.constant(0.0)
        parts: list[Scalar] = []
        for index, mine in enumerate(numbers):
            part = g
            for other, value in enumerate(numbers):
                if other != index:
                    relation: Relation = "gt" if other < index else "ge"
                    part = b.select(b.compare(relation, mine, value), part, zero)
            parts.append(part)
        return parts, []

    return _map(t, {"g": g, **elements, **inside}, equations, shape_of(op.result))


def _map(
    t: Transposition,
    inputs: dict[str, SSAValue],
    equations: Equations,
    shape: tuple[int, ...],
) -> list[SSAValue]:
    """Elementwise: a neuron without state."""
    neuron = build_neuron(
        equations,
        inputs=inputs,
        states={},
        parameters={},
        population=shape,
        float_type=t.element,
    )
    t.insert(neuron)
    return list(neuron.outputs)


def _reshape(t: Transposition, op: snn.ReshapeOp, g: SSAValue) -> None:
    t.give(op.input, lambda: t.reshape(g, shape_of(op.input)))


def _rearrange(t: Transposition, op: snn.RearrangeOp, g: SSAValue) -> None:
    shape = shape_of(op.input)

    def of_input() -> SSAValue:
        places = op.indices.ravel()
        count = prod(shape)
        here = np.flatnonzero(places >= 0)
        order = here[np.argsort(places[here], kind="stable")]
        used = np.bincount(places[here], minlength=count)
        most = int(used.max(initial=0))
        # each element's uses beside each other, ascending, filled up with zeros
        starts = np.cumsum(used) - used
        column = np.arange(len(order)) - np.repeat(starts, used)
        table = np.full((count, max(most, 1)), -1, np.int64)
        table[places[order], column] = order
        if most <= 1:
            return t.rearrange(g, table.reshape(shape))
        spread = t.rearrange(g, table)
        return t.reshape(t.insert(snn.ReduceOp("sum", spread, (count, 1))), shape)

    t.give(op.input, of_input)


def _concat(t: Transposition, op: snn.ConcatOp, g: SSAValue) -> None:
    axis, start = op.axis.value.data, 0
    places = np.arange(prod(shape_of(op.result))).reshape(shape_of(op.result))
    for operand in op.inputs:
        size = shape_of(operand)[axis]
        part = np.take(places, range(start, start + size), axis)
        t.give(operand, partial(t.rearrange, g, part))
        start += size


def _reduce(t: Transposition, op: snn.ReduceOp, g: SSAValue) -> None:
    shape = shape_of(op.input)

    def broadcast(value: SSAValue) -> SSAValue:
        def equations(b: Body, x: Scalar) -> Outputs:
            return [x], []

        return _map(t, {"x": value}, equations, shape)[0]

    def of_maximum() -> SSAValue:
        """Shared by all that are the largest, as in PyTorch's amax."""
        x, y = t.value(op.input), t.value(op.result)
        if is_spike(stream_type(x).element_type):
            raise NoDerivative("the gradient of a maximum of spikes")

        def equal(b: Body, x: Scalar, y: Scalar) -> Outputs:
            return [b.compare("eq", x, y)], []

        (hits,) = _map(t, {"x": x, "y": y}, equal, shape)
        count = t.insert(snn.ReduceOp("sum", hits, shape_of(op.result), element=t.element))

        def shared(b: Body, g: Scalar, hit: Scalar, n: Scalar) -> Outputs:
            return [b.select(hit, g / n, b.constant(0.0))], []

        return _map(t, {"g": g, "hit": hits, "n": count}, shared, shape)[0]

    largest = op.pool.data is Pool.MAX
    t.give(op.input, of_maximum if largest else lambda: broadcast(g))


def _outer(t: Transposition, op: snn.OuterOp, g: SSAValue) -> None:
    def turned(value: SSAValue) -> SSAValue:
        places = np.arange(prod(shape_of(value))).reshape(shape_of(value))
        return t.rearrange(value, places.swapaxes(1, 2))

    t.give(op.left, lambda: t.insert(snn.OuterOp(g, turned(t.value(op.right)), t.element)))
    t.give(op.right, lambda: t.insert(snn.OuterOp(turned(g), turned(t.value(op.left)), t.element)))


def _by_body(t: Transposition, op: Operation, g: SSAValue) -> None:
    """What is one expression for each element is differentiated as the body that says it."""
    inputs, parameters, equations = _as_body(op)
    neuron = build_neuron(
        equations,
        inputs=inputs,
        states={},
        parameters=parameters,
        population=shape_of(op.results[0]),
        float_type=t.element,
    )
    Rewriter.insert_op(neuron, InsertPoint.before(op))  # its surrogate may be a symbol
    transpose_neuron(t, neuron, [g], [], [], runs=False)
    Rewriter.erase_op(neuron)


def _as_body(op: Operation) -> tuple[Operands, Operands, Equations]:
    """Inputs, parameters and the body of a scale, threshold or batch norm."""
    match op:
        case snn.ScaleOp():

            def scale(b: Body, x: Scalar, s: Scalar) -> Outputs:
                return [_float(b, x) * s], []

            return {"x": op.input}, {"s": op.factor}, scale
        case snn.ThresholdOp():
            comparison, surrogate = op.comparison.data, op.surrogate

            def threshold(b: Body, x: Scalar, theta: Scalar) -> Outputs:
                return [b.spike(x - theta, comparison, surrogate)], []

            return {"x": op.input}, {"theta": op.threshold}, threshold
        case _:
            raise NoDerivative(f"{op.name} has no derivative")


def _batch_norm(t: Transposition, op: snn.BatchNormOp, g: SSAValue) -> None:
    """Through the statistics, too, which evaluation holds fixed but a user may train."""
    epsilon = op.epsilon.value.data
    statistics = ("gamma", "beta", "mean", "variance")
    operands = (op.gamma, op.beta, op.mean, op.variance)
    channels = (-1, *(1,) * (len(shape_of(op.input)) - 1))
    shape = (shape_of(op.gamma)[0], *channels[1:])

    def normalised(
        b: Body, x: Scalar, gamma: Scalar, beta: Scalar, mean: Scalar, variance: Scalar
    ) -> Outputs:
        return [(_float(b, x) - mean) * (gamma / b.sqrt(variance + epsilon)) + beta], []

    reshaped = [snn.ReshapeOp(operand, shape) for operand in operands]
    for reshape in reshaped:
        Rewriter.insert_op(reshape, InsertPoint.before(op))
        if t.is_active(reshape.input):
            t.active.add(reshape.result)
    neuron = build_neuron(
        normalised,
        inputs={"x": op.input},
        states={},
        parameters=dict(zip(statistics, (r.result for r in reshaped), strict=True)),
        population=shape_of(op.result),
        float_type=t.element,
    )
    Rewriter.insert_op(neuron, InsertPoint.before(op))
    transpose_neuron(t, neuron, [g], [], [], runs=False)
    for reshape in reshaped:
        for found in t.fixed.pop(reshape.result, []):
            t.fixed.setdefault(reshape.input, []).append(found)
        total = t.total(reshape.result)
        if total is not None:
            t.give(reshape.input, partial(t.reshape, total, shape_of(total)))
    Rewriter.erase_op(neuron)
    for reshape in reshaped:
        Rewriter.erase_op(reshape)


def _float(b: Body, x: Scalar) -> Scalar:
    return x if is_float(x.element) else b.to_float(x)


RULES: dict[type[Operation], Rule] = {
    snn.AddOp: _add,
    snn.BatchNormOp: _batch_norm,
    snn.ConcatOp: _concat,
    snn.Conv1dOp: _convolution,
    snn.Conv2dOp: _convolution,
    snn.LinearOp: _linear,
    snn.OuterOp: _outer,
    snn.Pool2dOp: _pool,
    snn.RearrangeOp: _rearrange,
    snn.ReduceOp: _reduce,
    snn.ReshapeOp: _reshape,
    snn.ScaleOp: _by_body,
    snn.ThresholdOp: _by_body,
}
"""Operation without state -> its transpose."""
