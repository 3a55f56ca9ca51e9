"""Runs what a function writes into a body, on arrays."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects.builtin import ModuleOp, f32, f64
from xdsl.dialects.test import TestTermOp
from xdsl.interpreter import Interpreter
from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Scalar
from snncc.interpreters.scalars import ScalarFunctions, run_body

ELEMENTS = {np.dtype(np.float32): f32, np.dtype(np.float64): f64}


def evaluated(
    write: Callable[..., Scalar | Sequence[Scalar]], *arguments: Array
) -> tuple[Array, ...]:
    """What `write(body, *scalars)` gives for arrays of one float type."""
    element = ELEMENTS[arguments[0].dtype]
    block = Block(arg_types=[element] * len(arguments))
    body = Body(Builder(InsertPoint.at_end(block)), element)
    written = write(body, *(Scalar(body, argument) for argument in block.args))
    results = [written] if isinstance(written, Scalar) else list(written)
    block.add_op(TestTermOp([scalar.value for scalar in results]))
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(ScalarFunctions())
    with np.errstate(all="ignore"):
        values = run_body(interpreter, block, arguments)
    shape = np.broadcast_shapes(*(argument.shape for argument in arguments))
    return tuple(np.broadcast_to(values[scalar.value], shape) for scalar in results)
