"""Pools over windows; integers that enter a sum or a maximum are signed numbers."""

from __future__ import annotations

from collections.abc import Sequence

from xdsl.dialects.builtin import DenseArrayBase, MemRefType, UnitAttr, i64
from xdsl.ir import SSAValue
from xdsl.irdl import (
    IRDLOperation,
    irdl_op_definition,
    operand_def,
    opt_prop_def,
    prop_def,
    traits_def,
)
from xdsl.traits import MemoryReadEffect, MemoryWriteEffect
from xdsl.utils.exceptions import VerifyException

from snncc.dialects.kernel.operands import int_array, ints_of, memref_shape, memref_type
from snncc.dialects.snn.attributes import Pool, PoolAttr
from snncc.dialects.snn.types import is_float


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
                "kernel": int_array(kernel),
                "stride": int_array(stride),
                "padding": int_array(padding),
                "exclude_padding": UnitAttr() if exclude_padding else None,
            },
        )

    @property
    def kernels(self) -> tuple[int, int]:
        height, width = ints_of(self.kernel)
        return height, width

    @property
    def strides(self) -> tuple[int, int]:
        down, across = ints_of(self.stride)
        return down, across

    @property
    def paddings(self) -> tuple[int, int]:
        top, left = ints_of(self.padding)
        return top, left

    def verify_(self) -> None:
        for what, values in (
            ("kernel", self.kernel),
            ("stride", self.stride),
            ("padding", self.padding),
        ):
            if len(ints_of(values)) != 2:
                raise VerifyException(f"{what}: expected 2 numbers, got {ints_of(values)}")
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
