"""Whole numbers of products, and decays that are shifts."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects import arith
from xdsl.dialects.builtin import TensorType, i32
from xdsl.ir import Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.quantization.arithmetic import IntegerBuilder, Rounding
from snncc.passes.ranges import network_ranges
from tests.passes.ranges.networks import network_of, parsed

NUMPY = {"even": np.rint, "floor": np.floor, "ceil": np.ceil, "trunc": np.trunc}
BITS = 15


WIDE = """
snn.network @n ("x" %x : tensor<{n}xi16>) -> ("y" : tensor<{n}xi32>) {{
  %w = snn.neuron (%a = %x : tensor<{n}xi16>) -> (tensor<{n}xi32>) {{
    %0 = arith.extsi %a : i16 to i32
    snn.next (%0 : i32)
  }}
  snn.yield %w : tensor<{n}xi32>
}}
"""


def mapped(builder: IntegerBuilder, result: SSAValue, x: Array) -> Array:
    """What an integer body makes of numbers of 16 bits, with the proof that nothing wraps."""
    module = parsed(WIDE.format(n=x.size))
    network = network_of(module)
    end = network.yield_op
    body = Region(builder.finish(snn.NextOp([result], []), {"x"}))
    type = TensorType(i32, [x.size])
    neuron = snn.NeuronOp([("x", end.operands[0])], [], [], [type], body)
    network.body.block.insert_op_before(neuron, end)
    end.operands[0] = neuron.results[0]
    module.verify()
    assert not network_ranges(network).doubts
    run = NetworkInterpreter(module, network).run({"x": x.astype(np.int16).reshape(1, 1, -1)})
    return run.outputs["y"].reshape(-1).view(np.int32)


@pytest.mark.parametrize("mode", NUMPY)
@pytest.mark.parametrize("factor", [1.0, 3.0, 0.5, 2.0**-3, 2.0**-9, 2.0**-3 * (1 + 2.0**-24)])
def test_powers_of_two_and_whole_numbers_are_exact(mode: Rounding, factor: float) -> None:
    x = np.arange(-(1 << 10), 1 << 10, dtype=np.int32)
    assert rounded(x, factor, mode) == [int(n) for n in NUMPY[mode](x * np.float32(factor))]


@pytest.mark.parametrize("mode", NUMPY)
@pytest.mark.parametrize("factor", [0.3, 1 / 7, 0.0123, 5.37, 123.4])
def test_other_factors_are_as_floats_have_them(mode: Rounding, factor: float) -> None:
    """Up to what lies within 2^-12 of a step; of whole results none is one too low."""
    x = np.arange(-(1 << 10), 1 << 10, dtype=np.int32)
    exact = x * factor
    wanted = NUMPY[mode](exact)
    given = np.array(rounded(x, factor, mode))
    nearly = np.abs(exact * 2 - np.rint(exact * 2)) < 2.0**-10
    assert np.array_equal(given[~nearly], wanted[~nearly])
    assert np.abs(given - wanted).max() <= 1


def rounded(x: Array, factor: float, mode: Rounding) -> list[int]:
    builder = IntegerBuilder([i32])
    result = builder.rounded(builder.block.args[0], np.asarray(factor), BITS, mode)
    return [int(n) for n in mapped(builder, result, x)]


@pytest.mark.parametrize("shift", range(2, 12))
def test_a_decay_of_one_less_a_power_of_two_is_a_shift(shift: int) -> None:
    builder = IntegerBuilder([i32])
    decayed = builder.scaled(builder.block.args[0], np.asarray(1 - 2.0**-shift), BITS)
    assert not any(isinstance(op, arith.MuliOp) for op in builder.block.ops)
    x = np.arange(-(1 << 13), 1 << 13, 3, dtype=np.int32)
    given = mapped(builder, decayed, x)
    np.testing.assert_array_equal(given, x - ((x + (1 << (shift - 1))) >> shift))


def test_other_decays_stay_products() -> None:
    builder = IntegerBuilder([i32])
    builder.scaled(builder.block.args[0], np.asarray(0.9), BITS)
    assert any(isinstance(op, arith.MuliOp) for op in builder.block.ops)
