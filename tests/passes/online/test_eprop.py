"""
Online gradients: against the published e-prop cases, and against autograd with stopped recurrent
gradients; their memory, their feedback weights, and what is refused.
"""

from __future__ import annotations

import json

import numpy as np
import pytest
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64

from snncc.dialects import snn
from snncc.dialects.arrays import array_of, dense_of
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import shape_of
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.wanted import Wanted
from snncc.passes.online.eprop import eprop
from tests.passes.online.eprop_networks import (
    LIMIT,
    SUPERSPIKE,
    drawn_arrays,
    layers,
    readout,
    recurrent,
)
from tests.passes.online.online_networks import (
    Builder,
    derived,
    error,
    forward,
    gradients,
    leaky,
    lif,
    network_of,
)
from tests.tools import require_module, shared_file

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
