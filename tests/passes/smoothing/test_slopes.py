"""The exact derivative of each integral is its surrogate, where the step is decided, too."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.builder import Builder
from xdsl.dialects.builtin import ModuleOp, f64
from xdsl.interpreter import Interpreter
from xdsl.ir import Block
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import SURROGATES, derivative, integral
from snncc.interpreters.scalars import ScalarFunctions, run_body
from snncc.passes.differentiation.bodies import Adjoint

JUMPS = {
    "snntorch.triangular",
    "snntorch.heaviside",
    "snntorch.lso",
    "spikingjelly.s2nn",
    "spikingjelly.leaky_k_relu",
    "spikingjelly.log_tailed_relu",
    "spikingjelly.multi_level_spike_count",
}
"""The derivative jumps where the step is decided: either side will do."""


def values(block: Block, arguments: tuple[float, ...]) -> list[float]:
    interpreter = Interpreter(ModuleOp([]))
    interpreter.register_implementations(ScalarFunctions())
    found = run_body(interpreter, block, tuple(np.float64(a) for a in arguments))
    return [float(found[value]) for value in block.last_op.operands]


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("name", [n for n, s in SURROGATES.items() if s.integral is not None])
def test_the_integral_is_differentiated_to_the_surrogate(name: str) -> None:
    known, attribute = SURROGATES[name], snn.SurrogateAttr(name)
    count = len(known.arguments)
    source = Block(arg_types=[f64] * count)
    b = Body(Builder(InsertPoint.at_end(source)), f64)
    arguments = [Scalar(b, argument) for argument in source.args]
    of = arguments if count > 1 else []
    spike = snn.SpikeOp("gt", source.args[0], attribute, [scalar.value for scalar in of])
    smooth = integral(spike, b, arguments)
    source.add_op(snn.NextOp([smooth.value], []))

    target = Block(arg_types=[f64] * count)
    b = Body(Builder(InsertPoint.at_end(target)), f64)
    made = [Scalar(b, argument) for argument in target.args]
    adjoint = Adjoint(source, b, dict(zip(source.args, made, strict=True)))
    adjoint.forward()
    adjoint.seed(smooth.value, b.constant(1.0))
    slope = adjoint.backward({source.args[0]})[source.args[0]]
    wanted = derivative(spike, b, made)[0]
    target.add_op(snn.NextOp([slope.value, wanted.value], []))

    threshold = 0.8 if known.arguments != ("q",) else 0.0
    rest = (threshold,) * (count - 1)
    middle = threshold if count > 1 else 0.0
    for u in (-1000.0, -0.37, 0.0, 0.23, 1000.0):
        if u == 0.0 and name in JUMPS:
            continue
        found, expected = values(target, (middle + u, *rest))
        if name == "snntorch.sigmoid" and u < -100:  # its library's expression is inf / inf
            assert found == 0.0
            continue
        assert found == pytest.approx(expected, rel=1e-6, abs=1e-9), u
