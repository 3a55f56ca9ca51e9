"""
The kernels: what the scheduled level does besides loops and elementwise arithmetic.

Each has one meaning, whatever body the target gives it. Sums of floats take their terms in
the order that the docstring states; that is the declared order of the `snn` operations.
Integers that enter a sum of floats are counts; those that enter a sum of integers, which is
taken modulo the width of its output, are signed, and so are those of a maximum.
"""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import (
    DenseArrayBase,
    IndexType,
    IntegerAttr,
    IntegerType,
    MemRefType,
    UnitAttr,
    i8,
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
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.kernel.program import MemRef
from snncc.dialects.snn.attributes import Pool, PoolAttr
from snncc.dialects.snn.types import integer_width, is_float


def memref_type(value: SSAValue) -> MemRef:
    assert isinstance(value.type, MemRefType), f"expected a memref, got {value.type}"
    return value.type


def memref_shape(value: SSAValue) -> tuple[int, ...]:
    return memref_type(value).get_shape()


def element_count(value: SSAValue) -> int:
    count = 1
    for size in memref_shape(value):
        count *= size
    return count


def _ints(values: Sequence[int]) -> DenseArrayBase[IntegerType]:
    return DenseArrayBase.from_list(i64, list(values))


def _tuple(attribute: DenseArrayBase[IntegerType]) -> tuple[int, ...]:
    return attribute.get_values()


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
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

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

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

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
class PackOp(IRDLOperation):
    """
    Spikes as bits, in the order in which they lie: element 8 i + j is bit j of byte i.

        kernel.pack %s into %bits : memref<13xi8> into memref<2xi8>
    """

    name = "kernel.pack"

    source = operand_def(MemRefType)
    out = operand_def(MemRefType)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = "$source `into` $out attr-dict `:` type($source) `into` type($out)"

    def __init__(self, source: SSAValue, out: SSAValue):
        super().__init__(operands=[source, out])

    def verify_(self) -> None:
        _expect_bits(self.source, self.out)


@irdl_op_definition
class UnpackOp(IRDLOperation):
    """
    The way back: bits as bytes of 0 or 1.

        kernel.unpack %bits into %s : memref<2xi8> into memref<13xi8>
    """

    name = "kernel.unpack"

    source = operand_def(MemRefType)
    out = operand_def(MemRefType)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = "$source `into` $out attr-dict `:` type($source) `into` type($out)"

    def __init__(self, source: SSAValue, out: SSAValue):
        super().__init__(operands=[source, out])

    def verify_(self) -> None:
        _expect_bits(self.out, self.source)


def bytes_of(bits: int) -> int:
    """How many bytes hold that many bits."""
    return -(-bits // 8)


def _expect_bits(spikes: SSAValue, bits: SSAValue) -> None:
    for what, value in (("spikes", spikes), ("bits", bits)):
        if memref_type(value).element_type != i8:
            raise VerifyException(f"{what}: expected bytes, got {value.type}")
    wanted = bytes_of(element_count(spikes))
    if element_count(bits) != wanted:
        raise VerifyException(
            f"bits: expected {wanted} bytes for {element_count(spikes)} spikes, got {bits.type}"
        )


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
    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

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
                "input_shape": _ints(input_shape),
                "stride": _ints(stride),
                "padding": _ints(padding),
                "dilation": _ints(dilation),
                "groups": IntegerAttr(groups, i64),
            },
        )

    @property
    def input_sizes(self) -> tuple[int, int, int]:
        """(height, width, channels) of the input."""
        height, width, channels = _tuple(self.input_shape)
        return height, width, channels

    @property
    def strides(self) -> tuple[int, int]:
        down, across = _tuple(self.stride)
        return down, across

    @property
    def paddings(self) -> tuple[int, int]:
        top, left = _tuple(self.padding)
        return top, left

    @property
    def dilations(self) -> tuple[int, int]:
        down, across = _tuple(self.dilation)
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
            if len(_tuple(values)) != count:
                raise VerifyException(f"{what}: expected {count} numbers, got {_tuple(values)}")
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


