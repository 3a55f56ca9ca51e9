"""
Canonicalization of the `snn` dialect: what is always better and never changes a bit.

What looks right and is not, and so is left out:
- x + 0 is not x where x is -0.0, and a sum or mean over windows of one element starts
  at +0, which turns -0.0 into +0.0 (a maximum does not);
- x * 0 is not 0 where x is negative, infinite or not a number;
- a parameter that happens to hold ones is not a constant: fine-tuning moves it, and the
  backward program wants its gradient. Only the content of `snn.constant` is looked at;
- a delay of a constant that starts from it is not the constant: users may set its line.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import ArrayAttr, StringAttr
from xdsl.ir import Operation, SSAValue
from xdsl.pattern_rewriter import PatternRewriter, RewritePattern, op_type_rewrite_pattern

from snncc.dialects import snn
from snncc.dialects.arrays import Array, array_of, dense_of, is_uniform, rearranged
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.functions import FUNCTIONS, folded
from snncc.dialects.snn.kind import CUSTOM, kind_of
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.places import NOWHERE
from snncc.dialects.snn.types import (
    KNOWN_AS,
    is_spike,
    known_as,
    node_name,
    shape_of,
    stream_type,
)

FOLDED_ELEMENTS = 256
"""Of a constant that was made of another: it stands in the text."""


def _content(value: SSAValue) -> Array | None:
    """What a `snn.constant` holds; None for any other value."""
    owner = value.owner
    return array_of(owner.value, stream_type(value)) if isinstance(owner, snn.ConstantOp) else None


class ReshapeOfReshape(RewritePattern):
    """The shape between two reshapes does not matter; back to the first shape is no reshape."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        source = inner.input if isinstance(inner, snn.ReshapeOp) else op.input
        if source.type == op.result.type:
            rewriter.replace(op, [], [source])
        elif source is not op.input:
            rewriter.replace(op, snn.ReshapeOp(source, shape_of(op.result), node=node_name(op)))


class RearrangeInOrder(RewritePattern):
    """Every element in its place: another shape at most."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.RearrangeOp, rewriter: PatternRewriter) -> None:
        count = op.places.data.count
        same = count == stream_type(op.input).element_count()
        if same and (op.indices.ravel() == np.arange(count)).all():
            rewriter.replace(op, snn.ReshapeOp(op.input, shape_of(op.result), node=node_name(op)))


class RearrangeOfMoved(RewritePattern):
    """From where the elements stood before they were reshaped or rearranged."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.RearrangeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, snn.ReshapeOp):
            places = op.indices
        elif isinstance(inner, snn.RearrangeOp):
            places = np.where(op.indices < 0, NOWHERE, inner.indices.ravel()[op.indices])
        else:
            return
        rewriter.replace(op, snn.RearrangeOp(inner.input, places, node=node_name(op)))


class ReshapeOfRearrange(RewritePattern):
    """Under the last shape at once, unless something else reads them under the first."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.ReshapeOp, rewriter: PatternRewriter) -> None:
        inner = op.input.owner
        if isinstance(inner, snn.RearrangeOp) and op.input.has_one_use():
            places = inner.indices.reshape(shape_of(op.result))
            node = node_name(op) or node_name(inner)
            rewriter.replace(op, snn.RearrangeOp(inner.input, places, node=node))


class RearrangeOfConstant(RewritePattern):
    """A constant again, unless that makes a long text."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.RearrangeOp, rewriter: PatternRewriter) -> None:
        content = _content(op.input)
        if content is None:
            return
        moved = rearranged(content.reshape(1, -1), op.indices)[0]
        if moved.size <= FOLDED_ELEMENTS or is_uniform(moved):
            spikes = is_spike(stream_type(op.input).element_type)
            rewriter.replace(op, snn.ConstantOp(dense_of(moved.astype(bool) if spikes else moved)))


class ConcatOfOne(RewritePattern):
    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.ConcatOp, rewriter: PatternRewriter) -> None:
        if len(op.inputs) == 1:
            rewriter.replace(op, [], [op.inputs[0]])


class AddOfOne(RewritePattern):
    """Spikes stay: the sum makes floats of them."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.AddOp, rewriter: PatternRewriter) -> None:
        if len(op.inputs) == 1 and op.inputs[0].type == op.result.type:
            rewriter.replace(op, [], [op.inputs[0]])


class ScaleByOne(RewritePattern):
    """x * 1 has the bits of x, -0.0 and infinities included."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.ScaleOp, rewriter: PatternRewriter) -> None:
        if op.input.type != op.result.type:
            return
        factor = _content(op.factor)
        if factor is not None and bool((factor == 1).all()):
            rewriter.replace(op, [], [op.input])


