"""
What a network computes of parameters alone, with the bits that every step would give it.

Operations whose results are the same at every step, and the scalars of bodies that follow
from parameters. Each operation of a body is one operation of NumPy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, IntegerType, f32, f64, i1
from xdsl.ir import Attribute, Block, Operation, SSAValue

from snncc.dialects.snn.attributes import Comparison, Pool
from snncc.dialects.snn.functions import FUNCTIONS, apply
from snncc.dialects.snn.neuron import NeuronOp, NextOp
from snncc.dialects.snn.parameters import ConstantOp, UseOp
from snncc.dialects.snn.shape import ConcatOp, Pool2dOp, RearrangeOp, ReshapeOp
from snncc.dialects.snn.spikes import DetachOp, SpikeOp
from snncc.dialects.snn.straight_through import StraightThroughOp, read_forward
from snncc.dialects.snn.types import shape_of, stream_type

Array = npt.NDArray[Any]

DTYPES: dict[Attribute, type[np.generic]] = {
    f32: np.float32,
    f64: np.float64,
    i1: np.uint8,
    IntegerType(8): np.uint8,
    IntegerType(16): np.uint16,
    IntegerType(32): np.uint32,
}
"""Of the scalars that are known here: floats, spikes as 0 or 1, integers as their bits."""


def is_fixed(op: Operation) -> bool:
    """
    Whether an operation's result is the same at every step: parameters, constants, and what
    is computed of these alone. A neuron is one of these where it has neither inputs nor
    states.
    """
    seen: set[Operation] = set()
    stack = [op]
    while stack:
        source = stack.pop()
        if source in seen or isinstance(source, UseOp | ConstantOp):
            continue
        seen.add(source)
        if not source.operands or not _is_evaluated(source):
            return False
        for operand in source.operands:
            if not isinstance(operand.owner, Operation):
                return False
            stack.append(operand.owner)
    return True


def used_parameters(op: Operation) -> list[str]:
    """The parameters that the result of an operation which `is_fixed` follows from."""
    return [use.symbol for use in _uses(op)]


def learnable_sources(op: Operation) -> list[str]:
    """Those of its parameters that are learnable; of an operation that is not fixed none."""
    return [u.symbol for u in _uses(op) if u.declaration.is_learnable] if is_fixed(op) else []


def _uses(op: Operation) -> list[UseOp]:
    found: dict[str, UseOp] = {}
    stack = [op]
    while stack:
        source = stack.pop()
        if isinstance(source, UseOp):
            found[source.symbol] = source
        stack.extend(v.owner for v in source.operands if isinstance(v.owner, Operation))
    return list(found.values())


def _is_evaluated(op: Operation) -> bool:
    """Whether `evaluated` knows an operation, if what it reads is fixed."""
    match op:
        case ReshapeOp() | RearrangeOp() | ConcatOp():
            return True
        case NeuronOp():
            bare = not op.inputs and not op.initial_states
            return bare and (all(map(_is_known, op.body.block.ops)) or _is_whole(op))
        case Pool2dOp():
            return _is_reduction(op) and stream_type(op.result).element_type in (f32, f64)
        case _:
            return False


def evaluated(op: Operation, operands: Sequence[Array]) -> list[Array]:
    """The results of an operation that `is_fixed` on what its operands always hold."""
    match op:
        case NeuronOp():
            known: dict[SSAValue, Array] = dict(zip(op.body.block.args, operands, strict=True))
            values = (_whole_scalars if _is_whole(op) else scalars_of)(op.body.block, known)
            wide = (np.broadcast_to(values[v], op.population) for v in op.terminator.outputs)
            return [np.ascontiguousarray(array) for array in wide]
        case ReshapeOp():
            return [operands[0].reshape(shape_of(op.result))]
        case RearrangeOp():
            return [rearranged(operands[0].reshape(1, -1), op.indices)[0]]
        case ConcatOp():
            return [np.concatenate(operands, axis=op.axis.value.data)]
        case Pool2dOp():
            return [_reduced(op, operands[0])]
        case _:
            raise AssertionError(f"{op.name} is not fixed")


def rearranged(rows: Array, places: npt.NDArray[Any]) -> Array:
    """Rows [M, elements] as [M, *places]: each element from its place, 0 where that is below 0."""
    found = rows[:, places]
    found[:, places < 0] = 0
    return found


def _is_reduction(op: Pool2dOp) -> bool:
    """One window as high as the input: the sum, mean or maximum over that axis."""
    rows = shape_of(op.input)[1]
    return op.kernels == (rows, 1) and op.strides == (1, 1) and not np.any(op.paddings)


def _reduced(op: Pool2dOp, x: Array) -> Array:
    x = x.astype(DTYPES[stream_type(op.result).element_type])
    rows = x.shape[1]
    total = x[:, 0] if op.pool.data is Pool.MAX else np.zeros_like(x[:, 0]) + x[:, 0]
    for row in range(1, rows):
        total = _maximum(total, x[:, row]) if op.pool.data is Pool.MAX else total + x[:, row]
    return (total / x.dtype.type(rows) if op.pool.data is Pool.AVG else total)[:, None]


# --- bodies


def scalars_of(block: Block, known: dict[SSAValue, Array]) -> dict[SSAValue, Array]:
    """The values of a body that follow from some of its arguments, with these."""
    values = dict(known)
    for op in block.ops:
        if _is_known(op) and op.results and all(v in values for v in read_forward(op)):
            with np.errstate(all="ignore"):
                values[op.results[0]] = _scalar(op, [values[v] for v in read_forward(op)])
    return values


def _is_known(op: Operation) -> bool:
    if isinstance(op, NextOp):
        return True
    if any(value.type not in DTYPES for value in (*read_forward(op), *op.results)):
        return False
    if isinstance(op, arith.CmpfOp):
        return op.predicate.value.data in _PREDICATES
    if isinstance(op, SpikeOp):
        return isinstance(op.argument.type, AnyFloat)
    known = isinstance(op, arith.ConstantOp | arith.FPToSIOp | arith.SIToFPOp)
    return known or type(op) in FUNCTIONS or type(op) in _ARITHMETIC


def _is_whole(op: NeuronOp) -> bool:
    """Whether a body has integers alone: parameters that are stored with more bits."""
    return all(
        isinstance(inner, NextOp | arith.ConstantOp) or type(inner) in _WHOLE
        for inner in op.body.block.ops
    ) and all(
        value.type in DTYPES and not isinstance(value.type, AnyFloat)
        for inner in op.body.block.ops
        for value in (*inner.operands, *inner.results)
    )


def _whole_scalars(block: Block, known: dict[SSAValue, Array]) -> dict[SSAValue, Array]:
    values = dict(known)
    for op in block.ops:
        if not op.results:
            continue
        dtype = np.dtype(DTYPES[op.results[0].type])
        if isinstance(op, arith.ConstantOp):
            values[op.result] = _scalar(op, [])
            continue
        operands = [values[v].view(f"i{values[v].itemsize}").astype(np.int64) for v in op.operands]
        found = np.asarray(_WHOLE[type(op)](*operands))
        values[op.results[0]] = found.astype(f"i{dtype.itemsize}").view(dtype)
    return values


def _scalar(op: Operation, operands: Sequence[Array]) -> Array:
    dtype = DTYPES[op.results[0].type]
    if isinstance(op, arith.ConstantOp) and isinstance(op.value, FloatAttr | IntegerAttr):
        number = op.value.value.data
        if op.result.type == i1:
            number = abs(number)
        return np.asarray(number).astype(dtype)
    if type(op) in FUNCTIONS:
        return np.asarray(apply(op, operands))
    if isinstance(op, arith.FPToSIOp):
        return _to_integer(operands[0], dtype)
    if isinstance(op, arith.SIToFPOp):
        return operands[0].view(np.dtype(f"i{operands[0].itemsize}")).astype(dtype)
    if isinstance(op, SpikeOp):
        x = operands[0]
        return np.asarray(x > 0 if op.comparison.data is Comparison.GT else x >= 0).astype(dtype)
    rule: Callable[..., Array] = (
        _PREDICATES[op.predicate.value.data]
        if isinstance(op, arith.CmpfOp)
        else _ARITHMETIC[type(op)]
    )
    return np.asarray(rule(*operands)).astype(dtype)


def _to_integer(x: Array, dtype: type[np.generic]) -> Array:
    """Truncated, saturated, NaN as 0: the bits of a signed number."""
    signed = np.iinfo(np.dtype(f"i{np.dtype(dtype).itemsize}"))
    whole = np.clip(np.nan_to_num(x, nan=0.0).astype(np.float64), signed.min, signed.max)
    return np.trunc(whole).astype(signed.dtype).view(dtype)


def _maximum(a: Array, b: Array) -> Array:
    """IEEE 754-2019 maximum: NaN propagates, -0 is below +0."""
    return np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b))


def _minimum(a: Array, b: Array) -> Array:
    return np.where(a == b, np.where(np.signbit(a), a, b), np.minimum(a, b))


_PREDICATES: dict[int, Callable[[Array, Array], Array]] = {
    1: lambda a, b: a == b,
    2: lambda a, b: a > b,
    3: lambda a, b: a >= b,
    4: lambda a, b: a < b,
    5: lambda a, b: a <= b,
    13: lambda a, b: a != b,
}
"""By MLIR's number: the ordered ones that are written often, and `une`."""

