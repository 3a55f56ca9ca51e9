"""`snn.straight_through`: a value whose gradient is that of another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.ir import Block, Operation, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    result_def,
    traits_def,
)
from xdsl.traits import Pure

from snncc.dialects.snn.spikes import CountOp, SpikeOp


@irdl_op_definition
class StraightThroughOp(IRDLOperation):
    """
    The first value; the gradient goes to the second one as it is, and none to the first.

        r = value        dr/dsoft = 1, dr/dvalue = 0

        %r = snn.straight_through %whole of %scaled : i8, f32

    So a rounding whose own derivative is 0 gets that of what it rounds (Bengio et al., 2013,
    "Estimating or propagating gradients through stochastic neurons"). The types may differ.
    """

    name = "snn.straight_through"

    T: ClassVar = VarConstraint("T", AnyAttr())

    value = operand_def(T)
    soft = operand_def(AnyAttr())
    result = result_def(T)

    traits = traits_def(Pure())

    assembly_format = "$value `of` $soft attr-dict `:` type($value) `,` type($soft)"

    def __init__(self, value: SSAValue, soft: SSAValue):
        super().__init__(operands=[value, soft], result_types=[value.type])


def read_forward(op: Operation) -> Sequence[SSAValue]:
    """What an operation of a body reads when the network runs: without what its gradient needs."""
    only_value = isinstance(op, SpikeOp | CountOp | StraightThroughOp)
    return op.operands[:1] if only_value else op.operands


def for_gradients(block: Block) -> set[Operation]:
    """Operations of a body that nothing but gradients need: what surrogates are functions of."""
    found: set[Operation] = set()
    for op in reversed(list(block.ops)):
        uses = [use for result in op.results for use in result.uses]
        if uses and all(
            use.operation in found or use.index >= len(read_forward(use.operation)) for use in uses
        ):
            found.add(op)
    return found


def copy_forward(op: Operation, values: dict[SSAValue, SSAValue]) -> Operation | None:
    """
    A copy of an operation of a body that reads `values` in place of its operands, without what
    its gradient needs; its results are entered there. None where it is one of these values.
    """
    if isinstance(op, StraightThroughOp):
        values[op.result] = values[op.value]
        return None
    copy = op.clone()
    copy.operands = [values.get(operand, operand) for operand in read_forward(op)]
    copy.properties.pop("surrogate", None)
    values.update(zip(op.results, copy.results, strict=True))
    return copy