@irdl_op_definition
class PoolOp(IRDLOperation):
    """
    A pool over windows of a channel-last input, as `snn.pool2d` defines it.

        kernel.pool sum %x into %out kernel [2, 2] stride [2, 2] padding [0, 0] : ...

    `padding` is [top, left]; what hangs over the bottom and right follows from the sizes.
    """

    name = "kernel.pool"

    pool = prop_def(PoolAttr)
    input = operand_def(MemRefType)
    out = operand_def(MemRefType)
    kernel = prop_def(DenseArrayBase.constr(i64))
    stride = prop_def(DenseArrayBase.constr(i64))
    padding = prop_def(DenseArrayBase.constr(i64))
    exclude_padding = opt_prop_def(UnitAttr)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$pool $input `into` $out `kernel` $kernel `stride` $stride `padding` $padding "
        "(`exclude_padding` $exclude_padding^)? attr-dict `:` type($input) `->` type($out)"
    )

    def __init__(
        self,
        pool: Pool,
        input: SSAValue,
        out: SSAValue,
        *,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[int],
        exclude_padding: bool = False,
    ):
        super().__init__(
            operands=[input, out],
            properties={
                "pool": PoolAttr(pool),
                "kernel": _ints(kernel),
                "stride": _ints(stride),
                "padding": _ints(padding),
                "exclude_padding": UnitAttr() if exclude_padding else None,
            },
        )

    @property
    def kernels(self) -> tuple[int, int]:
        height, width = _tuple(self.kernel)
        return height, width

    @property
    def strides(self) -> tuple[int, int]:
        down, across = _tuple(self.stride)
        return down, across

    @property
    def paddings(self) -> tuple[int, int]:
        top, left = _tuple(self.padding)
        return top, left

    def verify_(self) -> None:
        for what, values in (
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("padding", self.padding),
        ):
            if len(_tuple(values)) != 2:
                raise VerifyException(f"{what}: expected 2 numbers, got {_tuple(values)}")
        shape, out = memref_shape(self.input), memref_shape(self.out)
        if len(shape) != 3 or len(out) != 3 or shape[2] != out[2]:
            raise VerifyException(
                "expected [height, width, channels] with the same channels, "
                f"got {self.input.type} and {self.out.type}"
            )
        element, given = memref_type(self.out).element_type, memref_type(self.input).element_type
        if self.pool.data is Pool.MAX and given != element:
            raise VerifyException(f"output: expected elements of {given}, got {element}")
        if self.pool.data is Pool.AVG and not is_float(element):
            raise VerifyException(f"output: expected elements of f32 or f64, got {element}")
        if is_float(given) and given != element:
            raise VerifyException(f"output: expected elements of {given}, got {element}")


@irdl_op_definition
class InsertOp(IRDLOperation):
    """
    Copies a buffer into a part of another: one operand of a concatenation.

        kernel.insert %a into %y at [0, 3] : memref<4x2xi8> into memref<4x5xi8>
    """

    name = "kernel.insert"

    source = operand_def(MemRefType)
    out = operand_def(MemRefType)
    offsets = prop_def(DenseArrayBase.constr(i64))

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$source `into` $out `at` $offsets attr-dict `:` type($source) `into` type($out)"
    )

    def __init__(self, source: SSAValue, out: SSAValue, offsets: Sequence[int]):
        super().__init__(operands=[source, out], properties={"offsets": _ints(offsets)})

    @property
    def places(self) -> tuple[int, ...]:
        return _tuple(self.offsets)

    def verify_(self) -> None:
        source, out = memref_shape(self.source), memref_shape(self.out)
        if len(source) != len(out) or len(source) != len(self.places):
            raise VerifyException(
                f"expected as many axes and offsets, got {self.source.type}, {self.out.type}, "
                f"{list(self.places)}"
            )
        for size, whole, offset in zip(source, out, self.places, strict=True):
            if offset < 0 or offset + size > whole:
                raise VerifyException(
                    f"{self.source.type} at {list(self.places)} passes the end of {self.out.type}"
                )


