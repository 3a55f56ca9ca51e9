"""Tangents of scalar bodies are the transpose of their adjoints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import f64
from xdsl.ir import Block

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body
from snncc.interpreters.scalars import run_body
from snncc.passes.online.tangents import Tangents
from tests.passes.differentiation.test_bodies import (
    NAMES,
    SMOOTH,
    body_of,
    gradient,
    interpreter,
)

SPIKE = SurrogateAttr("superspike", {})
KINKED = {
    "reset": lambda b, x, v, p: v * 0.9 + x - b.to_float(b.spike(v * 0.9 + x - p, "gt", SPIKE)) * p,
    "logic": lambda b, x, v, p: b.to_float(
        (b.spike(x, "gt", SPIKE) & b.spike(v, "ge", SPIKE)) | b.spike(p - x, "gt", SPIKE)
    ),
    "other": lambda b, x, v, p: b.to_float(b.spike(x, "gt", SPIKE) ^ b.spike(v, "ge", SPIKE)),
    "detached": lambda b, x, v, p: b.detach(x) * v + b.detach(b.detach(p) * p),
    "counted": lambda b, x, v, p: b.to_float(b.count(x * 2.0, 5, 16, None)) * v,
    "rounded": lambda b, x, v, p: b.floor(x) * v + b.round_even(p),
    "equal bounds": lambda b, x, v, p: b.maximum(x, x + 0.0) * b.minimum(v, b.constant(0.0)),
    "no spike": lambda b, x, v, p: b.to_float(b.spike(x - p)) * v,
}


def tangents(block: Block, *arguments: float) -> np.ndarray:
    """Of the block's result by its arguments; writes them into the block."""
    assert block.last_op is not None
    result = block.last_op.operands[0]
    found = Tangents(block, f64, list(block.args), [result])
    row = found.row(result)
    written = [found.scalar(row.get(argument, 0.0)).value for argument in block.args]
    values = run_body(interpreter(), block, tuple(np.float64(a) for a in arguments))
    return np.array([float(values[value]) for value in written])


@pytest.mark.parametrize("name", [*SMOOTH, *KINKED])
@settings(max_examples=20)
@given(point=st.tuples(*[st.floats(-2, 2).map(lambda v: round(v, 3)) for _ in NAMES]))
def test_tangents_equal_adjoints(name: str, point: tuple[float, ...]) -> None:
    equations = {**SMOOTH, **KINKED}[name]
    found = tangents(body_of(equations), *point)
    np.testing.assert_allclose(found, gradient(body_of(equations), *point), rtol=1e-12, atol=1e-14)


def test_numbers_are_folded() -> None:
    """The derivative of a sum is the number 1: nothing is written for it."""
    block = body_of(lambda b, x, v, p: x + v * 1.0 - p)
    assert block.last_op is not None
    count = len(list(block.ops))
    result = block.last_op.operands[0]
    row = Tangents(block, f64, list(block.args), [result]).row(result)
    x, _, p = block.args
    assert (row[x], row[p]) == (1.0, -1.0)
    assert len(list(block.ops)) == count


def test_what_is_not_asked_for_is_not_differentiated() -> None:
    from xdsl.dialects import arith

    def equations(b: Body, x, v, p):
        integer = b.to_integer(x, 32)  # its derivative is 0
        b.insert(arith.SIToFPOp(integer.value, f64))
        return v * p

    block = body_of(equations)
    assert block.last_op is not None
    Tangents(block, f64, list(block.args), [block.last_op.operands[0]])

    def through(b: Body, x, v, p):
        return b.insert(arith.SIToFPOp(b.to_integer(x, 32).value, f64)) * v

    np.testing.assert_array_equal(tangents(body_of(through), 2.5, 3.0, 1.0), [0.0, 2.0, 0.0])
