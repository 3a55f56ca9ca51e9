"""
Rates where samples are trained one by one: their averages, as a network of one step a sample.

    r' = r + (f - r) / min(n, N)      f: the rates of sample n
    seed = 2 weight (r' - target)     what the sample's rates get
    value = sum of (r' - target)^2

r and n are states: they stay from sample to sample. The network is run, scheduled and emitted
as any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from xdsl.dialects.builtin import AnyFloat, TensorType
from xdsl.ir import Block, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dense_of, dtype_of
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.places import Indices
from snncc.dialects.snn.types import stream_type
from snncc.passes.differentiation.parameters import GRADIENT
from snncc.passes.scheduling.learned import elements
from snncc.training.written import Term


@dataclass(frozen=True)
class Rates:
    """The network, and who is who."""

    network: snn.NetworkOp
    values: dict[str, tuple[str, float]]
    """Output of the loss, rates [N] -> (output of this network that is its value, weight)."""


def rates_network(
    terms: Sequence[tuple[float, Term]], stored: Mapping[str, Indices], element: AnyFloat
) -> Rates | None:
    """
    The network of the terms that are of rates; None where there is none. `stored` says for
    each element of their outputs, as it lies, which one of the model it is.
    """
    found = [(weight, term) for weight, term in terms if term.rate_target is not None]
    if not found:
        return None
    block = Block()
    inputs: list[tuple[str, SSAValue]] = []
    outputs: list[tuple[str, SSAValue]] = []
    values: dict[str, tuple[str, float]] = {}
    zero = snn.ConstantOp(dense_of(np.asarray(0.0, dtype_of(element))))
    block.add_op(zero)
    for weight, term in found:
        count = _count(block, zero.result, term, element)
        for name in term.outputs:
            order = stored[name]
            rate = block.insert_arg(TensorType(element, (order.size,)), len(block.args))
            inputs.append((name, rate))
            neuron = build_neuron(
                partial(_averaged, weight=weight, term=term),
                inputs={"f": elements(block, rate, np.argsort(order)), "n": count},
                states={"r": zero.result},
                parameters={},
                population=(order.size,),
                float_type=element,
            )
            block.add_op(neuron)
            total = snn.ReduceOp("sum", neuron.outputs[1], (1,))
            block.add_op(total)
            values[name] = (f"{name}.value", weight)
            outputs += [(f"{GRADIENT}{name}", neuron.outputs[0]), (f"{name}.value", total.result)]
    block.add_op(snn.YieldOp([value for _, value in outputs]))
    network = snn.NetworkOp(
        "rates",
        [(name, stream_type(value)) for name, value in inputs],
        [(name, stream_type(value)) for name, value in outputs],
        Region(block),
    )
    return Rates(network, values)


def _averaged(b: Body, f: Scalar, n: Scalar, r: Scalar, *, weight: float, term: Term) -> Outputs:
    after = r + (f - r) / n
    distance = after - float(term.rate_target or 0.0)
    return [distance * (2.0 * weight), distance * distance], [after]


def _count(block: Block, zero: SSAValue, term: Term, element: AnyFloat) -> SSAValue:
    """min(n, N), [1]"""

    def counted(b: Body, n: Scalar) -> Outputs:
        after = b.minimum(n + 1.0, float(term.average or 1))
        return [after], [after]

    neuron = build_neuron(
        counted,
        inputs={},
        states={"n": zero},
        parameters={},
        population=(1,),
        float_type=element,
    )
    block.add_op(neuron)
    return neuron.outputs[0]
