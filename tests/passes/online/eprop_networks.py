"""Networks that online gradients are tried on: recurrent ones, and layers."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
from xdsl.dialects.builtin import FloatAttr, ModuleOp, f64

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar
from tests.passes.online.online_networks import (
    Builder,
    bptt,
    derived,
    error,
    forward,
    gradients,
    leaky,
    lif,
)

LIMIT = 1e-10
SUPERSPIKE = SurrogateAttr("superspike", {"k": FloatAttr(5.0, f64)})


def readout(b: Builder, spikes, w_out: np.ndarray, b_out: np.ndarray | None, kappa: float = 0.85):
    weight = b.parameter("w_out", w_out)
    bias = None if b_out is None else b.parameter("b_out", b_out)
    summed = b.add(snn.LinearOp(spikes, weight, bias))
    return b.neuron(
        leaky, {"x": summed}, {"y": b.constant(0.0)}, {"kappa": b.constant(kappa)}, w_out.shape[:1]
    )[0]


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


def cosine(a: np.ndarray, b: np.ndarray) -> float:
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))
