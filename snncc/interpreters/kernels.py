"""
The kernels of the scheduled level on arrays.

An operand is [B, *shape] (constants: its shape), a number of active elements [B]. Sums
take their terms in the order of the list, as each kernel's docstring states it.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np
from xdsl.dialects import arith, linalg
from xdsl.dialects.builtin import AnyFloat, MemRefType
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Attribute, SSAValue

from snncc.dialects import kernel
from snncc.dialects.arrays import Array, dtype_of, rearranged
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.places import NOWHERE
from snncc.interpreters import sums
from snncc.interpreters.scalars import from_stream, signed, to_stream, wrap
from snncc.interpreters.streams import largest_of, lowest

# Plain `isinstance`: `isa` with a type's parameters takes longer than a kernel.


def memref_shape(value: SSAValue) -> tuple[int, ...]:
    assert isinstance(value.type, MemRefType)
    return value.type.get_shape()


def element_count(value: SSAValue) -> int:
    return prod(memref_shape(value))


def element_type(value: SSAValue) -> Attribute:
    assert isinstance(value.type, MemRefType)
    element: Attribute = value.type.element_type
    return element


def _flat(value: SSAValue, array: Array) -> Array:
    """[B, elements], or [1, elements] where it is a constant; a view."""
    return array.reshape(-1, element_count(value))


def _batched(value: SSAValue, array: Array) -> Array:
    """[B, *shape], or [1, *shape] where it is a constant; a view."""
    return array.reshape(-1, *memref_shape(value))


def _weight(value: SSAValue, array: Array) -> Array:
    """
    A weight, which is the same for every sample, in the type that its sum is taken in: as it
    is, or int64. Raises ValueError where it differs.
    """
    if array.ndim != len(memref_shape(value)):
        raise ValueError("expected a constant weight, got a buffer that differs by sample")
    return from_stream(array, element_type(value))


def _term(value: SSAValue, array: Array, dtype: np.dtype) -> Array:
    """What enters a sum: a float, or a count as one; a signed number in a sum of int64."""
    return signed(array, element_type(value)) if dtype == np.int64 else array.astype(dtype)


@register_impls
class KernelFunctions(InterpreterFunctions):
    """Kernels write their output operands and return what they compute besides."""

    @impl(linalg.ops.IndexOp)
    def index(
        self, interpreter: Interpreter, op: linalg.ops.IndexOp, args: PythonValues
    ) -> PythonValues:
        """Of a loop over one axis, beside arrays [B or 1, N]."""
        loop = op.parent_op()
        assert isinstance(loop, linalg.ops.GenericOp)
        (size,) = memref_shape(loop.outputs[-1])
        return (np.arange(size, dtype=np.int64)[None],)

    @impl(arith.IndexCastOp)
    def index_cast(
        self, interpreter: Interpreter, op: arith.IndexCastOp, args: PythonValues
    ) -> PythonValues:
        return args

    @impl(kernel.CompressOp)
    def compress(
        self, interpreter: Interpreter, op: kernel.CompressOp, args: PythonValues
    ) -> PythonValues:
        source, listed = args
        active = np.broadcast_to(_flat(op.source, source) != 0, listed.shape)
        counts = active.sum(axis=1)
        sample, index = np.nonzero(active)
        place = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
        listed[sample, place] = index
        return (counts,)

    @impl(kernel.GatherOp)
    def gather(
        self, interpreter: Interpreter, op: kernel.GatherOp, args: PythonValues
    ) -> PythonValues:
        weight, listed, counts, values, init, out = _operands(op, args)
        rows = _weight(op.weight, weight)
        total = _start(op.out, op.init, init, out, rows.dtype)
        factors = _event_values(op.values, values, listed, counts, rows.dtype)
        for event in range(int(counts.max(initial=0))):
            # behind the end of a sample's list the factor is 0, which changes no bit
            total += rows[listed[:, event]] * factors[:, event, None]
        _flat(op.out, out)[...] = to_stream(total, element_type(op.out))
        return ()

    @impl(kernel.DenseOp)
    def dense(
        self, interpreter: Interpreter, op: kernel.DenseOp, args: PythonValues
    ) -> PythonValues:
        weight, source, *init = args[:-1]
        rows = _weight(op.weight, weight)
        x = np.broadcast_to(_flat(op.input, source), (args[-1].shape[0], rows.shape[0]))
        x = _term(op.input, x, rows.dtype)
        bias = None if op.init is None else _term(op.init, _flat(op.init, init[0]), rows.dtype)
        total = sums.linear(x, rows.T, bias, bias_first=True, blas=rows.dtype == np.int64)
        _flat(op.out, args[-1])[...] = to_stream(total, element_type(op.out))
        return ()

    @impl(kernel.GatherStepsOp)
    def gather_steps(
        self, interpreter: Interpreter, op: kernel.GatherStepsOp, args: PythonValues
    ) -> PythonValues:
        given = dict(zip(op.operands, args, strict=True))
        weight, source, steps, *_, out = args
        rows = _weight(op.weight, weight)
        bias = None if op.init is None else _flat(op.init, given[op.init])
        for step in range(steps):
            x = source[:, step].astype(rows.dtype)
            out[:, step] = sums.linear(x, rows.T, bias, bias_first=True, blas=False)
        return ()

    @impl(kernel.OuterOp)
    def outer(
        self, interpreter: Interpreter, op: kernel.OuterOp, args: PythonValues
    ) -> PythonValues:
        left, right, steps, _, out = args
        for step in range(steps):
            # [B, groups, elements, positions]
            a = left[:, step].transpose(0, 2, 3, 1).astype(out.dtype)
            b = right[:, step].transpose(0, 3, 1, 2).astype(out.dtype)
            out += sums.outer(b, a)
        return ()

    @impl(kernel.OuterRowsOp)
    def outer_rows(
        self, interpreter: Interpreter, op: kernel.OuterRowsOp, args: PythonValues
    ) -> PythonValues:
        left, right, steps, *_, out = args
        for step in range(steps):
            out += right[:, step, :, None].astype(out.dtype) * left[:, step, None, :]
        return ()

    @impl(kernel.ProjectOp)
    def project(
        self, interpreter: Interpreter, op: kernel.ProjectOp, args: PythonValues
    ) -> PythonValues:
        weight, source, steps, _, out = args
        rows = _weight(op.weight, weight)
        for step in range(steps):
            x = source[:, step]
            if op.fused is None:
                out[:, step] = sums.linear(x, rows, None, bias_first=True, blas=False)
            else:
                out[:, step] = sums.fused_linear(x, rows)
        return ()

    @impl(kernel.PackOp)
    def pack(self, interpreter: Interpreter, op: kernel.PackOp, args: PythonValues) -> PythonValues:
        source, out = args
        bits = np.packbits(_flat(op.source, source), axis=1, bitorder="little")
        _flat(op.out, out)[...] = bits
        return ()

    @impl(kernel.UnpackOp)
    def unpack(
        self, interpreter: Interpreter, op: kernel.UnpackOp, args: PythonValues
    ) -> PythonValues:
        source, out = args
        count = element_count(op.out)
        bits = np.unpackbits(_flat(op.source, source), axis=1, count=count, bitorder="little")
        _flat(op.out, out)[...] = bits
        return ()

    @impl(kernel.ScatterOp)
    def scatter(
        self, interpreter: Interpreter, op: kernel.ScatterOp, args: PythonValues
    ) -> PythonValues:
        """
        Tap by tap over all outputs: for a list that ascends, that is the list's order.
        Raises ValueError for a list that does not.
        """
        weight, listed, counts, values, init, out = _operands(op, args)
        taps = _weight(op.weight, weight)
        batch, groups = out.shape[0], op.group_count
        factors = _event_values(op.values, values, listed, counts, taps.dtype)
        behind = np.arange(1, listed.shape[1]) >= counts[:, None]
        if not ((listed[:, 1:] > listed[:, :-1]) | behind).all():
            raise ValueError("kernel.scatter: expected a list that ascends")
        height, width, channels = op.input_sizes
        x = np.zeros((batch, height * width * channels), taps.dtype)
        sample, event = np.nonzero(np.arange(listed.shape[1]) < counts[:, None])
        x[sample, listed[sample, event]] = factors[sample, event]
        rows, columns, outputs = op.output_sizes
        _, *kernels, per_group = taps.shape
        windows = _windows((rows, columns), tuple(kernels), op.strides, op.dilations)
        paddings = tuple(
            (before, max(0, stride * (size - 1) + dilation * (taken - 1) + 1 - before - given))
            for before, stride, size, dilation, taken, given in zip(
                op.paddings,
                op.strides,
                (rows, columns),
                op.dilations,
                kernels,
                (height, width),
                strict=True,
            )
        )
        padded = np.moveaxis(
            sums.pad(np.moveaxis(x.reshape(batch, height, width, channels), -1, 1), paddings), 1, -1
        )
        padded = padded.reshape(*padded.shape[:3], groups, channels // groups)
        # [channel of the group, row, column, group, output of the group]
        factor = np.moveaxis(taps.reshape(groups, channels // groups, *kernels, per_group), 0, 3)
        start = _start(op.out, op.init, init, out, taps.dtype)
        start = start.reshape(batch, rows, columns, outputs)
        total = start.reshape(batch, rows, columns, groups, per_group)
        for (row, column), window in windows:
            for channel in range(channels // groups):
                tap = padded[:, *window, :, channel, None]
                if tap.any():
                    total += factor[channel, row, column] * tap
        out[...] = to_stream(total, element_type(op.out)).reshape(out.shape)
        return ()

    @impl(kernel.PoolOp)
    def pool(self, interpreter: Interpreter, op: kernel.PoolOp, args: PythonValues) -> PythonValues:
        source, out = args
        x = _batched(op.input, source)
        element = element_type(op.out)
        dtype = dtype_of(element) if isinstance(element, AnyFloat) else np.dtype(np.int64)
        x = _term(op.input, x, dtype)
        height, width, _ = memref_shape(op.input)
        rows, columns, _ = memref_shape(op.out)
        largest = op.pool.data is Pool.MAX
        total = np.full(out.shape, lowest(element) if largest else 0, dtype)
        counted = np.zeros((rows, columns, 1), dtype)
        (down, across), (top, left) = op.strides, op.paddings
        for i, j in product(*(range(size) for size in op.kernels)):
            # the part of the output whose element (i, j) of the window lies inside
            ys = [y for y in range(rows) if 0 <= y * down + i - top < height]
            xs = [x for x in range(columns) if 0 <= x * across + j - left < width]
            if not ys or not xs:
                continue
            inside = (slice(ys[0], ys[-1] + 1), slice(xs[0], xs[-1] + 1))
            first_y, first_x = ys[0] * down + i - top, xs[0] * across + j - left
            tap = x[
                :,
                first_y : first_y + down * (len(ys) - 1) + 1 : down,
                first_x : first_x + across * (len(xs) - 1) + 1 : across,
            ]
            part = total[:, *inside]
            part[...] = largest_of(part, tap) if largest else part + tap
            counted[inside] += 1
        if op.pool.data is Pool.AVG:
            whole = dtype.type(op.kernels[0] * op.kernels[1])
            total = total / (whole if op.exclude_padding is None else counted)
        out[...] = to_stream(total, element)
        return ()

    @impl(kernel.InsertOp)
    def insert(
        self, interpreter: Interpreter, op: kernel.InsertOp, args: PythonValues
    ) -> PythonValues:
        source, out = args
        where = tuple(
            slice(place, place + size)
            for place, size in zip(op.places, memref_shape(op.source), strict=True)
        )
        out[:, *where] = _batched(op.source, source)
        return ()

    @impl(kernel.RearrangeOp)
    def rearrange(
        self, interpreter: Interpreter, op: kernel.RearrangeOp, args: PythonValues
    ) -> PythonValues:
        source, table, out = args
        starts = _flat(op.places, table)[0].astype(np.int64)
        rows = _flat(op.source, source)
        places = starts[:, None] + np.arange(op.run)
        if op.zeros is not None:
            places[starts >= rows.shape[1]] = NOWHERE
        _flat(op.out, out)[...] = rearranged(rows, places.ravel())
        return ()

    @impl(kernel.DelayReadOp)
    def delay_read(
        self, interpreter: Interpreter, op: kernel.DelayReadOp, args: PythonValues
    ) -> PythonValues:
        line, position, *now, out = args
        depth, size = line.shape[1], element_count(op.out)
        steps = np.broadcast_to(np.array(op.per_element), (size,))
        rows = (int(position.flat[0]) + depth - steps) % depth
        read = line.reshape(line.shape[0], depth, size)[:, rows, np.arange(size)]
        if op.now is not None:
            read = np.where(steps == 0, _flat(op.now, now[0]), read)
        _flat(op.out, out)[...] = read
        return ()

    @impl(kernel.DelayWriteOp)
    def delay_write(
        self, interpreter: Interpreter, op: kernel.DelayWriteOp, args: PythonValues
    ) -> PythonValues:
        source, line, position = args
        row = int(position.flat[0])
        line[:, row] = _batched(op.source, source)
        position[...] = (row + 1) % line.shape[1]
        return ()

    @impl(arith.FPToUIOp)
    def float_to_unsigned(
        self, interpreter: Interpreter, op: arith.FPToUIOp, args: PythonValues
    ) -> PythonValues:
        """Bodies bound the value first (`snn.count` is lowered so): it fits its type."""
        return (wrap(np.asarray(args[0]).astype(np.int64), op.result.type),)


def _operands(
    op: kernel.GatherOp | kernel.ScatterOp, args: PythonValues
) -> tuple[Array, Array, Array, Array | None, Array | None, Array]:
    """(weight, list, counts, values, init, out) with None for what is absent."""
    by_value = dict(zip(op.operands, args, strict=True))
    return (
        by_value[op.weight],
        by_value[op.list],
        by_value[op.count],
        None if op.values is None else by_value[op.values],
        None if op.init is None else by_value[op.init],
        by_value[op.out],
    )


def _start(
    out: SSAValue, init: SSAValue | None, content: Array | None, into: Array, dtype: np.dtype
) -> Array:
    """Where a sum starts, [B, elements of out]: 0, plus the value for each (last) axis."""
    start = np.zeros((into.shape[0], element_count(out)), dtype)
    if init is None or content is None:
        return start
    each = _term(init, _flat(init, content), dtype)
    start += np.tile(each, (1, start.shape[1] // each.shape[1]))
    return start


def _event_values(
    values: SSAValue | None, content: Array | None, listed: Array, counts: Array, dtype: np.dtype
) -> Array:
    """What each entry of the list counts, [B, entries]: its value or 1, 0 behind the end."""
    ends = np.arange(listed.shape[1]) < counts[:, None]
    if values is None or content is None:
        return ends.astype(dtype)
    each = np.broadcast_to(_flat(values, content), (listed.shape[0], element_count(values)))
    taken = _term(values, np.take_along_axis(each, listed.astype(np.intp), axis=1), dtype)
    return np.asarray(np.where(ends, taken, dtype.type(0)))


def _windows(
    sizes: tuple[int, ...],
    kernels: tuple[int, ...],
    strides: tuple[int, ...],
    dilations: tuple[int, ...],
) -> list[tuple[tuple[int, ...], tuple[slice, ...]]]:
    """For each position in the kernel, ascending: the elements of the padded input it meets."""
    return [
        (
            place,
            tuple(
                slice(at * dilation, at * dilation + stride * (size - 1) + 1, stride)
                for at, dilation, stride, size in zip(place, dilations, strides, sizes, strict=True)
            ),
        )
        for place in product(*(range(size) for size in kernels))
    ]
