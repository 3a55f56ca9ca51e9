"""
Dynamics of a chip that stand for others that it does not have: a constant leak for a decay, the
shortest current for one that is shorter or none.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Fitted, Neuron
from snncc.passes.legalization.graph import Dynamics, SpikingGraph

USUAL = 0.5
"""The leak without data: what the decay takes from a membrane at half of the threshold."""


def initial(wanted: Dynamics, found: Dynamics, fitted: Fitted) -> Dynamics:
    """The chip's dynamics before anything is fitted; `wanted` are those of the network."""
    if fitted.decay is None or (wanted.decay == 1).all():
        return found
    return leaking(wanted, found, USUAL, None, fitted)


def leaking(
    wanted: Dynamics, found: Dynamics, share: float, floor: float | None, fitted: Fitted
) -> Dynamics:
    """
    A constant leak of a share of what the decay takes from a membrane at the threshold; a floor in
    thresholds.
    """
    threshold = np.ones(wanted.size) if wanted.threshold is None else wanted.threshold
    leak = share * (1.0 - wanted.decay) * threshold
    if fitted.decay == "closer":
        return found.changed(leak=leak)
    held = None if floor is None else floor * threshold
    return found.changed(bias=wanted.bias - leak, floor=held)


def with_gains(graph: SpikingGraph, fitted: Mapping[str, Dynamics]) -> SpikingGraph:
    """
    Weights to currents that last longer than those of the network (`fitted`, by population) such
    that a spike brings the same charge: that of a current a is w / (1 - a).
    """
    projections = []
    for p in graph.projections:
        if p.target in fitted:
            before, found = fitted[p.target].currents, graph.populations[p.target].dynamics.currents
            if found:
                was = before[p.receptor] if before else np.zeros(len(found[p.receptor]))
                share = (1.0 - found[p.receptor]) / (1.0 - was)
                p = replace(p, weights=p.weights.scaled(np.asarray(share)))
        projections.append(p)
    return replace(graph, projections=tuple(projections))


def scaled(graph: SpikingGraph, name: str, gain: Array) -> SpikingGraph:
    """The weights of all that reaches a population times a gain, [n]."""
    projections = (
        replace(p, weights=p.weights.scaled(gain)) if p.target == name else p
        for p in graph.projections
    )
    return replace(graph, projections=tuple(projections))


def span(values: Array) -> str:
    """The least and the largest of some numbers, for people."""
    low, high = number(float(values.min())), number(float(values.max()))
    return low if low == high else f"{low} to {high}"


def number(value: float) -> str:
    """Four digits, or as many as tell a decay from none."""
    text = f"{value:.4g}"
    return f"{value:.7g}" if float(text) == 1.0 != value else text


def constants_off(d: Dynamics, neuron: Neuron, scale: Array, longest: float) -> Array:
    """
    [n]: the square by which rounding moves the constants of a step, as a membrane adds it up over
    `longest` steps at most.
    """
    a = neuron.approximates
    horizon = 1 / np.maximum(1 - d.decay, 1 / longest)
    found = np.zeros(d.size)
    if a.bias is not None:
        unit = scale / 2.0**a.bias_shift
        found += horizon * (np.rint(unit * d.bias) / unit - d.bias) ** 2
    if d.leak is not None:
        found += horizon * (np.rint(scale * d.leak) / scale - d.leak) ** 2
    return found
