"""
What the bodies of neurons are made of: the operations on scalars that have a meaning.

Integers are two's complement and wrap. What MLIR leaves undefined is defined here:

- a shift by the width or more (amounts are unsigned) gives 0, `shrsi` the sign in every bit;
- `divsi` truncates; x / 0 is 0, and the least number by -1 is itself;
- `fptosi` truncates; what is out of range becomes the nearest number, NaN becomes 0.
"""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.ir import Block, Operation, SSAValue
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.functions import FUNCTIONS
from snncc.dialects.snn.neuron import IndexOp
from snncc.dialects.snn.spikes import CountOp, DetachOp, SpikeOp
from snncc.dialects.snn.straight_through import StraightThroughOp
from snncc.dialects.snn.types import SCALARS, is_spike

OPERATIONS: frozenset[type[Operation]] = frozenset(
    (
        arith.ConstantOp,
        arith.AddfOp,
        arith.SubfOp,
        arith.MulfOp,
        arith.DivfOp,
        arith.NegfOp,
        arith.MaximumfOp,
        arith.MinimumfOp,
        arith.CmpfOp,
        arith.AddiOp,
        arith.SubiOp,
        arith.MuliOp,
        arith.AndIOp,
        arith.OrIOp,
        arith.XOrIOp,
        arith.MaxSIOp,
        arith.MinSIOp,
        arith.DivSIOp,
        arith.ShLIOp,
        arith.ShRSIOp,
        arith.ShRUIOp,
        arith.CmpiOp,
        arith.SelectOp,
        arith.UIToFPOp,
        arith.SIToFPOp,
        arith.ExtUIOp,
        arith.ExtSIOp,
        arith.TruncIOp,
        arith.FPToSIOp,
        SpikeOp,
        CountOp,
        DetachOp,
        IndexOp,
        StraightThroughOp,
        *FUNCTIONS,
    )
)
"""The interpreter runs these, and no other; a backend may know fewer."""

ON_NUMBERS = (
    arith.AddiOp,
    arith.SubiOp,
    arith.MuliOp,
    arith.MaxSIOp,
    arith.MinSIOp,
    arith.DivSIOp,
    arith.ShLIOp,
    arith.ShRSIOp,
    arith.ShRUIOp,
    arith.SIToFPOp,
    arith.FPToSIOp,
)
"""Arithmetic on integers: a spike is extended to one first."""

EQUALITIES = (0, 1)
"""The predicates `eq` and `ne` of `arith.cmpi`: a spike is not above or below another."""


def expect_scalar(op: Operation) -> None:
    """Raises VerifyException for what does not stand in a body."""
    if type(op) not in OPERATIONS:
        raise VerifyException(f"body: {op.name} is not an operation of bodies")
    for value in (*op.operands, *op.results):
        if value.type not in SCALARS:
            known = ", ".join(map(str, SCALARS))
            raise VerifyException(f"body: {op.name}: expected one of {known}, got {value.type}")
    orders = isinstance(op, arith.CmpiOp) and op.predicate.value.data not in EQUALITIES
    if isinstance(op, ON_NUMBERS) or orders:
        for value in (*op.operands, *op.results[: not orders]):
            if is_spike(value.type):
                raise VerifyException(f"body: {op.name}: expected a number, got a spike (i1)")
    flags = op.properties.get("overflowFlags")
    if isinstance(flags, arith.IntegerOverflowAttr) and flags.data:
        raise VerifyException(f"body: {op.name}: wraps; overflow flags would leave it undefined")


def expect_scalars(block: Block, terminator: Operation) -> None:
    """
    Raises VerifyException where a body has what does not stand in one, or a value above its
    definition.
    """
    seen: set[SSAValue] = set(block.args)
    for op in block.ops:
        if op is not terminator:
            expect_scalar(op)
        if not seen.issuperset(op.operands):
            raise VerifyException(f"body: {op.name} uses a value that is defined below it")
        seen.update(op.results)
