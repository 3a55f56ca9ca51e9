"""One weighted sum and the neuron that reads it, as a network of their own."""

from __future__ import annotations

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
    return _fed(op) is None


class Layer:
    """
    Runs a sum and its neuron on what stands in front of them: that is computed once, so that
    weights and biases can be tried quickly. Where the sum reads what its own neuron put out
    before, all of the network runs each time.
    """

    def __init__(self, model: FloatModel, name: str, data: Data):
        self.name = name
        op = model.sum_named(name)
        fed = _fed(op)
        if fed is None:
            self.model, self.given = model.clone(), data.arrays
            return
        streams = model.streams(fed, data.arrays)
        self.model = _alone(model, op, fed)
        self.given = {f"in{index}": array for index, array in enumerate(streams)}

    def run(self, model: FloatModel | None = None) -> Array:
        """What the neuron puts out, [T, B, *shape]."""
        made = self.model if model is None else model
        (found,) = made.streams([read_by(made.sum_named(self.name))], self.given)
        return found


def _fed(op: WeightedSum) -> list[SSAValue] | None:
    """The streams that the sum and its neurons read; None where they depend on these."""
    inside: list[Operation] = [op, *readers(op)]
    found: list[SSAValue] = []
    for reader in inside:
        for value in reader.operands:
            if value.owner not in inside and constant_of(value) is None and value not in found:
                found.append(value)
    pending, seen = list(found), set()
    while pending:
        owner = pending.pop().owner
        if owner in inside:
            return None
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
