"""A scheduled program gives the bits of its network: outputs and final states."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.dialects import kernel
from snncc.interpreters.network import NetworkInterpreter, Run
from snncc.interpreters.program import ProgramInterpreter
from tests.text_networks import (
    STEPS,
    expect_same_bits,
    lif,
    network,
    network_of,
    parse,
    random_inputs,
    scheduled,
)

NETWORKS: dict[str, str] = {
    "linear, bias first": network(
        '"x" %x : tensor<5xf32>',
        '"y" : tensor<4xi1>',
        """
  %i = snn.linear %x, %w bias %c first as "fc"
       : (tensor<5xf32>, tensor<4x5xf32>, tensor<4xf32>) -> tensor<4xf32>"""
        + lif("s", "i", "4")
        + "  snn.yield %s : tensor<4xi1>\n",
        {"w": (4, 5), "c": (4,)},
    ),
    "linear, bias last, one output": network(
        '"x" %x : tensor<5xi1>',
        '"y" : tensor<1xi1>, "i" : tensor<1xf32>',
        """
  %i = snn.linear %x, %w bias %c last as "fc"
       : (tensor<5xi1>, tensor<1x5xf32>, tensor<1xf32>) -> tensor<1xf32>"""
        + lif("s", "i", "1")
        + "  snn.yield %s, %i : tensor<1xi1>, tensor<1xf32>\n",
        {"w": (1, 5), "c": (1,)},
    ),
    "dense linear behind a graded neuron, double precision": """
