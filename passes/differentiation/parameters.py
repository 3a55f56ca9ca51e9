"""
From the sums over time to the gradients of the parameters: a network of one step.

Its inputs are what reached the fixed values of a network, its outputs the gradients of the
parameters, through all that the network computes of parameters alone (sigmoid(w), exp(-1/tau),
weight normalisation, tied weights).
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.ir import Block, Operation, Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.types import Stream, describe, shape_of, stream_type
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.passes.differentiation.neurons import transpose_neuron
from snncc.passes.differentiation.operations import RULES
from snncc.passes.differentiation.transposition import FixedGradient, Transposition

GRADIENT = "d."
"""In front of the name of what a stream is the gradient of."""


def finish_parameters(
    name: str,
    fixed: Sequence[Operation],
    sums: Sequence[tuple[str, SSAValue, FixedGradient]],
    wanted: Sequence[str],
    streams: Transposition,
) -> snn.NetworkOp | None:
    """
    `sums` are (name, fixed value, what reached it): one name is one sum, which several values
    may have; `fixed` all operations that compute of parameters alone, in their order. None
    where nothing reached a parameter.
    """
    if not sums:
        return None
    named = {text: found for text, _, found in sums}
    block = Block(arg_types=[stream_type(found.stream) for found in named.values()])
    arguments = dict(zip(named, block.args, strict=True))
    t = Transposition(
        block, streams.element, streams.active, _no_tape, streams.surrogate, lambda _: False
    )
    for text, value, found in sums:
        t.seed(value, t.finished(arguments[text], found.repeated, shape_of(value)))
    given: dict[str, list[SSAValue]] = {}
    for op in reversed(fixed):
        gradients = [t.total(result) for result in op.results]
        if all(gradient is None for gradient in gradients):
            continue
        if isinstance(op, snn.UseOp):
            if op.symbol in wanted:
                given.setdefault(op.symbol, []).extend(g for g in gradients if g is not None)
        elif isinstance(op, snn.NeuronOp):
            transpose_neuron(t, op, gradients, [], [])
        elif type(op) in RULES and gradients[0] is not None:
            RULES[type(op)](t, op, gradients[0])
        else:
            raise NoDerivative(f"{describe(op)} has no derivative")
    outputs: list[tuple[str, SSAValue]] = []
    for parameter in wanted:
        parts = given.get(parameter, [])
        if parts:
            total = parts[0] if len(parts) == 1 else t.insert(snn.AddOp(parts, t.element))
            outputs.append((f"{GRADIENT}{parameter}", total))
    t.insert_last(snn.YieldOp([total for _, total in outputs]))

    def typed(pairs: Sequence[tuple[str, SSAValue]]) -> list[tuple[str, Stream]]:
        return [(text, stream_type(value)) for text, value in pairs]

    inputs = typed(list(arguments.items()))
    return snn.NetworkOp(name, inputs, typed(outputs), Region(block))


def _no_tape(value: SSAValue) -> SSAValue:
    raise AssertionError("what is computed of parameters alone needs no tape")
