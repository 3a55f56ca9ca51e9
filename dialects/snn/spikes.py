"""Spikes and counts in a neuron's body, and where their gradients end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerAttr, IntegerType, i1, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    VarConstraint,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser, UnresolvedOperand
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.attributes import Comparison, ComparisonAttr, SurrogateAttr
from snncc.dialects.snn.surrogate import verify_surrogate
from snncc.dialects.snn.types import is_spike

COUNTS = (IntegerType(8), IntegerType(16), IntegerType(32))
"""The types of counts."""


@irdl_op_definition
class SpikeOp(IRDLOperation):
    """
    The Heaviside step; its surrogate is used by the backward program only.

        gt: z = 1 if u > 0 else 0        ge: z = 1 if u >= 0 else 0

        %z = snn.spike gt %u surrogate <"snntorch.atan", alpha = 2.0 : f64> : f32
        %z = snn.spike ge %u surrogate <"sinabs.gaussian", ...> of %v, %theta : f32
        %z = snn.spike ge %n surrogate <"snntorch.atan", alpha = 2.0 : f64> of %u : i32, f32

    The surrogate is a function of u, or of the values behind `of`: floats, where u is an
    integer. Its derivatives take the gradient to the first of these; none flows to the others,
    nor to u where there is an `of`. Without a surrogate, `of` is what one that stands in for it
    is a function of.
    """

    name = "snn.spike"

    comparison = prop_def(ComparisonAttr)
    surrogate = opt_prop_def(SurrogateAttr)
    argument = operand_def(AnyAttr())
    surrogate_arguments = var_operand_def(AnyAttr())
    result = result_def(i1)

    traits = traits_def(Pure())

    def __init__(
        self,
        comparison: Comparison | str,
        argument: SSAValue,
        surrogate: SurrogateAttr | None = None,
        surrogate_arguments: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[argument, surrogate_arguments],
            properties={
                "comparison": ComparisonAttr(Comparison(comparison)),
                "surrogate": surrogate,
            },
            result_types=[i1],
        )

    def verify_(self) -> None:
        if is_spike(self.argument.type):
            raise VerifyException("argument: expected a number, got a spike (i1)")
        given = {value.type for value in self.surrogate_arguments}
        floats = len(given) == 1 and isinstance(next(iter(given)), AnyFloat)
        if given - {self.argument.type} and (
            isinstance(self.argument.type, AnyFloat) or not floats
        ):
            shown = ", ".join(str(value.type) for value in self.surrogate_arguments)
            raise VerifyException(f"of: expected values of {self._expected_of}, got {shown}")
        verify_surrogate(self)

    @property
    def _expected_of(self) -> str:
        """The types that a surrogate's arguments may have."""
        own = self.argument.type
        return str(own) if isinstance(own, AnyFloat) else f"{own}, or floats of one type"

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.comparison.data.value} ")
        printer.print_ssa_value(self.argument)
        if self.surrogate is not None:
            printer.print_string(" surrogate ")
            self.surrogate.print_parameters(printer)
        if self.surrogate_arguments:
            printer.print_string(" of ")
            printer.print_list(self.surrogate_arguments, printer.print_ssa_value)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_attribute(self.argument.type)
        for value in self.surrogate_arguments[:1]:
            if value.type != self.argument.type:
                printer.print_string(", ")
                printer.print_attribute(value.type)

    @classmethod
    def parse(cls, parser: Parser) -> SpikeOp:
        comparison = parser.parse_str_enum(Comparison)
        argument = parser.parse_unresolved_operand()
        surrogate = None
        if parser.parse_optional_keyword("surrogate"):
            surrogate = SurrogateAttr(*SurrogateAttr.parse_parameters(parser))
        of: list[UnresolvedOperand] = []
        if parser.parse_optional_keyword("of"):
            of.append(parser.parse_unresolved_operand())
            while parser.parse_optional_punctuation(","):
                of.append(parser.parse_unresolved_operand())
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        read = parser.parse_type() if parser.parse_optional_punctuation(",") else type
        op = cls(
            comparison,
            parser.resolve_operand(argument, type),
            surrogate,
            [parser.resolve_operand(value, read) for value in of],
        )
        op.attributes |= attributes
        return op


@irdl_op_definition
class CountOp(IRDLOperation):
    """
    Several spikes in one step: how many whole thresholds the membrane holds.

        n = min(trunc(q), max) if q >= 1 else 0      q = v / threshold

        %n = snn.count %q max 65535 : f32 -> i16
        %n = snn.count %q max 65535 surrogate <"sinabs.gaussian", ...> of %v, %theta : f32 -> i16

    The result is unsigned; `max` fits it. The surrogate is as that of `snn.spike`.
    """

    name = "snn.count"

    T: ClassVar = VarConstraint("T", AnyAttr())

    argument = operand_def(T)
    surrogate_arguments = var_operand_def(T)
    maximum = prop_def(IntegerAttr.constr(IntegerType(64)))
    surrogate = opt_prop_def(SurrogateAttr)
    result = result_def(IntegerType)

    traits = traits_def(Pure())

    assembly_format = (
        "$argument `max` $maximum (`surrogate` $surrogate^)? (`of` $surrogate_arguments^)? "
        "attr-dict `:` type($argument) `->` type($result)"
    )

    def __init__(
        self,
        argument: SSAValue,
        maximum: int,
        result_type: IntegerType,
        surrogate: SurrogateAttr | None = None,
        surrogate_arguments: Sequence[SSAValue] = (),
    ):
        super().__init__(
            operands=[argument, surrogate_arguments],
            properties={"maximum": IntegerAttr(maximum, i64), "surrogate": surrogate},
            result_types=[result_type],
        )

    def verify_(self) -> None:
        assert isinstance(self.result.type, IntegerType)
        if self.result.type not in COUNTS:
            known = ", ".join(map(str, COUNTS))
            raise VerifyException(f"result: expected one of {known}, got {self.result.type}")
        argument = self.argument.type
        if not isinstance(argument, AnyFloat):
            raise VerifyException(f"argument: expected f32 or f64, got {argument}")
        maximum, largest = self.maximum.value.data, 2**self.result.type.width.data - 1
        if not 1 <= maximum <= largest:
            raise VerifyException(
                f"max: expected 1 to {largest} for {self.result.type}, got {maximum}"
            )
        # the argument is compared with it: rounded up, it would let through what does not fit
        if FloatAttr(float(maximum), argument).value.data != maximum:
            raise VerifyException(f"max: {maximum} is no number of {argument}")
        verify_surrogate(self)


@irdl_op_definition
class DetachOp(IRDLOperation):
    """The same value, through which no gradient flows: `%r = snn.detach %z : i1`."""

    name = "snn.detach"

    T: ClassVar = VarConstraint("T", AnyAttr())

    argument = operand_def(T)
    result = result_def(T)

    traits = traits_def(Pure())

    assembly_format = "$argument attr-dict `:` type($argument)"

    def __init__(self, argument: SSAValue):
        super().__init__(operands=[argument], result_types=[argument.type])