snn.parameter @w : tensor<3x4xf64> = dense<0.3>
snn.parameter @u : tensor<2x3xf64> = dense<[[0.1, -0.7, 0.2], [0.4, 0.9, -0.3]]>
snn.network @net ("x" %x : tensor<4xf64>) -> ("y" : tensor<2xf64>) {
  %zero = snn.constant dense<0.0> : tensor<f64>
  %w = snn.use @w : tensor<3x4xf64>
  %u = snn.use @u : tensor<2x3xf64>
  %i = snn.linear %x, %w as "a" : (tensor<4xf64>, tensor<3x4xf64>) -> tensor<3xf64>
  %m = snn.neuron as "li" (%x = %i : tensor<3xf64>) state (%v = %zero : tensor<f64>)
       -> (tensor<3xf64>) {
    %beta = arith.constant 0.7 : f64
    %0 = arith.mulf %beta, %v : f64
    %1 = arith.addf %0, %x : f64
    snn.next (%1 : f64) state (%1 : f64)
  }
  %y = snn.linear %m, %u as "b" : (tensor<3xf64>, tensor<2x3xf64>) -> tensor<2xf64>
  snn.yield %y : tensor<2xf64>
}""",
    "conv1d": network(
        '"x" %x : tensor<4x9xf32>',
        '"y" : tensor<6x4xi1>',
        """
  %i = snn.conv1d %x, %w bias %c first stride [2] padding [2, 1] dilation [2] groups 2 as "conv"
       : (tensor<4x9xf32>, tensor<6x2x3xf32>, tensor<6xf32>) -> tensor<6x4xf32>"""
        + lif("s", "i", "6x4")
        + "  snn.yield %s : tensor<6x4xi1>\n",
        {"w": (6, 2, 3), "c": (6,)},
    ),
    "conv2d of spikes, bias last": network(
        '"x" %x : tensor<2x7x6xi1>',
        '"y" : tensor<3x4x3xi1>',
        """
  %i = snn.conv2d %x, %w bias %c last stride [2, 2] padding [2, 1, 1, 1] dilation [1, 2] groups 1
       : (tensor<2x7x6xi1>, tensor<3x2x3x2xf32>, tensor<3xf32>) -> tensor<3x4x3xf32>"""
        + lif("s", "i", "3x4x3")
        + "  snn.yield %s : tensor<3x4x3xi1>\n",
        {"w": (3, 2, 3, 2), "c": (3,)},
    ),
    "conv2d, depthwise, then a second": network(
        '"x" %x : tensor<3x5x5xf32>',
        '"y" : tensor<2x3x3xi1>',
        """
  %i = snn.conv2d %x, %w stride [1, 1] padding [1, 1, 1, 1] dilation [1, 1] groups 3 as "dw"
       : (tensor<3x5x5xf32>, tensor<6x1x3x3xf32>) -> tensor<6x5x5xf32>"""
        + lif("s", "i", "6x5x5")
        + """
  %j = snn.conv2d %s, %u stride [1, 1] padding [0, 0, 0, 0] dilation [1, 1] groups 2 as "c2"
       : (tensor<6x5x5xi1>, tensor<2x3x3x3xf32>) -> tensor<2x3x3xf32>"""
        + lif("q", "j", "2x3x3")
        + "  snn.yield %q : tensor<2x3x3xi1>\n",
        {"w": (6, 1, 3, 3), "u": (2, 3, 3, 3)},
    ),
    "sum pool, flatten, linear": network(
        '"x" %x : tensor<2x6x4xi1>',
        '"y" : tensor<3xi1>, "p" : tensor<2x3x2xf32>',
        """
  %p = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0] as "pool"
       : (tensor<2x6x4xi1>) -> tensor<2x3x2xf32>
  %f = snn.reshape %p as "flatten" : tensor<2x3x2xf32> -> tensor<12xf32>
  %i = snn.linear %f, %w as "fc" : (tensor<12xf32>, tensor<3x12xf32>) -> tensor<3xf32>"""
        + lif("s", "i", "3")
        + "  snn.yield %s, %p : tensor<3xi1>, tensor<2x3x2xf32>\n",
        {"w": (3, 12)},
    ),
    "pools with padding": network(
        '"x" %x : tensor<2x5x5xf32>, "z" %z : tensor<2x5x5xi1>',
        '"a" : tensor<2x3x3xf32>, "b" : tensor<2x3x3xf32>, "c" : tensor<2x3x2xf32>, '
        '"d" : tensor<2x3x3xi1>, "e" : tensor<2x3x3xf32>',
        """
  %a = snn.pool2d avg %x kernel [3, 3] stride [2, 2] padding [1, 1, 1, 1]
       : (tensor<2x5x5xf32>) -> tensor<2x3x3xf32>
  %b = snn.pool2d avg %x kernel [3, 3] stride [2, 2] padding [1, 1, 1, 1] exclude_padding
       : (tensor<2x5x5xf32>) -> tensor<2x3x3xf32>
  %c = snn.pool2d max %x kernel [2, 3] stride [2, 2] padding [1, 0, 0, 0]
       : (tensor<2x5x5xf32>) -> tensor<2x3x2xf32>
  %d = snn.pool2d max %z kernel [3, 3] stride [2, 2] padding [1, 1, 1, 1]
       : (tensor<2x5x5xi1>) -> tensor<2x3x3xi1>
  %e = snn.pool2d sum %z kernel [3, 3] stride [2, 2] padding [1, 1, 1, 1]
       : (tensor<2x5x5xi1>) -> tensor<2x3x3xf32>
  snn.yield %a, %b, %c, %d, %e : tensor<2x3x3xf32>, tensor<2x3x3xf32>, tensor<2x3x2xf32>,
       tensor<2x3x3xi1>, tensor<2x3x3xf32>
""",
    ),
    "reshape in every direction": network(
        '"x" %x : tensor<12xf32>, "y" %y : tensor<2x3x2xf32>',
        '"a" : tensor<2x3x2xi1>, "b" : tensor<12xi1>, "c" : tensor<3x4xi1>, "d" : tensor<2x6xf32>, '
        '"e" : tensor<1x12xf32>, "f" : tensor<3x2x2xf32>, "g" : tensor<12xi1>',
        """
  %a0 = snn.reshape %x as "up" : tensor<12xf32> -> tensor<2x3x2xf32>"""
        + lif("a", "a0", "2x3x2")
        + """
  %b = snn.reshape %a as "down" : tensor<2x3x2xi1> -> tensor<12xi1>
  %c = snn.reshape %a as "across" : tensor<2x3x2xi1> -> tensor<3x4xi1>
  %d = snn.reshape %y as "given" : tensor<2x3x2xf32> -> tensor<2x6xf32>
  %e = snn.reshape %y as "row" : tensor<2x3x2xf32> -> tensor<1x12xf32>
  %f = snn.reshape %e as "back" : tensor<1x12xf32> -> tensor<3x2x2xf32>
  %g0 = snn.reshape %d : tensor<2x6xf32> -> tensor<12xf32>"""
        + lif("g", "g0", "12")
        + """
  snn.yield %a, %b, %c, %d, %e, %f, %g : tensor<2x3x2xi1>, tensor<12xi1>, tensor<3x4xi1>,
       tensor<2x6xf32>, tensor<1x12xf32>, tensor<3x2x2xf32>, tensor<12xi1>
