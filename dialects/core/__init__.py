"""The `core` dialect: a network in the numbers of a neuromorphic chip, placed on its cores."""

from xdsl.ir import Dialect

from snncc.dialects.core.order import OrderOp
from snncc.dialects.core.placement import CoresOp, PlaceOp
from snncc.dialects.core.program import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp

CORE = Dialect(
    "core", [CoresOp, InputOp, OrderOp, OutputOp, PlaceOp, PopulationOp, ProgramOp, SynapsesOp], []
)

__all__ = [
    "CORE",
    "CoresOp",
    "InputOp",
    "OrderOp",
    "OutputOp",
    "PlaceOp",
    "PopulationOp",
    "ProgramOp",
    "SynapsesOp",
]