_WHOLE: dict[type[Operation], Callable[..., Array]] = {
    arith.ExtSIOp: lambda a: a,
    arith.TruncIOp: lambda a: a,
    arith.AddiOp: lambda a, b: a + b,
    arith.AndIOp: lambda a, b: a & b,
    arith.ShRSIOp: lambda a, b: a >> b,
}
"""Of signed numbers, which wrap."""

_ARITHMETIC: dict[type[Operation], Callable[..., Array]] = {
    arith.AddfOp: lambda a, b: a + b,
    arith.SubfOp: lambda a, b: a - b,
    arith.MulfOp: lambda a, b: a * b,
    arith.DivfOp: lambda a, b: a / b,
    arith.NegfOp: lambda a: -a,
    arith.MaximumfOp: _maximum,
    arith.MinimumfOp: _minimum,
    arith.AndIOp: lambda a, b: a & b,
    arith.OrIOp: lambda a, b: a | b,
    arith.XOrIOp: lambda a, b: a ^ b,
    arith.SelectOp: lambda c, a, b: np.asarray(np.where(c != 0, a, b)),
    arith.UIToFPOp: lambda a: a,
    DetachOp: lambda a: a,
    StraightThroughOp: lambda a: a,
}
"""Of floats and bits: what a network computes of parameters."""
