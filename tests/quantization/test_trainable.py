"""Networks of integers that can be trained: at first the calibrated ones, bit for bit."""

from __future__ import annotations

import re

import numpy as np
import pytest
from xdsl.transforms.dead_code_elimination import DeadCodeElimination

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import blob_of, constant_of
from snncc.dialects.snn.fixed import is_fixed
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import stream_type
from snncc.network import Network
from snncc.passes.ranges import network_ranges
from snncc.storage import context
from tests.tools import require_tool
from tests.trainable_networks import HIDDEN, INPUTS, quantized, real, stimulus

NAMES = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"]


def learnable(net: Network) -> dict[str, snn.ParameterOp]:
    found = [op for op in net.module.ops if isinstance(op, snn.ParameterOp)]
    return {op.sym_name.data: op for op in found if op.is_learnable}


def sums(net: Network) -> dict[str, WeightedSum]:
    found = [op for op in net.op.body.block.ops if isinstance(op, WeightedSum)]
    return {op.node.data: op for op in found if op.node is not None}


def written(net: Network) -> list[str]:
    """The lines of a network but for names, in an order that says nothing of the values'."""
    module = net.module.clone()
    DeadCodeElimination().apply(context(), module)
    lines = [line for line in str(module).splitlines() if "snn.parameter" not in line]
    lines = [line for line in lines if "snn.use" not in line and "snn.constant" not in line]
    return sorted(re.sub(r'@"?[\w.\'"]+|%\w+', "_", line) for line in lines)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"weights": "int4", "state_bits": 16},
        {"weights": "ternary", "per_channel": False, "state_bits": 32},
        {"method": "spike-aware", "decay": "shift"},
    ],
)
def test_it_starts_as_it_was_calibrated_and_ends_as_one_for_inference(options: dict) -> None:
    given = {"weights": "int8", **options}
    plain, made = quantized(trainable=None, **given), quantized(**given)
    x = stimulus(12)
    wanted, found = plain.run(x, trace=True), made.run(x, trace=True)
    assert 0.02 < wanted["y"].mean() < 0.9
    for name in wanted:
        if name != "final":
            np.testing.assert_array_equal(found[name], wanted[name])
    assert sorted(learnable(made)) == sorted(NAMES)
    frozen = snncc.freeze(made)
    assert not learnable(frozen)
    assert written(frozen) == written(plain)
    np.testing.assert_array_equal(frozen.run(x)["y"], wanted["y"])
    for name, op in sums(frozen).items():
        np.testing.assert_array_equal(
            constant_of(op.weight), constant_of(sums(plain)[name].weight), strict=True
        )


def test_shadows_are_what_the_integers_mean() -> None:
    """Real weights of the float network, within the rounding: the input's step is taken out."""
    net = real()
    made = quantized(net, weights="int8", method="max")
    shadows = learnable(made)
    for declared in (op for op in net.module.ops if isinstance(op, snn.ParameterOp)):
        name = declared.sym_name.data
        weight = snn.UseOp(name, declared.type)
        net.op.body.block.insert_op_before(weight, net.op.body.block.first_op)
        wanted = constant_of(weight.result)
        use = snn.UseOp(name, shadows[name].type)
        made.op.body.block.insert_op_before(use, made.op.body.block.first_op)
        shadow = constant_of(use.result)
        assert shadow.shape == wanted.shape
        assert abs(shadow - wanted).max() <= abs(wanted).max() / 127 * 0.5001, name


def test_what_is_not_trained_stays_constant() -> None:
    made = quantized(trainable=["fc2"], weights="int8")
    assert sorted(learnable(made)) == ["fc2.bias", "fc2.weight"]
    first = sums(made)["fc1"].weight
    assert isinstance(first.owner, snn.UseOp)
    assert stream_type(first).get_shape() == (HIDDEN, INPUTS)
    assert is_fixed(sums(made)["fc2"].weight.owner)  # type: ignore[arg-type]
    only = quantized(trainable=["fc1.weight"], weights="int8")
    assert list(learnable(only)) == ["fc1.weight"]


@pytest.mark.parametrize("trainable", [["lif1"], ["fc3.weight"], ["fc1.theta"]])
def test_names_that_nothing_has(trainable: list[str]) -> None:
    with pytest.raises(snncc.SnnccError, match=r"SNC-C003 trainable(?s:.*)trained: fc1\.w"):
        quantized(trainable=trainable, weights="int8")


def test_a_word_is_no_list_of_names() -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-C003 trainable: expected names"):
        quantized(trainable="fc1", weights="int8")


@pytest.mark.parametrize("size", [0.5, 1e30, float("nan")])
def test_no_weights_make_it_wrap(size: float) -> None:
    """Whatever the floats become: ranges prove it, states are held, C has the same bits."""
    require_tool("gcc")
    made = quantized(weights="int8", state_bits=16)
    assert not network_ranges(made.op, trained=True).doubts
    assert network_ranges(made.op, trained=True).is_proved
    rng = np.random.default_rng(0)
    for op in learnable(made).values():
        shape = op.type.get_shape()
        op.properties["value"] = blob_of((size * rng.choice([1, 1, -1], shape)).astype(np.float32))
    x = stimulus(12)
    found = made.run(x, trace=True)
    compiled = snncc.compile(made, cc="gcc", cflags=("-O1",)).run(x, trace=True)
    for name in found:
        if name != "final":
            np.testing.assert_array_equal(compiled[name], found[name])
    largest = abs(found["lif1.v"].astype(np.int64)).max()
    assert (largest >= 32767) == (size > 10)
