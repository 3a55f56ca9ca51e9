"""
A neuron that the project has never seen: its equations are written down here, and that is all.

A resonate-and-fire neuron (Izhikevich, 2001: a damped rotation of x + i y, spikes by y) with a
quadratic coupling of x into y that its own adaptation closes, and a threshold that it raises:

    x' = d (cos(w) x - sin(w) y) + i
    y' = d (sin(w) x + cos(w) y) + q (1 - a) x'^2 / (1 + x'^2)
    z = H(y' - 1 - k a),  y -> y' - z (1 + k a),  x -> x' (1 - z / 2),  a -> r a + (1 - r) z
"""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import FloatAttr, ModuleOp, TensorType, f32, f64

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, dense_of, type_of
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.parameters import LEARNABLE
from snncc.network import Network
from snncc.training import CrossEntropy
from tests.passes.smoothing.test_finite_differences import check
from tests.random_bodies import BATCH, STEPS, Case
from tests.tools import require_module, require_tool

INPUTS, NEURONS, CLASSES = 4, 6, 3
SLOPE = 2.0


def resonator(
    b: Body,
    i: Scalar,
    x: Scalar,
    y: Scalar,
    a: Scalar,
    w: Scalar,
    d: Scalar,
    q: Scalar,
    k: Scalar,
    r: Scalar,
) -> Outputs:
    c, s = b.cos(w), b.sin(w)
    x1 = d * (c * x - s * y) + i
    square = x1 * x1
    y1 = d * (s * x + c * y) + q * (1.0 - a) * (square / (1.0 + square))
    theta = 1.0 + k * a
    surrogate = snn.SurrogateAttr("atan", {"a": FloatAttr(SLOPE, f64)})
    z = b.spike(y1 - theta, "gt", surrogate)
    n = b.to_float(z)
    return [z], [x1 * (1.0 - n * 0.5), y1 - n * theta, r * a + (1.0 - r) * n]


def parameters() -> dict[str, Array]:
    rng = np.random.default_rng(3)
    drawn = {
        "fc": rng.normal(size=(NEURONS, INPUTS)) * 1.2,
        "bias": rng.normal(size=NEURONS) * 0.2 + 0.3,
        "w": rng.uniform(0.4, 1.2, NEURONS),
        "d": rng.uniform(0.8, 0.95, NEURONS),
        "q": rng.uniform(0.5, 1.5, NEURONS),
        "k": rng.uniform(0.1, 0.5, NEURONS),
        "r": np.full((), 0.8),
        "out": rng.normal(size=(CLASSES, NEURONS)) * 0.5,
    }
    return {name: array.astype(np.float32) for name, array in drawn.items()}


def network() -> Network:
    made = {
        name: snn.ParameterOp(name, type_of(array), dense_of(array), LEARNABLE)
        for name, array in parameters().items()
    }
    uses = {name: snn.UseOp(name, op.type) for name, op in made.items()}
    zero = snn.ConstantOp(dense_of(np.float32(0.0)))
    net = snn.NetworkOp(
        "net", [("x", TensorType(f32, (INPUTS,)))], [("y", TensorType(f32, (CLASSES,)))]
    )
    drive = snn.LinearOp(net.body.block.args[0], uses["fc"].result, uses["bias"].result)
    neuron = build_neuron(
        resonator,
        inputs={"i": drive.result},
        states=dict.fromkeys(("x", "y", "a"), zero.result),
        parameters={name: uses[name].result for name in ("w", "d", "q", "k", "r")},
        population=(NEURONS,),
        node="resonator",
    )
    out = snn.LinearOp(neuron.outputs[0], uses["out"].result)
    net.body.block.add_ops([*uses.values(), zero, drive, neuron, out, snn.YieldOp([out.result])])
    module = ModuleOp([*made.values(), net])
    module.verify()
    return Network(module)


def batch(steps: int = 20, size: int = 12) -> tuple[Array, Array]:
    """Three classes that differ in which input swings, and how fast."""
    rng = np.random.default_rng(4)
    labels = np.arange(size) % CLASSES
    t = np.arange(steps)[:, None]
    x = rng.normal(size=(steps, size, INPUTS)) * 0.3
    for sample, label in enumerate(labels):
        x[:, sample, label] += 1.5 * np.sin(t[:, 0] * (0.4 + 0.3 * label))
    return x, labels


def test_its_twin_is_differentiated_exactly() -> None:
    x, _ = batch(STEPS, BATCH)
    check(Case(network(), x * 1.5, "y"), each=True)


def test_its_surrogate_gradient_is_that_of_autograd() -> None:
    torch = require_module("torch")

    class Step(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return (u > 0).to(u.dtype)

        @staticmethod
        def backward(ctx, g):
            (u,) = ctx.saved_tensors
            return g * (SLOPE / 2) / (1 + (np.pi / 2 * SLOPE * u) ** 2)

    x, labels = batch()
    p = {
        name: torch.tensor(array.astype(np.float64), requires_grad=True)
        for name, array in parameters().items()
    }
    stimulus = torch.tensor(x, requires_grad=True)
    re = im = a = torch.zeros(len(labels), NEURONS, dtype=torch.float64)
    total = torch.zeros(len(labels), CLASSES, dtype=torch.float64)
    spikes = 0.0
    for drive in torch.nn.functional.linear(stimulus, p["fc"], p["bias"]):
        c, s = torch.cos(p["w"]), torch.sin(p["w"])
        x1 = p["d"] * (c * re - s * im) + drive
        y1 = p["d"] * (s * re + c * im) + p["q"] * (1 - a) * (x1**2 / (1 + x1**2))
        theta = 1 + p["k"] * a
        z = Step.apply(y1 - theta)
        re, im, a = x1 * (1 - z * 0.5), y1 - z * theta, p["r"] * a + (1 - p["r"]) * z
        total = total + z @ p["out"].T
        spikes += float(z.detach().sum())
    expected = torch.nn.functional.cross_entropy(total, torch.tensor(labels))
    expected.backward()
    assert 50 < spikes < 0.6 * x.shape[0] * len(labels) * NEURONS

    doubles = {name: array.astype(np.float64) for name, array in parameters().items()}
    value, found = snncc.value_and_grad(
        network(), CrossEntropy(), x, labels, parameters=doubles, dtype="float64"
    )
    assert value == pytest.approx(expected.item(), rel=1e-12)
    for name, tensor in {**p, "x": stimulus}.items():
        wanted = tensor.grad.numpy()
        assert np.abs(wanted).max() > 0
        np.testing.assert_allclose(found[name], wanted, atol=1e-12 * np.abs(wanted).max())


def test_it_is_trained_and_emitted() -> None:
    net, (x, labels) = network(), batch()
    held = parameters()
    values: list[float] = []
    for _ in range(12):
        value, gradients = snncc.value_and_grad(net, CrossEntropy(), x, labels, parameters=held)
        values.append(value)
        held = {name: array - 0.05 * gradients[name] for name, array in held.items()}
    assert values[-1] < 0.6 * values[0]

    for op in net.module.ops:
        if isinstance(op, snn.ParameterOp):
            op.properties["value"] = dense_of(held[op.sym_name.data].astype(np.float32))
    require_tool("gcc")
    expected = net.run(x)
    compiled = snncc.compile(net).run(x)
    np.testing.assert_array_equal(compiled["y"], expected["y"])
    right = expected["y"].sum(axis=0).argmax(axis=-1) == labels
    assert right.mean() >= 0.75