""",
    ),
    "concat on each axis": network(
        '"x" %x : tensor<2x3x2xf32>, "y" %y : tensor<2x3x2xf32>, "k" %k : tensor<3xi1>',
        '"a" : tensor<4x3x2xi1>, "b" : tensor<2x6x2xi1>, "c" : tensor<2x3x4xi1>, '
        '"d" : tensor<6xi1>',
        lif("p", "x", "2x3x2")
        + lif("q", "y", "2x3x2")
        + """
  %a = snn.concat %p, %q axis 0 as "a" : (tensor<2x3x2xi1>, tensor<2x3x2xi1>) -> tensor<4x3x2xi1>
  %b = snn.concat %p, %q axis 1 as "b" : (tensor<2x3x2xi1>, tensor<2x3x2xi1>) -> tensor<2x6x2xi1>
  %c = snn.concat %q, %p axis 2 as "c" : (tensor<2x3x2xi1>, tensor<2x3x2xi1>) -> tensor<2x3x4xi1>
  %d = snn.concat %k, %k axis 0 as "d" : (tensor<3xi1>, tensor<3xi1>) -> tensor<6xi1>
  snn.yield %a, %b, %c, %d : tensor<4x3x2xi1>, tensor<2x6x2xi1>, tensor<2x3x4xi1>, tensor<6xi1>
""",
    ),
    "elements in other places, of the input and of what is stored channel-last": network(
        '"x" %x : tensor<2x3x2xf32>',
        '"a" : tensor<3x4xf32>, "b" : tensor<2x3x2xi1>, "c" : tensor<4xi1>, '
        '"d" : tensor<3x6x4xi1>, "e" : tensor<2x2xf32>',
        lif("p", "x", "2x3x2")
        + """
  %w = snn.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %a = snn.rearrange %x places <0 (3 by 2) (2 by 6) (2 by 1)> as "a"
       : tensor<2x3x2xf32> -> tensor<3x4xf32>
  %b = snn.rearrange %p places <6 (2 by -6) (6 by 1)> as "b"
       : tensor<2x3x2xi1> -> tensor<2x3x2xi1>
  %c = snn.rearrange %b places <11, -1, 0, 4> as "c" : tensor<2x3x2xi1> -> tensor<4xi1>
  %d = snn.rearrange %p places <-1 (6 by 0), 0 (5 by 2) (10 by 0), 10 (2 by 1) (5 by 0),
                                -1 (6 by 0)> as "d" : tensor<2x3x2xi1> -> tensor<3x6x4xi1>
  %e0 = snn.rearrange %w places <2, -1, 0, 0> : tensor<3xf32> -> tensor<2x2xf32>
  %e1 = snn.rearrange %x places <0 (4 by 1)> : tensor<2x3x2xf32> -> tensor<2x2xf32>
  %e = snn.add %e0, %e1 : (tensor<2x2xf32>, tensor<2x2xf32>) -> tensor<2x2xf32>
  snn.yield %a, %b, %c, %d, %e : tensor<3x4xf32>, tensor<2x3x2xi1>, tensor<4xi1>,
       tensor<3x6x4xi1>, tensor<2x2xf32>
