"""
E-prop on the chip: what a learning description is in the registers of an engine, and its model.
"""

from snncc.cores.eprop.engine import Engine
from snncc.cores.eprop.settings import Settings
from snncc.cores.eprop.training import OnChipTraining

__all__ = ["Engine", "OnChipTraining", "Settings"]
