"""Neurons that no class of linear bodies holds: what is not proved to have a bound saturates."""

from __future__ import annotations

import numpy as np
import pytest

import snncc
from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.network import Network

STEPS = 24


def adaptive(b: Body, x: Scalar, v: Scalar, a: Scalar) -> Outputs:
    """A threshold that grows with every spike, for ever."""
    u = v * 0.9 + x
    z = b.spike(u - a * 0.1 - 1.0, "ge")
    s = b.to_float(z)
    return [z], [u - s, a + s]


def lsnn(b: Body, x: Scalar, v: Scalar, i: Scalar, a: Scalar) -> Outputs:
    """Adaptive threshold that decays, and a synapse."""
    u = v + (i - v) * 0.1
    decayed = a - a * 0.00125
    z = b.spike(u - decayed - 1.0, "gt")
    s = b.to_float(z)
    return [z], [u * (b.constant(1.0) - s), i * 0.8 + x, decayed + s * 1.8]


def alpha(b: Body, x: Scalar, e: Scalar, n: Scalar, v: Scalar) -> Outputs:
    """Two synapses of opposite signs."""
    e1, n1 = e * 0.9 + x, n * 0.8 - x
    u = (e1 + n1) * 3.0
    z = b.spike(u - 1.0, "gt")
    return [z], [e1, n1, u]


def integrator(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v + x - 0.3
    z = b.spike(u - 1.0, "gt")
    return [z], [u - b.to_float(z)]


def quadratic(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v + (v * (v - 0.5) + x) * 0.1
    z = b.spike(u - 1.0, "gt")
    return [z], [u * (b.constant(1.0) - b.to_float(z))]


def exponential(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v + (b.exp((v - 0.8) * 5.0) * 0.2 - v + x) * 0.1
    z = b.spike(u - 1.5, "gt")
    return [z], [u * (b.constant(1.0) - b.to_float(z))]


def magnitude(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * 0.5 + x
    z = b.spike(b.absolute(u) - 1.0, "gt")
    return [z], [u * (b.constant(1.0) - b.to_float(z))]


BODIES = {
    "adaptive": (adaptive, ("v", "a")),
    "lsnn": (lsnn, ("v", "i", "a")),
    "integrator": (integrator, ("v",)),
    "alpha": (alpha, ("e", "n", "v")),
    "quadratic": (quadratic, ("v",)),
    "exponential": (exponential, ("v",)),
    "magnitude": (magnitude, ("v",)),
}


def network(name: str, gain: float = 3.0) -> Network:
    body, states = BODIES[name]
    rng = np.random.default_rng(3)
    writer = NetworkWriter(name, (8,))
    for number, (inputs, outputs) in enumerate(((8, 12), (12, 4)), 1):
        weight = rng.normal(0.2, inputs**-0.5, (outputs, inputs)) * gain
        writer.linear(f"fc{number}", weight.astype(np.float32))
        writer.neuron(f"n{number}", body, dict.fromkeys(states, 0.0), {})
    return writer.finish()


def images() -> np.ndarray:
    return np.random.default_rng(1).random((12, 8)).astype(np.float32)


@pytest.mark.parametrize("state_bits", [None, 16])
@pytest.mark.parametrize("name", BODIES)
def test_it_is_quantized_and_c_agrees(name: str, state_bits: int | None) -> None:
    real = network(name)
    integers = snncc.quantize(
        real, "int8", calibration=images(), steps=STEPS, state_bits=state_bits, method="mse"
    )
    wanted = real.run(images(), steps=STEPS)["y"].mean()
    x = np.concatenate([images(), np.full((2, 8), 1e6, np.float32)])
    given = integers.run(x, steps=STEPS, trace=True)
    assert wanted > 0.01
    assert abs(given["y"][:, :12].mean() - wanted) < 0.15 * wanted + 0.01
    compiled = snncc.compile(integers, prefix="q").run(x, steps=STEPS, trace=True)
    for key, values in given.items():
        if key != "final":
            np.testing.assert_array_equal(compiled[key], values)
    if state_bits == 16:
        for key, state in given["final"].items():
            assert state.dtype.itemsize <= 2, key


def test_a_state_without_a_bound_is_named() -> None:
    real = network("integrator")
    integers = snncc.quantize(real, calibration=images(), steps=STEPS, method="mse")
    held = {each.name: each for each in integers.report.held}
    assert set(held) == {"n1.v", "n2.v"}
    steps = held["n1.v"].steps
    assert steps is not None
    assert steps > 1
    assert [p.node for p in integers.report.problems if p.code == "SNC-W023"] == ["n1", "n2"]
    analysis = snncc.analyze(real, integers, images(), steps=STEPS)
    states = [state for layer in analysis.layers for state in layer.states]
    assert states
    assert not any(state.is_bounded for state in states)
    # no input gets there sooner
    x = np.random.default_rng(0).integers(0, 2, (steps - 1, 16, 8)).astype(np.float32)
    seen = integers.run(x, trace=True)["n1.v"]
    assert np.abs(seen.view(f"i{seen.dtype.itemsize}").astype(np.int64)).max() < held["n1.v"].bound


def test_an_absolute_value_is_one_of_integers() -> None:
    integers = snncc.quantize(network("magnitude"), calibration=images(), steps=STEPS, method="mse")
    assert not [p for p in integers.report.problems if p.code == "SNC-W020"]
