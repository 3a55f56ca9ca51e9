"""
Training: losses, gradients, and programs that train where they run.

    loss, grads = snncc.value_and_grad(net, "ce_count", x, labels)
    loss, grads = snncc.value_and_grad(net, CrossEntropy(code="first_spike", tau=3.0), x, labels)
"""

from snncc.training.gradients import GradientsByName, value_and_grad
from snncc.training.integer_program import IntegerProgram
from snncc.training.losses import (
    CrossEntropy,
    Loss,
    MeanSquaredError,
    Projection,
    RateRegularization,
)
from snncc.training.online_program import OnlineProgram
from snncc.training.optimizers import SGD, Adam
from snncc.training.program import TrainProgram
from snncc.training.reinforce import expectation, reinforce
from snncc.training.scales import ScaledSurrogates, scale_surrogates

__all__ = [
    "SGD",
    "Adam",
    "CrossEntropy",
    "GradientsByName",
    "IntegerProgram",
    "Loss",
    "MeanSquaredError",
    "OnlineProgram",
    "Projection",
    "RateRegularization",
    "ScaledSurrogates",
    "TrainProgram",
    "expectation",
    "reinforce",
    "scale_surrogates",
    "value_and_grad",
]
