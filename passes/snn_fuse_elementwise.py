"""Elementwise operations become bodies, and bodies without state join the neuron they feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from xdsl.context import Context
from xdsl.dialects.builtin import AnyFloat, ModuleOp
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.passes import ModulePass
from xdsl.pattern_rewriter import (
    GreedyRewritePatternApplier,
    PatternRewriter,
    PatternRewriteWalker,
    RewritePattern,
    op_type_rewrite_pattern,
)

from snncc.dialects import snn
from snncc.dialects.arrays import batch_norm_factors, constant_of, dense_of
from snncc.dialects.snn.attributes import BiasPosition, BiasPositionAttr
from snncc.dialects.snn.body import Body, Equations, Outputs, Scalar, build_neuron
from snncc.dialects.snn.ends import counts_input, output_scale
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import is_float, node_name, shape_of, stream_type


def _is_map(op: Operation) -> bool:
    """A neuron without state: an elementwise function."""
    return isinstance(op, snn.NeuronOp) and not op.initial_states


def _float(b: Body, x: Scalar) -> Scalar:
    return x if isinstance(x.element, AnyFloat) else b.to_float(x)


def _replace_by_map(
    rewriter: PatternRewriter,
    op: Operation,
    inputs: Mapping[str, SSAValue],
    parameters: Mapping[str, SSAValue],
    equations: Equations,
) -> None:
    result = op.results[0]
    element = stream_type(result).element_type
    float_type = element if isinstance(element, AnyFloat) else _float_type_of(inputs)
    neuron = build_neuron(
        equations,
        inputs=inputs,
        states={},
        parameters=parameters,
        population=shape_of(result),
        float_type=float_type,
        node=node_name(op),
    )
    rewriter.replace(op, neuron)


def _float_type_of(inputs: Mapping[str, SSAValue]) -> AnyFloat:
    for value in inputs.values():
        element = stream_type(value).element_type
        if isinstance(element, AnyFloat):
            return element
    raise AssertionError("a threshold compares floats")


class AddToBody(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.AddOp, rewriter: PatternRewriter) -> None:
        inputs = {f"x{index}": value for index, value in enumerate(op.inputs)}

        def equations(b: Body, **x: Scalar) -> Outputs:
            first, *rest = x.values()
            total = _float(b, first)
            for value in rest:
                total = total + _float(b, value)
            return [total], []

        _replace_by_map(rewriter, op, inputs, {}, equations)


class ScaleToBody(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.ScaleOp, rewriter: PatternRewriter) -> None:
        def equations(b: Body, x: Scalar, s: Scalar) -> Outputs:
            return [_float(b, x) * s], []

        _replace_by_map(rewriter, op, {"x": op.input}, {"s": op.factor}, equations)


class BatchNormToBody(RewritePattern):
    """Where the statistics are constants; they are, from every importer."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.BatchNormOp, rewriter: PatternRewriter) -> None:
        statistics = [constant_of(v) for v in (op.gamma, op.beta, op.mean, op.variance)]
        if any(values is None for values in statistics):
            return
        gamma, beta, mean, variance = (v for v in statistics if v is not None)
        a, b = batch_norm_factors(gamma, beta, mean, variance, op.epsilon.value.data)
        spatial = (1,) * (len(shape_of(op.result)) - 1)
        constants = [snn.ConstantOp(dense_of(f.reshape(-1, *spatial))) for f in (a, b)]
        rewriter.insert(constants)

        def equations(body: Body, x: Scalar, a: Scalar, b: Scalar) -> Outputs:
            return [_float(body, x) * a + b], []

        parameters = {"a": constants[0].result, "b": constants[1].result}
        _replace_by_map(rewriter, op, {"x": op.input}, parameters, equations)


class ThresholdToBody(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.ThresholdOp, rewriter: PatternRewriter) -> None:
        def equations(b: Body, x: Scalar, theta: Scalar) -> Outputs:
            return [b.spike(x - theta, op.comparison.data, op.surrogate)], []

        _replace_by_map(rewriter, op, {"x": op.input}, {"theta": op.threshold}, equations)


