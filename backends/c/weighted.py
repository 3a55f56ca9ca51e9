"""Weighted sums as C: which kernel takes a weight as it is stored, and with which numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdsl.ir import SSAValue

from snncc.backends.c.kernels import integer_sums, packed, packed_rows, sums
from snncc.backends.c.types import is_integer
from snncc.dialects import kernel
from snncc.dialects.arrays import splat_shape
from snncc.dialects.kernel.operands import memref_shape
from snncc.dialects.kernel.packing import Packing

if TYPE_CHECKING:
    from snncc.backends.c.stages import StagePrinter


def gather(p: StagePrinter, op: kernel.GatherOp) -> None:
    kernels, packing = p.program.kernels, p.packing_of(op.weight)
    listed, weight, out = (p.type_of(value) for value in (op.list, op.weight, op.out))
    values = None if op.values is None else p.type_of(op.values)
    if packing is None:
        if is_integer(out):
            name = integer_sums.gather(kernels, out, weight, listed, values)
        else:
            name = sums.gather(kernels, weight, listed, values)
    elif values is None:
        aligned = p.program.reads_whole_words
        name = packed.gather(kernels, packing, out, listed, aligned=aligned)
    else:
        name = packed_rows.gather(kernels, packing, out, listed, values)
    p.call_kernel(
        name,
        p.texts[op.weight],
        _size(op.out),
        *_plane(packing, op.weight, "u"),
        p.texts[op.list],
        p.indices[op.count],
        *([] if op.values is None else [p.texts[op.values]]),
        init_text(p, op.init),
        p.texts[op.out],
    )


def dense(p: StagePrinter, op: kernel.DenseOp) -> None:
    kernels, packing = p.program.kernels, p.packing_of(op.weight)
    weight, source, out = (p.type_of(value) for value in (op.weight, op.input, op.out))
    inputs, outputs = _size(op.input), _size(op.out)
    if packing is not None:
        name = packed_rows.dense(kernels, packing, out, source)
        sizes = [outputs, *_plane(packing, op.weight, "u"), inputs]
    elif is_integer(out):
        name = integer_sums.dense(kernels, out, weight, source)
        sizes = [outputs, inputs]
    else:
        name = sums.dense(kernels, weight, source)
        sizes = [inputs, outputs]
    p.call_kernel(
        name, p.texts[op.weight], *sizes, p.texts[op.input], init_text(p, op.init), p.texts[op.out]
    )


def scatter(p: StagePrinter, op: kernel.ScatterOp) -> None:
    kernels, packing = p.program.kernels, p.packing_of(op.weight)
    listed, weight, out = (p.type_of(value) for value in (op.list, op.weight, op.out))
    values = None if op.values is None else p.type_of(op.values)
    if packing is not None:
        name = packed_rows.scatter(kernels, packing, out, listed, values)
    elif is_integer(out):
        name = integer_sums.scatter(kernels, out, weight, listed, values)
    else:
        name = sums.scatter(kernels, weight, listed, values)
    height, width, channels = op.input_sizes
    out_height, out_width, outputs = op.output_sizes
    _, kernel_height, kernel_width, _ = memref_shape(op.weight)
    numbers = (
        height,
        width,
        channels,
        out_height,
        out_width,
        outputs,
        kernel_height,
        kernel_width,
        *op.strides,
        *op.paddings,
        *op.dilations,
        op.group_count,
    )
    p.call_kernel(
        name,
        p.texts[op.weight],
        p.texts[op.list],
        p.indices[op.count],
        *([] if op.values is None else [p.texts[op.values]]),
        init_text(p, op.init),
        p.texts[op.out],
        *map(str, numbers),
        *_plane(packing, op.weight, ""),
    )


def _size(value: SSAValue) -> str:
    return f"{splat_shape(memref_shape(value))}u"


def _plane(packing: Packing | None, weight: SSAValue, suffix: str) -> list[str]:
    """The bytes of a plane of a packed weight's rows."""
    return [] if packing is None else [f"{packing.plane(memref_shape(weight)[-1])}{suffix}"]


def init_text(p: StagePrinter, init: SSAValue | None) -> str:
    return "NULL" if init is None else p.texts[init]
