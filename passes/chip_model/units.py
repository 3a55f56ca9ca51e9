"""
What whole numbers of a chip are worth in the network that was compiled.

With the scale s of a neuron, what 1 of the network's membrane is on the chip, a weight of 1 in the
network is s / (g 2^b) on the chip: g is the gain of a new current, b the bits by which the chip
shifts what arrives. A threshold or bias of 1 is s / 2^b with the bits of its own.
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ConnectionsOp, PopulationOp, ProgramOp
from snncc.passes.legalization.decays import decay_of


def weight_factor(op: ConnectionsOp, program: ProgramOp, description: Description) -> Array | None:
    """[targets]: what a weight of 1 is on the chip; None for a program without scales."""
    target = program.populations[op.target_name]
    scales = target.scales()
    if scales is None:
        return None
    neuron = description.neurons[target.neuron_class.data]
    current = neuron.approximates.current
    gain = np.ones(target.size)
    if current is not None and current.gain == "decay":
        assert current.decay.parameter is not None, "a gain that is a decay"
        numbers = configured(target, current.decay.parameter, description)
        row = numbers[op.receptor.value.data] if numbers.ndim == 2 else numbers
        gain = decay_of(current.decay, row)
    edge = description.edges[op.edge.data]
    shift = neuron.arrivals.shift
    shift += program.setting.get(edge.shift.setting, 0) if edge.shift else 0
    return np.asarray(scales / (gain * 2.0**shift))


def parameter_factor(op: PopulationOp, name: str, description: Description) -> Array | None:
    """
    [neurons]: what 1 of a threshold or bias is on the chip; None for other parameters, which are
    no potentials, and for a program without scales.
    """
    scales = op.scales()
    approximates = description.neurons[op.neuron_class.data].approximates
    shifts = {
        approximates.threshold: approximates.threshold_shift,
        approximates.bias: approximates.bias_shift,
    }
    if scales is None or name not in shifts:
        return None
    return np.asarray(scales / 2.0 ** shifts[name])


def configured(op: PopulationOp, name: str, description: Description) -> Array:
    """A parameter's numbers, [neurons] or [receptors, neurons], where it has its default, too."""
    if name in op.parameters.data:
        return op.numbers(name)
    default = description.neurons[op.neuron_class.data].parameters[name].default
    assert default is not None, f"{op.sym_name.data}: {name} is not configured"
    return np.full(op.size, default)
