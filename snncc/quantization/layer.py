"""One weighted sum and the neuron that reads it, as a network of their own."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import ArrayAttr, FunctionType, StringAttr
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.quantization.calibration import Data
from snncc.quantization.model import FloatModel, keep, name_of


def readers(op: WeightedSum) -> list[snn.NeuronOp]:
    """
    The neuron that reads a sum, and those that read it alone in turn: a neuron that fires
    once may be written as one that fires and one that lets the first spike pass.
    """
    found: list[snn.NeuronOp] = []
    value: SSAValue = op.result
    while value.has_one_use():
        user = next(iter(value.uses)).operation
        if not isinstance(user, snn.NeuronOp):
            break
        found.append(user)
        value = user.outputs[0]
    return found


def read_by(op: WeightedSum) -> SSAValue:
    """What the sum's neurons put out; where it feeds none, the sum itself."""
    found = readers(op)
    return found[-1].outputs[0] if found else op.result


def is_fed_back(op: WeightedSum) -> bool:
    """
    Whether a sum reads what depends on its own neurons' outputs. One spike that moves moves
    others there: soon the rounded network's inputs say nothing of the float one's.
    """
    return op.input in _depending([op.input], [op, *readers(op)])


def met_by(op: WeightedSum) -> list[WeightedSum]:
    """The other sums that feed the same neuron."""
    found = readers(op)[:1]
    return [
        value.owner
        for neuron in found
        for value in neuron.inputs
        if isinstance(value.owner, WeightedSum) and value.owner is not op
    ]


class Layer:
    """
    Runs a sum and its neuron on what stands in front of them: that is computed once, so that
    weights and biases can be tried quickly. What depends on the neuron's own outputs, such as
    the input of a recurrent sum, is what it is in the float network (as a teacher forces it).
    """

    def __init__(self, model: FloatModel, name: str, data: Data, real: FloatModel, given: Data):
        """
        `model` is the network that is rounded so far, `data` its inputs; `real` and `given`
        the float network and its inputs, of the same samples.
        """
        self.name = name
        op = model.sum_named(name)
        inside: list[Operation] = [op, *readers(op)]
        fed: list[SSAValue] = []
        for reader in inside:
            for value in reader.operands:
                if value.owner not in inside and constant_of(value) is None and value not in fed:
                    fed.append(value)
        forced = _depending(fed, inside)
        free = [value for value in fed if value not in forced]
        forced_streams = real.streams([model.counterpart(v, real) for v in forced], given.arrays)
        streams = dict(zip(free, model.streams(free, data.arrays), strict=True))
        streams.update(zip(forced, forced_streams, strict=True))
        self.model = _alone(model, op, fed)
        self.given = {f"in{index}": streams[value] for index, value in enumerate(fed)}

    def run(self, model: FloatModel | None = None) -> Array:
        """What the neuron puts out, [T, B, *shape]."""
        made = self.model if model is None else model
        (found,) = made.streams([read_by(made.sum_named(self.name))], self.given)
        return found


def _depending(values: Sequence[SSAValue], inside: Sequence[Operation]) -> list[SSAValue]:
    """Those of the values that depend on operations."""
    found: list[SSAValue] = []
    for value in values:
        pending, seen = [value], set[Operation]()
        while pending:
            owner = pending.pop().owner
            if owner in inside:
                found.append(value)
                break
            if isinstance(owner, Operation) and owner not in seen:
                seen.add(owner)
                pending += owner.operands
    return found


def _alone(model: FloatModel, op: WeightedSum, fed: list[SSAValue]) -> FloatModel:
    mapper: dict[SSAValue, SSAValue] = {}
    made = FloatModel(model.module.clone(value_mapper=mapper))
    network = made.op
    block = network.body.block
    new_sum = made.sum_named(name_of(op))
    result = mapper[read_by(op)]
    old = list(block.args)
    for value in fed:
        argument = block.insert_arg(value.type, len(block.args))
        for user in (new_sum, *readers(new_sum)):
            for index, operand in enumerate(user.operands):
                if operand is mapper[value]:
                    user.operands[index] = argument
    network.yield_op.operands = [result]
    keep(network, [result])
    for argument in old:
        block.erase_arg(argument)
    network.properties["input_names"] = ArrayAttr(
        [StringAttr(f"in{index}") for index in range(len(fed))]
    )
    network.properties["output_names"] = ArrayAttr([StringAttr("out")])
    network.properties["function_type"] = FunctionType.from_lists(
        [value.type for value in fed], [result.type]
    )
    return made
