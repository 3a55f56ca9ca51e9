"""
Online gradients: against the published e-prop cases, against autograd with stopped recurrent
gradients, and against the backward program where the two are equal.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import array_of, dense_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import shape_of
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.wanted import Wanted
from snncc.passes.online.eprop import eprop
from tests.passes.online.online_networks import (
    Builder,
    bptt,
    derived,
    error,
    forward,
    gradients,
    leaky,
    lif,
    network_of,
)
from tests.tools import require_module, shared_file

LIMIT = 1e-10
SUPERSPIKE = SurrogateAttr("superspike", {"k": FloatAttr(5.0, f64)})
NETWORKS = ("lif_ff_detached", "lif_ff_attached", "lif_rec_detached", "lif_rec_attached")
LOSSES = ("mse_lowpass", "ce_per_step")


def outer_gradient(loss: str, y: np.ndarray, target: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Of sum_t 1/2 sum_k (y - target)^2 or sum_t CE(softmax(y)), the mean of the batch."""
    if loss == "mse_lowpass":
        return (y - target) / y.shape[1]
    odds = np.exp(y - y.max(-1, keepdims=True))
    odds /= odds.sum(-1, keepdims=True)
    odds[:, np.arange(y.shape[1]), label] -= 1
    return odds / y.shape[1]


def readout(b: Builder, spikes, w_out: np.ndarray, b_out: np.ndarray | None, kappa: float = 0.85):
    weight = b.parameter("w_out", w_out)
    bias = None if b_out is None else b.parameter("b_out", b_out)
    summed = b.add(snn.LinearOp(spikes, weight, bias))
    return b.neuron(
        leaky, {"x": summed}, {"y": b.constant(0.0)}, {"kappa": b.constant(kappa)}, w_out.shape[:1]
    )[0]


def without_self(b: Builder, weight):
    """Recurrent weights with no synapse of a neuron on itself."""
    size = shape_of(weight)[0]
    mask = b.constant(1.0 - np.eye(size))
    return b.neuron(lambda b, w, m: ([w * m], []), {}, {}, {"w": weight, "m": mask}, (size, size))[
        0
    ]


# --- the published cases


def published(name: str, arrays, surrogate: SurrogateAttr) -> ModuleOp:
    b = Builder({"x": (6,)})
    size = arrays["param/w_in"].shape[0]
    current = b.add(snn.LinearOp(b.input("x"), b.parameter("w_in", arrays["param/w_in"])))
    delay = b.delay((size,))  # the recurrent weights of the networks "ff" are 0
    weight = without_self(b, b.parameter("w_rec", arrays["param/w_rec"]))
    current = b.add(snn.AddOp([current, b.add(snn.LinearOp(delay.result, weight))], f64))
    spikes, *_ = b.neuron(
        lif(surrogate, "attached" in name),
        {"x": current},
        {"v": b.constant(0.0)},
        {"beta": b.constant(0.88), "theta": b.constant(1.0)},
        (size,),
    )
    delay.operands[0] = spikes
    return b.module({"y": readout(b, spikes, arrays["param/w_out"], arrays["param/b_out"])})


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "surrogate", ["sigmoid", "boxcar", "triangle", "exponential", "superspike", "atan"]
)
def test_published_cases(name: str, surrogate: str) -> None:
    known = json.loads(shared_file("gradients/index.json").read_text())["surrogates"]
    options = {key: FloatAttr(value, f64) for key, value in known[surrogate].items()}
    arrays = np.load(shared_file(f"gradients/eprop_{name}.npz"))
    module = published(name, arrays, SurrogateAttr(surrogate, options))
    x = {"x": arrays["data/x"]}
    y = forward(module, x)["y"]
    np.testing.assert_allclose(y, arrays["trace/readout"], rtol=0, atol=1e-13)
    found = derived(module)
    for loss in LOSSES:
        outer = outer_gradient(loss, y, arrays["data/target"], arrays["data/label"])
        given = gradients(module, found, x, {"y": outer})
        expected = {
            key.rsplit("/", 1)[1]: arrays[key]
            for key in arrays.files
            if key.startswith(f"eprop/{surrogate}/{loss}/")
        }
        assert given.keys() == expected.keys()
        for parameter, array in expected.items():
            assert error(given[parameter], array) < LIMIT, (loss, parameter)


