"""
The real numbers that the whole numbers of a body stand for: what functions and surrogates read.

A spike of integers keeps the surrogate of the float spike. It is a function of the same real
numbers as there, which stand behind its `of`: whole numbers times their unit. So its derivative
by whole numbers has the unit in it, by the rule of the product.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsl.dialects import arith
from xdsl.dialects.builtin import AnyFloat, FloatAttr, f32
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.snn.surrogates import differentiated
from snncc.passes.quantization.arithmetic import IntegerBuilder, NoIntegerForm
from snncc.passes.quantization.classes import Classes

if TYPE_CHECKING:
    from snncc.passes.quantization.bodies import Format


class RealNumbers(IntegerBuilder):
    """
    Scalars of a float body as floats of the integer body. With `gradients` the body keeps what
    these need: surrogates, what is detached, and what passes straight through a rounding.
    """

    def __init__(
        self,
        classes: Classes,
        argument_types: list[Attribute],
        *,
        shift_decays: bool,
        gradients: bool,
    ):
        super().__init__(argument_types, shift_decays=shift_decays)
        self.classes = classes
        self.gradients = gradients
        self.values: dict[SSAValue, SSAValue] = {}
        """Scalar of the float body -> of the integer one."""
        self._reals: dict[SSAValue, SSAValue] = {}

    def real(self, value: SSAValue) -> SSAValue:
        """The number of a scalar; spikes and counts are these."""
        if value not in self._reals:
            self._reals[value] = self._real(value)
        return self._reals[value]

    def _real(self, value: SSAValue) -> SSAValue:
        coefficient = self.classes.coefficients.get(value)
        if coefficient is not None:
            return self.number(self._name_of(value), coefficient)
        whole = self.values.get(value)
        if whole is None:  # of what surrogates alone read
            assert isinstance(value.owner, Operation)
            return self._copied(value.owner)
        if not isinstance(value.type, AnyFloat):
            return whole
        unit = self.number("unit", self._format(value).unit)
        return self.insert(arith.MulfOp(self.insert(arith.SIToFPOp(whole, f32)), unit))

    def _copied(self, op: Operation) -> SSAValue:
        """The operation in f32, as all of these numbers are."""
        copy = op.clone()
        copy.operands = [self.real(operand) for operand in op.operands]
        if isinstance(copy, arith.ConstantOp) and isinstance(copy.value, FloatAttr):
            copy.properties["value"] = FloatAttr(copy.value.value.data, f32)
        result = self.insert(copy)
        if isinstance(result.type, AnyFloat) and result.type != f32:
            result = Rewriter.replace_value_with_new_type(result, f32)
        return result

    # --- gradients

    def real_spike(self, op: snn.SpikeOp, argument: SSAValue) -> SSAValue:
        """The spike of an integer; its surrogate is a function of real numbers."""
        if not self.gradients:
            return self.insert(snn.SpikeOp(op.comparison.data, argument))
        self._expect_f32(op)
        of = [self.real(value) for value in differentiated(op)]
        return self.insert(snn.SpikeOp(op.comparison.data, argument, op.surrogate, of))

    def real_count(self, op: snn.CountOp, whole: SSAValue) -> SSAValue:
        """A count by integers: its gradient is that of the count of real numbers."""
        if not self.gradients:
            return whole
        self._expect_f32(op)
        of = [self.real(value) for value in op.surrogate_arguments]
        soft = op.clone()
        soft.operands = [self.real(op.argument), *of]
        return self.insert(snn.StraightThroughOp(whole, self.insert(soft)))

    def real_straight_through(self, op: snn.StraightThroughOp) -> SSAValue:
        """The gradient of a real number, in the unit of the result."""
        if not isinstance(op.value.type, AnyFloat):
            whole, soft = self.values[op.value], op.soft
            passes = self.gradients
            return self.insert(snn.StraightThroughOp(whole, self.real(soft))) if passes else whole
        format = self._format(op.result)
        whole = self._value(op.value, format)
        if not self.gradients:
            return whole
        per_unit = self.number("per_unit", 1.0 / format.unit)
        soft = self.insert(arith.MulfOp(self.real(op.soft), per_unit))
        return self.insert(snn.StraightThroughOp(whole, soft))

    def _expect_f32(self, op: snn.SpikeOp | snn.CountOp) -> None:
        named = op.surrogate is not None and op.surrogate.symbol is not None
        if named and op.argument.type != f32:
            raise NoIntegerForm(
                f"{op.argument.type} with a surrogate of the model's own cannot be trained"
            )

    # --- of the writer

    def _format(self, value: SSAValue) -> Format:
        raise NotImplementedError

    def _name_of(self, value: SSAValue) -> str:
        raise NotImplementedError

    def _value(self, value: SSAValue, format: Format) -> SSAValue:
        raise NotImplementedError
