"""
The `kernel` dialect: a network as a program over buffers, with order and memory fixed.

Loops are `scf.for`, elementwise work (neuron updates among it) is `linalg.generic`; this
dialect has the buffers, the stages, and the few kernels that those do not say.
"""

from xdsl.ir import Dialect

from snncc.dialects.kernel.blocks import GatherStepsOp, OuterOp, OuterRowsOp, ProjectOp, RestartOp
from snncc.dialects.kernel.buffers import BufferOp, RoleAttr
from snncc.dialects.kernel.moves import (
    DelayReadOp,
    DelayWriteOp,
    InsertOp,
    PackOp,
    RearrangeOp,
    UnpackOp,
    bytes_of,
)
from snncc.dialects.kernel.pools import PoolOp
from snncc.dialects.kernel.program import ProgramOp, RefOp, StageOp
from snncc.dialects.kernel.sums import CompressOp, DenseOp, GatherOp, ScatterOp

KERNEL = Dialect(
    "kernel",
    [
        BufferOp,
        CompressOp,
        DelayReadOp,
        DelayWriteOp,
        DenseOp,
        GatherOp,
        GatherStepsOp,
        InsertOp,
        OuterOp,
        OuterRowsOp,
        PackOp,
        PoolOp,
        ProgramOp,
        ProjectOp,
        RearrangeOp,
        RefOp,
        RestartOp,
        ScatterOp,
        StageOp,
        UnpackOp,
    ],
    [RoleAttr],
)

__all__ = [
    "KERNEL",
    "BufferOp",
    "CompressOp",
    "DelayReadOp",
    "DelayWriteOp",
    "DenseOp",
    "GatherOp",
    "GatherStepsOp",
    "InsertOp",
    "OuterOp",
    "OuterRowsOp",
    "PackOp",
    "PoolOp",
    "ProgramOp",
    "ProjectOp",
    "RearrangeOp",
    "RefOp",
    "RestartOp",
    "RoleAttr",
    "ScatterOp",
    "StageOp",
    "UnpackOp",
    "bytes_of",
]
