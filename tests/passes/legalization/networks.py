"""Float networks for legalization: the same neurons, written in several ways."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from xdsl.dialects.builtin import TensorType, f32

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.network import Network

Equations = Callable[..., Outputs]


def after_reset(b: Body, u: Scalar, z: Scalar, theta: Scalar, reset: str) -> Scalar:
    fired = b.to_float(z)
    if reset == "subtract":
        return u - fired * theta
    return u * (1.0 - fired) if reset == "zero" else u


def lif(reset: str, compare: str) -> Equations:
    """u = beta v + x, spike, reset in the same step."""

    def equations(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar) -> Outputs:
        u = beta * v + x
        z = b.spike(u - theta, compare)
        return [z], [after_reset(b, u, z, theta, reset)]

    return equations


def lif_late(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar) -> Outputs:
    """snnTorch's: the reset of the step before, of the old membrane, after the decay."""
    fired = b.to_float(b.spike(v - theta, "gt"))
    u = beta * v + x - fired * theta
    return [b.spike(u - theta, "gt")], [u]


def lif_scaled(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar) -> Outputs:
    """In units of the threshold, the drive through a filter's gain."""
    u = v + (1.0 - beta) * (x / (1.0 - beta) - v)
    z = b.spike(u / theta - 1.0, "ge")
    return [z], [b.select(z, b.constant(0.0), u)]


def resting(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar) -> Outputs:
    """Rests at -2, where it starts and is reset to."""
    u = beta * (v + 2.0) - 2.0 + x
    z = b.spike(u - theta, "gt")
    return [z], [b.select(z, b.constant(-2.0), u)]


def cuba(old_current: bool) -> Equations:
    """i = alpha i + x; v = beta v + i, of the new or the old current."""

    def equations(
        b: Body, x: Scalar, i: Scalar, v: Scalar, alpha: Scalar, beta: Scalar, theta: Scalar
    ) -> Outputs:
        new = alpha * i + x
        u = beta * v + 0.5 * (i if old_current else new)
        z = b.spike(u - theta, "ge")
        return [z], [new, u - b.to_float(z) * theta]

    return equations


def counting(b: Body, x: Scalar, v: Scalar, beta: Scalar, theta: Scalar) -> Outputs:
    u = beta * v + x
    n = b.count(u / theta, 31, 8)
    return [n], [u - b.to_float(n) * theta]


def readout(b: Body, x: Scalar, v: Scalar, beta: Scalar) -> Outputs:
    u = beta * v + x
    return [u], [u]


def layered(
    equations: Equations,
    weight: Array,
    states: tuple[str, ...],
    parameters: Mapping[str, float],
    *,
    recurrent: Array | None = None,
    bias: Array | None = None,
    late: int = 0,
    start: float = 0.0,
) -> Network:
    """One population behind a matrix, perhaps with recurrent weights, a bias, a delay."""
    a = Assembly("net", {"x": TensorType(f32, [weight.shape[1]])})
    stream = a.inputs["x"]
    if late:
        delay = a.delayed(TensorType(f32, [weight.shape[1]]), "late", late)
        a.close(delay, stream)
        stream = delay.result
    w = a.weight("w", weight.astype(np.float32))
    b = None if bias is None else a.weight("b", bias.astype(np.float32))
    drive = a.add(snn.LinearOp(stream, w, b, node="fc"))
    back = None
    if recurrent is not None:
        back = a.delayed(TensorType(snn_spike(), [len(weight)]), "back")
        r = a.weight("r", recurrent.astype(np.float32))
        loop = a.add(snn.LinearOp(back.result, r, element=f32, node="rec"))
        drive = a.add(snn.AddOp([drive, loop], f32, node="sum"))
    neuron = build_neuron(
        equations,
        inputs={"x": drive},
        states={name: a.parameter(f"{name}0", np.full((), start, np.float32)) for name in states},
        parameters={
            name: a.parameter(name, np.full(len(weight), value, np.float32))
            for name, value in parameters.items()
        },
        population=(len(weight),),
        node="n",
    )
    y = a.add(neuron)
    if back is not None:
        a.close(back, y)
    return Network(a.finish({"y": y}))


def snn_spike() -> object:
    from xdsl.dialects.builtin import i1

    return i1