# --- other neurons, recurrent, against autograd with a stopped recurrent gradient


def alif(attached: bool) -> Callable[..., Outputs]:
    """The threshold follows the neuron's spikes, of one step before."""

    def equations(
        b: Body, x: Scalar, last: Scalar, v: Scalar, a: Scalar, beta: Scalar, rho: Scalar
    ) -> Outputs:
        u = beta * v + x
        adapted = rho * a + b.to_float(last)
        s = b.spike(u - (1.0 + adapted * 0.25), "gt", SUPERSPIKE)
        r = b.to_float(s if attached else b.detach(s))
        return [s], [u - r, adapted]

    return equations


def cuba(attached: bool) -> Callable[..., Outputs]:
    def equations(b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar) -> Outputs:
        current = alpha * i + x
        u = beta * v + current
        s = b.spike(u - 1.0, "gt", SUPERSPIKE)
        r = b.to_float(s if attached else b.detach(s))
        return [s], [current, u - r]

    return equations


def recurrent(kind: str, attached: bool, arrays: dict[str, np.ndarray]) -> ModuleOp:
    b = Builder({"x": (6,)})
    delay = b.delay((8,))
    w_in, w_rec = (b.parameter(name, arrays[name]) for name in ("w_in", "w_rec"))
    bias = b.parameter("b_in", arrays["b_in"])
    driven = b.add(snn.LinearOp(b.input("x"), w_in, bias))
    current = b.add(snn.AddOp([driven, b.add(snn.LinearOp(delay.result, w_rec))], f64))
    zero = b.constant(0.0)
    decays = {name: b.parameter(name, arrays[name]) for name in ("beta", "slow")}
    if kind == "alif":
        inputs = {"x": current, "last": delay.result}
        states = {"v": zero, "a": zero}
        parameters = {"beta": decays["beta"], "rho": decays["slow"]}
        spikes, *_ = b.neuron(alif(attached), inputs, states, parameters, (8,))
    else:
        states = {"i": zero, "v": zero}
        parameters = {"alpha": decays["slow"], "beta": decays["beta"]}
        spikes, *_ = b.neuron(cuba(attached), {"x": current}, states, parameters, (8,))
    delay.operands[0] = spikes
    return b.module({"y": readout(b, spikes, arrays["w_out"], arrays["b_out"])})


def by_autograd(
    kind: str, attached: bool, arrays: dict[str, np.ndarray], x: np.ndarray, target: np.ndarray
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """(y, gradients) in torch, float64; what is summed of the last spikes is detached."""
    torch = require_module("torch")

    class Spike(torch.autograd.Function):
        @staticmethod
        def forward(ctx, u):
            ctx.save_for_backward(u)
            return (u > 0).to(u.dtype)

        @staticmethod
        def backward(ctx, gradient):
            (u,) = ctx.saved_tensors
            return gradient / (1 + 5 * u.abs()) ** 2

    p = {name: torch.tensor(array, requires_grad=True) for name, array in arrays.items()}
    batch = x.shape[1]
    v = i = a = s = torch.zeros(batch, 8, dtype=torch.float64)
    y = torch.zeros(batch, 2, dtype=torch.float64)
    ys = []
    for step in torch.tensor(x):
        current = step @ p["w_in"].T + p["b_in"] + s.detach() @ p["w_rec"].T
        threshold = 1.0
        if kind == "alif":
            a = p["slow"] * a + s
            threshold = 1.0 + 0.25 * a
            u = p["beta"] * v + current
        else:
            i = p["slow"] * i + current
            u = p["beta"] * v + i
        s = Spike.apply(u - threshold)
        v = u - (s if attached else s.detach())
        y = 0.85 * y + 0.15 * (s @ p["w_out"].T + p["b_out"])
        ys.append(y)
    ys = torch.stack(ys)
    (0.5 * (ys - torch.tensor(target)) ** 2).sum().backward()
    return ys.detach().numpy(), {name: tensor.grad.numpy() for name, tensor in p.items()}


def drawn_arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        "w_in": rng.normal(size=(8, 6)) * 0.7,
        "b_in": rng.normal(size=8) * 0.1,
        "w_rec": rng.normal(size=(8, 8)) * 0.3,
        "w_out": rng.normal(size=(2, 8)),
        "b_out": rng.normal(size=2),
        "beta": rng.uniform(0.8, 0.95, 8),
        "slow": rng.uniform(0.6, 0.9, ()),
    }


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("kind", ["alif", "cuba"])
def test_recurrent_neurons_against_autograd(kind: str, attached: bool) -> None:
    rng, arrays = np.random.default_rng(4), drawn_arrays()
    x, target = rng.random((25, 3, 6)), rng.normal(size=(25, 3, 2))
    module = recurrent(kind, attached, arrays)
    y, expected = by_autograd(kind, attached, arrays, x, target)
    np.testing.assert_allclose(forward(module, {"x": x})["y"], y, rtol=0, atol=1e-12)
    found = gradients(module, derived(module), {"x": x}, {"y": y - target})
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert error(found[name], array) < LIMIT, name


