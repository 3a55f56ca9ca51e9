"""The numbers that neurons of a chip are configured with."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Neuron
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.forms import Form
from snncc.passes.legalization.graph import Dynamics, Population


def configured(
    population: Population,
    neuron: Neuron,
    form: Form,
    scale: Array,
    settings: dict[str, int],
    faults: Faults,
) -> dict[str, Array]:
    """
    Parameter of the chip -> whole numbers, [n] or [receptors, n]. Writes the settings of the chip
    that a reset needs, and adds a fault where another population needs others.
    """
    a, d = neuron.approximates, population.dynamics
    found: dict[str, Array] = {}
    if a.membrane.parameter is not None and form.decay is not None:
        found[a.membrane.parameter] = form.decay
        if d.leak is not None:
            p = neuron.parameters[a.membrane.parameter]
            leak = np.clip(np.rint(scale * d.leak), p.low, p.high)
            found[a.membrane.parameter] = leak.astype(np.int64)
    if a.floor is not None and d.floor is not None:
        p = neuron.parameters[a.floor.parameter]
        with np.errstate(invalid="ignore"):
            floor = np.clip(np.rint(-scale * d.floor), p.low, p.high)
        found[a.floor.parameter] = floor.astype(np.int64)
    if a.current is not None and a.current.decay.parameter is not None and form.currents:
        rows = list(form.currents)
        p = neuron.parameters[a.current.decay.parameter]
        if p.per == "receptor":
            spare = np.full(d.size, p.default if p.default is not None else p.low)
            rows += [spare] * (neuron.receptors - len(rows))
            found[a.current.decay.parameter] = np.stack(rows)
        else:
            found[a.current.decay.parameter] = rows[0]
    if a.threshold is not None and d.threshold is not None:
        threshold = np.rint(scale * d.threshold / 2.0**a.threshold_shift).astype(np.int64)
        # whole numbers: v > t is v >= t + 1
        if a.compare == "ge" and not d.reaches and _is_whole(d):
            threshold = threshold + 1
        elif a.compare == "gt" and d.reaches and _is_whole(d):
            threshold = threshold - 1
        p = neuron.parameters[a.threshold]
        found[a.threshold] = np.clip(threshold, p.low, p.high)
    if a.bias is not None:
        bias = np.rint(scale * d.bias / 2.0**a.bias_shift).astype(np.int64)
        if bias.any():
            found[a.bias] = bias
    if a.reset is not None and a.reset.select is not None and form.reset is not None:
        number = a.reset.kinds[form.reset]  # type: ignore[index]
        if a.reset.select in neuron.parameters:
            found[a.reset.select] = np.full(d.size, number)
        elif settings.setdefault(a.reset.select, number) != number:
            faults.add(
                "SNC-N004",
                population.name,
                "another reset than that of other layers, and the chip has one for all",
                "train all layers with the same reset",
            )
    for key, p in neuron.parameters.items():
        if key not in found and p.default is None:
            found[key] = np.full(d.size, min(max(0, p.low), p.high))
    return found


def _is_whole(d: Dynamics) -> bool:
    """
    Whether membranes are whole multiples of the weights' unit, so that one may be exactly at the
    threshold: without leaks. With them it does not happen.
    """
    return bool((d.decay == 1).all()) and not d.currents
