"""Operations that gather or rearrange elements: pools, reshape, rearrange, concat."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy.typing as npt
from xdsl.dialects.builtin import (
    BoolAttr,
    DenseArrayBase,
    IntegerAttr,
    IntegerType,
    StringAttr,
    TensorType,
    i1,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    result_def,
    traits_def,
    var_operand_def,
)
from xdsl.parser import Parser
from xdsl.printer import Printer
from xdsl.traits import Pure
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.hints import isa

from snncc.dialects.snn.attributes import Pool, PoolAttr
from snncc.dialects.snn.linear import output_size, parse_integers
from snncc.dialects.snn.places import NOWHERE, Indices, PlacesAttr, places_of
from snncc.dialects.snn.types import (
    Stream,
    expect_float_result,
    expect_number,
    expect_same_element,
    expect_shape,
    expect_static,
    expect_summands,
    shape_of,
    shape_text,
    stream_type,
)
from snncc.passes.canonicalization import SnnCanonicalization


@irdl_op_definition
class Pool2dOp(IRDLOperation):
    """
    Sum, mean or maximum over windows of the last two axes of [C, H, W].

        sum: y = sum over (i, j) ascending of x        padding counts as 0
        avg: y = sum / (kernel height * kernel width)  padding counts as 0 and is counted,
             or divided by the number of elements inside where `exclude_padding` stands
        max: y = largest x                             padding is left out

        %y = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0]
             : (tensor<16x16x16xi1>) -> tensor<16x8x8xf32>

    `avg` gives floats, `sum` floats or integers, `max` the type of its input. The sum starts
    at +0; one of integers is taken modulo 2^width. Integers wider than i1 are signed in a sum
    of integers and in a maximum.
    """

    name = "snn.pool2d"

    input = operand_def(TensorType)
    pool = prop_def(PoolAttr)
    kernel = prop_def(DenseArrayBase.constr(i64))
    stride = prop_def(DenseArrayBase.constr(i64))
    padding = prop_def(DenseArrayBase.constr(i64))
    exclude_padding = opt_prop_def(BoolAttr)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), SnnCanonicalization())

    def __init__(
        self,
        pool: Pool | str,
        input: SSAValue,
        *,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        element: Attribute | None = None,
        exclude_padding: bool = False,
        node: str | None = None,
    ):
        """`padding` is [top, bottom, left, right]; `element` the result's element type."""
        input_type = stream_type(input)
        shape = input_type.get_shape()
        sizes = [
            output_size(
                shape[1 + axis],
                kernel[axis],
                max(stride[axis], 1),
                padding[2 * axis],
                padding[2 * axis + 1],
                1,
            )
            for axis in range(min(2, len(shape) - 1))
        ]
        super().__init__(
            operands=[input],
            properties={
                "pool": PoolAttr(Pool(pool)),
                "kernel": DenseArrayBase.from_list(i64, list(kernel)),
                "stride": DenseArrayBase.from_list(i64, list(stride)),
                "padding": DenseArrayBase.from_list(i64, list(padding)),
                "exclude_padding": IntegerAttr(1, i1) if exclude_padding else None,
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(element or input_type.element_type, [*shape[:1], *sizes])],
        )

    @property
    def kernels(self) -> tuple[int, int]:
        height, width = (int(v) for v in self.kernel.get_values())
        return height, width

    @property
    def strides(self) -> tuple[int, int]:
        down, across = (int(v) for v in self.stride.get_values())
        return down, across

    @property
    def paddings(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """((top, bottom), (left, right))."""
        top, bottom, left, right = (int(v) for v in self.padding.get_values())
        return (top, bottom), (left, right)

    @property
    def excludes_padding(self) -> bool:
        return self.exclude_padding is not None and bool(self.exclude_padding.value.data)

    def verify_(self) -> None:
        expect_static(self)
        shape = shape_of(self.input)
        if len(shape) != 3:
            raise VerifyException(
                f"input: expected [channels, height, width], got {stream_type(self.input)}"
            )
        for what, values, count, least in (
            ("kernel", self.kernel, 2, 1),
            ("stride", self.stride, 2, 1),
            ("padding", self.padding, 4, 0),
        ):
            got = [int(v) for v in values.get_values()]
            if len(got) != count or min(got) < least:
                raise VerifyException(
                    f"{what}: expected {count} numbers of at least {least}, got {got}"
                )
        for axis in range(2):
            if max(self.paddings[axis]) * 2 > self.kernels[axis]:
                raise VerifyException(
                    f"padding: expected at most half of the kernel {list(self.kernels)}, "
                    f"got {[pad for pair in self.paddings for pad in pair]}"
                )
        sizes = [
            output_size(shape[1 + a], self.kernels[a], self.strides[a], *self.paddings[a], 1)
            for a in range(2)
        ]
        if min(sizes) < 1:
            raise VerifyException(
                f"the window {shape_text(self.kernels)} is larger than the padded input"
            )
        expect_shape("result", self.result, (shape[0], *sizes))
        element = stream_type(self.result).element_type
        if self.pool.data is Pool.MAX:
            expect_same_element("result", [self.result], stream_type(self.input).element_type)
        elif self.pool.data is Pool.AVG:
            expect_float_result(self)
        else:
            expect_number("result", element)
        if self.pool.data is not Pool.MAX:
            expect_summands([self.input], element)

    def print(self, printer: Printer) -> None:
        printer.print_string(f" {self.pool.data.value} ")
        printer.print_ssa_value(self.input)
        for keyword, values in (
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("padding", self.padding),
        ):
            printer.print_string(f" {keyword} {list(values.get_values())}")
        if self.excludes_padding:
            printer.print_string(" exclude_padding")
        if self.node is not None:
            printer.print_string(" as ")
            printer.print_string_literal(self.node.data)
        printer.print_op_attributes(self.attributes)
        printer.print_string(" : ")
        printer.print_operation_type(self)

    @classmethod
    def parse(cls, parser: Parser) -> Pool2dOp:
        pool = parser.parse_str_enum(Pool)
        operand = parser.parse_unresolved_operand()
        window: dict[str, list[int]] = {}
        for keyword, count in (("kernel", 2), ("stride", 2), ("padding", 4)):
            parser.parse_keyword(keyword)
            window[keyword] = parse_integers(parser)
            if len(window[keyword]) != count:
                parser.raise_error(f"expected {keyword} with {count} numbers")
        exclude = parser.parse_optional_keyword("exclude_padding") is not None
        node = parser.parse_str_literal() if parser.parse_optional_keyword("as") else None
        attributes = parser.parse_optional_attr_dict()
        parser.parse_punctuation(":")
        type = parser.parse_function_type()
        if len(type.inputs) != 1 or len(type.outputs) != 1:
            parser.raise_error("expected one operand type and one result type")
        result = type.outputs.data[0]
        if not isa(result, Stream) or not isa(type.inputs.data[0], Stream):
            parser.raise_error("expected a tensor type")
        op = cls(
            pool,
            parser.resolve_operand(operand, type.inputs.data[0]),
            kernel=window["kernel"],
            stride=window["stride"],
            padding=window["padding"],
            element=result.element_type,
            exclude_padding=exclude,
            node=node,
        )
        if op.result.type != result:
            parser.raise_error(
                f"snn.pool2d: the result is {op.result.type}, the text says {result}"
            )
        op.attributes |= attributes
        return op


@irdl_op_definition
class ReshapeOp(IRDLOperation):
    """
    The same elements in C order under another shape; flatten is a reshape to one axis.

        %y = snn.reshape %x as "flatten" : tensor<8x4x4xi1> -> tensor<128xi1>
    """

    name = "snn.reshape"

    input = operand_def(TensorType)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), SnnCanonicalization())

    assembly_format = "$input (`as` $node^)? attr-dict `:` type($input) `->` type($result)"

    def __init__(self, input: SSAValue, shape: Sequence[int], *, node: str | None = None):
        super().__init__(
            operands=[input],
            properties={"node": None if node is None else StringAttr(node)},
            result_types=[TensorType(stream_type(input).element_type, shape)],
        )

    def verify_(self) -> None:
        expect_static(self)
        source, target = stream_type(self.input), stream_type(self.result)
        if source.element_type != target.element_type:
            raise VerifyException(
                f"result: expected elements of {source.element_type}, got {target.element_type}"
            )
        if source.element_count() != target.element_count():
            raise VerifyException(
                f"result: expected {source.element_count()} elements, got {target.element_count()}"
            )