# --- where nothing is approximated, the gradient is that of the backward program


def expect_bptt(
    module: ModuleOp,
    shape: tuple[int, ...],
    outputs: tuple[str, ...] = ("y",),
    steps: int = 20,
    states: tuple[str, ...] = (),
    scale: float = 1.0,
    **options,
) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    x = {"x": rng.random((steps, 3, *shape)) * scale}
    y = forward(module, x)
    outer = {}
    for name in outputs:
        drawn = rng.normal(size=y[name].shape)
        outer[name] = drawn if drawn.ndim > 2 else np.broadcast_to(drawn, (steps, *drawn.shape))
    parameters = [p.sym_name.data for p in module.ops if isinstance(p, snn.ParameterOp)]
    expected = bptt(module, outputs, parameters, x, outer, states)
    found = gradients(module, derived(module, outputs, parameters, states, **options), x, outer)
    assert found.keys() >= expected.keys()
    for name, array in expected.items():
        assert abs(array).max() > 0, name
        assert error(found[name], array) < LIMIT, name
    return found


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("attached", [False, True])
def test_own_parameters_and_first_values(attached: bool, reset: str) -> None:
    """Decays, thresholds, readout's decay and initial states, of one value and of one each."""
    rng = np.random.default_rng(0)
    b = Builder({"x": (5,)})
    weight = b.parameter("w", rng.normal(size=(7, 5)))
    gain = b.parameter("gain", rng.uniform(0.5, 1.5, 7))
    current = b.add(snn.LinearOp(b.input("x"), weight, b.parameter("b", rng.normal(size=7) * 0.1)))
    spikes, *_ = b.neuron(
        lif(SUPERSPIKE, attached, reset),
        {"x": b.add(snn.ScaleOp(current, gain))},
        {"v": b.parameter("v0", rng.normal(size=7) * 0.3)},
        {
            "beta": b.parameter("beta", np.array(0.9)),
            "theta": b.parameter("theta", rng.uniform(0.8, 1.2, 7)),
        },
        (7,),
        "hidden",
    )
    w_out = b.parameter("w_out", rng.normal(size=(3, 7)))
    y, *_ = b.neuron(
        leaky,
        {"x": b.add(snn.LinearOp(spikes, w_out))},
        {"y": b.constant(0.0)},
        {"kappa": b.parameter("kappa", np.array([0.8]))},
        (3,),
    )
    module = b.module({"y": y})
    expect_bptt(module, (5,), states=("hidden.v",))


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("with_readout", [False, True])
def test_convolutions(attached: bool, with_readout: bool) -> None:
    """Weights that all windows share, with groups, strides and padding; flattened behind."""
    rng = np.random.default_rng(2)
    b = Builder({"x": (2, 5, 6)})
    weight = b.parameter("w", rng.normal(size=(4, 1, 3, 2)))
    bias = b.parameter("b", rng.normal(size=4) * 0.1)
    summed = b.add(
        snn.Conv2dOp(
            b.input("x"),
            weight,
            bias,
            stride=[2, 1],
            padding=[1, 0, 0, 1],
            dilation=[1, 1],
            groups=2,
        )
    )
    shape = shape_of(summed)
    size = int(np.prod(shape))
    flat = b.add(snn.ReshapeOp(summed, (size,)))
    spikes, *_ = b.neuron(
        lif(SUPERSPIKE, attached),
        {"x": flat},
        {"v": b.constant(0.0)},
        {"beta": b.constant(0.9), "theta": b.constant(1.0)},
        (size,),
    )
    w_out = rng.normal(size=(3, size))
    if with_readout:
        y = readout(b, spikes, w_out, None)
    else:
        y = b.add(snn.LinearOp(spikes, b.parameter("w_out", w_out)))
    expect_bptt(b.module({"y": y}), (2, 5, 6), steps=9)


