"""
Where a body's integers may wrap: the operation is computed in 64 bits, and what 32 do not
hold is held at an end with headroom, so that two of these still add up.

A product is held behind the shift that brings it back, for before it saturates too early.
"""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, i32, i64
from xdsl.ir import Operation, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.passes.quantization.attributes import write_held
from snncc.passes.ranges import NetworkRanges

HELD_AT = (1 << 30) - 1
WIDENED = (arith.AddiOp, arith.SubiOp, arith.MuliOp, arith.ShLIOp)


def widen(ranges: NetworkRanges) -> bool:
    """Widens the operations of neurons that may wrap; whether there was one that could be."""
    changed = False
    for doubt in ranges.doubts:
        op = doubt.operation
        neuron = op.parent_op()
        if doubt.problem != "wraps" or not isinstance(neuron, snn.NeuronOp):
            continue
        if isinstance(op, arith.TruncIOp) and op.input.type == i64 and op.result.type == i32:
            op.operands[0] = _held(op.input, op)
        elif isinstance(op, WIDENED) and op.result.type == i32 and op.parent_block() is not None:
            _widened(op)
        else:
            continue
        changed = True
        write_held(neuron, {op.name: float(HELD_AT)})
    return changed


def _widened(op: Operation) -> None:
    """The operation and the rounding shift behind it in 64 bits."""
    chain = [op, *_shift_behind(op)]
    block = op.parent_block()
    assert block is not None
    last = chain[-1]
    known: dict[SSAValue, SSAValue] = {}
    for each in chain:
        operands = []
        for operand in each.operands:
            if operand not in known:
                extended = arith.ExtSIOp(operand, i64)
                block.insert_op_before(extended, each)
                known[operand] = extended.result
            operands.append(known[operand])
        wide = type(each)(*operands)
        block.insert_op_before(wide, each)
        known[each.results[0]] = wide.results[0]
    narrow = arith.TruncIOp(_held(known[last.results[0]], last), i32)
    block.insert_op_before(narrow, last)
    narrow.result.name_hint = last.results[0].name_hint
    last.results[0].replace_all_uses_with(narrow.result)
    for each in reversed(chain):
        Rewriter.erase_op(each)


def _shift_behind(op: Operation) -> list[Operation]:
    """The operations of a shift to the right, with or without rounding, that alone reads it."""
    found: list[Operation] = []
    value = op.results[0]
    while value.has_one_use():
        user = next(iter(value.uses)).operation
        others = [operand for operand in user.operands if operand is not value]
        if not all(isinstance(other.owner, arith.ConstantOp) for other in others):
            break
        if isinstance(user, arith.ShRSIOp) and user.lhs is value:
            return [*found, user]
        if not isinstance(user, arith.AddiOp) or found:
            break
        found.append(user)
        value = user.result
    return []


def _held(value: SSAValue, before: Operation) -> SSAValue:
    """A value of 64 bits within +-`HELD_AT`."""
    block = before.parent_block()
    assert block is not None
    for bound, end in ((HELD_AT, arith.MinSIOp), (-HELD_AT, arith.MaxSIOp)):
        constant = arith.ConstantOp(IntegerAttr(bound, i64))
        held = end(value, constant.result)
        block.insert_ops_before([constant, held], before)
        value = held.result
    return value
