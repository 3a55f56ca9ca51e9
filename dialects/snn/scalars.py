"""What the bodies of neurons are made of: the operations on scalars that have a meaning."""

from __future__ import annotations

from xdsl.dialects import arith
from xdsl.ir import Operation
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.functions import FUNCTIONS
from snncc.dialects.snn.neuron import CountOp, DetachOp, SpikeOp
from snncc.dialects.snn.types import ELEMENTS, is_scalar

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
        SpikeOp,
        CountOp,
        DetachOp,
        *FUNCTIONS,
    )
)
"""The interpreter runs these, and no other; a backend may know fewer."""


def expect_scalar(op: Operation) -> None:
    """Raises VerifyException for what does not stand in a body."""
    if type(op) not in OPERATIONS:
        raise VerifyException(f"body: {op.name} is not an operation of bodies")
    for value in (*op.operands, *op.results):
        if not is_scalar(value.type):
            known = ", ".join(map(str, ELEMENTS))
            raise VerifyException(f"body: {op.name}: expected one of {known}, got {value.type}")
