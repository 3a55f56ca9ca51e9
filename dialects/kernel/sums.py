"""
Weighted sums of one step, and the lists of active inputs that drive them.

Each has one meaning, whatever body the target gives it. Sums of floats take their terms in
the order that the docstring states; that is the declared order of the `snn` operations.
Integers that enter a sum of floats are counts; those that enter a sum of integers, which is
taken modulo the width of its output, are signed.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    i64,
)
from xdsl.ir import Attribute, SSAValue
from xdsl.irdl import (
    AttrSizedOperandSegments,
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    prop_def,
    result_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.kernel.operands import (
    element_count,
    int_array,
    ints_of,
    memref_shape,
    memref_type,
)
from snncc.dialects.kernel.packing import ReadsPacked
from snncc.dialects.snn.types import integer_width, is_float


@irdl_op_definition
class CompressOp(IRDLOperation):
    """
    Lists the flat indices of the elements that are not zero, ascending; gives their number.

        %n = kernel.compress %x into %list : memref<128xi8>, memref<128xi16>
    """

    name = "kernel.compress"

    source = operand_def(MemRefType)
    list = operand_def(MemRefType)
    count = result_def(IndexType())

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = "$source `into` $list attr-dict `:` type($source) `,` type($list)"

    def __init__(self, source: SSAValue, list: SSAValue):
        super().__init__(operands=[source, list], result_types=[IndexType()])

    def verify_(self) -> None:
        size = element_count(self.source)
        if memref_shape(self.list) != (size,):
            raise VerifyException(f"list: expected {size} elements, got {self.list.type}")
        element = memref_type(self.list).element_type
        if not isinstance(element, IntegerType) or size > 1 << element.width.data:
            raise VerifyException(f"list: {element} cannot hold indices up to {size - 1}")


@irdl_op_definition
class GatherOp(IRDLOperation):
    """
    Sums the weight rows of active inputs, in the order of the list.

        out[o] = (0 + init[o]) + sum over e of weight[list[e], o] (* values[list[e]])

        kernel.gather %w rows %list count %n values %x init %b into %out : ...

    The weight is stored [inputs, outputs]. Without `values` an active input counts 1.
    """

    name = "kernel.gather"

    weight = operand_def(MemRefType)
    list = operand_def(MemRefType)
    count = operand_def(IndexType())
    values = opt_operand_def(MemRefType)
    init = opt_operand_def(MemRefType)
    out = operand_def(MemRefType)

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect(), ReadsPacked())

    assembly_format = (
        "$weight `rows` $list `count` $count (`values` $values^)? (`init` $init^)? `into` $out "
        "attr-dict `:` type($weight) `rows` type($list) (`values` type($values)^)? "
        "(`init` type($init)^)? `->` type($out)"
    )

    def __init__(
        self,
        weight: SSAValue,
        list: SSAValue,
        count: SSAValue,
        out: SSAValue,
        values: SSAValue | None = None,
        init: SSAValue | None = None,
    ):
        super().__init__(operands=[weight, list, count, values, init, out])

    def verify_(self) -> None:
        _expect_sum(self.weight, self.init, self.out, self.values)


@irdl_op_definition
class DenseOp(IRDLOperation):
    """
    The same sum over all inputs, ascending: for inputs that are rarely zero.

        out[o] = (0 + init[o]) + sum over i of weight[i, o] * input[i]

        kernel.dense %w, %x into %out : memref<64x128xf32>, memref<64xf32> -> memref<128xf32>
    """

    name = "kernel.dense"

    weight = operand_def(MemRefType)
    input = operand_def(MemRefType)
    init = opt_operand_def(MemRefType)
    out = operand_def(MemRefType)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect(), ReadsPacked())

    assembly_format = (
        "$weight `,` $input (`init` $init^)? `into` $out attr-dict "
        "`:` type($weight) `,` type($input) (`init` type($init)^)? `->` type($out)"
    )

    def __init__(
        self, weight: SSAValue, input: SSAValue, out: SSAValue, init: SSAValue | None = None
    ):
        super().__init__(operands=[weight, input, init, out])

    def verify_(self) -> None:
        _expect_sum(self.weight, self.init, self.out, self.input)


def _expect_sum(
    weight: SSAValue,
    init: SSAValue | None,
    out: SSAValue,
    values: SSAValue | None,
) -> None:
    if len(memref_shape(weight)) != 2:
        raise VerifyException(f"weight: expected [inputs, outputs], got {weight.type}")
    inputs, outputs = memref_shape(weight)
    element = _expect_terms(weight, out, values)
    for what, value, size in (("init", init, outputs), ("out", out, outputs)):
        if value is None:
            continue
        if element_count(value) != size or memref_type(value).element_type != element:
            raise VerifyException(
                f"{what}: expected {size} elements of {element}, got {value.type}"
            )
    if values is not None and element_count(values) != inputs:
        raise VerifyException(f"values: expected {inputs} elements, got {values.type}")


def _expect_terms(weight: SSAValue, out: SSAValue, values: SSAValue | None) -> Attribute:
    """Gives the element type of a sum: that of its weights, or integers as wide or wider."""
    element, given = memref_type(out).element_type, memref_type(weight).element_type
    if is_float(element):
        if given != element:
            raise VerifyException(f"weight: expected elements of {element}, got {given}")
        return element
    if is_float(given) or integer_width(given) > integer_width(element):
        raise VerifyException(f"weight: expected integers of at most {element}, got {given}")
    if values is not None and is_float(memref_type(values).element_type):
        raise VerifyException(f"values: expected integers, got {values.type}")
    return element


@irdl_op_definition
class ScatterOp(IRDLOperation):
    """
    A convolution driven by events: each active input adds its taps to the outputs.

        out[y, x, o] = (0 + init[o]) + sum over events e = (iy, ix, c), in the order of the
                       list, of weight[g, c', ky, kx, o'] (* values[e])
        iy = y * stride + ky * dilation - top,  ix alike;  input and output channel-last

        kernel.scatter %w rows %list count %n values %x into %out input [34, 34, 2]
            stride [2, 2] padding [1, 1] dilation [1, 1] groups 1 : ...

    The weight is stored [input channel, kernel row, kernel column, output of the group],
    `padding` is [top, left]. Its order per output is (ky, kx, c) ascending.
    """

    name = "kernel.scatter"

    weight = operand_def(MemRefType)
    list = operand_def(MemRefType)
    count = operand_def(IndexType())
    values = opt_operand_def(MemRefType)
    init = opt_operand_def(MemRefType)
    out = operand_def(MemRefType)
    input_shape = prop_def(DenseArrayBase.constr(i64))
    stride = prop_def(DenseArrayBase.constr(i64))
    padding = prop_def(DenseArrayBase.constr(i64))
    dilation = prop_def(DenseArrayBase.constr(i64))
    groups = prop_def(IntegerAttr.constr(IntegerType(64)))

    irdl_options = (AttrSizedOperandSegments(as_property=True),)
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect(), ReadsPacked())

    assembly_format = (
        "$weight `rows` $list `count` $count (`values` $values^)? (`init` $init^)? `into` $out "
        "`input` $input_shape `stride` $stride `padding` $padding `dilation` $dilation "
        "`groups` $groups attr-dict `:` type($weight) `rows` type($list) "
        "(`values` type($values)^)? (`init` type($init)^)? `->` type($out)"
    )

    def __init__(
        self,
        weight: SSAValue,
        list: SSAValue,
        count: SSAValue,
        out: SSAValue,
        values: SSAValue | None = None,
        init: SSAValue | None = None,
        *,
        input_shape: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        dilation: Sequence[int],
        groups: int,
    ):
        super().__init__(
            operands=[weight, list, count, values, init, out],
            properties={
                "input_shape": int_array(input_shape),
                "stride": int_array(stride),
                "padding": int_array(padding),
                "dilation": int_array(dilation),
                "groups": IntegerAttr(groups, i64),
            },
        )

    @property
    def input_sizes(self) -> tuple[int, int, int]:
        """(height, width, channels) of the input."""
        height, width, channels = ints_of(self.input_shape)
        return height, width, channels

    @property
    def strides(self) -> tuple[int, int]:
        down, across = ints_of(self.stride)
        return down, across

    @property
    def paddings(self) -> tuple[int, int]:
        top, left = ints_of(self.padding)
        return top, left

    @property
    def dilations(self) -> tuple[int, int]:
        down, across = ints_of(self.dilation)
        return down, across

    @property
    def output_sizes(self) -> tuple[int, int, int]:
        """(height, width, channels) of the output; a convolution along one axis has height 1."""
        height, width, channels = (1, *memref_shape(self.out))[-3:]
        return height, width, channels

    @property
    def group_count(self) -> int:
        return self.groups.value.data

    def verify_(self) -> None:
        for what, values, count in (
            ("input", self.input_shape, 3),
            ("stride", self.stride, 2),
            ("padding", self.padding, 2),
            ("dilation", self.dilation, 2),
        ):
            if len(ints_of(values)) != count:
                raise VerifyException(f"{what}: expected {count} numbers, got {ints_of(values)}")
        if self.group_count < 1:
            raise VerifyException(f"groups: expected at least 1, got {self.group_count}")
        weight, out = memref_shape(self.weight), memref_shape(self.out)
        if len(weight) != 4 or len(out) not in (2, 3):
            raise VerifyException(
                "expected a weight [channels, rows, columns, outputs] and an output "
                f"[height, width, channels] or [length, channels], got {self.weight.type} "
                f"and {self.out.type}"
            )
        outputs = self.output_sizes[2]
        height, width, channels = self.input_sizes
        if weight[0] != channels or weight[3] * self.group_count != outputs:
            raise VerifyException(
                f"weight: expected {channels} input channels and {outputs // self.group_count} "
                f"outputs, got {self.weight.type}"
            )
        if channels % self.group_count:
            raise VerifyException(f"groups: {self.group_count} does not divide {channels} channels")
        if self.values is not None and element_count(self.values) != height * width * channels:
            raise VerifyException(
                f"values: expected {height * width * channels} elements, got {self.values.type}"
            )
        element = _expect_terms(self.weight, self.out, self.values)
        if self.init is not None and (
            element_count(self.init) != outputs or memref_type(self.init).element_type != element
        ):
            raise VerifyException(
                f"init: expected {outputs} elements of {element}, got {self.init.type}"
            )