def layers(
    counts: tuple[int, ...], attached: bool, seed: int = 0, delay: int = 0, kinds: tuple = ()
) -> ModuleOp:
    """Spiking layers, the last one the output."""
    rng = np.random.default_rng(seed)
    b = Builder({"x": counts[:1]})
    stream = b.input("x")
    for index, (inputs, outputs) in enumerate(pairwise(counts)):
        weight = rng.normal(size=(outputs, inputs)) * 2 * inputs**-0.5
        current = b.add(
            snn.LinearOp(
                stream,
                b.parameter(f"w{index}", weight),
                b.parameter(f"b{index}", rng.normal(size=outputs) * 0.1),
            )
        )
        stream, *_ = b.neuron(
            lif(SUPERSPIKE, attached),
            {"x": current},
            {"v": b.constant(0.0)},
            {"beta": b.constant(0.9), "theta": b.constant(1.0)},
            (outputs,),
        )
        if delay and index == 0:
            stream = b.add(snn.DelayOp(stream, delay, b.constant(0, np.bool_)))
    return b.module({"y": stream}, kinds)


@pytest.mark.parametrize("delay", [0, 3])
def test_two_spiking_layers_without_reset_gradient_are_exact(delay: int) -> None:
    expect_bptt(layers((6, 9, 4), False, delay=delay), (6,))


@pytest.mark.parametrize("kind", ["sum", "last"])
def test_counts_and_last_values(kind: str) -> None:
    rng = np.random.default_rng(5)
    b = Builder({"x": (5,)})
    current = b.add(snn.LinearOp(b.input("x"), b.parameter("w", rng.normal(size=(7, 5)))))
    spikes, *_ = b.neuron(
        lif(SUPERSPIKE, True),
        {"x": current},
        {"v": b.constant(0.0)},
        {"beta": b.constant(0.9), "theta": b.constant(1.0)},
        (7,),
    )
    y = readout(b, spikes, rng.normal(size=(3, 7)), rng.normal(size=3))
    expect_bptt(b.module({"y": y}, [kind]), (5,))


def test_a_loss_within_the_network() -> None:
    """Operations from the outputs to the loss pass the learning signal as all others do."""
    b = Builder({"x": (5,), "target": (3,)})
    rng = np.random.default_rng(6)
    current = b.add(snn.LinearOp(b.input("x"), b.parameter("w", rng.normal(size=(7, 5)))))
    spikes, *_ = b.neuron(
        lif(SUPERSPIKE, True),
        {"x": current},
        {"v": b.constant(0.0)},
        {"beta": b.constant(0.9), "theta": b.constant(1.0)},
        (7,),
    )
    y = readout(b, spikes, rng.normal(size=(3, 7)), rng.normal(size=3))

    def squared(b: Body, y: Scalar, target: Scalar) -> Outputs:
        d = y - target
        return [d * d], []

    squares, *_ = b.neuron(squared, {"y": y, "target": b.input("target")}, {}, {}, (3,))
    module = b.module(
        {"y": y, "loss": b.add(snn.ReduceOp("sum", squares, (1,)))}, ["stream", "sum"]
    )
    x = {"x": rng.random((20, 2, 5)), "target": rng.normal(size=(20, 2, 3))}
    outer = {"loss": np.ones((20, 2, 1))}
    parameters = ["w", "w_out", "b_out"]
    expected = bptt(module, ["loss"], parameters, x, outer)
    found = gradients(module, derived(module, ["loss"]), x, outer)
    for name in parameters:
        assert error(found[name], expected[name]) < LIMIT, name


