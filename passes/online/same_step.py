"""Transposition within one step: learning signals on their way from the loss to a population."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.builder import Builder
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, DenseArrayBase, StringAttr, i32
from xdsl.ir import Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.network import SUM
from snncc.dialects.snn.types import shape_of
from snncc.passes.differentiation.transposition import Transposition
from snncc.passes.online.coefficients import is_fixed_value


class SameStep(Transposition):
    """
    A transposition that stands in the network which it transposes, in front of its end, and
    so reads the values of the forward program where they are.
    """

    def __init__(
        self,
        block: Block,
        element: AnyFloat,
        active: set[SSAValue],
        surrogate: SurrogateAttr | None = None,
        cut: set[SSAValue] | None = None,
    ):
        """`cut` are values whose gradient is stopped."""
        super().__init__(block, element, active, _is_here, surrogate, is_fixed_value)
        assert block.last_op is not None
        self.builder = Builder(InsertPoint.before(block.last_op))
        self._block = block
        self._cut = cut or set()

    def value(self, value: SSAValue) -> SSAValue:
        op = value.owner
        if isinstance(op, snn.ReshapeOp) and is_fixed_value(value):
            # rules write such operations for a moment, and take them away again
            return self.reshape(op.input, shape_of(value))
        return value

    def insert(self, op: Operation) -> SSAValue:
        """What is computed of fixed values alone is written so that it is fixed itself."""
        if not isinstance(op, snn.NeuronOp | snn.AddOp) or not op.operands:
            return super().insert(op)
        if all(map(is_fixed_value, op.operands)):
            if isinstance(op, snn.AddOp):
                op = _sum_as_body(op, self.element)
            _without_inputs(op)
        return super().insert(op)

    def give(self, value: SSAValue, make: Callable[[], SSAValue], kind: str = SUM) -> None:
        if value not in self._cut:
            super().give(value, make, kind)

    def beside(self, active: set[SSAValue] | None = None) -> SameStep:
        """Another one, which knows nothing of what was given to this."""
        given = self.active if active is None else active
        return SameStep(self._block, self.element, given, self.surrogate)


def _sum_as_body(op: snn.AddOp, element: AnyFloat) -> snn.NeuronOp:
    def equations(b: Body, **terms: Scalar) -> Outputs:
        total, *rest = terms.values()
        for term in rest:
            total = total + term
        return [total], []

    neuron = build_neuron(
        equations,
        inputs={f"x{index}": value for index, value in enumerate(op.inputs)},
        states={},
        parameters={},
        population=shape_of(op.result),
        float_type=element,
    )
    op.erase()
    return neuron


def _without_inputs(op: snn.NeuronOp) -> None:
    """Parameters instead of inputs."""
    if op.initial_states or not op.inputs:
        return
    op.kind = None
    names = ArrayAttr([*op.input_names, *op.parameter_names])
    op.properties["input_names"] = ArrayAttr[StringAttr]([])
    op.properties["parameter_names"] = names
    op.properties["operandSegmentSizes"] = DenseArrayBase.from_list(i32, [0, 0, len(op.operands)])


def _is_here(value: SSAValue) -> SSAValue:
    return value
