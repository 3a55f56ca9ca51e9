"""
The bit-exact model of a chip: a network of integers whose bodies come from the description.

    from snncc.passes.chip_model import model_of

    module = model_of(program, description)     # core.program -> a module with one snn.network
"""

from snncc.passes.chip_model.learning import learning_model
from snncc.passes.chip_model.network import Accumulate, model_of
from snncc.passes.chip_model.shadows import Learning, Shadow, shadows_of

__all__ = ["Accumulate", "Learning", "Shadow", "learning_model", "model_of", "shadows_of"]
