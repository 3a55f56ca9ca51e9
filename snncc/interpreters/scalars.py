"""
The arithmetic of bodies on arrays: one NumPy operation for each operation of a body.

A float scalar is a float32 or float64 array: each operation rounds once, as in C without
contraction. An integer scalar of width w is an int64 array that holds the value of its
w bits read as a signed number; `i1` holds 0 or 1.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IndexType, IntegerAttr, IntegerType
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    impl,
    register_impls,
)
from xdsl.ir import Attribute, Block, Operation

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dtype_of
from snncc.dialects.snn.attributes import Comparison
from snncc.dialects.snn.functions import apply
from snncc.dialects.snn.types import integer_width


def wrap(values: Array, type: Attribute) -> Array:
    """Integers reduced to the width of their type, as signed numbers; `i1` as 0 or 1."""
    integers = np.asarray(values, np.int64)
    if isinstance(type, IndexType):
        return integers
    width = integer_width(type)
    if width == 1:
        return integers & 1
    if width >= 64:
        return integers
    half = 1 << (width - 1)
    return ((integers + half) & ((1 << width) - 1)) - half


def unsigned(values: Array, type: Attribute) -> Array:
    """The same bits read as an unsigned number."""
    width = integer_width(type)
    return values.astype(np.uint64) if width >= 64 else values & ((1 << width) - 1)


def signed(values: Array, element: Attribute) -> Array:
    """An element of an integer stream as a signed number; a spike as 0 or 1."""
    return wrap(values.astype(np.int64), element)


def from_stream(values: Array, element: Attribute) -> Array:
    """An element of a stream (floats, or unsigned integers) as a scalar of a body."""
    if isinstance(element, AnyFloat):
        return values
    return signed(values, element)


def to_stream(values: Array, element: Attribute) -> Array:
    """A scalar of a body as an element of a stream."""
    if isinstance(element, AnyFloat):
        return values
    return unsigned(values, element).astype(dtype_of(element))


def maximum(a: Array, b: Array) -> Array:
    """IEEE 754-2019 maximum: NaN propagates, -0 is below +0."""
    return np.where(a == b, np.where(np.signbit(a), b, a), np.maximum(a, b))


def minimum(a: Array, b: Array) -> Array:
    """IEEE 754-2019 minimum: NaN propagates, -0 is below +0."""
    return np.where(a == b, np.where(np.signbit(a), a, b), np.minimum(a, b))


def _shift(values: Array, amounts: Array, type: Attribute, shift: Callable[..., Array]) -> Array:
    """A shift whose amount, read as unsigned, is below the width; beyond it gives 0."""
    width = integer_width(type)
    inside = (amounts >= 0) & (amounts < width)
    return np.where(inside, shift(values, np.where(inside, amounts, 0)), 0)


def _logical_shift(bits: Array, amounts: Array) -> Array:
    return bits >> amounts.astype(np.uint64)


def _divide(a: Array, b: Array) -> Array:
    """Truncated; x / 0 is 0. The one quotient that overflows wraps."""
    divisor = np.where(b == 0, 1, b)
    with np.errstate(over="ignore"):
        whole = np.where(divisor == -1, -a, a // np.where(divisor == -1, 1, divisor))
        inexact = (divisor != -1) & (whole * divisor != a)
    # rounded down above, towards zero here
    return np.where(b == 0, 0, whole + (inexact & ((a < 0) != (divisor < 0))))


def _to_integer(x: Array, width: int) -> Array:
    """Truncated, saturated; NaN is 0."""
    low, high = -(2.0 ** (width - 1)), 2.0 ** (width - 1)
    inside = (x > low) & (x < high)  # both bounds are floats; `high` itself is out of range
    whole = np.where(inside, x, 0).astype(np.int64)
    saturated = np.where(x <= low, -(1 << (width - 1)), (1 << (width - 1)) - 1)
    return np.where(inside, whole, np.where(np.isnan(x), 0, saturated))


_FLOAT_PREDICATES: dict[int, Callable[[Array, Array], Array]] = {
    1: lambda a, b: a == b,
    2: lambda a, b: a > b,
    3: lambda a, b: a >= b,
    4: lambda a, b: a < b,
    5: lambda a, b: a <= b,
    6: lambda a, b: (a < b) | (a > b),
    7: lambda a, b: (a == a) & (b == b),
    8: lambda a, b: ~((a < b) | (a > b)),
    9: lambda a, b: ~(a <= b),
    10: lambda a, b: ~(a < b),
    11: lambda a, b: ~(a >= b),
    12: lambda a, b: ~(a > b),
    13: lambda a, b: a != b,
    14: lambda a, b: (a != a) | (b != b),
}
"""By MLIR's number of the predicate: ordered 1-7, unordered 8-14."""

