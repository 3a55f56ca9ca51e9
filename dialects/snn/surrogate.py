"""`snn.surrogate`: a surrogate derivative of the model's own, as scalar arithmetic."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import AnyFloat, FunctionType, ModuleOp, StringAttr, SymbolNameConstraint
from xdsl.ir import Attribute, Operation, Region, SSAValue
from xdsl.irdl import (
    AnyAttr,
    IRDLOperation,
    irdl_op_definition,
    lazy_traits_def,
    prop_def,
    region_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import HasParent, IsolatedFromAbove, IsTerminator, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.symbols import symbol_named


@irdl_op_definition
class DerivativeOp(IRDLOperation):
    """Ends a surrogate: its derivatives by its first arguments: `snn.derivative %d : f32`."""

    name = "snn.derivative"

    derivatives = var_operand_def(AnyAttr())

    traits = lazy_traits_def(lambda: (IsTerminator(), HasParent(SurrogateOp)))

    assembly_format = "$derivatives attr-dict `:` type($derivatives)"

    def __init__(self, derivatives: Sequence[SSAValue]):
        super().__init__(operands=[derivatives])


@irdl_op_definition
class SurrogateOp(IRDLOperation):
    """
    A surrogate that no library has: the derivatives by its first arguments, one for each
    result. Spikes and counts name it in their surrogate, `surrogate <@SuperSpike>`.

        snn.surrogate @SuperSpike (%u : f32) -> f32 {
          %0 = arith.constant 1.000000e+00 : f32
          %1 = math.absf %u : f32
          %2 = arith.addf %1, %0 : f32
          %3 = arith.mulf %2, %2 : f32
          %4 = arith.divf %0, %3 : f32
          snn.derivative %4 : f32
        }

    The body has the operations of the bodies of neurons. An argument that has no derivative,
    such as a threshold, is read only: no gradient flows to it.
    """

    name = "snn.surrogate"

    sym_name = prop_def(SymbolNameConstraint())
    function_type = prop_def(FunctionType)
    body = region_def("single_block")

    traits = traits_def(IsolatedFromAbove(), SymbolOpInterface())

    def __init__(self, sym_name: str, results: Sequence[Attribute], body: Region):
        super().__init__(
            properties={
                "sym_name": StringAttr(sym_name),
                "function_type": FunctionType.from_lists(body.block.arg_types, results),
            },
            regions=[body],
        )

    @property
    def terminator(self) -> DerivativeOp:
        last = self.body.block.last_op
        assert isinstance(last, DerivativeOp)
        return last

    def verify_(self) -> None:
        arguments, results = self.function_type.inputs.data, self.function_type.outputs.data
        if self.body.block.arg_types != arguments:
            raise VerifyException("the body's arguments differ from the surrogate's")
        if not 1 <= len(results) <= len(arguments):
            raise VerifyException(
                f"expected a derivative, and at most one for each of the {len(arguments)} "
                f"arguments, got {len(results)}"
            )
        for type in (*arguments, *results):
            if not isinstance(type, AnyFloat) or type != arguments[0]:
                raise VerifyException(f"expected floats of one type, got {type}")
        last = self.body.block.last_op
        if not isinstance(last, DerivativeOp):
            raise VerifyException("body: expected snn.derivative at its end")
        if last.operand_types != results:
            wanted, found = (", ".join(map(str, t)) for t in (results, last.operand_types))
            raise VerifyException(f"snn.derivative: expected ({wanted}), got ({found})")
        # imported here: what bodies are made of are spikes, too, which name surrogates
        from snncc.dialects.snn.scalars import expect_scalars

        expect_scalars(self.body.block, last)

    def print(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" ")
        with printer.in_parens():
            for index, argument in enumerate(self.body.block.args):
                printer.print_string(", " if index else "")
                printer.print_block_argument(argument, print_type=False)
                printer.print_string(" : ")
                printer.print_attribute(argument.type)
        printer.print_string(" -> ")
        results = self.function_type.outputs.data
        if len(results) == 1:
            printer.print_attribute(results[0])
        else:
            with printer.in_parens():
                printer.print_list(results, printer.print_attribute)
        printer.print_op_attributes(self.attributes, print_keyword=True)
        printer.print_string(" ")
        printer.print_region(self.body, print_entry_block_args=False, print_empty_block=False)

    @classmethod
    def parse(cls, parser: Parser) -> SurrogateOp:
        name = parser.parse_symbol_name()
        arguments = parser.parse_comma_separated_list(
            parser.Delimiter.PAREN, lambda: parser.parse_argument(expect_type=True)
        )
        parser.parse_punctuation("->")
        results = parser.parse_optional_comma_separated_list(
            parser.Delimiter.PAREN, parser.parse_type
        )
        if results is None:
            results = [parser.parse_type()]
        attributes = parser.parse_optional_attr_dict_with_keyword()
        body = parser.parse_region(arguments)
        op = cls(name.data, results, body)
        if attributes is not None:
            op.attributes |= attributes.data
        return op


def declared_surrogate(user: Operation, symbol: str) -> SurrogateOp:
    """The `snn.surrogate` of this name around an operation. Raises VerifyException."""
    found = symbol_named(user, symbol)
    if not isinstance(found, SurrogateOp):
        raise VerifyException(f'no snn.surrogate is named "{symbol}"')
    return found


def verify_surrogate(user: Operation) -> None:
    """
    The surrogate of a spike or a count: a symbol is declared, and takes what `user` gives it.

    A library's name is not looked up: what has no derivative here still runs.
    """
    surrogate = user.properties.get("surrogate")
    given = len(user.operands) - 1
    if not isinstance(surrogate, SurrogateAttr):
        if given > 1:
            raise VerifyException("of: expected a surrogate that reads these values")
        return
    symbol = surrogate.symbol
    if symbol is None or not isinstance(user.get_toplevel_object(), ModuleOp):
        return  # a detached neuron has no symbol table to look in
    expected = declared_surrogate(user, symbol).function_type.inputs.data
    types = tuple(value.type for value in (user.operands[1:] or user.operands))
    if types != expected:
        wanted, found = (", ".join(map(str, t)) for t in (expected, types))
        raise VerifyException(f"surrogate {surrogate.text}: expected ({wanted}), got ({found})")