""",
    ),
    "delays of 1 to 5 steps, and for each element": network(
        '"x" %x : tensor<2x3xf32>',
        '"a" : tensor<2x3xf32>, "b" : tensor<2x3xf32>, "c" : tensor<2x3xf32>, '
        '"d" : tensor<2x3xf32>, "e" : tensor<2x3xf32>',
        """
  %one = snn.constant dense<[1.0, 2.0, 3.0]> : tensor<3xf32>
  %a = snn.delay %x by 1 init %one as "one" : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %b = snn.delay %x by 5 init %one as "five" : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %c = snn.delay %x by dense<[[1, 0, 3], [2, 5, 4]]> : tensor<2x3xi64> init %one as "each"
       : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %d = snn.delay %x by dense<[[1, 0, 0], [0, 1, 0]]> : tensor<2x3xi64> init %one as "some"
       : tensor<2x3xf32>, tensor<3xf32> -> tensor<2x3xf32>
  %e = snn.delay %a by 2 init %zero as "two" : tensor<2x3xf32>, tensor<f32> -> tensor<2x3xf32>
  snn.yield %a, %b, %c, %d, %e : tensor<2x3xf32>, tensor<2x3xf32>, tensor<2x3xf32>,
       tensor<2x3xf32>, tensor<2x3xf32>
""",
    ),
    "a cycle of one step": network(
        '"x" %x : tensor<4xf32>',
        '"y" : tensor<3xi1>',
        """
  %r = snn.delay %s by 1 init %off as "back" : tensor<3xi1>, tensor<i1> -> tensor<3xi1>
  %i = snn.linear %x, %w as "in" : (tensor<4xf32>, tensor<3x4xf32>) -> tensor<3xf32>
  %j = snn.linear %r, %u bias %c last as "rec"
       : (tensor<3xi1>, tensor<3x3xf32>, tensor<3xf32>) -> tensor<3xf32>
  %k = snn.add %i, %j : (tensor<3xf32>, tensor<3xf32>) -> tensor<3xf32>"""
        + lif("s", "k", "3")
        + "  snn.yield %s : tensor<3xi1>\n",
        {"w": (3, 4), "u": (3, 3), "c": (3,)},
    ),
    "two populations in a cycle of 3 and 1 steps, read outside": network(
        '"x" %x : tensor<3x2xf32>',
        '"y" : tensor<3x2xi1>, "r" : tensor<3x2xi1>, "q" : tensor<3x2xi1>',
        """
  %r = snn.delay %q by 3 init %off as "far" : tensor<3x2xi1>, tensor<i1> -> tensor<3x2xi1>
  %n = snn.delay %s by 1 init %off as "near" : tensor<3x2xi1>, tensor<i1> -> tensor<3x2xi1>
  %i = snn.add %x, %r : (tensor<3x2xf32>, tensor<3x2xi1>) -> tensor<3x2xf32>"""
        + lif("s", "i", "3x2")
        + """
  %g = snn.constant dense<0.75> : tensor<f32>
  %j = snn.scale %n, %g : (tensor<3x2xi1>, tensor<f32>) -> tensor<3x2xf32>"""
        + lif("q", "j", "3x2")
        + "  snn.yield %s, %r, %q : tensor<3x2xi1>, tensor<3x2xi1>, tensor<3x2xi1>\n",
    ),
    "a convolution in a cycle": network(
        '"x" %x : tensor<2x4x4xf32>',
        '"y" : tensor<2x4x4xi1>',
        """
  %r = snn.delay %s by 2 init %off as "back" : tensor<2x4x4xi1>, tensor<i1> -> tensor<2x4x4xi1>
  %j = snn.conv2d %r, %u stride [1, 1] padding [1, 1, 1, 1] dilation [1, 1] groups 1
       : (tensor<2x4x4xi1>, tensor<2x2x3x3xf32>) -> tensor<2x4x4xf32>
  %k = snn.add %x, %j : (tensor<2x4x4xf32>, tensor<2x4x4xf32>) -> tensor<2x4x4xf32>"""
        + lif("s", "k", "2x4x4")
        + "  snn.yield %s : tensor<2x4x4xi1>\n",
        {"u": (2, 2, 3, 3)},
    ),
    "counts": network(
        '"x" %x : tensor<6xf32>',
        '"n" : tensor<6xi16>, "y" : tensor<3xf32>',
        """
  %n = snn.neuron as "if" (%x = %x : tensor<6xf32>) state (%v = %zero : tensor<f32>)
       -> (tensor<6xi16>) {
    %th = arith.constant 0.125 : f32
    %0 = arith.addf %v, %x : f32
    %q = arith.divf %0, %th : f32
    %n = snn.count %q max 9 : f32 -> i16
    %f = arith.uitofp %n : i16 to f32
    %3 = arith.mulf %f, %th : f32
    %4 = arith.subf %0, %3 : f32
    snn.next (%n : i16) state (%4 : f32)
  }
  %y = snn.linear %n, %w as "fc" : (tensor<6xi16>, tensor<3x6xf32>) -> tensor<3xf32>
  snn.yield %n, %y : tensor<6xi16>, tensor<3xf32>
