"""The C of a training."""

from snncc.backends.c.training.layout import Training
from snncc.backends.c.training.package import emit_training, with_inference

__all__ = ["Training", "emit_training", "with_inference"]
