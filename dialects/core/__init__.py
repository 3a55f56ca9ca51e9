"""The `core` dialect: a network in the numbers of a neuromorphic chip, placed on its cores."""

from xdsl.ir import Dialect

from snncc.dialects.core.convolution import ConvolutionOp
from snncc.dialects.core.order import OrderOp
from snncc.dialects.core.placement import CoresOp, PlaceOp
from snncc.dialects.core.program import (
    DriveOp,
    InputOp,
    OutputOp,
    PopulationOp,
    ProgramOp,
    SynapsesOp,
)

CORE = Dialect(
    "core",
    [
        ConvolutionOp,
        CoresOp,
        DriveOp,
        InputOp,
        OrderOp,
        OutputOp,
        PlaceOp,
        PopulationOp,
        ProgramOp,
        SynapsesOp,
    ],
    [],
)

__all__ = [
    "CORE",
    "ConvolutionOp",
    "CoresOp",
    "DriveOp",
    "InputOp",
    "OrderOp",
    "OutputOp",
    "PlaceOp",
    "PopulationOp",
    "ProgramOp",
    "SynapsesOp",
]
