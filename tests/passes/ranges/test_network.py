"""Networks: sums, windows, recurrence, findings, and inputs that reach the bounds."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snncc.dialects import snn
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.ranges import NetworkRanges, narrowest_width, network_ranges, proof_text
from snncc.passes.ranges.intervals import Interval, read_signed
from snncc.passes.ranges.worst import NotConstructed, worst_inputs
from tests.passes.ranges.networks import lif_layers, network_of, parsed

RANDOM = np.random.default_rng(5)


def neurons(network: snn.NetworkOp) -> list[snn.NeuronOp]:
    return [op for op in network.body.block.ops if isinstance(op, snn.NeuronOp)]


def signed(array: np.ndarray) -> np.ndarray:
    """An array of a stream as signed numbers (streams hold the bits unsigned)."""
    if array.dtype.kind == "f" or array.dtype == np.uint8:
        return array.astype(np.int64) if array.dtype.kind != "f" else array
    return array.view(f"i{array.dtype.itemsize}").astype(np.int64)


def assert_contains(ranges: NetworkRanges, module, x: dict[str, np.ndarray]) -> None:
    """Every state and output of a run lies in its interval."""
    interpreter = NetworkInterpreter(module, ranges.network)
    run = interpreter.run(x, trace=True)
    for (op, index), name in ranges.names.name_of.items():
        if not isinstance(op, snn.NeuronOp):
            continue
        state = ranges.states[op, index]
        assert state.contains(signed(run.trace[name])).all(), name
    for name, value in ranges.network.outputs.items():
        read = read_signed(ranges.values[value], value.type.element_type)
        assert read.contains(signed(run.outputs[name])).all(), name


def test_layers_of_lif_neurons_are_proved() -> None:
    weights = [RANDOM.integers(-20, 21, (12, 16)), RANDOM.integers(-20, 21, (5, 12))]
    module = lif_layers(weights, [60, 40])
    ranges = network_ranges(network_of(module))
    assert ranges.is_proved
    first, second = neurons(ranges.network)
    drive = ranges.values[first.inputs[0]]
    assert np.array_equal(drive.high, np.maximum(weights[0], 0).sum(1))
    assert np.array_equal(drive.low, np.minimum(weights[0], 0).sum(1))
    assert narrowest_width(ranges.states[second, 0]) == 16
    x = RANDOM.integers(0, 2, (40, 8, 16)).astype(np.uint8)
    assert_contains(ranges, module, {"x": x})
    text = proof_text(ranges)
    assert "lif0" in text
    assert "fc1" in text
    assert "closed under the body" in text


@pytest.mark.parametrize("high", [False, True])
@pytest.mark.parametrize("layer", [0, 1])
def test_worst_inputs_reach_the_bounds(layer: int, high: bool) -> None:
    """The constructed inputs, run through the interpreter, give the proved ends."""
    weights = [RANDOM.integers(-20, 21, (6, 16)), RANDOM.integers(-20, 21, (5, 6))]
    module = lif_layers(weights, [60, 40])
    ranges = network_ranges(network_of(module))
    neuron = neurons(ranges.network)[layer]
    state = neuron.state_ports[0].argument
    for element in range(neuron.population[0]):
        worst = worst_inputs(ranges, neuron, (element,))
        assert min(worst.gap(state)) >= 0
        assert max(worst.gap(state)) <= 1 or not worst.complete or layer == 1
        sequence = worst.inputs(neuron.terminator.states[0], high=high)
        alone = lif_layers([weights[layer]], [(60, 40)[layer]])
        run = NetworkInterpreter(alone, network_of(alone)).run(
            {"x": sequence[:, None].astype(np.uint8)}
        )
        final = signed(run.final["lif0.v"])[0, element]
        assert final == worst.reached[neuron.terminator.states[0]][high]


def test_worst_inputs_say_why_there_are_none() -> None:
    module = parsed(
        'snn.network @n ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {\n'
        "%y = snn.neuron (%u = %x : tensor<2xf32>) -> (tensor<2xi1>) {\n"
        "%s = snn.spike gt %u : f32\nsnn.next (%s : i1)\n}\nsnn.yield %y : tensor<2xi1>\n}"
    )
    ranges = network_ranges(network_of(module), {"x": (0, 1)})
    with pytest.raises(NotConstructed, match="floats"):
        worst_inputs(ranges, neurons(ranges.network)[0], (0,))


def test_a_wrap_is_named() -> None:
    module = lif_layers([np.full((2, 4), 100)], [60], factor=1 << 24)
    ranges = network_ranges(network_of(module))
    assert not ranges.is_proved
    (doubt, *_) = ranges.doubts
    assert doubt.place == 'snn.neuron "lif0"'
    assert doubt.problem == "wraps"
    assert doubt.elements == 2
    assert doubt.high > 2**31
    assert "lif0" in str(doubt)
    assert "arith.muli" in str(doubt)
    assert "!" in proof_text(ranges)


RECURRENT = """
snn.network @n ("x" %x : tensor<3xi1>) -> ("y" : tensor<4xi1>) {
  %off = snn.constant dense<0> : tensor<i1>
  %zero = snn.constant dense<0> : tensor<i32>
  %w = snn.use @w : tensor<4x3xi8>
  %r = snn.use @r : tensor<4x4xi8>
  %s1 = snn.delay %s by 2 init %off : tensor<4xi1>, tensor<i1> -> tensor<4xi1>
  %i = snn.linear %x, %w : (tensor<3xi1>, tensor<4x3xi8>) -> tensor<4xi32>
  %j = snn.linear %s1, %r : (tensor<4xi1>, tensor<4x4xi8>) -> tensor<4xi32>
  %s = snn.neuron as "lif" (%a = %i : tensor<4xi32>, %b = %j : tensor<4xi32>)
       state (%v = %zero : tensor<i32>) -> (tensor<4xi1>) {
    %k = arith.constant 2 : i32
    %t = arith.constant 9 : i32
    %0 = arith.shrsi %v, %k : i32
    %1 = arith.subi %v, %0 : i32
    %2 = arith.addi %1, %a : i32
    %u = arith.addi %2, %b : i32
    %e = arith.subi %u, %t : i32
    %f = snn.spike ge %e : i32
    %g = arith.select %f, %e, %u : i32
    snn.next (%f : i1) state (%g : i32)
  }
  snn.yield %s : tensor<4xi1>
}
"""


def test_recurrence_is_a_fixpoint() -> None:
    weights = {
        name: RANDOM.integers(-9, 10, shape).astype(np.int8)
        for name, shape in (("w", (4, 3)), ("r", (4, 4)))
    }
    module = parsed(RECURRENT, {n: w.view(np.uint8) for n, w in weights.items()})
    ranges = network_ranges(network_of(module))
    assert ranges.is_proved
    (neuron,) = neurons(ranges.network)
    recurrent = ranges.values[neuron.inputs[1]]
    assert np.array_equal(recurrent.high, np.maximum(weights["r"].astype(int), 0).sum(1))
    x = RANDOM.integers(0, 2, (200, 16, 3)).astype(np.uint8)
    assert_contains(ranges, module, {"x": x})


GRADED = """
snn.network @n ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %w = snn.constant dense<[[0.5, -0.25], [0.25, 0.5]]> : tensor<2x2xf32>
  %d = snn.delay %y by 1 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
  %r = snn.linear %d, %w : (tensor<2xf32>, tensor<2x2xf32>) -> tensor<2xf32>
  %y = snn.add %x, %r : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
  snn.yield %y : tensor<2xf32>
}
"""


def test_graded_recurrence_that_decays_is_bounded() -> None:
    """|y| <= 1 + 0.75 |y|: 4, for the largest row sum of the magnitudes is 0.75."""
    network = network_of(parsed(GRADED))
    ranges = network_ranges(network, {"x": (-1.0, 1.0)})
    y = ranges.values[network.outputs["y"]]
    assert y.high == pytest.approx(4, rel=1e-3)
    assert y.low == pytest.approx(-4, rel=1e-3)


WINDOWS = """
snn.network @n ("x" %x : tensor<4x6x6xi1>) -> ("a" : tensor<6x4x3xi16>, "b" : tensor<4x3x3xi8>,
                                              "c" : tensor<4x3x3xi1>) {
  %w = snn.use @w : tensor<6x2x3x3xi8>
  %bias = snn.use @b : tensor<6xi16>
  %a = snn.conv2d %x, %w bias %bias last stride [1, 2] padding [1, 0, 1, 1] dilation [1, 1] groups 2
       : (tensor<4x6x6xi1>, tensor<6x2x3x3xi8>, tensor<6xi16>) -> tensor<6x5x3xi16>
  %places = snn.rearrange %a places <0 (6 by 15) (4 by 3) (3 by 1)>
       : tensor<6x5x3xi16> -> tensor<6x4x3xi16>
  %b = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0]
       : (tensor<4x6x6xi1>) -> tensor<4x3x3xi8>
  %c = snn.pool2d max %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0]
       : (tensor<4x6x6xi1>) -> tensor<4x3x3xi1>
  snn.yield %places, %b, %c : tensor<6x4x3xi16>, tensor<4x3x3xi8>, tensor<4x3x3xi1>
}
"""


def test_windows_are_met_element_by_element() -> None:
    """The input that is on where the weight is positive gives the high end of each element."""
    weight = RANDOM.integers(-90, 91, (6, 2, 3, 3)).astype(np.int8)
    bias = RANDOM.integers(-900, 901, 6).astype(np.int16)
    module = parsed(WINDOWS, {"w": weight.view(np.uint8), "b": bias.view(np.uint16)})
    network = network_of(module)
    ranges = network_ranges(network)
    assert ranges.is_proved
    outputs = {name: ranges.values[value] for name, value in network.outputs.items()}
    assert outputs["b"].high.max() == 4
    x = np.stack([*RANDOM.integers(0, 2, (400, 1, 4, 6, 6))]).astype(np.uint8)
    # the best input of every element at once is that of the weights' signs, window by window
    best = np.zeros((2, 6, 4, 3), np.int64)
    for out in range(6):
        for row in range(4):
            for column in range(3):
                for side in (0, 1):
                    picture = np.zeros((4, 7, 8), np.uint8)
                    on = weight[out] > 0 if side else weight[out] < 0
                    channels = slice(2 * (out // 3), 2 * (out // 3) + 2)
                    where = (channels, slice(row, row + 3), slice(2 * column, 2 * column + 3))
                    picture[where] = on
                    run = NetworkInterpreter(module, network).run(
                        {"x": picture[None, None, :, 1:, 1:7]}
                    )
                    best[side, out, row, column] = signed(run.outputs["a"])[0, 0, out, row, column]
    assert np.array_equal(best[0], outputs["a"].low)
    assert np.array_equal(best[1], outputs["a"].high)
    run = NetworkInterpreter(module, network).run({"x": x})
    assert outputs["a"].contains(signed(run.outputs["a"])).all()


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 255))
def test_random_layers_stay_inside(seed: int, factor: int) -> None:
    random = np.random.default_rng(seed)
    sizes = random.integers(2, 8, 3)
    weights = [
        random.integers(-127, 128, (after, before)) for before, after in itertools.pairwise(sizes)
    ]
    module = lif_layers(weights, random.integers(1, 300, 2).tolist(), factor)
    ranges = network_ranges(network_of(module))
    rate = random.random(sizes[0])
    x = (random.random((60, 4, sizes[0])) < rate).astype(np.uint8)
    assert_contains(ranges, module, {"x": x})


def test_an_input_that_is_not_there_is_refused() -> None:
    network = network_of(lif_layers([np.ones((1, 1))], [3]))
    with pytest.raises(KeyError, match="no input is named z"):
        network_ranges(network, {"z": (0, 1)})


def test_counts_are_read_as_what_reads_them() -> None:
    """A count of up to 200 in i8 is 200 for a sum of floats, and negative for one of integers."""
    text = """
    snn.network @n ("x" %x : tensor<2xf32>) -> ("y" : tensor<1xi16>, "z" : tensor<1xf32>) {
      %w = snn.constant dense<[[1, 2]]> : tensor<1x2xi8>
      %f = snn.constant dense<[[1.0, 2.0]]> : tensor<1x2xf32>
      %n = snn.neuron as "count" (%u = %x : tensor<2xf32>) -> (tensor<2xi8>) {
        %c = snn.count %u max 200 : f32 -> i8
        snn.next (%c : i8)
      }
      %y = snn.linear %n, %w : (tensor<2xi8>, tensor<1x2xi8>) -> tensor<1xi16>
      %z = snn.linear %n, %f : (tensor<2xi8>, tensor<1x2xf32>) -> tensor<1xf32>
      snn.yield %y, %z : tensor<1xi16>, tensor<1xf32>
    }
    """
    network = network_of(parsed(text))
    ranges = network_ranges(network, {"x": (0.0, 1000.0)})
    assert ranges.values[network.outputs["z"]].high == pytest.approx(600)
    (doubt,) = ranges.doubts
    assert doubt.problem == "reads a count as negative"
    assert doubt.high == 200
    few = network_ranges(network, {"x": (0.0, 100.0)})
    assert few.is_proved
    assert few.values[network.outputs["y"]].high == 300


def test_intervals_hold_numbers() -> None:
    interval = Interval(np.array([1, 5]), np.array([3, 5]))
    assert interval.contains(np.array([2, 5])).all()
    assert not interval.is_point
