"""
A smoothed twin in which what carries no gradient is held as it was at one point.

An exact gradient takes detached values, outcomes of comparisons and rounded numbers for
constants. A difference does so where they are: one network puts them out, and another one
takes them in.
"""

from __future__ import annotations

from dataclasses import dataclass

from xdsl.dialects import arith, math
from xdsl.dialects.builtin import ArrayAttr, FunctionType, StringAttr, TensorType
from xdsl.ir import SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.types import node_name
from snncc.passes.differentiation.tape import put_out, with_outputs

HELD = (
    snn.DetachOp,
    snn.SpikeOp,
    snn.CountOp,
    arith.CmpfOp,
    math.FloorOp,
    math.CeilOp,
    math.TruncOp,
    math.RoundEvenOp,
)


@dataclass(frozen=True)
class Frozen:
    """Two networks of the same inputs; `frozen` has those of `names` besides."""

    recorder: snn.NetworkOp
    frozen: snn.NetworkOp
    names: list[str]


def freeze(network: snn.NetworkOp) -> Frozen:
    """Holds the scalars of all neurons that are no arithmetic of parameters alone."""
    recorder, frozen = network.clone(), network.clone()
    names: list[str] = []
    streams: list[SSAValue] = []
    pairs = zip(list(recorder.body.block.ops), list(frozen.body.block.ops), strict=True)
    for source, target in pairs:
        if not isinstance(source, snn.NeuronOp) or not (source.inputs or source.initial_states):
            continue
        assert isinstance(target, snn.NeuronOp)
        held = [value for op in source.body.walk() if isinstance(op, HELD) for value in op.results]
        taken = [value for op in target.body.walk() if isinstance(op, HELD) for value in op.results]
        if not held:
            continue
        own = [f"held.{len(names) + index}" for index in range(len(held))]
        names += own
        streams += put_out(source, held, own)[-len(held) :]
        _take_in(frozen, target, taken, own)
    return Frozen(
        with_outputs(recorder, "recorder", names, streams), _renamed(frozen, "frozen"), names
    )


def _take_in(
    network: snn.NetworkOp, neuron: snn.NeuronOp, scalars: list[SSAValue], names: list[str]
) -> None:
    block, inner = network.body.block, neuron.body.block
    added: list[tuple[str, SSAValue]] = []
    place = len(neuron.inputs)
    for index, (scalar, name) in enumerate(zip(scalars, names, strict=True)):
        type = TensorType(scalar.type, neuron.population)
        added.append((f"held{index}", block.insert_arg(type, len(block.args))))
        argument = inner.insert_arg(scalar.type, place + index)
        scalar.replace_all_uses_with(argument)
        known = network.input_names
        network.properties["input_names"] = ArrayAttr([*known, StringAttr(name)])
    made = snn.NeuronOp(
        [*_named(neuron.input_names, neuron.inputs), *added],
        _named(neuron.state_names, neuron.initial_states),
        _named(neuron.parameter_names, neuron.parameters),
        [result.type for result in neuron.outputs],
        neuron.detach_region(neuron.body),
        node=node_name(neuron),
    )
    made.attributes = dict(neuron.attributes)
    Rewriter.replace_op(neuron, made, made.outputs)


def _named(names: ArrayAttr[StringAttr], values) -> list[tuple[str, SSAValue]]:
    return [(name.data, value) for name, value in zip(names, values, strict=True)]


def _renamed(network: snn.NetworkOp, name: str) -> snn.NetworkOp:
    network.properties["sym_name"] = StringAttr(name)
    types = [value.type for value in network.body.block.args]
    outputs = network.function_type.outputs.data
    network.properties["function_type"] = FunctionType.from_lists(types, outputs)
    return network