@irdl_op_definition
class RearrangeOp(IRDLOperation):
    """
    The elements in other places: transposed, taken out, repeated, reversed, zeros around.

        y[i] = x[places[i]]      0 where places[i] is -1

        %y = snn.rearrange %x places <0 (2 by 1) (4 by 2)> as "transpose"
             : tensor<4x2xi1> -> tensor<2x4xi1>

    `i` and `places[i]` count elements in C order. The places are constant, and stand in the
    text as their pattern (`#snn.places`).
    """

    name = "snn.rearrange"

    input = operand_def(TensorType)
    places = prop_def(PlacesAttr)
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), SnnCanonicalization())

    assembly_format = (
        "$input `places` $places (`as` $node^)? attr-dict `:` type($input) `->` type($result)"
    )

    def __init__(self, input: SSAValue, places: npt.NDArray[Any], *, node: str | None = None):
        """`places` has the shape of the result."""
        super().__init__(
            operands=[input],
            properties={
                "places": PlacesAttr(places_of(places)),
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(stream_type(input).element_type, places.shape)],
        )

    @property
    def indices(self) -> Indices:
        """Where each element comes from, of the result's shape."""
        return self.places.data.indices.reshape(shape_of(self.result))

    def verify_(self) -> None:
        expect_static(self)
        source, target = stream_type(self.input), stream_type(self.result)
        expect_same_element("result", [self.result], source.element_type)
        places = self.places.data
        if places.count != target.element_count():
            raise VerifyException(
                f"places: expected one for each of {target.element_count()} elements of "
                f"{target}, got {places.count}"
            )
        last = source.element_count() - 1
        if places.least < NOWHERE or places.most > last:
            wrong = places.least if places.least < NOWHERE else places.most
            raise VerifyException(
                f"places: expected indices of {source}, 0 to {last}, or {NOWHERE} for a zero, "
                f"got {wrong}"
            )


