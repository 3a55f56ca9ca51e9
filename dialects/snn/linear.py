"""
Weighted sums of a stream: `snn.linear`, `snn.conv1d`, `snn.conv2d`; those of floats in a
declared order, those of integers modulo the width of the result, where no order shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i32,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.attributes import BiasPosition, BiasPositionAttr
from snncc.dialects.snn.types import (
    expect_number,
    expect_same_element,
    expect_shape,
    expect_static,
    expect_summands,
    integer_width,
    is_float,
    shape_of,
    stream_type,
)


@dataclass(frozen=True)
class _Text:
    """What the text of a weighted sum says."""

    input: SSAValue
    weight: SSAValue
    bias: SSAValue | None
    bias_position: BiasPosition
    window: dict[str, Sequence[int]]
    groups: int
    node: str | None
    attributes: dict[str, Attribute]
    result: Attribute

    @property
    def element(self) -> Attribute:
        """The element type of the result, which `_parse` found to be a tensor."""
        assert isinstance(self.result, TensorType)
        element: Attribute = self.result.element_type
        return element


class WeightedSum(IRDLOperation):
    """
    What the weighted sums share: an input, a weight, an optional bias with its place in
    the order of the sum, and the node's name.

    The order is part of the meaning: a single accumulator starts at +0 (plus the bias,
    where it is `first`), takes the products `w * x` in the order that each operation
    states, each product rounded before it is added, and then the bias where it is `last`.
    An input of zero may be left out: with finite weights it cannot change a bit.

    A sum of integers has a result at least as wide as its weights, and is taken modulo
    2^width: integers are signed, and spikes count 0 or 1.
    """

    input = operand_def(TensorType)
    weight = operand_def(TensorType)
    bias = opt_operand_def(TensorType)
    bias_position = prop_def(BiasPositionAttr)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(Pure())

    @property
    def adds_bias_first(self) -> bool:
        return self.bias is not None and self.bias_position.data is BiasPosition.FIRST

    def with_operands(self, operands: Sequence[SSAValue]) -> WeightedSum:
        """The same sum, detached, of other operands: input, weight, perhaps a bias."""
        return type(self).create(
            operands=operands,
            result_types=[self.result.type],
            properties={
                **self.properties,
                "operandSegmentSizes": DenseArrayBase.from_list(i32, [1, 1, len(operands) - 2]),
            },
            attributes=dict(self.attributes),
        )

    def _verify_sum(self, outputs: int) -> None:
        expect_static(self)
        element = stream_type(self.result).element_type
        weight = stream_type(self.weight).element_type
        expect_number("result", element)
        if is_float(element):
            operands = [self.weight] if self.bias is None else [self.weight, self.bias]
            expect_same_element("weight and bias", operands, element)
        else:
            _expect_integer_weight(weight, element)
            expect_same_element("bias", [] if self.bias is None else [self.bias], element)
        expect_summands([self.input], element)
        if self.bias is not None:
            expect_shape("bias", self.bias, (outputs,))

    def _print_operands(self, printer: Printer) -> None:
        printer.print_string(" ")
        printer.print_ssa_value(self.input)
        printer.print_string(", ")
        printer.print_ssa_value(self.weight)
        if self.bias is not None:
            printer.print_string(" bias ")
            printer.print_ssa_value(self.bias)
            printer.print_string(f" {self.bias_position.data.value}")

    def _print_end(self, printer: Printer) -> None:
        if self.node is not None:
            printer.print_string(" as ")
            printer.print_string_literal(self.node.data)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_operation_type(self)

    @classmethod
    def _parse(cls, parser: Parser, windows: bool) -> _Text:
        """The operands, the properties and the result type, in the printed order."""
        operands = [parser.parse_unresolved_operand()]
        parser.parse_punctuation(",")
        operands.append(parser.parse_unresolved_operand())
        position = BiasPosition.LAST
        if parser.parse_optional_keyword("bias"):
            operands.append(parser.parse_unresolved_operand())
            position = parser.parse_str_enum(BiasPosition)
        window: dict[str, Sequence[int]] = {}
        groups = 1
        while windows:
            for keyword in ("stride", "padding", "dilation"):
                if parser.parse_optional_keyword(keyword):
                    window[keyword] = parse_integers(parser)
                    break
            else:
                if parser.parse_optional_keyword("groups") is None:
                    break
                groups = parser.parse_integer(allow_boolean=False)
        node = parser.parse_str_literal() if parser.parse_optional_keyword("as") else None
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        if len(type.inputs) != len(operands) or len(type.outputs) != 1:
            parser.raise_error(f"expected {len(operands)} operand types and one result type")
        if not all(isinstance(t, TensorType) for t in (*type.inputs, *type.outputs)):
            parser.raise_error("expected a tensor type")
        values = parser.resolve_operands(operands, type.inputs.data, parser.pos)
        return _Text(
            input=values[0],
            weight=values[1],
            bias=values[2] if len(values) == 3 else None,
            bias_position=position,
            window=window,
            groups=groups,
            node=node,
            attributes=attributes,
            result=type.outputs.data[0],
        )


def _expect_integer_weight(weight: Attribute, result: Attribute) -> None:
    if is_float(weight) or not 1 < integer_width(weight) <= integer_width(result):
        raise VerifyException(
            f"weight: expected integers wider than i1 and of at most {result}, got {weight}"
        )


def _sum_type(weight: SSAValue, bias: SSAValue | None, element: Attribute | None) -> Attribute:
    """The element type of a sum, where it is not given: i32 for integers without a bias."""
    if element is not None:
        return element
    if bias is not None:
        return stream_type(bias).element_type
    given = stream_type(weight).element_type
    return given if is_float(given) else i32


def parse_integers(parser: Parser) -> list[int]:
    """A bracketed list: `[2, 2]`."""
    return parser.parse_comma_separated_list(
        parser.Delimiter.SQUARE, lambda: parser.parse_integer(allow_boolean=False)
    )


@irdl_op_definition
class LinearOp(WeightedSum):
    """
    A fully connected layer.

        y[o] = sum over i ascending of w[o, i] * x[i], and the bias

        %y = snn.linear %x, %w bias %b last as "fc1"
             : (tensor<64xi1>, tensor<128x64xf32>, tensor<128xf32>) -> tensor<128xf32>
    """

    name = "snn.linear"

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue | None = None,
        *,
        bias_position: BiasPosition | str = BiasPosition.LAST,
        element: Attribute | None = None,
        node: str | None = None,
    ):
        """`element` is the result's element type: that of the bias, if it is not given."""
        sum_type = _sum_type(weight, bias, element)
        super().__init__(
            operands=[input, weight, bias],
            properties={
                "bias_position": BiasPositionAttr(BiasPosition(bias_position)),
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(sum_type, shape_of(weight)[:1])],
        )

    def verify_(self) -> None:
        if len(shape_of(self.weight)) != 2:
            raise VerifyException(
                f"weight: expected [outputs, inputs], got {stream_type(self.weight)}"
            )
        outputs, inputs = shape_of(self.weight)
        self._verify_sum(outputs)
        expect_shape("input", self.input, (inputs,))
        expect_shape("result", self.result, (outputs,))

    def print(self, printer: Printer) -> None:
        self._print_operands(printer)
        self._print_end(printer)

    @classmethod
    def parse(cls, parser: Parser) -> LinearOp:
        text = cls._parse(parser, windows=False)
        op = cls(
            text.input,
            text.weight,
            text.bias,
            bias_position=text.bias_position,
            element=text.element,
            node=text.node,
        )
        op.attributes |= text.attributes
        _expect_result(op, text.result, parser)
        return op