@pytest.mark.parametrize("attached", [False, True])
def test_a_loss_of_counts_within_the_network(attached: bool) -> None:
    """Exact for the last layer; in front of it the signals are those of the counts so far."""
    module = layers((8, 16, 4), attached)
    network = network_of(module)
    ends = network.yield_op
    (spikes,) = ends.streams

    def count(b: Body, s: Scalar, total: Scalar) -> Outputs:
        after = total + b.to_float(s)
        return [after], [after]

    def squared(b: Body, total: Scalar) -> Outputs:
        return [total * total * 0.5], []

    zero = snn.ConstantOp(dense_of(np.zeros(())))
    common = {"parameters": {}, "population": (4,), "float_type": f64}
    counted = build_neuron(count, inputs={"s": spikes}, states={"total": zero.result}, **common)
    loss = build_neuron(squared, inputs={"total": counted.outputs[0]}, states={}, **common)
    network.body.block.insert_ops_before([zero, counted, loss], ends)
    Rewriter.replace_op(ends, snn.YieldOp([loss.outputs[0]]), [])
    made = snn.NetworkOp(
        "counted",
        [(name, value.type) for name, value in network.inputs.items()],
        [("loss", loss.outputs[0].type)],
        network.detach_region(network.body),
        kinds=["last"],
    )
    Rewriter.replace_op(network, made, [])
    module.verify()
    rng = np.random.default_rng(0)
    x, outer = {"x": rng.random((20, 4, 8))}, {"loss": np.ones((20, 4, 4))}
    parameters = ["w0", "b0", "w1", "b1"]
    expected = bptt(module, ["loss"], parameters, x, outer)
    found = gradients(module, derived(module, ["loss"]), x, outer)
    for name in ("w1", "b1"):
        assert error(found[name], expected[name]) < LIMIT, name
    for name in ("w0", "b0"):
        assert cosine(found[name], expected[name]) > 0.85, name


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("attached", [False, True])
def test_deep_layers_go_the_right_way(attached: bool) -> None:
    """Approximate beyond the last layers: the direction is near that of the full gradient."""
    module = layers((8, 16, 16, 4), attached)
    rng = np.random.default_rng(1)
    x = {"x": rng.random((20, 4, 8))}
    y = forward(module, x)["y"]
    outer = {"y": np.broadcast_to(y.sum(0) - rng.random((4, 4)) * 10, y.shape)}
    parameters = [p.sym_name.data for p in module.ops if isinstance(p, snn.ParameterOp)]
    expected = bptt(module, ["y"], parameters, x, outer)
    for kind, least in (("memory", 0.6), ("instantaneous", 0.35)):
        twin = module.clone()
        found = gradients(twin, derived(twin, layers=kind), x, outer)
        assert found.keys() == expected.keys()
        for name in expected:
            assert cosine(found[name], expected[name]) > least, (kind, name)
        assert error(found["w2"], expected["w2"]) < LIMIT


# --- random bodies


@st.composite
def bodies(draw: st.DrawFn) -> tuple[Callable[..., Outputs], int]:
    """A body of one layer with 1 to 3 states: what they are is drawn operation by operation."""
    states = draw(st.integers(1, 3))
    plan = draw(
        st.lists(
            st.tuples(
                st.sampled_from(["add", "sub", "mul", "tanh", "max", "spike", "select", "detach"]),
                st.integers(0, 99),
                st.integers(0, 99),
            ),
            min_size=3,
            max_size=9,
        )
    )
    picks = draw(st.lists(st.integers(0, 99), min_size=states, max_size=states))

    def equations(b: Body, x: Scalar, p: Scalar, **kept: Scalar) -> Outputs:
        pool = [x, *kept.values(), p]
        for kind, i, j in plan:
            left, right = pool[i % len(pool)], pool[j % len(pool)]
            match kind:
                case "add":
                    made = left + right * 0.5
                case "sub":
                    made = left * 0.7 - right
                case "mul":
                    made = left * right
                case "tanh":
                    made = b.tanh(left)
                case "max":
                    made = b.maximum(left, right * 0.9 - 0.1)
                case "spike":
                    made = b.to_float(b.spike(left - right - 0.2, "gt", SUPERSPIKE))
                case "select":
                    made = b.select(b.compare("gt", left, 0.1), left * 0.5, right)
                case _:
                    made = b.detach(left) + right * 0.3
            pool.append(made)
        # bounded: some drawn bodies grow without limit
        after = [
            b.tanh(pool[pick % len(pool)] * 0.9 + s * 0.5)
            for pick, s in zip(picks, kept.values(), strict=True)
        ]
        z = b.spike(after[0] + pool[-1] * 0.5 - 0.3, "gt", SUPERSPIKE)
        return [z], after

    return equations, states