class LastBiasToBody(RewritePattern):
    """A bias that ends a sum is an addition behind it; a sum of integers starts from it."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: WeightedSum, rewriter: PatternRewriter) -> None:
        bias = op.bias
        if bias is None or op.adds_bias_first:
            return
        if not is_float(stream_type(op.result).element_type):
            op.bias_position = BiasPositionAttr(BiasPosition.FIRST)
            rewriter.notify_op_modified(op)
            return
        plain = op.with_operands([op.input, op.weight])
        rewriter.insert(plain)
        spatial = len(shape_of(op.result)) - 1
        if spatial:
            per_channel = snn.ReshapeOp(bias, (*shape_of(bias), *(1,) * spatial))
            rewriter.insert(per_channel)
            bias = per_channel.result

        def equations(b: Body, x: Scalar, bias: Scalar) -> Outputs:
            return [x + bias], []

        _replace_by_map(rewriter, op, {"x": plain.result}, {"bias": bias}, equations)


class MapIntoNeuron(RewritePattern):
    """
    A body without state moves into the only neuron that reads it. The ends of a network of
    integers stay apart: who has whole numbers goes without them.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.NeuronOp, rewriter: PatternRewriter) -> None:
        if output_scale(op) is not None:
            return
        for index, operand in enumerate(op.inputs):
            source = operand.owner
            if (
                isinstance(source, snn.NeuronOp)
                and _is_map(source)
                and len(source.outputs) == 1
                and operand.has_one_use()
                and source.population == op.population
                and not counts_input(source)
            ):
                fused = _inlined(op, index, source)
                rewriter.replace(op, fused)
                rewriter.erase(source)
                return


def _inlined(op: snn.NeuronOp, index: int, source: snn.NeuronOp) -> snn.NeuronOp:
    """The neuron `op` with the body of `source` in front of its own, for its input `index`."""
    taken = {port.name for port in (*op.input_ports, *op.state_ports, *op.parameter_ports)}
    taken.discard(op.input_ports[index].name)

    def fresh(name: str) -> str:
        candidate, number = name, 0
        while candidate in taken:
            number += 1
            candidate = f"{name}_{number}"
        taken.add(candidate)
        return candidate

    # the ports of the new neuron, with the arguments that they had in the old bodies
    renamed = [replace(port, name=fresh(port.name)) for port in source.input_ports]
    inputs = [*op.input_ports[:index], *renamed, *op.input_ports[index + 1 :]]
    states = op.state_ports
    renamed = [replace(port, name=fresh(port.name)) for port in source.parameter_ports]
    parameters = [*op.parameter_ports, *renamed]
    arguments = [port.argument for port in (*inputs, *states, *parameters)]
    block = Block(arg_types=[argument.type for argument in arguments])
    values: dict[SSAValue, SSAValue] = {}
    values.update(zip(arguments, block.args, strict=True))
    for inner in source.body.block.ops:
        if inner is not source.terminator:
            block.add_op(inner.clone(values))
    values[op.input_ports[index].argument] = values[source.terminator.outputs[0]]
    for inner in op.body.block.ops:
        block.add_op(inner.clone(values))
    fused = snn.NeuronOp(
        _operands(inputs),
        _operands(states),
        _operands(parameters),
        [result.type for result in op.outputs],
        Region(block),
        node=node_name(op),
    )
    fused.attributes = dict(op.attributes)
    return fused


def _operands(ports: Sequence[Port]) -> list[tuple[str, SSAValue]]:
    return [(port.name, port.operand) for port in ports]


@dataclass(frozen=True)
class SnnFuseElementwise(ModulePass):
    """
    Writes add, scale, batch norm, threshold and final biases as bodies without state, and
    moves such a body into the neuron that alone reads it.

    The operations and their order stay the same: so do all bits. Without `inline` every
    body stays where it is, and what it gives can be looked at.
    """

    name = "snn-fuse-elementwise"

    inline: bool = True

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        patterns = [
            AddToBody(),
            ScaleToBody(),
            BatchNormToBody(),
            ThresholdToBody(),
            LastBiasToBody(),
        ]
        # what nothing reads is for `dce` to remove: a trace shows it
        applier = GreedyRewritePatternApplier(patterns, dce_enabled=False)
        PatternRewriteWalker(applier).rewrite_module(op)
        if self.inline:
            PatternRewriteWalker(MapIntoNeuron()).rewrite_module(op)
