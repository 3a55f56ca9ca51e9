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
from snncc.dialects.core.routing import BusOp, CopiesOp, LinesOp, RoutesOp, WeightsOp

CORE = Dialect(
    "core",
    [
        BusOp,
        ConvolutionOp,
        CopiesOp,
        CoresOp,
        DriveOp,
        InputOp,
        LinesOp,
        OrderOp,
        OutputOp,
        PlaceOp,
        PopulationOp,
        ProgramOp,
        RoutesOp,
        SynapsesOp,
        WeightsOp,
    ],
    [],
)

__all__ = [
    "CORE",
    "BusOp",
    "ConvolutionOp",
    "CopiesOp",
    "CoresOp",
    "DriveOp",
    "InputOp",
    "LinesOp",
    "OrderOp",
    "OutputOp",
    "PlaceOp",
    "PopulationOp",
    "ProgramOp",
    "RoutesOp",
    "SynapsesOp",
    "WeightsOp",
]
