"""The float network that calibration works on, and the arrays in it that it changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    FunctionType,
    ModuleOp,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.ir import BlockArgument, Operation, OpResult, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, constant_of, type_of
from snncc.dialects.snn.attributes import BiasPosition, BiasPositionAttr
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.quantization.attributes import GRID
from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context


@dataclass(frozen=True)
class Bias:
    """Where the bias of a sum stands: a parameter that the neuron behind it adds."""

    neuron: snn.NeuronOp
    operand: int
    """Of the neuron's operands."""


class FloatModel:
    """
    A fused float network: every elementwise operation is a body, biases stand in the
    neurons, every weighted sum has a name of its own. Calibration changes its arrays.
    """

    def __init__(self, module: ModuleOp):
        self.module = module
        self.op = next(op for op in module.ops if isinstance(op, snn.NetworkOp))

    @classmethod
    def prepare(cls, module: ModuleOp) -> FloatModel:
        """From a network as it is loaded: scales and batch norms go into the weights."""
        fused = run_pipeline(module, context(), PipelineOptions(1, "all"), until="fuse")
        model = cls(fused)
        _name_sums(model.sums)
        for op in model.sums:
            if op.bias is not None:
                op.bias_position = BiasPositionAttr(BiasPosition.LAST)
        SnnFuseElementwise().apply(context(), fused)
        fused.verify()
        return model

    def clone(self) -> FloatModel:
        return FloatModel(self.module.clone())

    @property
    def sums(self) -> list[WeightedSum]:
        """The weighted sums, in the order of one step."""
        return [op for op in self.op.body.block.ops if isinstance(op, WeightedSum)]

    @property
    def neurons(self) -> list[snn.NeuronOp]:
        return [op for op in self.op.body.block.ops if isinstance(op, snn.NeuronOp)]

    def sum_named(self, name: str) -> WeightedSum:
        return next(op for op in self.sums if name_of(op) == name)

    def counterpart(self, value: SSAValue, other: FloatModel) -> SSAValue:
        """The stream of a model with other arrays that stands where a stream of this one does."""
        if isinstance(value, BlockArgument):
            return other.op.body.block.args[value.index]
        assert isinstance(value, OpResult)
        place = self._streaming().index(value.op)
        return other._streaming()[place].results[value.index]

    def _streaming(self) -> list[Operation]:
        """Those whose results are no parameters: their number stays as arrays are changed."""
        return [
            op for op in self.op.body.block.ops if op.results and constant_of(op.results[0]) is None
        ]

    # --- running

    def streams(self, values: Sequence[SSAValue], x: Mapping[str, Array]) -> tuple[Array, ...]:
        """
        What streams of the network hold on inputs [T, B, *shape]: arrays [T, B, *shape].
        Sums are left to BLAS.
        """
        if not values:
            return ()
        tapped = self._tapped(values)
        run = NetworkInterpreter(tapped.module, tapped.op, blas=True).run(x)
        return tuple(run.outputs[f"tap{index}"] for index in range(len(values)))

    def _tapped(self, values: Sequence[SSAValue]) -> FloatModel:
        """A copy whose outputs are these streams, with what they depend on alone."""
        mapper: dict[SSAValue, SSAValue] = {}
        module = self.module.clone(value_mapper=mapper)
        tapped = FloatModel(module)
        taps = [mapper[value] for value in values]
        network = tapped.op
        network.yield_op.operands = taps
        network.properties["output_names"] = ArrayAttr(
            [StringAttr(f"tap{index}") for index in range(len(taps))]
        )
        network.properties.pop("output_kinds", None)  # each is a stream
        network.properties["function_type"] = FunctionType.from_lists(
            network.function_type.inputs.data, [tap.type for tap in taps]
        )
        keep(network, taps)
        return tapped

    # --- arrays

    def weight_of(self, op: WeightedSum) -> Array | None:
        return constant_of(op.weight)

    def set_operand(self, op: Operation, index: int, array: Array, name: str) -> None:
        """Gives an operation another array, under a name that is free."""
        element = stream_type(op.operands[index]).element_type
        array = array.astype(np.float64 if str(element) == "f64" else np.float32)
        symbol = self.declare(name, array)
        use = snn.UseOp(symbol, type_of(array))
        block = self.op.body.block
        first = block.first_op
        assert first is not None
        block.insert_op_before(use, first)
        old = op.operands[index]
        op.operands[index] = use.result
        _erase_unused(old)

    def declare(self, name: str, array: Array) -> str:
        """A new parameter; gives the name that it got."""
        unused = {p.sym_name.data: p for p in self.module.ops if isinstance(p, snn.ParameterOp)}
        unique = name
        while unique in unused:
            unique += "'"
        self.module.body.block.insert_op_before(
            snn.ParameterOp(unique, type_of(array), blob_of(array)), self.op
        )
        return unique

    def set_weight(self, op: WeightedSum, weight: Array, scale: Array | None = None) -> None:
        """Weights, and the scale [outputs] of the grid that they were rounded to."""
        self.set_operand(op, 1, weight, f"{name_of(op)}.weight")
        if scale is None:
            op.attributes.pop(GRID, None)
        else:
            op.attributes[GRID] = SymbolRefAttr(
                self.declare(f"{name_of(op)}.grid", scale.astype(np.float64))
            )

    def bias_of(self, op: WeightedSum) -> Bias | None:
        """The parameter that the only reader of the sum adds to it."""
        if not op.result.has_one_use() or op.bias is not None:
            return None
        use = next(iter(op.result.uses))
        neuron = use.operation
        if not isinstance(neuron, snn.NeuronOp):
            return None
        argument = neuron.body.block.args[use.index]
        if not argument.has_one_use():
            return None
        inner = next(iter(argument.uses))
        if not isinstance(inner.operation, arith.AddfOp):
            return None
        other = inner.operation.operands[1 - inner.index]
        for port in neuron.parameter_ports:
            if (
                port.argument is other
                and other.has_one_use()
                and constant_of(port.operand) is not None
            ):
                index = neuron.body.block.args.index(other)
                return Bias(neuron, index)
        return None

    def shift_bias(self, op: WeightedSum, delta: Array) -> None:
        """Adds to the bias of each output of a sum; one is made where there is none."""
        bias = self.bias_of(op)
        if bias is not None:
            channels = delta.reshape(-1, *(1,) * (len(shape_of(op.result)) - 1))
            array = constant_of(bias.neuron.operands[bias.operand])
            assert array is not None
            self.set_operand(bias.neuron, bias.operand, array + channels, f"{name_of(op)}.bias")
            return
        array = delta
        if op.bias is not None:
            known = constant_of(op.bias)
            assert known is not None
            array = known + delta
            self.set_operand(op, 2, array, f"{name_of(op)}.bias")
            return
        dtype = np.float64 if str(stream_type(op.result).element_type) == "f64" else np.float32
        symbol = self.declare(f"{name_of(op)}.bias", array.astype(dtype))
        use = snn.UseOp(symbol, type_of(array.astype(dtype)))
        made = op.with_operands([op.input, op.weight, use.result])
        block = self.op.body.block
        block.insert_op_before(use, op)
        block.insert_op_before(made, op)
        op.result.replace_all_uses_with(made.results[0])
        Rewriter.erase_op(op)


