"""
What a network of integers needs where its weights move: bounds for all that they may become.

A calibrated network is proved for its weights. A trained one has the same widths, but what
other weights could drive further saturates at the end of its width: a state of 16 bits stays
one, and so does its place on the tape. As the calibrated network is proved never to get there,
none of its bits changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerAttr, i32
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.passes.quantization.attributes import (
    read_held_for_training,
    read_scale,
    write_held,
    write_held_for_training,
)
from snncc.passes.quantization.widening import widen
from snncc.passes.ranges import NetworkRanges, network_ranges
from snncc.passes.ranges.widths import narrowest_width

ATTEMPTS = 4
"""A state that is held may leave an operation without a proof, and the other way round."""
StateKey = tuple[int, str]
"""(place among the neurons that were neurons of floats, name of the state)"""


@dataclass(frozen=True)
class Decisions:
    """What is decided of ranges."""

    held: Mapping[int, set[str]]
    """States that saturate though the float network's are bounded, by the neuron's place."""
    sizes: Mapping[StateKey, tuple[int, int]]
    """(least, largest) that a state of 32 bits may be without a change of its width or bits."""


def sizes_of(
    neurons: Sequence[snn.NeuronOp], ranges: NetworkRanges
) -> dict[StateKey, tuple[int, int]]:
    """For the states that are numbers of a unit: the ends of the width that is proved for them."""
    found: dict[StateKey, tuple[int, int]] = {}
    for place, neuron in enumerate(neurons):
        for index, port in enumerate(neuron.state_ports):
            if port.argument.type != i32 or read_scale(neuron, port.name) is None:
                continue
            state = ranges.states[neuron, index]
            low, high = -(1 << 15), (1 << 15) - 1
            if narrowest_width(state, (16, 32)) != 16:
                # products in the body were given room for as many bits
                size = max(-int(state.low.min()), int(state.high.max()))
                high = (1 << size.bit_length()) - 1
                low = -high
            found[place, port.name] = low, high
    return found


def hold_trained(
    network: snn.NetworkOp,
    neurons: Sequence[snn.NeuronOp],
    sizes: Mapping[StateKey, tuple[int, int]],
) -> None:
    """Holds the states that other weights could drive beyond their ends; widens what may wrap."""
    held: set[StateKey] = set()
    for _ in range(ATTEMPTS):
        ranges = network_ranges(network, trained=True)
        changed = False
        for key, (low, high) in sizes.items():
            place, name = key
            neuron = neurons[place]
            index = next(i for i, p in enumerate(neuron.state_ports) if p.name == name)
            state = ranges.states[neuron, index]
            if key in held or (np.all(state.low >= low) and np.all(state.high <= high)):
                continue
            _hold(neuron, index, low, high)
            write_held(neuron, {name: float(high)})
            write_held_for_training(neuron, [*read_held_for_training(neuron), name])
            held.add(key)
            changed = True
        changed = (not changed and bool(ranges.doubts) and widen(ranges)) or changed
        if not changed:
            return


def _hold(neuron: snn.NeuronOp, index: int, low: int, high: int) -> None:
    ends = neuron.terminator
    place = len(ends.outputs) + index
    value: SSAValue = ends.operands[place]
    block = neuron.body.block
    for bound, end in ((high, arith.MinSIOp), (low, arith.MaxSIOp)):
        constant = arith.ConstantOp(IntegerAttr(bound, i32))
        held = end(value, constant.result)
        block.insert_ops_before([constant, held], ends)
        value = held.result
    ends.operands[place] = value