""",
        {"w": (3, 6)},
    ),
    "parameters that broadcast": network(
        '"x" %x : tensor<3x2x4xf32>',
        '"y" : tensor<3x2x4xi1>, "z" : tensor<3x2x4xi1>, "q" : tensor<3x2x4xi1>',
        lif("s", "x", "3x2x4", "%channel : tensor<3x1x1xf32>")
        + lif("r", "x", "3x2x4", "%last : tensor<4xf32>")
        + lif("q", "x", "3x2x4", "%each : tensor<3x2x4xf32>")
        + "  snn.yield %s, %r, %q : tensor<3x2x4xi1>, tensor<3x2x4xi1>, tensor<3x2x4xi1>\n",
        {"channel": (3, 1, 1), "last": (4,), "each": (3, 2, 4)},
    ),
    "threshold, scale, add and batch norm": network(
        '"x" %x : tensor<3x2x2xf32>',
        '"y" : tensor<3x2x2xi1>, "n" : tensor<3x2x2xf32>, "a" : tensor<3x2x2xf32>',
        """
  %var = snn.constant dense<[0.5, 1.0, 2.0]> : tensor<3xf32>
  %k = snn.scale %x, %factor as "gain" : (tensor<3x2x2xf32>, tensor<3x1x1xf32>) -> tensor<3x2x2xf32>
  %n = snn.batch_norm %k, %gamma, %beta, %mean, %var as "bn" epsilon 1.0e-05 : f64
       : (tensor<3x2x2xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>, tensor<3xf32>)
       -> tensor<3x2x2xf32>
  %th = snn.constant dense<0.25> : tensor<f32>
  %y = snn.threshold ge %n, %th as "fire" : (tensor<3x2x2xf32>, tensor<f32>) -> tensor<3x2x2xi1>
  %a = snn.add %y, %x, %n as "sum"
       : (tensor<3x2x2xi1>, tensor<3x2x2xf32>, tensor<3x2x2xf32>) -> tensor<3x2x2xf32>
  snn.yield %y, %n, %a : tensor<3x2x2xi1>, tensor<3x2x2xf32>, tensor<3x2x2xf32>
""",
        {"factor": (3, 1, 1), "gamma": (3,), "beta": (3,), "mean": (3,)},
    ),
    "an input as an output, one value twice": network(
        '"x" %x : tensor<2x3xf32>',
        '"a" : tensor<2x3xf32>, "b" : tensor<2x3xi1>, "c" : tensor<2x3xi1>',
        lif("s", "x", "2x3")
        + "  snn.yield %x, %s, %s : tensor<2x3xf32>, tensor<2x3xi1>, tensor<2x3xi1>\n",
    ),
    "a spike as a state, several outputs": network(
        '"x" %x : tensor<4xf32>',
        '"s" : tensor<4xi1>, "m" : tensor<4xf32>',
        """
  %s, %m = snn.neuron as "lif" (%x = %x : tensor<4xf32>)
       state (%v = %zero : tensor<f32>, %last = %off : tensor<i1>)
       -> (tensor<4xi1>, tensor<4xf32>) {
    %th = arith.constant 0.5 : f32
    %none = arith.constant 0.0 : f32
    %kept = arith.select %last, %none, %v : f32
    %1 = arith.addf %kept, %x : f32
    %2 = arith.subf %1, %th : f32
    %z = snn.spike ge %2 : f32
    snn.next (%z : i1, %v : f32) state (%1 : f32, %z : i1)
  }
  snn.yield %s, %m : tensor<4xi1>, tensor<4xf32>