_INTEGER_PREDICATES: dict[int, Callable[[Array, Array], Array]] = {
    0: lambda a, b: a == b,
    1: lambda a, b: a != b,
    2: lambda a, b: a < b,
    3: lambda a, b: a <= b,
    4: lambda a, b: a > b,
    5: lambda a, b: a >= b,
}


def _binary(
    operation: Callable[[Array, Array], Array],
) -> Callable[[InterpreterFunctions, Interpreter, Operation, PythonValues], PythonValues]:
    def run(
        self: InterpreterFunctions, interpreter: Interpreter, op: Operation, args: PythonValues
    ) -> PythonValues:
        del self, interpreter
        result = op.results[0].type
        if isinstance(result, AnyFloat):
            return (operation(*args),)
        with np.errstate(over="ignore"):  # 64 bits wrap
            return (wrap(operation(*args), result),)

    return run


def _function(
    self: InterpreterFunctions, interpreter: Interpreter, op: Operation, args: PythonValues
) -> PythonValues:
    del self, interpreter
    return (apply(op, args),)


@register_impls
class ScalarFunctions(InterpreterFunctions):
    """`arith`, functions of `math` and the operations of bodies, on arrays."""

    add_f = impl(arith.AddfOp)(_binary(lambda a, b: a + b))
    sub_f = impl(arith.SubfOp)(_binary(lambda a, b: a - b))
    mul_f = impl(arith.MulfOp)(_binary(lambda a, b: a * b))
    div_f = impl(arith.DivfOp)(_binary(lambda a, b: a / b))
    maximum_f = impl(arith.MaximumfOp)(_binary(maximum))
    minimum_f = impl(arith.MinimumfOp)(_binary(minimum))
    add_i = impl(arith.AddiOp)(_binary(lambda a, b: a + b))
    sub_i = impl(arith.SubiOp)(_binary(lambda a, b: a - b))
    mul_i = impl(arith.MuliOp)(_binary(lambda a, b: a * b))
    and_i = impl(arith.AndIOp)(_binary(lambda a, b: a & b))
    or_i = impl(arith.OrIOp)(_binary(lambda a, b: a | b))
    xor_i = impl(arith.XOrIOp)(_binary(lambda a, b: a ^ b))
    max_s = impl(arith.MaxSIOp)(_binary(np.maximum))
    min_s = impl(arith.MinSIOp)(_binary(np.minimum))
    div_s = impl(arith.DivSIOp)(_binary(_divide))
    absolute = impl(math.AbsFOp)(_function)
    atan = impl(math.AtanOp)(_function)
    ceil = impl(math.CeilOp)(_function)
    cos = impl(math.CosOp)(_function)
    erf = impl(math.ErfOp)(_function)
    exp = impl(math.ExpOp)(_function)
    floor = impl(math.FloorOp)(_function)
    log = impl(math.LogOp)(_function)
    power = impl(math.PowFOp)(_function)
    round_even = impl(math.RoundEvenOp)(_function)
    sin = impl(math.SinOp)(_function)
    sqrt = impl(math.SqrtOp)(_function)
    tanh = impl(math.TanhOp)(_function)
    trunc = impl(math.TruncOp)(_function)

    @impl(arith.ConstantOp)
    def constant(
        self, interpreter: Interpreter, op: arith.ConstantOp, args: PythonValues
    ) -> PythonValues:
        value = op.value
        if isinstance(value, FloatAttr):
            return (dtype_of(value.type).type(value.value.data),)
        assert isinstance(value, IntegerAttr)
        return (wrap(np.array(value.value.data, np.int64), value.type),)

    @impl(arith.NegfOp)
    def negate(
        self, interpreter: Interpreter, op: arith.NegfOp, args: PythonValues
    ) -> PythonValues:
        return (-args[0],)

    @impl(arith.CmpfOp)
    def compare_floats(
        self, interpreter: Interpreter, op: arith.CmpfOp, args: PythonValues
    ) -> PythonValues:
        predicate = op.predicate.value.data
        if predicate in (0, 15):
            return (np.full(np.broadcast(*args).shape, predicate == 15, np.int64),)
        return (_FLOAT_PREDICATES[predicate](*args).astype(np.int64),)

    @impl(arith.CmpiOp)
    def compare_integers(
        self, interpreter: Interpreter, op: arith.CmpiOp, args: PythonValues
    ) -> PythonValues:
        predicate = op.predicate.value.data
        a, b = args
        if predicate >= 6:
            a, b = (unsigned(value, op.lhs.type).astype(np.uint64) for value in args)
            predicate -= 4
        return (_INTEGER_PREDICATES[predicate](a, b).astype(np.int64),)

    @impl(arith.SelectOp)
    def select(
        self, interpreter: Interpreter, op: arith.SelectOp, args: PythonValues
    ) -> PythonValues:
        condition, if_one, if_zero = args
        return (np.where(condition != 0, if_one, if_zero),)

    @impl(arith.UIToFPOp)
    def unsigned_to_float(
        self, interpreter: Interpreter, op: arith.UIToFPOp, args: PythonValues
    ) -> PythonValues:
        return (unsigned(args[0], op.input.type).astype(dtype_of(op.result.type)),)

    @impl(arith.SIToFPOp)
    def signed_to_float(
        self, interpreter: Interpreter, op: arith.SIToFPOp, args: PythonValues
    ) -> PythonValues:
        return (args[0].astype(dtype_of(op.result.type)),)

    @impl(arith.FPToSIOp)
    def float_to_signed(
        self, interpreter: Interpreter, op: arith.FPToSIOp, args: PythonValues
    ) -> PythonValues:
        return (_to_integer(np.asarray(args[0]), integer_width(op.result.type)),)

    @impl(arith.ExtUIOp)
    def extend_unsigned(
        self, interpreter: Interpreter, op: arith.ExtUIOp, args: PythonValues
    ) -> PythonValues:
        return (wrap(unsigned(args[0], op.input.type), op.result.type),)

    @impl(arith.ExtSIOp)
    def extend_signed(
        self, interpreter: Interpreter, op: arith.ExtSIOp, args: PythonValues
    ) -> PythonValues:
        value = args[0]
        return (-value if op.input.type == IntegerType(1) else value,)

    @impl(arith.TruncIOp)
    def truncate(
        self, interpreter: Interpreter, op: arith.TruncIOp, args: PythonValues
    ) -> PythonValues:
        return (wrap(args[0], op.result.type),)

    @impl(arith.ShLIOp)
    def shift_left(
        self, interpreter: Interpreter, op: arith.ShLIOp, args: PythonValues
    ) -> PythonValues:
        shifted = _shift(args[0], args[1], op.result.type, np.left_shift)
        return (wrap(shifted, op.result.type),)

    @impl(arith.ShRSIOp)
    def shift_right(
        self, interpreter: Interpreter, op: arith.ShRSIOp, args: PythonValues
    ) -> PythonValues:
        last = integer_width(op.result.type) - 1  # beyond it every bit is the sign, too
        amounts = np.where((args[1] >= 0) & (args[1] < last), args[1], last)
        return (args[0] >> amounts,)

    @impl(arith.ShRUIOp)
    def shift_right_unsigned(
        self, interpreter: Interpreter, op: arith.ShRUIOp, args: PythonValues
    ) -> PythonValues:
        bits = unsigned(args[0], op.lhs.type).astype(np.uint64)
        amounts = np.asarray(args[1])
        shifted = _shift(bits, amounts, op.result.type, _logical_shift)
        return (wrap(shifted.astype(np.int64), op.result.type),)

    @impl(snn.SpikeOp)
    def spike(self, interpreter: Interpreter, op: snn.SpikeOp, args: PythonValues) -> PythonValues:
        fires = args[0] > 0 if op.comparison.data is Comparison.GT else args[0] >= 0
        return (np.asarray(fires).astype(np.int64),)

    @impl(snn.CountOp)
    def count(self, interpreter: Interpreter, op: snn.CountOp, args: PythonValues) -> PythonValues:
        quotient = np.asarray(args[0])
        largest = quotient.dtype.type(op.maximum.value.data)
        whole = np.where(quotient >= 1, np.where(quotient < largest, quotient, largest), 0)
        return (wrap(whole.astype(np.int64), op.result.type),)

    @impl(snn.DetachOp)
    def detach(
        self, interpreter: Interpreter, op: snn.DetachOp, args: PythonValues
    ) -> PythonValues:
        return args

    @impl(snn.IndexOp)
    def index(self, interpreter: Interpreter, op: snn.IndexOp, args: PythonValues) -> PythonValues:
        neuron = op.parent_op()
        assert isinstance(neuron, snn.NeuronOp)
        return (np.arange(neuron.population[0], dtype=np.int64),)


def run_body(interpreter: Interpreter, block: Block, args: PythonValues) -> dict[Any, Array]:
    """Runs a straight block on arrays; the value of every SSA value by the value."""
    values: dict[Any, Array] = dict(zip(block.args, args, strict=True))
    terminator = block.last_op
    for op in block.ops:
        if op is terminator:
            break
        results = interpreter.run_op(op, tuple(values[operand] for operand in op.operands))
        values.update(zip(op.results, results, strict=True))
    return values
