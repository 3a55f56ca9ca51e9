"""What is the same at every step: parameters, their uses and constants."""

from __future__ import annotations

from xdsl.dialects.builtin import (
    AnyDenseElement,
    DenseIntOrFPElementsAttr,
    FlatSymbolRefAttrConstr,
    ModuleOp,
    StringAttr,
    SymbolNameConstraint,
    SymbolRefAttr,
    TensorType,
)
from xdsl.ir import Attribute
from xdsl.irdl import (
    BaseAttr,
    IRDLOperation,
    irdl_op_definition,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import ConstantLike, Pure, SymbolOpInterface
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from snncc.dialects.snn.attributes import BlobAttr, print_dense
from snncc.dialects.snn.types import Stream, expect_static
from snncc.dialects.symbols import symbol_named

LEARNABLE, FIXED = "learnable", "fixed"
TRAINING = (LEARNABLE, FIXED)
"""What a model may say of a parameter's training."""
COMPUTED_FROM = "computed_from"
"""Attribute of a fixed parameter: the learnable ones that it was computed of."""


@irdl_op_definition
class ParameterOp(IRDLOperation):
    """
    A named array of the model: a weight, a bias, a decay, a threshold.

        snn.parameter @fc1.weight : tensor<128x64xf32> = #snn.blob<"9f86d0...">
        snn.parameter @fc1.bias : tensor<2xf32> = dense<[0.5, -1.0]>

    Large content stands in a safetensors file beside the IR and is known here by its
    digest; small content may stand in the text. Operations read it through `snn.use`.

    What the model says of training stands in front of the name, which is the model's own:
    `learnable` (the optimiser moves it) or `fixed` (a buffer, a frozen weight). Without
    either the model says nothing, and who trains it chooses. A fixed parameter that was
    computed of learnable ones, beyond what operations can say, lists them:

        snn.parameter learnable @lif.beta : tensor<f32> = dense<0.9>
        snn.parameter fixed @fc.weight : tensor<...> = ... attributes {computed_from = ["fc.u"]}
    """

    name = "snn.parameter"

    sym_name = prop_def(SymbolNameConstraint())
    type = prop_def(TensorType)
    value = prop_def(BaseAttr(BlobAttr) | BaseAttr(DenseIntOrFPElementsAttr))
    training = opt_prop_def(StringAttr)

    traits = traits_def(SymbolOpInterface())

    def __init__(
        self,
        sym_name: str | StringAttr,
        type: Stream,
        value: BlobAttr | DenseIntOrFPElementsAttr,
        training: str | None = None,
    ):
        if isinstance(sym_name, str):
            sym_name = StringAttr(sym_name)
        super().__init__(
            properties={
                "sym_name": sym_name,
                "type": type,
                "value": value,
                "training": None if training is None else StringAttr(training),
            }
        )

    @property
    def is_learnable(self) -> bool:
        """Whether the model says that training moves it."""
        return self.training is not None and self.training.data == LEARNABLE

    def verify_(self) -> None:
        if isinstance(self.value, DenseIntOrFPElementsAttr) and self.value.type != self.type:
            raise VerifyException(f"expected a value of {self.type}, got {self.value.type}")
        if self.training is not None and self.training.data not in TRAINING:
            raise VerifyException(
                f'training: expected one of {", ".join(TRAINING)}, got "{self.training.data}"'
            )

    def print(self, printer: Printer) -> None:
        if self.training is not None:
            printer.print_string(f" {self.training.data}")
        printer.print_string(" ")
        printer.print_symbol_name(self.sym_name.data)
        printer.print_string(" : ")
        printer.print_attribute(self.type)
        printer.print_string(" = ")
        if isinstance(self.value, BlobAttr):
            printer.print_attribute(self.value)
        else:
            print_dense(printer, self.value)
        printer.print_op_attributes(self.attributes, print_keyword=True)

    @classmethod
    def parse(cls, parser: Parser) -> ParameterOp:
        training = next((word for word in TRAINING if parser.parse_optional_keyword(word)), None)
        sym_name = parser.parse_symbol_name()
        parser.parse_punctuation(":")
        type = parser.parse_type()
        if not isa(type, Stream):
            parser.raise_error("expected a tensor type")
        parser.parse_punctuation("=")
        value: Attribute
        if parser.parse_optional_keyword("dense"):
            if not isa(type, TensorType[AnyDenseElement]):
                parser.raise_error("dense<...>: expected a tensor of numbers")
            value = parser.parse_dense_int_or_fp_elements_attr(type)
        else:
            value = parser.parse_attribute()
        if not isinstance(value, BlobAttr | DenseIntOrFPElementsAttr):
            parser.raise_error("expected #snn.blob<...> or dense<...>")
        op = cls(sym_name, type, value, training)
        attributes = parser.parse_optional_attr_dict_with_keyword()
        if attributes is not None:
            op.attributes |= attributes.data
        return op


@irdl_op_definition
class UseOp(IRDLOperation):
    """
    A parameter as a value: the same at every step.

        %w = snn.use @fc1.weight : tensor<128x64xf32>
    """

    name = "snn.use"

    parameter = prop_def(FlatSymbolRefAttrConstr)
    result = result_def(TensorType)

    traits = traits_def(Pure())

    assembly_format = "$parameter attr-dict `:` type($result)"

    def __init__(self, parameter: str, type: Stream):
        super().__init__(properties={"parameter": SymbolRefAttr(parameter)}, result_types=[type])

    @property
    def symbol(self) -> str:
        return self.parameter.root_reference.data

    @property
    def declaration(self) -> ParameterOp:
        """The parameter that is read. Raises VerifyException where there is none."""
        declared = symbol_named(self, self.symbol)
        if not isinstance(declared, ParameterOp):
            raise VerifyException(f'no snn.parameter is named "{self.symbol}"')
        return declared

    def verify_(self) -> None:
        expect_static(self)
        if not isinstance(self.get_toplevel_object(), ModuleOp):
            return  # a detached network has no symbol table to look in
        if self.declaration.type != self.result.type:
            raise VerifyException(
                f'parameter "{self.symbol}": expected {self.declaration.type}, '
                f"got {self.result.type}"
            )


@irdl_op_definition
class ConstantOp(IRDLOperation):
    """
    A constant stream: the same value at every step.

        %zero = snn.constant dense<0.0> : tensor<f32>
    """

    name = "snn.constant"

    value = prop_def(DenseIntOrFPElementsAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), ConstantLike())

    def __init__(self, value: DenseIntOrFPElementsAttr):
        super().__init__(properties={"value": value}, result_types=[value.type])

    def print(self, printer: Printer) -> None:
        printer.print_op_attributes(self.attributes)
        printer.print_string(" ")
        print_dense(printer, self.value)
        printer.print_string(" : ")
        printer.print_attribute(self.value.type)

    @classmethod
    def parse(cls, parser: Parser) -> ConstantOp:
        attributes = parser.parse_optional_attr_dict()
        value = parser.parse_attribute()
        if not isinstance(value, DenseIntOrFPElementsAttr):
            parser.raise_error("expected dense<...> : tensor<...>")
        op = cls(value)
        op.attributes |= attributes
        return op

    def verify_(self) -> None:
        expect_static(self)
        if self.value.type != self.result.type:
            raise VerifyException(f"expected a result of {self.value.type}, got {self.result.type}")