def name_of(op: WeightedSum) -> str:
    assert op.node is not None, "prepare() names every sum"
    return op.node.data


def _name_sums(sums: Iterable[WeightedSum]) -> None:
    """Names for sums that have none, or one that another sum has."""
    given = list(sums)
    taken = {op.node.data for op in given if op.node is not None}
    seen: set[str] = set()
    for op in given:
        base = op.name.removeprefix("snn.") if op.node is None else op.node.data
        name, number = base, 0
        while name in seen or (name in taken and (op.node is None or name != op.node.data)):
            number += 1
            name = f"{base}_{number}"
        seen.add(name)
        op.properties["node"] = StringAttr(name)


def keep(network: snn.NetworkOp, values: Iterable[SSAValue]) -> None:
    """Erases what no value of these depends on."""
    wanted: set[Operation] = set()
    pending = [v.owner for v in values if isinstance(v.owner, Operation)]
    while pending:
        op = pending.pop()
        if op in wanted:
            continue
        wanted.add(op)
        pending += [v.owner for v in op.operands if isinstance(v.owner, Operation)]
    for op in reversed(list(network.body.block.ops)):
        if op not in wanted and not isinstance(op, snn.YieldOp):
            Rewriter.erase_op(op, safe_erase=False)


def _erase_unused(value: SSAValue) -> None:
    """A use of a parameter that nothing reads any more, and the parameter."""
    owner = value.owner
    if not isinstance(owner, Operation) or any(result.uses for result in owner.results):
        return
    if isinstance(owner, snn.ReshapeOp | snn.RearrangeOp):
        inner = owner.operands[0]
        Rewriter.erase_op(owner)
        _erase_unused(inner)
        return
    if not isinstance(owner, snn.UseOp):
        return
    declared, network = owner.declaration, owner.parent_op()
    Rewriter.erase_op(owner)
    assert network is not None
    others = [
        op
        for op in network.walk()
        if (isinstance(op, snn.UseOp) and op.symbol == declared.sym_name.data)
        or any(
            isinstance(a, SymbolRefAttr) and a.root_reference.data == declared.sym_name.data
            for a in op.attributes.values()
        )
    ]
    if not others:
        Rewriter.erase_op(declared)


def is_float_stream(value: SSAValue) -> bool:
    return isinstance(stream_type(value).element_type, AnyFloat)
