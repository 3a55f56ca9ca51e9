"""Integer arithmetic has the derivatives of the real functions that it approximates."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, f64, i1, i32
from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.neurons.arithmetic import decay_multiply, fit, shift_right
from snncc.dialects.snn.scalars import OPERATIONS
from snncc.interpreters.scalars import run_body
from snncc.passes.differentiation.bodies import RULES, Adjoint
from snncc.passes.online.tangents import RULES as TANGENTS
from snncc.passes.online.tangents import Tangents
from tests.passes.differentiation.test_bodies import interpreter

Equations = Callable[[Body, Scalar, Scalar], Scalar]
i8, i64 = IntegerType(8), IntegerType(64)


def block_of(equations: Equations) -> Block:
    """(b, x, y) -> one scalar, as a block."""
    block = Block(arg_types=[i32, i32])
    body = Body(Builder(InsertPoint.at_end(block)), f64)
    result = equations(body, *(Scalar(body, argument) for argument in block.args))
    block.add_op(snn.NextOp([result.value], []))
    return block


def evaluate(block: Block, *arguments: int) -> dict:
    given = tuple(np.array(argument, np.int64) for argument in arguments)
    return run_body(interpreter(), block, given)


def backwards(block: Block, *arguments: int) -> list[float]:
    """The gradients of the result, by running the adjoint."""
    made = Block(arg_types=block.arg_types)
    body = Body(Builder(InsertPoint.at_end(made)), f64)
    values = {a: Scalar(body, b) for a, b in zip(block.args, made.args, strict=True)}
    adjoint = Adjoint(block, body, values)
    adjoint.forward()
    adjoint.seed(block.last_op.operands[0], body.constant(1.0))
    found = adjoint.backward(set(block.args))
    results = [found.get(argument, body.constant(0.0)).value for argument in block.args]
    made.add_op(snn.NextOp(results, []))
    values_ = evaluate(made, *arguments)
    return [float(values_[result]) for result in results]


def forwards(block: Block, *arguments: int) -> list[float]:
    result = block.last_op.operands[0]
    found = Tangents(block, f64, list(block.args), [result])
    row = found.row(result)
    written = [found.scalar(row.get(argument, 0.0)).value for argument in block.args]
    values = evaluate(block, *arguments)
    return [float(values[value]) for value in written]


def word(b: Body, x: Scalar) -> Scalar:
    return b.extend(x, 64)


X, Y = 448, 192
"""Multiples of 64: what is shifted loses no bit, so that integers and reals agree."""
SMOOTH: dict[str, tuple[Equations, Callable[[float, float], float]]] = {
    "sums": (lambda b, x, y: x + y - x * 3 + 7, lambda x, y: y - 2 * x + 7),
    "a product": (lambda b, x, y: x * y - y, lambda x, y: x * y - y),
    "a decay": (
        lambda b, x, y: x - b.multiply_shift(x, 410, 12) + y,
        lambda x, y: x * (1 - 410 / 4096) + y,
    ),
    "a rounding shift": (lambda b, x, y: b.rounding_shift(x * y, 6), lambda x, y: x * y / 64),
    "shifts": (lambda b, x, y: (x >> 4) * (y << 2), lambda x, y: x / 16 * 4 * y),
    "an unsigned shift": (lambda b, x, y: b.shift_right_unsigned(x, 3) + y, lambda x, y: x / 8 + y),
    "shifts by a variable": (
        lambda b, x, y: (x >> (y - 188)) + (y << (x - 445)),
        lambda x, y: x / 16 + 8 * y,
    ),
    "a shift that leaves nothing": (
        lambda b, x, y: (x << (y - 150)) + (x >> (y - 150)) + y,
        lambda x, y: y,
    ),
    "a quotient": (
        lambda b, x, y: b.divide(x, y * 7) + b.divide(y, 64),
        lambda x, y: x / y / 7 + y / 64,
    ),
    "ends that are not met": (lambda b, x, y: b.clamp(x, -500, 500) * y, lambda x, y: x * y),
    "an end that is met": (lambda b, x, y: b.clamp(x, -100, 100) * y, lambda x, y: 100 * y),
    "a choice": (lambda b, x, y: b.select(b.compare("gt", x, y), x * 3, y), lambda x, y: 3 * x),
    "widths": (
        lambda b, x, y: b.truncate(b.truncate(word(b, x) * word(b, y), 32), 16),
        lambda x, y: x * y,
    ),
    "a spike as a mask": (
        lambda b, x, y: b.insert(arith.ExtSIOp(b.compare("gt", x, 0).value, i32)) * y,
        lambda x, y: -y,
    ),
    "a register that wraps": (
        lambda b, x, y: fit(x * 64, 12, "wrap_high") + y,
        lambda x, y: 64 * x + y,
    ),
    "rounded towards zero": (
        lambda b, x, y: shift_right(x - 1024, 6, "toward_zero"),
        lambda x, y: x / 64,
    ),
    "a chip's decay": (
        lambda b, x, y: decay_multiply(x, y, 8, "half_up"),
        lambda x, y: x * y / 256,
    ),
}


@pytest.mark.parametrize("name", SMOOTH)
def test_derivatives_are_those_of_real_numbers(name: str) -> None:
    equations, smooth = SMOOTH[name]
    step = 1e-3
    wanted = [
        (smooth(X + step, Y) - smooth(X - step, Y)) / (2 * step),
        (smooth(X, Y + step) - smooth(X, Y - step)) / (2 * step),
    ]
    found = backwards(block_of(equations), X, Y)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-7)
    np.testing.assert_allclose(forwards(block_of(equations), X, Y), found, rtol=1e-12)


NONE: dict[str, Equations] = {
    "a comparison": lambda b, x, y: b.extend(b.compare("gt", x, y), 32),
    "one bit": lambda b, x, y: x & 1,
    "bits": lambda b, x, y: (x | 12) ^ y,
    "a mask of other bits": lambda b, x, y: x & 24,
    "a parity": lambda b, x, y: b.extend(b.truncate(x, 1), 32),
    "the sign": lambda b, x, y: x >> 31,
    "a truncation of floats": lambda b, x, y: b.to_integer(b.signed_to_float(x) * 0.5, 32),
    "a quotient by zero": lambda b, x, y: b.divide(x, y - Y),
    "a spike without a surrogate": lambda b, x, y: b.extend(b.spike(x - y), 32),
}


@pytest.mark.parametrize("name", NONE)
def test_what_stands_for_no_real_function_has_none(name: str) -> None:
    assert backwards(block_of(NONE[name]), X, Y) == [0.0, 0.0]
    assert forwards(block_of(NONE[name]), X, Y) == [0.0, 0.0]


def test_a_gradient_passes_straight_through() -> None:
    def rounded(b: Body, x: Scalar, y: Scalar) -> Scalar:
        soft = b.signed_to_float(x) * 0.3
        whole = b.to_integer(b.round_even(soft), 8)
        return b.extend(b.straight_through(whole, soft), 32) * y

    block = block_of(rounded)
    assert int(evaluate(block, 101, 5)[block.last_op.operands[0]]) == 30 * 5
    np.testing.assert_allclose(backwards(block_of(rounded), 101, 5), [0.3 * 5, 30.0])
    np.testing.assert_allclose(forwards(block_of(rounded), 101, 5), [0.3 * 5, 30.0])


def test_a_spike_of_integers_has_its_surrogate_in_real_numbers() -> None:
    """d z / d whole = g'(whole * unit) * unit; without `of` the unit is one."""
    unit, surrogate = 0.01, SurrogateAttr("superspike")

    def counted(b: Body, x: Scalar, y: Scalar) -> Scalar:
        u = x - y
        real = b.signed_to_float(u) * unit
        return b.extend(b.spike(u, "ge", surrogate, [real]), 32)

    def plain(b: Body, x: Scalar, y: Scalar) -> Scalar:
        return b.extend(b.spike(x - y, "ge", surrogate), 32)

    slope = unit / (1 + 5 * abs(30 * unit)) ** 2
    for run in (backwards, forwards):
        np.testing.assert_allclose(run(block_of(counted), 130, 100), [slope, -slope])
        np.testing.assert_allclose(run(block_of(plain), 102, 100), [1 / 121, -1 / 121])


def test_logic_of_spikes_is_that_of_floats() -> None:
    surrogate = SurrogateAttr("straight_through")

    def both(b: Body, x: Scalar, y: Scalar) -> Scalar:
        z = b.spike(x, "gt", surrogate) & (b.spike(y, "gt", surrogate) ^ b.constant(0, i1))
        return b.extend(z, 32)

    assert backwards(block_of(both), 1, 1) == [1.0, 1.0]
    assert backwards(block_of(both), 1, -1) == [0.0, 1.0]


def test_every_operation_of_bodies_has_a_rule_in_both_modes() -> None:
    of_themselves = {arith.ConstantOp, snn.IndexOp, snn.SpikeOp, snn.CountOp, snn.DetachOp}
    assert OPERATIONS - set(RULES) == of_themselves
    assert set(RULES) == set(TANGENTS)