@irdl_op_definition
class RearrangeOp(IRDLOperation):
    """
    Copies elements from other places: runs of neighbours, all of one length.

        out[i * run + j] = source[places[i] + j]     for 0 <= j < run

        kernel.rearrange %x at %places into %y : memref<8xi8> at memref<2xi8> -> memref<4xi8>

    `places` are flat indices; `run` is the elements of `out` by those of `places`. With
    `zeros` a place behind the end of the source stands for a run of zeros.
    """

    name = "kernel.rearrange"

    source = operand_def(MemRefType)
    places = operand_def(MemRefType)
    out = operand_def(MemRefType)
    zeros = opt_prop_def(UnitAttr)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$source `at` $places (`zeros` $zeros^)? `into` $out attr-dict "
        "`:` type($source) `at` type($places) `->` type($out)"
    )

    def __init__(self, source: SSAValue, places: SSAValue, out: SSAValue, *, zeros: bool = False):
        super().__init__(
            operands=[source, places, out], properties={"zeros": UnitAttr() if zeros else None}
        )

    @property
    def run(self) -> int:
        """How many neighbours stay together."""
        return element_count(self.out) // element_count(self.places)

    def verify_(self) -> None:
        element = memref_type(self.source).element_type
        if memref_type(self.out).element_type != element:
            raise VerifyException(f"out: expected elements of {element}, got {self.out.type}")
        if not isinstance(memref_type(self.places).element_type, IntegerType):
            raise VerifyException(f"places: expected whole numbers, got {self.places.type}")
        if element_count(self.out) % element_count(self.places):
            raise VerifyException(
                f"places: {element_count(self.places)} runs do not divide the "
                f"{element_count(self.out)} elements of {self.out.type}"
            )


@irdl_op_definition
class DelayReadOp(IRDLOperation):
    """
    Reads a delay line: what was written `steps` steps ago.

        kernel.delay_read %line at %position into %y steps [3] : ...

    The line is a ring [depth, ...]; `position` holds the row that is written next, which
    is the oldest. `steps` is one number or one for each element; an element of 0 steps
    takes `now`.
    """

    name = "kernel.delay_read"

    line = operand_def(MemRefType)
    position = operand_def(MemRefType)
    now = opt_operand_def(MemRefType)
    out = operand_def(MemRefType)
    steps = prop_def(DenseArrayBase.constr(i64))

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$line `at` $position (`now` $now^)? `into` $out `steps` $steps attr-dict "
        "`:` type($line) `at` type($position) (`now` type($now)^)? `->` type($out)"
    )

    def __init__(
        self,
        line: SSAValue,
        position: SSAValue,
        out: SSAValue,
        steps: Sequence[int],
        now: SSAValue | None = None,
    ):
        super().__init__(operands=[line, position, now, out], properties={"steps": _ints(steps)})

    @property
    def per_element(self) -> tuple[int, ...]:
        return _tuple(self.steps)

    def verify_(self) -> None:
        _expect_line(self.line, self.position, self.out)
        depth = memref_shape(self.line)[0]
        if len(self.per_element) not in (1, element_count(self.out)):
            raise VerifyException(
                f"steps: expected 1 or {element_count(self.out)} numbers, "
                f"got {len(self.per_element)}"
            )
        least = 0 if self.now is not None else 1
        if min(self.per_element) < least or max(self.per_element) > depth:
            raise VerifyException(f"steps: expected {least} to {depth}")


@irdl_op_definition
class DelayWriteOp(IRDLOperation):
    """
    Writes this step's value into a delay line and moves its position on.

        kernel.delay_write %x into %line at %position : ...
    """

    name = "kernel.delay_write"

    source = operand_def(MemRefType)
    line = operand_def(MemRefType)
    position = operand_def(MemRefType)

    traits = traits_def(MemoryReadEffect(), MemoryWriteEffect())

    assembly_format = (
        "$source `into` $line `at` $position attr-dict "
        "`:` type($source) `,` type($line) `,` type($position)"
    )

    def __init__(self, source: SSAValue, line: SSAValue, position: SSAValue):
        super().__init__(operands=[source, line, position])

    def verify_(self) -> None:
        _expect_line(self.line, self.position, self.source)


def _expect_line(line: SSAValue, position: SSAValue, row: SSAValue) -> None:
    if memref_shape(line)[1:] != memref_shape(row):
        raise VerifyException(f"expected rows of {row.type} in the line, got {line.type}")
    if memref_shape(position) != (1,) or memref_type(position).element_type != IntegerType(32):
        raise VerifyException(f"position: expected memref<1xi32>, got {position.type}")