def output_size(size: int, kernel: int, stride: int, before: int, after: int, dilation: int) -> int:
    """How many windows fit along one axis; below 1 where none does."""
    return (size + before + after - dilation * (kernel - 1) - 1) // stride + 1


class ConvolutionOp(WeightedSum):
    """What conv1d and conv2d share: windows with stride, padding, dilation and groups."""

    RANK: ClassVar[int]

    stride = prop_def(DenseArrayBase.constr(i64))
    padding = prop_def(DenseArrayBase.constr(i64))
    dilation = prop_def(DenseArrayBase.constr(i64))
    groups = prop_def(IntegerAttr.constr(IntegerType(64)))

    def __init__(
        self,
        input: SSAValue,
        weight: SSAValue,
        bias: SSAValue | None = None,
        *,
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int = 1,
        bias_position: BiasPosition | str = BiasPosition.LAST,
        element: Attribute | None = None,
        node: str | None = None,
    ):
        """
        `padding` is [before, after] for each axis: [top, bottom, left, right] in 2-D;
        `element` the result's element type: that of the bias, if it is not given.
        """
        sum_type = _sum_type(weight, bias, element)
        shape, kernel = shape_of(input), shape_of(weight)
        sizes = [
            output_size(
                shape[1 + axis],
                kernel[2 + axis],
                max(stride[axis], 1),
                padding[2 * axis],
                padding[2 * axis + 1],
                dilation[axis],
            )
            for axis in range(min(len(shape) - 1, len(kernel) - 2, len(stride)))
        ]
        super().__init__(
            operands=[input, weight, bias],
            properties={
                "bias_position": BiasPositionAttr(BiasPosition(bias_position)),
                "stride": DenseArrayBase.from_list(i64, list(stride)),
                "padding": DenseArrayBase.from_list(i64, list(padding)),
                "dilation": DenseArrayBase.from_list(i64, list(dilation)),
                "groups": IntegerAttr(groups, i64),
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(sum_type, [*kernel[:1], *sizes])],
        )

    @property
    def strides(self) -> tuple[int, ...]:
        return tuple(int(v) for v in self.stride.get_values())

    @property
    def paddings(self) -> tuple[tuple[int, int], ...]:
        """(before, after) for each axis."""
        flat = tuple(int(v) for v in self.padding.get_values())
        return tuple(zip(flat[::2], flat[1::2], strict=True))

    @property
    def dilations(self) -> tuple[int, ...]:
        return tuple(int(v) for v in self.dilation.get_values())

    @property
    def group_count(self) -> int:
        return self.groups.value.data

    def verify_(self) -> None:
        rank, weight, shape = self.RANK, shape_of(self.weight), shape_of(self.input)
        axes = "length" if rank == 1 else "height, width"
        if len(weight) != rank + 2:
            raise VerifyException(
                f"weight: expected [outputs, inputs per group, kernel {axes}], "
                f"got {stream_type(self.weight)}"
            )
        if len(shape) != rank + 1:
            raise VerifyException(
                f"input: expected [channels, {axes}], got {stream_type(self.input)}"
            )
        for what, values, count, least in (
            ("stride", self.strides, rank, 1),
            ("padding", tuple(int(v) for v in self.padding.get_values()), 2 * rank, 0),
            ("dilation", self.dilations, rank, 1),
        ):
            if len(values) != count or min(values) < least:
                raise VerifyException(
                    f"{what}: expected {count} numbers of at least {least}, got {list(values)}"
                )
        self._verify_sum(weight[0])
        if self.group_count < 1 or weight[0] % self.group_count:
            raise VerifyException(
                f"groups: expected a divisor of {weight[0]} outputs, got {self.group_count}"
            )
        if shape[0] != weight[1] * self.group_count:
            raise VerifyException(
                f"input: expected {weight[1] * self.group_count} channels "
                f"({weight[1]} in each of {self.group_count} groups), got {shape[0]}"
            )
        expected = (weight[0], *self._output_sizes(shape, weight))
        if min(expected) < 1:
            raise VerifyException("the window is larger than the padded input")
        expect_shape("result", self.result, expected)

    def _output_sizes(self, shape: Sequence[int], weight: Sequence[int]) -> list[int]:
        return [
            output_size(
                shape[1 + a], weight[2 + a], self.strides[a], *self.paddings[a], self.dilations[a]
            )
            for a in range(self.RANK)
        ]

    def print(self, printer: Printer) -> None:
        self._print_operands(printer)
        for keyword, values in (
            ("stride", self.stride),
            ("padding", self.padding),
            ("dilation", self.dilation),
        ):
            printer.print_string(f" {keyword} {list(values.get_values())}")
        printer.print_string(f" groups {self.group_count}")
        self._print_end(printer)

    @classmethod
    def parse(cls, parser: Parser) -> Self:
        text = cls._parse(parser, windows=True)
        for keyword, count in (
            ("stride", cls.RANK),
            ("padding", 2 * cls.RANK),
            ("dilation", cls.RANK),
        ):
            if len(text.window.get(keyword, ())) != count:
                parser.raise_error(f"expected {keyword} with {count} numbers")
        op = cls(
            text.input,
            text.weight,
            text.bias,
            stride=text.window["stride"],
            padding=text.window["padding"],
            dilation=text.window["dilation"],
            groups=text.groups,
            bias_position=text.bias_position,
            element=text.element,
            node=text.node,
        )
        op.attributes |= text.attributes
        _expect_result(op, text.result, parser)
        return op


