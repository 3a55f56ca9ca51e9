"""The `core` dialect: a network in the numbers of a neuromorphic chip, placed on its cores."""

from xdsl.ir import Dialect

from snncc.dialects.core.program import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp

CORE = Dialect("core", [InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp], [])

__all__ = ["CORE", "InputOp", "OutputOp", "PopulationOp", "ProgramOp", "SynapsesOp"]