@settings(max_examples=40, deadline=None)
@given(body=bodies(), seed=st.integers(0, 1000))
def test_random_bodies_of_one_layer_are_exact(
    body: tuple[Callable[..., Outputs], int], seed: int
) -> None:
    equations, states = body
    rng = np.random.default_rng(seed)
    b = Builder({"x": (4,)})
    weight = b.parameter("w", rng.normal(size=(5, 4)))
    current = b.add(snn.LinearOp(b.input("x"), weight, b.parameter("b", rng.normal(size=5))))
    spikes, *_ = b.neuron(
        equations,
        {"x": current},
        {f"s{index}": b.constant(0.1) for index in range(states)},
        {"p": b.parameter("p", rng.normal(size=5))},
        (5,),
    )
    y = readout(b, spikes, rng.normal(size=(2, 5)), rng.normal(size=2))
    module = b.module({"y": y})
    x = {"x": rng.normal(size=(10, 2, 4))}
    outer = {"y": rng.normal(size=(10, 2, 2))}
    parameters = ["w", "b", "p", "w_out", "b_out"]
    expected = bptt(module, ["y"], parameters, x, outer)
    found = gradients(module, derived(module), x, outer)
    for name, array in expected.items():
        scale = abs(array).max()
        given_ = found.get(name, np.zeros_like(array))
        assert abs(given_ - array).max() <= LIMIT * max(scale, 1e-3), name


# --- memory, feedback, refusals


def test_memory_does_not_depend_on_the_number_of_steps() -> None:
    """No tape: all outputs but the network's own are sums, and the states are what they are."""
    module = recurrent("cuba", True, drawn_arrays())
    found = derived(module)
    network = found.network
    added = [name for name in network.outputs if name != "y"]
    assert {network.kinds[name] for name in added} == {"sum"}
    assert list(network.inputs) == ["x", "d.y"]
    names = StateNames(network)
    size = sum(int(np.prod(names.shape_of(key))) for key in names.name_of)
    sizes = set()
    for steps in (3, 30):
        rng = np.random.default_rng(0)
        x = {"x": rng.random((steps, 1, 6)), "d.y": rng.random((steps, 1, 2))}
        final = NetworkInterpreter(module, network).run(x).final
        sizes.add(sum(array.size for array in final.values()))
    assert sizes == {size}


def test_sequences_may_be_cut_anywhere() -> None:
    """Step by step, with the states handed on, is the same as at once: it is online."""
    module = recurrent("alif", True, drawn_arrays())
    network = derived(module).network
    rng = np.random.default_rng(0)
    x = {"x": rng.random((12, 2, 6)), "d.y": rng.random((12, 2, 2))}
    whole = NetworkInterpreter(module, network).run(x).outputs
    states: dict[str, np.ndarray] = {}
    total: dict[str, np.ndarray] = {}
    for t in range(12):
        run = NetworkInterpreter(module, network).run(
            {name: array[t : t + 1] for name, array in x.items()}, state0=states
        )
        states = run.final
        for name, array in run.outputs.items():
            if name != "y":
                total[name] = total.get(name, 0) + array
    for name, array in total.items():
        np.testing.assert_allclose(array, whole[name], rtol=1e-12, atol=1e-15)


def test_uniform_leaks_have_a_trace_for_each_input() -> None:
    """Without reset gradient and readout memory no state has the size of the weights."""
    module = layers((6, 9), False)
    names = StateNames(derived(module).network)
    assert max(int(np.prod(names.shape_of(key))) for key in names.name_of) == 9
    attached = StateNames(derived(layers((6, 9), True)).network)
    assert max(int(np.prod(attached.shape_of(key))) for key in attached.name_of) == 54


