"""Online gradients against the backward program, where the two are equal or near."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import f64
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.types import shape_of
from tests.passes.online.eprop_networks import (
    LIMIT,
    SUPERSPIKE,
    cosine,
    expect_bptt,
    layers,
    readout,
)
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
