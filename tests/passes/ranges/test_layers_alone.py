"""
IF, LIF and CuBa layers alone, quantized from floats: inputs constructed from the weights reach
the proved ends of every state, and of what is compared with the threshold, within one unit.

States count in finer units than weights do: one unit is one of the state. A largest membrane is
met from just below the threshold, beside a current that rose in just the right steps. Where a
reset to a value follows a current, the real optimum has one drive between two whole ones, and
what makes up for the rest of it costs current: one unit is one of the drive there.
"""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import arith
from xdsl.dialects.builtin import i1
from xdsl.ir import SSAValue

import snncc
from benchmarks.writer import NetworkWriter
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from snncc.passes.differentiation.integers import literal
from snncc.passes.ranges import NetworkRanges, Worst, network_ranges, worst_inputs
from tests.seeds import is_long

INPUTS, NEURONS = 16, 2


def layer(kind: str, reset: str, timing: str, seed: int) -> Network:
    """`kind`: if, lif or cuba; `reset`: value or subtract; `timing`: same or next."""
    rng = np.random.default_rng(seed)
    writer = NetworkWriter("alone", (INPUTS,), i1)
    writer.linear("fc", rng.normal(0.05, 0.4, (NEURONS, INPUTS)).astype(np.float32))

    def each(low: float, high: float) -> Array:
        return rng.uniform(low, high, NEURONS).astype(np.float32)

    parameters: dict[str, Array] = {"theta": each(0.7, 1.3), "v_reset": each(-0.3, 0.2)}
    if kind != "if":
        parameters["beta"] = each(0.5, 0.95)
    if kind == "cuba":
        parameters["alpha"] = each(0.3, 0.9)

    def equations(
        b: Body,
        x: Scalar,
        v: Scalar,
        theta: Scalar,
        v_reset: Scalar,
        i: Scalar | None = None,
        beta: Scalar | None = None,
        alpha: Scalar | None = None,
    ) -> Outputs:
        fired = b.spike(v - theta)
        if timing == "next" and reset == "value":
            v = b.select(fired, v_reset, v)
        current = x if i is None or alpha is None else alpha * i + x
        u = (v if beta is None else beta * v) + current
        if timing == "next" and reset == "subtract":
            u = u - b.to_float(fired) * theta
        z = b.spike(u - theta)
        if timing == "same":
            u = b.select(z, v_reset, u) if reset == "value" else u - b.to_float(z) * theta
        return [z], [u] if i is None else [current, u]

    states = {"i": 0.0, "v": 0.0} if kind == "cuba" else {"v": 0.0}
    writer.neuron("n", equations, states, parameters)
    return writer.finish()


def neuron_of(network: Network) -> snn.NeuronOp:
    return next(op for op in network.op.body.block.ops if isinstance(op, snn.NeuronOp))


def watched(neuron: snn.NeuronOp) -> list[SSAValue]:
    compared = [op.argument for op in neuron.body.block.ops if isinstance(op, snn.SpikeOp)]
    return [*neuron.terminator.states, *compared]


def unit_of_drive(neuron: snn.NeuronOp) -> int:
    """What one whole number of the weighted sum is in the states."""
    (shift,) = (op.rhs for op in neuron.body.block.ops if isinstance(op, arith.ShLIOp))
    amount = literal(shift)
    assert amount is not None
    return 1 << amount


def assert_replayed(network: Network, ranges: NetworkRanges, worst: Worst) -> None:
    """The interpreter's states behind the constructed inputs are those that were said."""
    neuron = neuron_of(network)
    for index, state in enumerate(neuron.terminator.states):
        for high in (False, True):
            x = worst.inputs(state, high=high)[:, None].astype(np.uint8)
            run = NetworkInterpreter(network.module, network.op).run({"x": x})
            final = run.final[ranges.names.name_of[neuron, index]][(0, *worst.index)]
            width = 8 * final.dtype.itemsize
            signed = int(final) - (int(final) >> (width - 1) << width)
            assert signed == worst.reached[state][high]


@pytest.mark.slow
@pytest.mark.parametrize("timing", ["same", "next"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
@pytest.mark.parametrize("weights", ["int8", "int4"])
@pytest.mark.parametrize("kind", ["if", "lif", "cuba"])
def test_bounds_are_met(kind: str, weights: str, reset: str, timing: str) -> None:
    if (kind, weights, reset, timing) == ("cuba", "int8", "value", "next") and not is_long():
        pytest.skip("takes half a minute for what the other timing shows: SNNCC_LONG=1")
    network = snncc.quantize(layer(kind, reset, timing, 2), weights)
    ranges = network_ranges(network.op)
    assert ranges.is_proved
    neuron = neuron_of(network)
    unit = unit_of_drive(neuron) if (kind, reset) == ("cuba", "value") else 1
    for element in range(NEURONS):
        worst = worst_inputs(ranges, neuron, (element,))
        for value in watched(neuron):
            low, high = worst.gap(value)
            assert low >= 0, "the proof is wrong"
            assert high >= 0, "the proof is wrong"
            assert low <= 1, (value.owner, worst.proved[value], worst.reached[value])
            assert high <= unit, (value.owner, worst.proved[value], worst.reached[value])
        assert_replayed(network, ranges, worst)