@irdl_op_definition
class Conv1dOp(ConvolutionOp):
    """
    A convolution along one axis (cross-correlation, as in PyTorch), zero padding.

        y[o, l] = sum over (k, c) ascending, channel c fastest, of
                  w[o, c, k] * x[g(o, c), l * stride + k * dilation - before]

        %y = snn.conv1d %x, %w stride [1] padding [1, 1] dilation [1] groups 1
             : (tensor<3x16xi1>, tensor<8x3x3xf32>) -> tensor<8x16xf32>
    """

    name = "snn.conv1d"
    RANK: ClassVar[int] = 1


@irdl_op_definition
class Conv2dOp(ConvolutionOp):
    """
    A convolution over two axes (cross-correlation, as in PyTorch), zero padding.

        y[o, r, c] = sum over (i, j, k) ascending, channel k fastest, of
                     w[o, k, i, j] * x[g(o, k), r * stride + i * dilation - top, c * ... - left]

        %y = snn.conv2d %x, %w stride [2, 2] padding [1, 1, 1, 1] dilation [1, 1] groups 1
             : (tensor<2x34x34xi1>, tensor<16x2x5x5xf32>) -> tensor<16x16x16xf32>
    """

    name = "snn.conv2d"
    RANK: ClassVar[int] = 2


def _expect_result(op: WeightedSum, type: Attribute, parser: Parser) -> None:
    """The stated result type must be the inferred one."""
    if op.result.type != type:
        parser.raise_error(f"{op.name}: the result is {op.result.type}, the text says {type}")
