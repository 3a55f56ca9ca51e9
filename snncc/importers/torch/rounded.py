"""
Sums whose order makes no difference: taken in float64, and rounded to float32 once.

torch, its libraries and the interpreter add in orders of their own, and a spike may turn on
the last bit. Where both sides round the same sum, what is left to differ is what they
compute.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map
from xdsl.dialects.builtin import Float32Type, ModuleOp
from xdsl.interpreter import Interpreter, PythonValues, impl, register_impls

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.network import NetworkInterpreter
from snncc.interpreters.streams import StreamFunctions, as_rows

_SUMS = frozenset(
    f"aten::{name}"
    for name in (
        *("mm", "addmm", "bmm", "baddbmm", "mv", "addmv", "dot", "linear"),
        *("convolution", "_convolution", "sum", "mean"),
        *("avg_pool1d", "avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool1d"),
        *("native_batch_norm", "_native_batch_norm_legit_no_training"),
    )
)


class RoundedSums(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """torch's operators that sum, in float64 where their arguments are float32."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if func._schema.name not in _SUMS or func._schema.is_mutable or _trains(func, args):
            return func(*args, **kwargs)
        given, named = tree_map(_wide, (args, kwargs))
        wide = func(*given, **named)
        floats = any(t.dtype == torch.float32 for t in args if isinstance(t, torch.Tensor))
        return tree_map(_narrow, wide) if floats else wide


def _trains(func: Any, args: Sequence[Any]) -> bool:
    """Statistics are written: into copies they would be lost."""
    return func._schema.name == "aten::native_batch_norm" and len(args) > 5 and bool(args[5])


def _wide(value: Any) -> Any:
    floats = isinstance(value, torch.Tensor) and value.dtype == torch.float32
    return value.double() if floats else value


def _narrow(value: Any) -> Any:
    floats = isinstance(value, torch.Tensor) and value.dtype == torch.float64
    return value.float() if floats else value


@register_impls
class _RoundedStreams(StreamFunctions):
    def _sum(
        self,
        op: WeightedSum,
        args: PythonValues,
        run: Callable[[Array, Array, Array | None, bool], Array],
    ) -> Array:
        if not isinstance(stream_type(op.result).element_type, Float32Type):
            return super()._sum(op, args, run)
        x, weight, *rest = (np.asarray(value, np.float64) for value in args)
        total = run(as_rows(x, op.input), weight, rest[0] if rest else None, True)
        return total.astype(np.float32)

    @impl(snn.Pool2dOp)
    def pool2d(
        self, interpreter: Interpreter, op: snn.Pool2dOp, args: PythonValues
    ) -> PythonValues:
        element = stream_type(op.result).element_type
        if op.pool.data is Pool.MAX or not isinstance(element, Float32Type):
            return super().pool2d(interpreter, op, args).values
        x = torch.from_numpy(as_rows(np.asarray(args[0]), op.input).astype(np.float64))
        (top, bottom), (left, right) = op.paddings
        sides = (left, right, top, bottom)

        def summed(of: torch.Tensor) -> torch.Tensor:
            padded = torch.nn.functional.pad(of, sides)
            kernel, stride = list(op.kernels), list(op.strides)
            return torch.nn.functional.avg_pool2d(padded, kernel, stride, divisor_override=1)

        total = summed(x)
        height, width = shape_of(op.result)[1:]  # a window that hangs over is left out
        if op.pool.data is Pool.AVG:
            inside = summed(torch.ones_like(x[:1])) if op.excludes_padding else None
            total = total / (op.kernels[0] * op.kernels[1] if inside is None else inside)
        return (total[..., :height, :width].numpy().astype(np.float32),)

    @impl(snn.ReduceOp)
    def reduce(
        self, interpreter: Interpreter, op: snn.ReduceOp, args: PythonValues
    ) -> PythonValues:
        x = as_rows(np.asarray(args[0]), op.input)
        floats = isinstance(stream_type(op.result).element_type, Float32Type)
        if op.pool.data is not Pool.SUM or not floats:
            return super().reduce(interpreter, op, args).values
        total = x.astype(np.float64).sum(axis=tuple(axis + 1 for axis in op.axes))
        return (total.reshape(x.shape[0], *shape_of(op.result)).astype(np.float32),)

    @impl(snn.BatchNormOp)
    def batch_norm(
        self, interpreter: Interpreter, op: snn.BatchNormOp, args: PythonValues
    ) -> PythonValues:
        if not isinstance(stream_type(op.result).element_type, Float32Type):
            return super().batch_norm(interpreter, op, args).values
        x, gamma, beta, mean, variance = (np.asarray(value, np.float64) for value in args)
        x = as_rows(x, op.input)
        spatial = (-1, *(1,) * (x.ndim - 2))
        factor = gamma / np.sqrt(variance + op.epsilon.value.data)
        y = (x - mean.reshape(spatial)) * factor.reshape(spatial) + beta.reshape(spatial)
        return (y.astype(np.float32),)


class RoundedNetwork(NetworkInterpreter):
    """The interpreter of a network with such sums."""

    def __init__(self, module: ModuleOp, network: snn.NetworkOp):
        super().__init__(module, network, blas=True)
        self._streams = _RoundedStreams(blas=True)
        self._interpreter.register_implementations(self._streams, override=True)