def test_feedback_weights() -> None:
    """Random ones are fixed by their seed; adaptive ones get the gradient of the readout."""
    arrays = drawn_arrays()
    rng = np.random.default_rng(0)
    x, outer = {"x": rng.random((12, 2, 6))}, {"y": rng.normal(size=(12, 2, 2))}

    def found(**options) -> dict[str, np.ndarray]:
        module = recurrent("cuba", False, arrays)
        return gradients(module, derived(module, **options), x, outer)

    symmetric, first, again = found(), found(feedback="random"), found(feedback="random")
    other = found(feedback="random", seed=1)
    for name in ("w_out", "b_out"):
        np.testing.assert_array_equal(symmetric[name], first[name])
    for name in ("w_in", "w_rec", "beta"):
        np.testing.assert_array_equal(first[name], again[name])
        assert error(first[name], symmetric[name]) > 0.1
        assert error(first[name], other[name]) > 0.1
    adaptive = found(feedback="adaptive")
    np.testing.assert_array_equal(adaptive["feedback.w_out"], symmetric["w_out"])
    np.testing.assert_array_equal(adaptive["w_in"], first["w_in"])


def test_adaptive_feedback_becomes_the_readout() -> None:
    """With the same steps and the same decay the difference of the two decays."""
    arrays = drawn_arrays()
    rng = np.random.default_rng(0)
    module = recurrent("cuba", False, arrays)
    network = derived(module, feedback="adaptive")
    assert network.feedback["feedback.w_out"].is_learnable
    parameters = {p.sym_name.data: p for p in module.ops if isinstance(p, snn.ParameterOp)}
    x, outer = {"x": rng.random((12, 2, 6))}, {"y": rng.normal(size=(12, 2, 2))}
    distances = []
    for _ in range(5):
        step = gradients(module, network, x, outer)
        pair = []
        for name in ("w_out", "feedback.w_out"):
            op = parameters[name]
            moved = array_of(op.value, op.type) * 0.5 - 0.01 * step[name]
            op.properties["value"] = dense_of(moved)
            pair.append(moved)
        distances.append(abs(pair[0] - pair[1]).max())
    np.testing.assert_allclose(np.array(distances[1:]) / distances[:-1], 0.5, rtol=1e-9)


def test_memory_that_is_no_filter_is_refused() -> None:
    def nonlinear(b: Body, x: Scalar, y: Scalar) -> Outputs:
        after = b.tanh(y * 0.9 + x)
        return [after], [after]

    rng = np.random.default_rng(0)

    def network(named: bool, kappa) -> ModuleOp:
        b = Builder({"x": (5,)})
        current = b.add(snn.LinearOp(b.input("x"), b.parameter("w", rng.normal(size=(7, 5)))))
        spikes, *_ = b.neuron(
            lif(SUPERSPIKE, True),
            {"x": current},
            {"v": b.constant(0.0)},
            {"beta": b.constant(0.9), "theta": b.constant(1.0)},
            (7,),
        )
        summed = b.add(snn.LinearOp(spikes, b.parameter("w_out", rng.normal(size=(3, 7)))))
        states = {"y": b.constant(0.0)}
        if named:
            y, *_ = b.neuron(nonlinear, {"x": summed}, states, {}, (3,), "out")
        else:
            decays = {"kappa": b.constant(kappa)}
            y, *_ = b.neuron(leaky, {"x": summed}, states, decays, (3,), "out")
        return b.module({"y": y})

    for module in (network(True, 0), network(False, np.array([0.8, 0.9, 0.7]))):
        with pytest.raises(NoDerivative, match=r'snn\.neuron "out".*no filter'):
            derived(module)
        derived(module, parameters=["w_out"])  # nothing lies behind it
    derived(network(False, np.array([0.8, 0.8, 0.8])))


def test_inputs_have_no_online_gradient() -> None:
    with pytest.raises(NoDerivative, match="inputs \\(x\\)"):
        eprop(network_of(layers((3, 3), False)), Wanted(("y",), (), ("x",)))
