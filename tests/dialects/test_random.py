"""Random numbers in bodies: the published generator, spread over places, the same everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp, TensorType, f32, i32
from xdsl.ir import Block, Region

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, dense_of
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.random import bits_of, uniform, xorshift32
from snncc.network import Network
from tests.mlir_tools import compile_with_mlir
from tests.small_networks import network
from tests.tools import require_tool

SEED, SIZE, STEPS = 2463534242, 1500, 40  # the seed of Marsaglia's paper


def drawing() -> Network:
    """At every step a word, and a number for each of SIZE places."""
    block = Block(arg_types=[TensorType(f32, (1,))])
    first = snn.ConstantOp(dense_of(np.asarray(SEED, np.uint32)))

    def step(b: Body, x: Scalar, word: Scalar) -> Outputs:
        after = xorshift32(b, word)
        return [after], [after]

    def draw(b: Body, word: Scalar) -> Outputs:
        return [uniform(b, bits_of(b, word, b.index()))], []

    made = {"states": {}, "parameters": {}, "float_type": f32}
    word = build_neuron(
        step,
        **{**made, "states": {"word": first.result}},
        inputs={"x": block.args[0]},
        population=(1,),
    )
    drawn = build_neuron(draw, **made, inputs={"word": word.outputs[0]}, population=(SIZE,))
    block.add_ops([first, word, drawn, snn.YieldOp([word.outputs[0], drawn.outputs[0]])])
    outputs = [("word", TensorType(i32, (1,))), ("u", TensorType(f32, (SIZE,)))]
    op = snn.NetworkOp("net", [("x", TensorType(f32, (1,)))], outputs, Region(block))
    module = ModuleOp([op])
    module.verify()
    return Network(module)


@pytest.fixture(scope="module")
def drawn() -> dict[str, Array]:
    return drawing().run(np.zeros((STEPS, 1), np.float32))


def test_the_published_generator(drawn: dict[str, Array]) -> None:
    """By Python's integers; its first number is the one that the paper's program prints."""
    word = SEED
    for step in range(STEPS):
        word ^= word << 13 & 0xFFFFFFFF
        word ^= word >> 17
        word ^= word << 5 & 0xFFFFFFFF
        assert drawn["word"].view(np.uint32)[step, 0] == word
    assert drawn["word"][0, 0] == 723471715


def test_numbers_are_spread(drawn: dict[str, Array]) -> None:
    """Uniform; what is near in place or time is not alike. Limits: 5 standard deviations."""
    u = drawn["u"].astype(np.float64)
    assert u.min() >= 0
    assert u.max() < 1
    count = u.size
    assert abs(u.mean() - 0.5) < 5 / np.sqrt(12 * count)
    counts = np.histogram(u, 64, (0, 1))[0]
    chi = ((counts - count / 64) ** 2 / (count / 64)).sum()
    assert abs(chi - 63) < 5 * np.sqrt(2 * 63)
    v = (u - 0.5) * np.sqrt(12)
    for a, b in ((v[:, 1:], v[:, :-1]), (v[1:], v[:-1]), (v[:, SIZE // 2 :], v[:, : SIZE // 2])):
        assert abs((a * b).mean()) < 5 / np.sqrt(a.size)


@pytest.mark.parametrize("time_block", [1, 8])
def test_everywhere_the_same(drawn: dict[str, Array], time_block: int, tmp_path: Path) -> None:
    require_tool("gcc")
    net, x = drawing(), np.zeros((STEPS, 1), np.float32)
    compiled = snncc.compile(net, time_block=time_block, cc="gcc", prefix="net")
    through_mlir = compile_with_mlir(net.module, tmp_path, time_block)
    through_mlir.reset()
    for found in (compiled.run(x), through_mlir.run({"x": x})):
        for name, array in drawn.items():
            assert found[name].tobytes() == array.tobytes(), name


def test_a_place_is_that_of_one_axis(tmp_path: Path) -> None:
    text = """
snn.network @net ("x" %x : tensor<2x3xf32>) -> ("y" : tensor<2x3xi32>) {
  %y = snn.neuron (%x = %x : tensor<2x3xf32>) -> (tensor<2x3xi32>) {
    %n = snn.index : i32
    snn.next (%n : i32)
  }
  snn.yield %y : tensor<2x3xi32>
}
"""
    with pytest.raises(snncc.SnnccError, match="expected a population with one axis, got"):
        network(text, tmp_path)
