"""Integer bodies of the neurons in the field, written operation by operation."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, TensorType, f32, i32
from xdsl.ir import SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar, build_neuron


def neuron(
    equations: Callable[..., tuple[list[Scalar], list[Scalar]]],
    states: Sequence[str] = ("v",),
    parameters: Sequence[str] = ("theta",),
    population: Sequence[int] = (1,),
    width: int = 32,
) -> snn.NeuronOp:
    """A population with one input `x`; all its ports are integers of one width."""
    element = IntegerType(width)

    def port(shape: Sequence[int]) -> SSAValue:
        return create_ssa_value(TensorType(element, shape))

    return build_neuron(
        equations,
        inputs={"x": port(population)},
        states={name: port(()) for name in states},
        parameters={name: port(()) for name in parameters},
        population=population,
        float_type=f32,
    )


def arguments(op: snn.NeuronOp) -> dict[str, SSAValue]:
    """Port name -> argument of the body."""
    return {
        port.name: port.argument for port in (*op.input_ports, *op.state_ports, *op.parameter_ports)
    }


def wide(b: Body, s: Scalar) -> Scalar:
    """A spike as a number."""
    return b.insert(arith.ExtUIOp(s.value, i32))


def shifted(b: Body, v: Scalar, bits: int) -> Scalar:
    return b.insert(arith.ShRSIOp(v.value, b.constant(bits, v.element).value))


def scaled(b: Body, v: Scalar, factor: int, bits: int) -> Scalar:
    """(v * m + r) >> s, rounded to the nearest."""
    return shifted(b, v * factor + (1 << (bits - 1)), bits)


Decay = Callable[[Body, Scalar], Scalar]

DECAYS: Mapping[str, Decay] = {
    "none": lambda b, v: v,
    "multiply": lambda b, v: scaled(b, v, 230, 8),
    "multiply_down": lambda b, v: shifted(b, v * 230, 8),
    "decrement": lambda b, v: v - scaled(b, v, 26, 8),
    "shift": lambda b, v: v - shifted(b, v, 3),
    "slow": lambda b, v: v - scaled(b, v, 5, 8),
}


def reset_none(b: Body, u: Scalar, s: Scalar, theta: Scalar) -> Scalar:
    return u


def reset_subtract(b: Body, u: Scalar, s: Scalar, theta: Scalar) -> Scalar:
    return u - wide(b, s) * theta


def reset_select(b: Body, u: Scalar, s: Scalar, theta: Scalar) -> Scalar:
    return b.select(s, u - theta, u)


def reset_zero(b: Body, u: Scalar, s: Scalar, theta: Scalar) -> Scalar:
    return b.select(s, b.constant(0, u.element), u)


RESETS = {"subtract": reset_subtract, "select": reset_select, "zero": reset_zero}


def clamped(b: Body, u: Scalar, low: int, high: int) -> Scalar:
    below = b.insert(arith.MinSIOp(u.value, b.constant(high, u.element).value))
    return b.insert(arith.MaxSIOp(below.value, b.constant(low, u.element).value))


def spiking(
    decay: str, reset: str, comparison: str = "gt", clamp: tuple[int, int] | None = None
) -> Callable[..., tuple[list[Scalar], list[Scalar]]]:
    """Integrate and fire, reset in the same step; the second output is the membrane before it."""

    def equations(
        b: Body, x: Scalar, v: Scalar, theta: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        u = DECAYS[decay](b, v) + x
        if clamp is not None:
            u = clamped(b, u, *clamp)
        s = b.spike(u - theta, comparison)
        return [s, u], [RESETS[reset](b, u, s, theta)]

    return equations


def next_step(
    decay: str, reset: str, comparison: str = "gt"
) -> Callable[..., tuple[list[Scalar], list[Scalar]]]:
    """The reset of the last step's spike, seen again in the old membrane."""

    def equations(
        b: Body, x: Scalar, v: Scalar, theta: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        fired = b.spike(v - theta, comparison)
        if reset == "zero":
            u = DECAYS[decay](b, b.select(fired, b.constant(0, v.element), v)) + x
        else:
            u = (DECAYS[decay](b, v) + x) - wide(b, fired) * theta
        return [b.spike(u - theta, comparison), u], [u]

    return equations


def cuba(
    decay_i: str, decay_v: str, reset: str, comparison: str = "gt"
) -> Callable[..., tuple[list[Scalar], list[Scalar]]]:
    """Two states: a current that the membrane takes in the same step."""

    def equations(
        b: Body, x: Scalar, i: Scalar, v: Scalar, theta: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        current = DECAYS[decay_i](b, i) + x
        u = DECAYS[decay_v](b, v) + current
        s = b.spike(u - theta, comparison)
        return [s, u], [current, RESETS[reset](b, u, s, theta)]

    return equations


def cuba_next(
    decay_i: str, decay_v: str, reset: str
) -> Callable[..., tuple[list[Scalar], list[Scalar]]]:
    """The reset of the last step's spike, seen again in the old membrane."""

    def equations(
        b: Body, x: Scalar, i: Scalar, v: Scalar, theta: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        fired = b.spike(v - theta)
        current = DECAYS[decay_i](b, i) + x
        before = b.select(fired, b.constant(0, v.element), v) if reset == "zero" else v
        u = DECAYS[decay_v](b, before) + current
        if reset == "subtract":
            u = u - wide(b, fired) * theta
        return [b.spike(u - theta), u], [current, u]

    return equations


def cuba_old(
    decay_i: str, decay_v: str, reset: str
) -> Callable[..., tuple[list[Scalar], list[Scalar]]]:
    """The membrane takes the current of the step before."""

    def equations(
        b: Body, x: Scalar, i: Scalar, v: Scalar, theta: Scalar
    ) -> tuple[list[Scalar], list[Scalar]]:
        u = DECAYS[decay_v](b, v) + i
        s = b.spike(u - theta)
        return [s, u], [DECAYS[decay_i](b, i) + x, RESETS[reset](b, u, s, theta)]

    return equations


def drives(random: np.random.Generator, inputs: int, largest: int) -> np.ndarray:
    """A row of small weights with both signs."""
    weights = random.integers(-largest, largest + 1, inputs)
    weights[0], weights[1] = max(1, abs(weights[0])), -max(1, abs(weights[1]))
    return weights
