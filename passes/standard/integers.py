"""
What MLIR leaves undefined, as bodies define it: shifts by the width or more, division by zero
and its overflow, and floats that no integer holds.
"""

from __future__ import annotations

from collections.abc import Callable

from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, IntegerType
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects.snn.types import integer_width


class _Writer:
    """Writes in front of one operation."""

    def __init__(self, op: Operation):
        self._builder = Builder(InsertPoint.before(op))

    def insert(self, op: Operation) -> SSAValue:
        self._builder.insert(op)
        return op.results[0]

    def number(self, value: float, type: Attribute) -> SSAValue:
        if isinstance(type, AnyFloat):
            return self.insert(arith.ConstantOp(FloatAttr(float(value), type)))
        assert isinstance(type, IntegerType)
        return self.insert(arith.ConstantOp(IntegerAttr(int(value), type)))

    def equal(self, value: SSAValue, number: int) -> SSAValue:
        return self.insert(arith.CmpiOp(value, self.number(number, value.type), "eq"))

    def select(self, condition: SSAValue, if_one: SSAValue, if_zero: SSAValue) -> SSAValue:
        return self.insert(arith.SelectOp(condition, if_one, if_zero))


def _shift(w: _Writer, op: arith.ShLIOp | arith.ShRUIOp) -> SSAValue:
    """0 where the amount, read as unsigned, is the width or more."""
    type, zero = op.result.type, w.number(0, op.result.type)
    inside = w.insert(arith.CmpiOp(op.rhs, w.number(integer_width(type), type), "ult"))
    shifted = w.insert(
        op.create(
            operands=[op.lhs, w.select(inside, op.rhs, zero)],
            result_types=[type],
            properties=dict(op.properties),
        )
    )
    return w.select(inside, shifted, zero)


def _shift_signed(w: _Writer, op: arith.ShRSIOp) -> SSAValue:
    """The sign in every bit where the amount is the width or more."""
    type = op.result.type
    most = w.number(integer_width(type) - 1, type)
    return w.insert(arith.ShRSIOp(op.lhs, w.insert(arith.MinUIOp(op.rhs, most))))


def _divide(w: _Writer, op: arith.DivSIOp) -> SSAValue:
    """x / 0 is 0, and x / -1 is 0 - x, which wraps."""
    type = op.result.type
    zero, one = w.number(0, type), w.number(1, type)
    by_zero, by_minus_one = w.equal(op.rhs, 0), w.equal(op.rhs, -1)
    special = w.insert(arith.OrIOp(by_zero, by_minus_one))
    quotient = w.insert(arith.DivSIOp(op.lhs, w.select(special, one, op.rhs)))
    negative = w.insert(arith.SubiOp(zero, op.lhs))
    return w.select(by_minus_one, negative, w.select(by_zero, zero, quotient))


def _to_integer(w: _Writer, op: arith.FPToSIOp) -> SSAValue:
    """The nearest integer where the number is out of range; 0 for what is no number."""
    x, type = op.input, op.result.type
    half = 1 << (integer_width(type) - 1)
    below = w.insert(arith.CmpfOp(x, w.number(-half, x.type), "ole"))
    above = w.insert(arith.CmpfOp(x, w.number(half, x.type), "oge"))
    nothing = w.insert(arith.CmpfOp(x, x, "uno"))
    outside = w.insert(arith.OrIOp(w.insert(arith.OrIOp(below, above)), nothing))
    bounded = w.select(outside, w.number(0.0, x.type), x)
    whole = w.insert(arith.FPToSIOp(bounded, type))
    low, high = w.number(-half, type), w.number(half - 1, type)
    return w.select(below, low, w.select(above, high, whole))


_DEFINED: dict[type[Operation], Callable[..., SSAValue]] = {
    arith.ShLIOp: _shift,
    arith.ShRUIOp: _shift,
    arith.ShRSIOp: _shift_signed,
    arith.DivSIOp: _divide,
    arith.FPToSIOp: _to_integer,
}


def define_integers(block: Block) -> None:
    """Guards every operation of a body that MLIR does not define for all its operands."""
    for op in list(block.ops):
        if type(op) in _DEFINED and not _is_plain(op):
            op.results[0].replace_all_uses_with(_DEFINED[type(op)](_Writer(op), op))
            block.erase_op(op)


def _is_plain(op: Operation) -> bool:
    """Whether a constant operand leaves nothing undefined."""
    constant = op.operands[-1].owner
    if not isinstance(constant, arith.ConstantOp) or not isinstance(constant.value, IntegerAttr):
        return False
    number = constant.value.value.data
    if isinstance(op, arith.DivSIOp):
        return number not in (0, -1)
    return 0 <= number < integer_width(op.results[0].type)
