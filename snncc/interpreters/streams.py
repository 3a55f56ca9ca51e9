"""
What the stateless operations of `snn` mean, on arrays [M, *shape]: M holds the samples of a
batch and the steps of a block.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Attribute, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, batch_norm_factors, dtype_of, rearranged
from snncc.dialects.snn.attributes import Comparison, Pool
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import integer_width, is_spike, shape_of, stream_type
from snncc.interpreters import sums
from snncc.interpreters.scalars import maximum, signed, to_stream


def as_rows(x: Array, stream: SSAValue) -> Array:
    """A stream as [M, *shape]: a constant stands in for every row as one."""
    return x[None] if x.ndim == len(shape_of(stream)) else x


def as_float(x: Array, like: Array) -> Array:
    """Spikes and counts as the floats that sums are made of."""
    return x if x.dtype == like.dtype else x.astype(like.dtype)


def aligned(value: Array, shape: Sequence[int], rank: int) -> Array:
    """A stream [M, *shape] with axes of size 1 after M, so that it broadcasts to `rank` axes."""
    if value.ndim == len(shape) + 1 and len(shape) < rank:
        return value.reshape(value.shape[0], *(1,) * (rank - len(shape)), *shape)
    return value


@register_impls
class StreamFunctions(InterpreterFunctions):
    """The stateless operations on arrays [M, *shape]."""

    def __init__(self, blas: bool = False):
        self.blas = blas

    @impl(snn.LinearOp)
    def linear(
        self, interpreter: Interpreter, op: snn.LinearOp, args: PythonValues
    ) -> PythonValues:
        def run(x: Array, weight: Array, bias: Array | None, blas: bool) -> Array:
            return sums.linear(x, weight, bias, bias_first=op.adds_bias_first, blas=blas)

        return (self._sum(op, args, run),)

    @impl(snn.Conv1dOp)
    def conv1d(
        self, interpreter: Interpreter, op: snn.Conv1dOp, args: PythonValues
    ) -> PythonValues:
        return (self._convolution(op, args),)

    @impl(snn.Conv2dOp)
    def conv2d(
        self, interpreter: Interpreter, op: snn.Conv2dOp, args: PythonValues
    ) -> PythonValues:
        return (self._convolution(op, args),)

    def _convolution(self, op: snn.Conv1dOp | snn.Conv2dOp, args: PythonValues) -> Array:
        def run(x: Array, weight: Array, bias: Array | None, blas: bool) -> Array:
            return sums.convolution(op, x, weight, bias, blas=blas)

        return self._sum(op, args, run)

    def _sum(
        self,
        op: WeightedSum,
        args: PythonValues,
        run: Callable[[Array, Array, Array | None, bool], Array],
    ) -> Array:
        """A weighted sum: of floats in the declared order, of integers modulo their width."""
        x, weight, *rest = args
        x, bias = as_rows(x, op.input), rest[0] if rest else None
        element = stream_type(op.result).element_type
        if isinstance(element, AnyFloat):
            return run(as_float(x, weight), weight, bias, self.blas)
        x = signed(x, stream_type(op.input).element_type)
        weight = signed(weight, stream_type(op.weight).element_type)
        terms = weight[0].size
        x, weight = sums.integer_operands(x, weight, terms)
        total = run(x, weight, None, True).astype(np.int64)
        if bias is not None:
            spatial = (1,) * (total.ndim - 2)
            total += signed(bias, element).reshape(-1, *spatial)
        return to_stream(total, element)

    @impl(snn.Pool2dOp)
    def pool2d(
        self, interpreter: Interpreter, op: snn.Pool2dOp, args: PythonValues
    ) -> PythonValues:
        (x,) = args
        x = as_rows(x, op.input)
        element = stream_type(op.result).element_type
        dtype = dtype_of(element)
        largest = op.pool.data is Pool.MAX
        outside = lowest(element) if largest else 0
        if isinstance(element, AnyFloat):
            x = x.astype(dtype)
        else:
            x = signed(x, stream_type(op.input).element_type)
        padded = sums.pad(x, op.paddings, outside)
        inside = (
            sums.pad(np.ones(x.shape[-2:], dtype), op.paddings) if op.excludes_padding else None
        )
        total: Array | None = None
        divisor: Any = dtype.type(op.kernels[0] * op.kernels[1])
        counted: Array | None = None
        height, width = shape_of(op.result)[1:]
        for i in range(op.kernels[0]):
            for j in range(op.kernels[1]):
                window = (
                    ...,
                    slice(i, i + op.strides[0] * (height - 1) + 1, op.strides[0]),
                    slice(j, j + op.strides[1] * (width - 1) + 1, op.strides[1]),
                )
                tap = padded[window]
                if total is None:
                    total = tap.copy() if largest else np.zeros_like(tap) + tap
                else:
                    total = largest_of(total, tap) if largest else total + tap
                if inside is not None:
                    counted = inside[window] + (0 if counted is None else counted)
        assert total is not None
        if op.pool.data is Pool.AVG:
            total = total / (divisor if counted is None else counted)
        return (to_stream(total, element),)

    @impl(snn.ReshapeOp)
    def reshape(
        self, interpreter: Interpreter, op: snn.ReshapeOp, args: PythonValues
    ) -> PythonValues:
        return (args[0].reshape(args[0].shape[0], *shape_of(op.result)),)

    @impl(snn.RearrangeOp)
    def rearrange(
        self, interpreter: Interpreter, op: snn.RearrangeOp, args: PythonValues
    ) -> PythonValues:
        x = as_rows(args[0], op.input)
        return (rearranged(x.reshape(x.shape[0], -1), op.indices),)

    @impl(snn.ConcatOp)
    def concat(
        self, interpreter: Interpreter, op: snn.ConcatOp, args: PythonValues
    ) -> PythonValues:
        parts = [as_rows(x, value) for x, value in zip(args, op.inputs, strict=True)]
        rows = max(part.shape[0] for part in parts)
        parts = [np.broadcast_to(part, (rows, *part.shape[1:])) for part in parts]
        return (np.concatenate(parts, axis=op.axis.value.data + 1),)

    @impl(snn.AddOp)
    def add(self, interpreter: Interpreter, op: snn.AddOp, args: PythonValues) -> PythonValues:
        dtype = dtype_of(stream_type(op.result).element_type)
        total = args[0].astype(dtype)
        for value in args[1:]:
            total = total + value.astype(dtype)
        return (total,)

    @impl(snn.ReduceOp)
    def reduce(
        self, interpreter: Interpreter, op: snn.ReduceOp, args: PythonValues
    ) -> PythonValues:
        x = as_rows(args[0], op.input)
        axes = tuple(axis + 1 for axis in op.axes)
        shape = (x.shape[0], *shape_of(op.result))
        if op.pool.data is Pool.SUM:
            total = sums.reduced(x.astype(dtype_of(stream_type(op.result).element_type)), axes)
            return (total.reshape(shape),)
        element = stream_type(op.input).element_type
        rest = [axis for axis in range(x.ndim) if axis not in axes]
        numbers = x if isinstance(element, AnyFloat) else signed(x, element)
        rows = numbers.transpose(*axes, *rest).reshape(-1, *(x.shape[a] for a in rest))
        most = rows[0]
        for row in rows[1:]:
            most = largest_of(most, row)
        return (most.astype(x.dtype).reshape(shape),)

    @impl(snn.OuterOp)
    def outer(self, interpreter: Interpreter, op: snn.OuterOp, args: PythonValues) -> PythonValues:
        return (self.outer_of(op, args),)

    def outer_of(self, op: snn.OuterOp, args: Sequence[Array]) -> Array:
        """[M, G, N, K] of operands [M, G, N or K, P], or of one that is the same for all M."""
        dtype = dtype_of(stream_type(op.result).element_type)
        left, right = (
            as_rows(x, value).astype(dtype)
            for x, value in zip(args, (op.left, op.right), strict=True)
        )
        if self.blas:
            return np.asarray(left @ right.swapaxes(-1, -2))
        return sums.outer(left, right)

    @impl(snn.ScaleOp)
    def scale(self, interpreter: Interpreter, op: snn.ScaleOp, args: PythonValues) -> PythonValues:
        x, factor = args
        return (as_float(x, factor) * factor,)

    @impl(snn.BatchNormOp)
    def batch_norm(
        self, interpreter: Interpreter, op: snn.BatchNormOp, args: PythonValues
    ) -> PythonValues:
        x, gamma, beta, mean, variance = args
        x = as_rows(x, op.input)
        a, b = batch_norm_factors(gamma, beta, mean, variance, op.epsilon.value.data)
        spatial = (1,) * (x.ndim - 2)
        x = as_float(x, a)
        return (x * a.reshape(-1, *spatial) + b.reshape(-1, *spatial),)

    @impl(snn.ThresholdOp)
    def threshold(
        self, interpreter: Interpreter, op: snn.ThresholdOp, args: PythonValues
    ) -> PythonValues:
        difference = args[0] - args[1]
        fires = difference > 0 if op.comparison.data is Comparison.GT else difference >= 0
        return (fires.astype(np.uint8),)


def lowest(element: Attribute) -> float:
    """What no element is below: where a maximum starts."""
    if isinstance(element, AnyFloat):
        return -np.inf
    return 0 if is_spike(element) else -(1 << (integer_width(element) - 1))


def largest_of(a: Array, b: Array) -> Array:
    """Of floats, or of signed integers."""
    return maximum(a, b) if a.dtype.kind == "f" else np.maximum(a, b)