@irdl_op_definition
class ConcatOp(IRDLOperation):
    """
    Streams side by side along one axis, in the order of the operands.

        %y = snn.concat %a, %b axis 0 : (tensor<3xi1>, tensor<5xi1>) -> tensor<8xi1>
    """

    name = "snn.concat"

    inputs = var_operand_def(TensorType)
    axis = prop_def(IntegerAttr.constr(IntegerType(64)))
    node = opt_prop_def(StringAttr)
    result = result_def(TensorType)

    traits = traits_def(Pure(), SnnCanonicalization())

    assembly_format = (
        "$inputs `axis` $axis (`as` $node^)? attr-dict `:` functional-type($inputs, $result)"
    )

    def __init__(self, inputs: Sequence[SSAValue], axis: int, *, node: str | None = None):
        shape = list(shape_of(inputs[0]))
        if 0 <= axis < len(shape):
            shape[axis] = sum(shape_of(value)[axis] for value in inputs)
        super().__init__(
            operands=[inputs],
            properties={
                "axis": IntegerAttr(axis, i64),
                "node": None if node is None else StringAttr(node),
            },
            result_types=[TensorType(stream_type(inputs[0]).element_type, shape)],
        )

    def verify_(self) -> None:
        expect_static(self)
        if not self.inputs:
            raise VerifyException("expected at least one operand")
        axis, first = self.axis.value.data, shape_of(self.inputs[0])
        if not 0 <= axis < len(first):
            raise VerifyException(f"axis: expected 0 to {len(first) - 1}, got {axis}")
        expect_same_element(
            "operands", [*self.inputs, self.result], stream_type(self.inputs[0]).element_type
        )
        for index, value in enumerate(self.inputs):
            shape = shape_of(value)
            if len(shape) != len(first) or any(
                size != wanted
                for a, (size, wanted) in enumerate(zip(shape, first, strict=True))
                if a != axis
            ):
                raise VerifyException(
                    f"operand {index}: expected {shape_text(first)} but for axis {axis}, "
                    f"got {shape_text(shape)}"
                )
        total = sum(shape_of(value)[axis] for value in self.inputs)
        expect_shape("result", self.result, (*first[:axis], total, *first[axis + 1 :]))
