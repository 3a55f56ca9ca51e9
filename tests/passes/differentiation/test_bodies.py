"""Adjoints of scalar bodies against central differences and against hand-written chain rules."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.builder import Builder
from xdsl.dialects.builtin import f64
from xdsl.interpreter import Interpreter
from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar
from snncc.interpreters.scalars import ScalarFunctions, run_body
from snncc.passes.differentiation.bodies import Adjoint

NAMES = ("x", "v", "p")


def interpreter() -> Interpreter:
    from xdsl.dialects.builtin import ModuleOp

    made = Interpreter(ModuleOp([]))
    made.register_implementations(ScalarFunctions())
    return made


def body_of(equations) -> Block:
    """(b, x, v, p) -> one scalar, as a block."""
    block = Block(arg_types=[f64] * len(NAMES))
    body = Body(Builder(InsertPoint.at_end(block)), f64)
    result = equations(body, *(Scalar(body, argument) for argument in block.args))
    block.add_op(snn.NextOp([result.value], []))
    return block


def evaluate(block: Block, *arguments: float) -> float:
    values = run_body(interpreter(), block, tuple(np.float64(a) for a in arguments))
    return float(values[block.last_op.operands[0]])


def gradient(block: Block, *arguments: float) -> np.ndarray:
    """Of the block's result by its arguments, by running the adjoint."""
    made = Block(arg_types=[f64] * len(NAMES))
    body = Body(Builder(InsertPoint.at_end(made)), f64)
    values = {a: Scalar(body, b) for a, b in zip(block.args, made.args, strict=True)}
    adjoint = Adjoint(block, body, values)
    adjoint.forward()
    adjoint.seed(block.last_op.operands[0], body.constant(1.0))
    found = adjoint.backward(set(block.args))
    zero = body.constant(0.0)
    results = [found.get(argument, zero) for argument in block.args]
    made.add_op(snn.NextOp([r.value for r in results], []))
    values_ = run_body(interpreter(), made, tuple(np.float64(a) for a in arguments))
    return np.array([float(values_[r.value]) for r in results])


SMOOTH = {
    "polynomial": lambda b, x, v, p: (x * v - p) * (x + v * v),
    "quotient": lambda b, x, v, p: (x + p) / (v * v + 1.5),
    "exp": lambda b, x, v, p: b.exp(x * 0.3) * v,
    "log": lambda b, x, v, p: b.log(x * x + 0.5) - p,
    "sqrt": lambda b, x, v, p: b.sqrt(v * v + 0.1) * x,
    "tanh": lambda b, x, v, p: b.tanh(x * v) + p * p,
    "trigonometry": lambda b, x, v, p: b.sin(x) * b.cos(v) + p,
    "erf": lambda b, x, v, p: b.erf(x + v * p),
    "power": lambda b, x, v, p: b.power(x * x + 0.2, v),
    "absolute": lambda b, x, v, p: b.absolute(x + 10.0) - b.absolute(v - 10.0),
    "bounds": lambda b, x, v, p: b.maximum(x, v + 7.0) + b.minimum(p, x - 9.0) * x,
    "choice": lambda b, x, v, p: b.select(b.compare("gt", x, -9.0), x * v, p) * p,
    "negative": lambda b, x, v, p: -(x - v) * -p,
}


@pytest.mark.parametrize("name", SMOOTH)
@settings(max_examples=20)
@given(point=st.tuples(*[st.floats(-2, 2).map(lambda v: round(v, 3)) for _ in NAMES]))
def test_central_differences(name: str, point: tuple[float, ...]) -> None:
    block = body_of(SMOOTH[name])
    step = 1e-5
    found = gradient(block, *point)
    for index in range(len(NAMES)):
        ends = []
        for sign in (1, -1):
            moved = list(point)
            moved[index] += sign * step
            ends.append(evaluate(block, *moved))
        expected = (ends[0] - ends[1]) / (2 * step)
        assert found[index] == pytest.approx(expected, rel=2e-6, abs=2e-6)


SIGMOID = SurrogateAttr("superspike", {})


def test_a_spike_has_its_surrogates_derivative() -> None:
    """d/dx of z (u) with u = x - p, and through a reset that is not detached."""

    def lif(b: Body, x: Scalar, v: Scalar, p: Scalar) -> Scalar:
        u = v * 0.9 + x
        z = b.to_float(b.spike(u - p, "gt", SIGMOID))
        return u - z * p

    found = gradient(body_of(lif), 0.3, 0.5, 1.0)
    u = 0.9 * 0.5 + 0.3
    pseudo = gradient(
        body_of(lambda b, x, v, p: b.to_float(b.spike(x, "gt", SIGMOID))), u - 1, 0, 0
    )
    dz = pseudo[0]
    assert dz > 0
    expected = [1 - dz * 1.0, 0.9 * (1 - dz), dz * 1.0 - 0.0]
    np.testing.assert_allclose(found, expected, rtol=1e-14)


def test_no_gradient_passes_a_detached_value() -> None:
    def detached(b: Body, x: Scalar, v: Scalar, p: Scalar) -> Scalar:
        return x * b.detach(x) + b.detach(v)

    np.testing.assert_array_equal(gradient(body_of(detached), 3.0, 1.0, 1.0), [3.0, 0.0, 0.0])


def test_a_bound_that_is_met_exactly_is_shared() -> None:
    between = body_of(lambda b, x, v, p: b.maximum(x, v))
    np.testing.assert_array_equal(gradient(between, 1.0, 1.0, 0.0), [0.5, 0.5, 0.0])
    relu = body_of(lambda b, x, v, p: b.maximum(x, b.constant(0.0)))
    np.testing.assert_array_equal(gradient(relu, 0.0, 0.0, 0.0), [0.0, 0.0, 0.0])