""",
    ),
    "one channel, one column": network(
        '"x" %x : tensor<1x3x4xf32>, "k" %k : tensor<5x1x1xf32>',
        '"y" : tensor<1x3x4xi1>, "z" : tensor<5x1x1xi1>, "d" : tensor<5x1x1xi1>',
        lif("s", "x", "1x3x4")
        + lif("r", "k", "5x1x1")
        + """
  %d = snn.delay %r by 2 init %off as "line" : tensor<5x1x1xi1>, tensor<i1> -> tensor<5x1x1xi1>
  snn.yield %s, %r, %d : tensor<1x3x4xi1>, tensor<5x1x1xi1>, tensor<5x1x1xi1>
""",
    ),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_program_equals_network(name: str) -> None:
    module = parse(NETWORKS[name])
    network = network_of(module)
    x = random_inputs(network)
    expected = NetworkInterpreter(module, network).run(x)
    for output in expected.outputs.values():
        assert np.count_nonzero(output), "the inputs must excite the network"
    for time_block in (1, 3, STEPS):
        expect_same_bits(scheduled(module, time_block).run(x), expected)


@pytest.mark.parametrize(
    "name",
    [
        "delays of 1 to 5 steps, and for each element",
        "two populations in a cycle of 3 and 1 steps, read outside",
        "one channel, one column",
    ],
)
def test_a_run_goes_on_from_final_states(name: str) -> None:
    module = parse(NETWORKS[name])
    network = network_of(module)
    x = random_inputs(network)
    whole = NetworkInterpreter(module, network).run(x)
    for cut in (1, 4):
        program = scheduled(module, 3)
        first = program.run({key: value[:cut] for key, value in x.items()})
        second = program.run({key: value[cut:] for key, value in x.items()}, state0=first.final)
        joined = {
            key: np.concatenate([first.outputs[key], second.outputs[key]]) for key in whole.outputs
        }
        expect_same_bits(Run(joined, second.final), whole)


def test_an_initial_state_without_batch_holds_for_all_samples() -> None:
    module = parse(NETWORKS["two populations in a cycle of 3 and 1 steps, read outside"])
    network = network_of(module)
    x = random_inputs(network)
    line = np.array([[[1, 0], [0, 0], [1, 1]], [[0, 1], [0, 0], [0, 0]], [[1, 1]] * 3], np.uint8)
    state0 = {"far": line, "s.v": np.arange(6, dtype=np.float32).reshape(3, 2)}
    expected = NetworkInterpreter(module, network).run(x, state0=state0)
    expect_same_bits(scheduled(module, 3).run(x, state0=state0), expected)


def test_progress_counts_blocks() -> None:
    module = parse(NETWORKS["linear, bias first"])
    seen: list[tuple[int, int]] = []
    program = scheduled(module, 3)
    program.run(
        random_inputs(network_of(module)), progress=lambda done, of: seen.append((done, of))
    )
    assert seen == [(3, STEPS), (6, STEPS), (7, STEPS)]


def test_what_does_not_fit_is_an_error() -> None:
    module = parse(NETWORKS["linear, bias first"])
    x = random_inputs(network_of(module))
    program = scheduled(module, 3)
    with pytest.raises(ValueError, match="expected inputs x, got z"):
        program.run({"z": x["x"]})
    with pytest.raises(ValueError, match=r"input 'x': expected \[7, 2, 5\], got \[7, 2, 4\]"):
        program.run({"x": x["x"][..., :4]})
    with pytest.raises(ValueError, match="no state is named 'u'; states: "):
        program.run(x, state0={"u": np.zeros(4)})
    with pytest.raises(ValueError, match=r"state 's.v': expected \[2, 4\], got \[3\]"):
        program.run(x, state0={"s.v": np.zeros(3)})


def test_content_that_was_not_loaded_is_an_error() -> None:
    text = """
kernel.program @net block 1 {
  kernel.buffer const @w : memref<2x2xf32> = #snn.blob<"00112233445566778899aabbccddeeff">
  kernel.buffer input @x : memref<?x2xf32>
}"""
    module = parse(text)
    program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
    with pytest.raises(ValueError, match="was not loaded"):
        ProgramInterpreter(module, program)
