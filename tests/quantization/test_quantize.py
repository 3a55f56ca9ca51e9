"""`snncc.quantize` on small networks: what it needs, what it gives, what it refuses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.dialects.snn.types import is_float, stream_type
from snncc.network import Network
from tests.small_networks import RECURRENT, network, stimulus

STEPS = 30


def lif(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * 0.9 + x
    z = b.spike(u - 1.0, "ge")
    return [z], [b.select(z, b.constant(0.0), u)]


def small(seed: int = 0) -> Network:
    rng = np.random.default_rng(seed)
    writer = NetworkWriter("small", (12,))
    for number, (inputs, outputs) in enumerate(((12, 20), (20, 5)), 1):
        weight = rng.normal(0.1, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        writer.linear(f"fc{number}", weight)
        writer.neuron(f"lif{number}", lif, {"v": 0.0}, {})
    return writer.finish()


def images(count: int = 8) -> np.ndarray:
    return np.random.default_rng(1).random((count, 12)).astype(np.float32)


@pytest.mark.parametrize("weights", ["int8", "int4", "int3", "ternary"])
def test_integers_fire_nearly_as_floats_do(weights: str) -> None:
    network = small()
    integers = snncc.quantize(network, weights, calibration=images(), steps=STEPS)
    wanted = network.run(images(), steps=STEPS)["y"].mean()
    given = integers.run(images(), steps=STEPS)["y"].mean()
    assert 0.01 < wanted < 0.9
    assert abs(given - wanted) <= (0.05 if weights == "int8" else 0.3) * wanted


def test_c_equals_the_interpreter() -> None:
    integers = snncc.quantize(small(), "int8", calibration=images(), steps=STEPS)
    compiled = snncc.compile(integers, prefix="q")
    wanted = integers.run(images(), steps=STEPS, trace=True)
    given = compiled.run(images(), steps=STEPS, trace=True)
    for name in wanted:
        if name != "final":
            np.testing.assert_array_equal(given[name], wanted[name])
    assert not any(
        is_float(stream_type(result).element_type)
        for op in integers.op.body.block.ops
        for result in op.results
        if op.name in ("snn.linear", "snn.neuron")
    )


def test_a_float_input_needs_a_range() -> None:
    with pytest.raises(snncc.SnnccError, match="SNC-Q002"):
        snncc.quantize(small(), "int8")
    assert snncc.quantize(small(), "int8", input_ranges={"x": (0.0, 1.0)}).inputs


def test_compile_quantizes() -> None:
    one = snncc.compile(small(), prefix="q", quantize="int8", calibration=images(), steps=STEPS)
    assert b"int8_t" in one.package.files["src/q_weights.c"]


@pytest.mark.parametrize(
    "options",
    [{"weights": "int5"}, {"state_bits": 12}, {"layers": {"fc9": "int4"}}, {"method": "best"}],
)
def test_what_is_no_option_is_refused(options: dict) -> None:
    with pytest.raises(snncc.SnnccError):
        snncc.quantize(small(), calibration=images(), steps=STEPS, **options)


def test_outputs_of_float64(tmp_path: Path) -> None:
    """Numbers that leave a network have the float type that they had."""
    net = network(RECURRENT.replace("f32", "f64"), tmp_path)
    x = abs(stimulus(6, 4, 3)).astype(np.float64)
    small = snncc.quantize(net, "int8", calibration=x, method="max")
    found, wanted = small.run(x)["v"], net.run(x)["v"]
    assert found.dtype == wanted.dtype == np.float64
    assert abs(found - wanted).mean() < 0.05 * abs(wanted).max()
