"""
The integrate-and-fire neurons of Xylo (SynSense; Audio 2, Audio 3 and IMU).

Source: found by probing the vendor's simulator, `xylosim.v2` 0.1.3 (PyPI), as a black box;
`tests/dialects/neurons/test_xylo.py` compares every current, membrane and spike with it.

In one step of a population with synapses k, sat16(x) = min(max(x, -32768), 32767):

    I[k] = sat16(I[k] + n * (w << shift))          for each source in turn, see below
    I[k] = I[k] - loss(I[k], dash_syn[k])          loss(x, d) = x >> d, at least 1 for x > 0
    J    = sat16(wrap16(-loss(V, dash_mem)) + sum over k of I[k])
    J    = sat16(J + bias)
    V    = sat16(V + J)
    n    = V // threshold, at most 31 (hidden) or 1 (output); 0 below the threshold
    V    = V - n * threshold

The sources of a hidden neuron are first the inputs, ascending, of this step (counts above 15
are 15), then the hidden neurons, ascending, of the step before; those of an output neuron
the hidden neurons of the step before. A current saturates after *each source*, whose spikes of
a step count as one addition. What the membrane loses is one of the currents: it is in the sum
that saturates first. wrap16 shows for V = -32768 and dash_mem = 0 only.

A threshold below 1, which the simulator answers with 31 spikes for each V >= threshold, is not
taken here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snncc.dialects.snn.body import Body, Equations, Outputs, Scalar
from snncc.dialects.snn.neurons.arithmetic import (
    accumulate,
    count_spikes,
    decay_shift,
    saturate,
    shift_loss,
    wrap,
)

WIDTH = 32
"""The bits of the arithmetic in bodies: products of counts and shifted weights fit."""


@dataclass(frozen=True)
class Arithmetic:
    """The numbers in which chips of this family may differ."""

    state_bits: int = 16
    largest_input: int = 15
    hidden_spikes: int = 31
    output_spikes: int = 1


XYLO = Arithmetic()


@dataclass(frozen=True)
class Event:
    """What a synapse takes in one addition, by ports: (source * weight) << shift."""

    source: str
    weight: str | None
    """None for a source that is a weighted sum already."""
    shift: int

    def amount(self, b: Body, ports: dict[str, Scalar]) -> Scalar:
        if self.weight is None:
            amount = ports[self.source]
        else:
            amount = b.extend_unsigned(ports[self.source], WIDTH)
            amount = amount * b.extend(ports[self.weight], WIDTH)
        return amount << self.shift if self.shift else amount


def integrate_and_fire(
    synapses: Sequence[Sequence[Event]],
    most_spikes: int,
    bits: int,
    *,
    has_bias: bool,
    resets: bool = True,
) -> Equations:
    """
    The equations of a population whose synapses take these events, in this order.

    Ports: states i0, i1, ... and v; parameters dash_syn0, dash_syn1, ..., dash_mem, threshold
    (at least 1), and bias if there is one; and those that the events name. The output is i1
    where a neuron spikes once a step at most, else a count, i8.

    Without `resets`, v is an input, the membrane of the step before, and the second output is
    the membrane that `reset` takes the spikes from.
    """

    def equations(b: Body, **ports: Scalar) -> Outputs:
        def wide(port: str) -> Scalar:
            return b.extend(ports[port], WIDTH)

        currents: list[Scalar] = []
        for k, events in enumerate(synapses):
            amounts = (event.amount(b, ports) for event in events)
            current = accumulate(wide(f"i{k}"), amounts, bits, "saturate")
            currents.append(decay_shift(current, wide(f"dash_syn{k}"), least_one=True))
        v = wide("v")
        drive = wrap(-shift_loss(v, wide("dash_mem"), least_one=True), bits)
        for current in currents:
            drive = drive + current
        drive = saturate(drive, bits)
        if has_bias:
            drive = saturate(drive + wide("bias"), bits)
        u = saturate(v + drive, bits)
        threshold = wide("threshold")
        n = count_spikes(u, threshold, most_spikes)
        spikes = b.truncate(n, 1 if most_spikes == 1 else 8)
        states = [b.truncate(current, 16) for current in currents]
        if not resets:
            return [spikes, b.truncate(u, 16)], states
        return [spikes], [*states, b.truncate(u - n * threshold, 16)]

    return equations


def clipped(most: int) -> Equations:
    """Counts of spikes, unsigned, of which the chip takes `most` at a time."""

    def equations(b: Body, n: Scalar) -> Outputs:
        return [b.truncate(b.minimum(b.extend_unsigned(n, 16), most), 8)], []

    return equations


def joined(most: int) -> Equations:
    """An alias: the spikes of a neuron and of the one that it repeats, `most` at a time."""

    def equations(b: Body, n: Scalar, source: Scalar) -> Outputs:
        both = b.extend_unsigned(n, 16) + b.extend_unsigned(source, 16)
        return [b.truncate(b.minimum(both, most), 8)], []

    return equations


def reset(most: int) -> Equations:
    """
    The membrane after its spikes, where those that a neuron repeats count among the `most`:

        v = u - min(n, most - repeated) * threshold
    """

    def equations(b: Body, u: Scalar, n: Scalar, repeated: Scalar, threshold: Scalar) -> Outputs:
        own = b.minimum(b.extend_unsigned(n, WIDTH), most - b.extend_unsigned(repeated, WIDTH))
        v = b.extend(u, WIDTH) - own * b.extend(threshold, WIDTH)
        return [b.truncate(v, 16)], []

    return equations
