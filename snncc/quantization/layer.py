"""One weighted sum and the neuron that reads it, as a network of their own."""

from __future__ import annotations

from xdsl.dialects.builtin import ArrayAttr, FunctionType, StringAttr
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.quantization.calibration import Data
from snncc.quantization.model import FloatModel, keep, name_of


def read_by(op: WeightedSum) -> SSAValue:
    """What the sum's neuron puts out; where it feeds none, the sum itself."""
    use = next(iter(op.result.uses), None)
    if use is not None and isinstance(use.operation, snn.NeuronOp):
        return use.operation.outputs[0]
    return op.result


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
    """The streams that the sum and its neuron read; None where they depend on the neuron."""
    reader = read_by(op).owner
    assert isinstance(reader, Operation)
    found = [op.input]
    if reader is not op:
        others = [v for v in reader.operands if v is not op.result and constant_of(v) is None]
        found += [v for v in others if v not in found]
    pending, seen = list(found), set()
    while pending:
        owner = pending.pop().owner
        if owner is reader or owner is op:
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
    reader = result.owner
    assert isinstance(reader, Operation)
    old = list(block.args)
    for value in fed:
        argument = block.insert_arg(value.type, len(block.args))
        for user in {new_sum, reader}:
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