class MaxPoolOfOne(RewritePattern):
    """
    The largest of one element is that element. A stride of 1 in both axes follows from
    equal types, unless the axis has one element, where the stride does not matter; so does
    no padding, for the padding is at most half of the window.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.Pool2dOp, rewriter: PatternRewriter) -> None:
        same = op.kernels == (1, 1) and op.input.type == op.result.type
        if same and op.pool.data is Pool.MAX:
            rewriter.replace(op, [], [op.input])


def _live(op: snn.NeuronOp) -> set[SSAValue]:
    """
    The values of a body that some used result depends on, at this step or a later one: a
    state that is read is fed by its next value.
    """
    ends = op.terminator
    feeds: dict[SSAValue, SSAValue] = {
        port.argument: after for port, after in zip(op.state_ports, ends.states, strict=True)
    }
    used = zip(op.outputs, ends.outputs, strict=True)
    pending = [value for result, value in used if result.first_use is not None]
    live: set[SSAValue] = set()
    while pending:
        value = pending.pop()
        if value in live:
            continue
        live.add(value)
        if isinstance(value.owner, Operation):
            pending.extend(value.owner.operands)
        elif value in feeds:
            pending.append(feeds[value])
    return live


def _trim_body(
    op: snn.NeuronOp, kept: Sequence[int], live: set[SSAValue], rewriter: PatternRewriter
) -> None:
    """Leaves in the body the outputs `kept` and what is live."""
    ends = op.terminator
    states = [
        after
        for port, after in zip(op.state_ports, ends.states, strict=True)
        if port.argument in live
    ]
    rewriter.replace(ends, snn.NextOp([ends.outputs[index] for index in kept], states))
    for inner in reversed(list(op.body.block.ops)):
        if inner is not op.terminator and live.isdisjoint(inner.results):
            rewriter.erase(inner, safe_erase=False)
    for argument in reversed(op.body.block.args):
        if argument not in live:
            op.body.block.erase_arg(argument)


def _names_of(
    op: snn.NeuronOp, outputs: Sequence[int], states: Sequence[str]
) -> ArrayAttr[StringAttr]:
    """What some outputs and states are known as."""
    names = known_as(op, len(op.outputs) + len(op.state_names)) or ()
    held = dict(zip(op.state_names, names[len(op.outputs) :], strict=True))
    found = [*(names[index] for index in outputs), *(held[StringAttr(name)] for name in states)]
    return ArrayAttr([StringAttr(name) for name in found])


def _hint(op: snn.NeuronOp) -> StringAttr | None:
    """The kind of a body, where it has a name."""
    kind = kind_of(op).name
    return None if kind == CUSTOM else StringAttr(kind)


class TrimNeuron(RewritePattern):
    """
    Without the inputs, states, parameters and results that nobody needs: the backward
    program records less, and the state is smaller.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.NeuronOp, rewriter: PatternRewriter) -> None:
        kept = [index for index, result in enumerate(op.outputs) if result.first_use is not None]
        if not kept:
            return  # a dead neuron: dce removes it
        live = _live(op)
        if len(kept) == len(op.outputs) and live.issuperset(op.body.block.args):
            return

        def live_ports(ports: Sequence[Port]) -> list[tuple[str, SSAValue]]:
            return [(port.name, port.operand) for port in ports if port.argument in live]

        inputs = live_ports(op.input_ports)
        states = live_ports(op.state_ports)
        parameters = live_ports(op.parameter_ports)
        _trim_body(op, kept, live, rewriter)
        types = [op.outputs[index].type for index in kept]
        body = op.detach_region(op.body)
        trimmed = snn.NeuronOp(inputs, states, parameters, types, body, node=node_name(op))
        trimmed.attributes = dict(op.attributes)
        if KNOWN_AS in op.attributes:
            trimmed.attributes[KNOWN_AS] = _names_of(op, kept, [name for name, _ in states])
        trimmed.kind = _hint(trimmed)
        results: list[SSAValue | None] = [None] * len(op.outputs)
        for index, result in zip(kept, trimmed.outputs, strict=True):
            results[index] = result
        rewriter.replace(op, trimmed, results)


class HintOfBody(RewritePattern):
    """
    The kind of a body whose operations were folded: folds know nothing of the neuron
    around them, and 1.0 + 1.0e-9 is 1 in f32.
    """

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.NeuronOp, rewriter: PatternRewriter) -> None:
        if op.kind is None:
            return
        kind = _hint(op)
        if kind != op.kind:
            op.kind = kind
            rewriter.notify_op_modified(op)


class FunctionOfConstants(RewritePattern):
    """A function of constants is a constant: its value has the bits of every step's."""

    @op_type_rewrite_pattern
    def match_and_rewrite(self, op: snn.NeuronOp, rewriter: PatternRewriter) -> None:
        for inner in list(op.body.block.ops):
            if type(inner) not in FUNCTIONS:
                continue
            value = folded(inner, inner.operands)
            if value is not None:
                rewriter.replace(inner, arith.ConstantOp(value))
                rewriter.notify_op_modified(op)


PATTERNS: dict[type[Operation], tuple[RewritePattern, ...]] = {
    snn.AddOp: (AddOfOne(),),
    snn.ConcatOp: (ConcatOfOne(),),
    snn.NeuronOp: (FunctionOfConstants(), TrimNeuron(), HintOfBody()),
    snn.Pool2dOp: (MaxPoolOfOne(),),
    snn.RearrangeOp: (RearrangeInOrder(), RearrangeOfMoved(), RearrangeOfConstant()),
    snn.ReshapeOp: (ReshapeOfReshape(), ReshapeOfRearrange()),
    snn.ScaleOp: (ScaleByOne(),),
}
"""The patterns of each operation that has the trait `SnnCanonicalization`."""
