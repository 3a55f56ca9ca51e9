"""Kernels that move elements and compute nothing: parts, places, spikes as bits, delay lines."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, IntegerType, MemRefType, UnitAttr, i8, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_operand_def,
    opt_prop_def,
    prop_def,
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
        super().__init__(operands=[source, out], properties={"offsets": int_array(offsets)})

    @property
    def places(self) -> tuple[int, ...]:
        return ints_of(self.offsets)

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
        super().__init__(
            operands=[line, position, now, out], properties={"steps": int_array(steps)}
        )

    @property
    def per_element(self) -> tuple[int, ...]:
        return ints_of(self.steps)

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
