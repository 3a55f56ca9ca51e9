"""Neurons that pass spikes on: which dynamics a class of neurons gives them."""

from __future__ import annotations

import numpy as np

from snncc.dialects.core.description import Decay, Neuron
from snncc.passes.legalization.decays import decay_of
from snncc.passes.legalization.graph import Dynamics, Reset


def fastest(neuron: Neuron, decay: Decay, *, some: bool = False) -> float:
    """The least that a step can leave of 1; `some`: what is not nothing."""
    if decay.parameter is None:
        return 1.0
    p = neuron.parameters[decay.parameter]
    found = np.sort(decay_of(decay, np.array([p.low, p.low + 1, p.high - 1, p.high])))
    return float(found[found > 0][0] if some else max(0.0, found[0]))


def relay_dynamics(neuron: Neuron, size: int, *, forgets: bool = True) -> Dynamics:
    """
    A neuron that fires where 1 arrives, and remembers as little as the class can; or, of one that
    does not spike, a sum of all that arrived (`forgets` false).
    """
    a = neuron.approximates
    decay = fastest(neuron, a.membrane) if forgets else 1.0
    currents: tuple[np.ndarray[tuple[int, ...], np.dtype[np.float64]], ...] = ()
    if a.current is not None:
        currents = (np.full(size, fastest(neuron, a.current.decay, some=True)),)
    d = Dynamics(np.full(size, decay), np.zeros(size), currents)
    if a.threshold is None:
        return d
    kinds = a.reset.kinds if a.reset is not None else {}
    reset: Reset = "zero" if "zero" in kinds else "subtract"
    amount = np.ones(size) if reset == "subtract" else None
    return d.changed(threshold=np.ones(size), reaches=True, reset=reset, amount=amount)
