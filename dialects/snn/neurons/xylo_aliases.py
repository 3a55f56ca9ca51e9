"""
Aliases on Xylo: a neuron also emits the spikes of another one, in the same step.

The chip goes through the neurons in ascending order. A neuron gives what it emits, its own
spikes and those that it has received by then, to the targets of its aliases:

    n[target] = min(n[target] + n[source], 31)

A target that comes after its source has received before it fires, and fires itself only what
is left of the 31; a target that comes before has fired and been reset already. Both found by
probing `xylosim.v2` 0.1.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.neurons.xylo import joined
from snncc.dialects.snn.places import NOWHERE
from snncc.dialects.snn.shape import RearrangeOp
from snncc.dialects.snn.types import shape_of

Pair = tuple[int, int]
"""(source, target)"""


@dataclass(frozen=True)
class Emitted:
    """What leaves the neurons, and what of it was received before they fired, if any can."""

    spikes: SSAValue
    received: SSAValue | None


def add_aliases(a: Assembly, spikes: SSAValue, pairs: Sequence[Pair], most: int) -> Emitted:
    """Adds the aliases to the spikes that neurons fire themselves, at most `most` together."""
    received: SSAValue | None = None
    for index, together in enumerate(rounds(pairs)):
        places = np.full(shape_of(spikes), NOWHERE)
        for source, target in together:
            places[target] = source
        repeated = a.add(RearrangeOp(spikes, places))
        if is_forward(together[0]):
            received = (
                repeated
                if received is None
                else _joined(a, f"received{index}", received, repeated, most)
            )
        spikes = _joined(a, f"alias{index}", spikes, repeated, most)
    return Emitted(spikes, received)


def rounds(pairs: Sequence[Pair]) -> list[list[Pair]]:
    """
    The pairs in the chip's order, those in one round that may be added at once: all forward or
    all backward, and none reads or changes what another one of them changes.
    """
    found: list[list[Pair]] = []
    changed: set[int] = set()
    for pair in sorted(pairs):
        if not found or changed & set(pair) or is_forward(pair) != is_forward(found[-1][0]):
            found.append([])
            changed = set()
        found[-1].append(pair)
        changed.add(pair[1])
    return found


def is_forward(pair: Pair) -> bool:
    """Whether the target fires after its source."""
    return pair[0] < pair[1]


def _joined(a: Assembly, node: str, n: SSAValue, source: SSAValue, most: int) -> SSAValue:
    neuron = build_neuron(
        joined(most),
        inputs={"n": n, "source": source},
        states={},
        parameters={},
        population=shape_of(n),
        node=node,
    )
    return a.add(neuron)
