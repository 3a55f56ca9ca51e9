"""Neurons that pass spikes on: which dynamics a class of neurons gives them."""

from __future__ import annotations

import numpy as np

from snncc.dialects.core.description import Decay, Neuron
from snncc.passes.legalization.decays import decay_of
from snncc.passes.legalization.graph import Dynamics, Reset

ALMOST = 1 - 2.0**-9
"""
A threshold that one spike reaches, and what is left of a current by which eight came in a row does
not.
"""


def fastest(neuron: Neuron, decay: Decay, *, some: bool = False) -> float:
    """The least that a step can leave of 1; `some`: what is not nothing."""
    if decay.parameter is None:
        return 1.0
    p = neuron.parameters[decay.parameter]
    found = np.sort(decay_of(decay, np.array([p.low, p.low + 1, p.high - 1, p.high])))
    return float(found[found > 0][0] if some else max(0.0, found[0]))


def relay_dynamics(
    neuron: Neuron, size: int, *, forgets: bool = True, reset: Reset = "zero"
) -> Dynamics:
    """
    A neuron that fires where 1 arrives, and remembers as little as the class can; or, of one that
    does not spike, a sum of all that arrived (`forgets` false). `reset` is the one that is wanted.
    """
    a = neuron.approximates
    decay = fastest(neuron, a.membrane) if forgets else 1.0
    currents: tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...] = ()
    if a.current is not None:
        currents = (np.full(size, fastest(neuron, a.current.decay, some=True)),)
    d = Dynamics(np.full(size, decay), np.zeros(size), currents)
    if a.threshold is None:
        return d
    assert a.reset is not None
    if reset not in a.reset.kinds:
        reset = next(iter(a.reset.kinds))
    # what is left of spikes before is below 1, and a threshold of 1 would not survive rounding
    threshold = 0.5 if reset == "zero" and not currents else ALMOST
    taken = threshold / decay if a.reset.after == "decay" else threshold
    amount = np.full(size, taken) if reset == "subtract" else None
    theta = np.full(size, threshold)
    return d.changed(threshold=theta, reaches=True, reset=reset, amount=amount)
