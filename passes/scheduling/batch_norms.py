"""A batch norm of parameters that are trained: its factors are computed of them in the network."""

from __future__ import annotations

from xdsl.dialects.builtin import AnyFloat
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.types import node_name, shape_of, stream_type
from snncc.passes.scheduling.learned import Learned


def write_factors(network: snn.NetworkOp, learned: Learned) -> None:
    """
    Writes batch norms that read learned parameters as y = x * a + b, where

        a = gamma / sqrt(variance + epsilon);  b = beta - mean * a

    are computed in the type of the stream. Where the statistics are constants they are
    computed in float64, and rounded once: results may differ in the last place.
    """
    for op in list(network.body.block.ops):
        if isinstance(op, snn.BatchNormOp) and any(map(learned.depends, op.operands[1:])):
            _rewrite(op)


def _rewrite(op: snn.BatchNormOp) -> None:
    element = stream_type(op.result).element_type
    assert isinstance(element, AnyFloat)
    epsilon = op.epsilon.value.data
    statistics = {"gamma": op.gamma, "beta": op.beta, "mean": op.mean, "variance": op.variance}
    channels = (shape_of(op.gamma)[0], *(1,) * (len(shape_of(op.result)) - 1))
    before = InsertPoint.before(op)

    def factors(b: Body, gamma: Scalar, beta: Scalar, mean: Scalar, variance: Scalar) -> Outputs:
        a = gamma / b.sqrt(variance + epsilon)
        return [a, beta - mean * a], []

    fixed = build_neuron(
        factors,
        inputs={},
        states={},
        parameters=statistics,
        population=shape_of(op.gamma),
        float_type=element,
    )
    shaped = [snn.ReshapeOp(value, channels) for value in fixed.outputs]

    def normalised(b: Body, x: Scalar, a: Scalar, b_: Scalar) -> Outputs:
        number = x if isinstance(x.element, AnyFloat) else b.to_float(x)
        return [number * a + b_], []

    result = build_neuron(
        normalised,
        inputs={"x": op.input},
        states={},
        parameters={"a": shaped[0].result, "b_": shaped[1].result},
        population=shape_of(op.result),
        float_type=element,
        node=node_name(op),
    )
    for made in (fixed, *shaped, result):
        Rewriter.insert_op(made, before)
    Rewriter.replace_op(op, [], [result.outputs[0]])
