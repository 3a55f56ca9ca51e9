"""
Products of two streams, `snn.outer`: one that is only summed over time is never held, but
added to the sum, all steps of a block at once.
"""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np
from xdsl.dialects.builtin import IntegerType, i1, i16, i32
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineDimExpr, AffineMap

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.types import node_name, shape_of, stream_type
from snncc.passes.scheduling import layout

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler

LEFT, RIGHT, OUT = (2, 0, 1), (1, 2, 0), (0, 2, 1)
"""How the kernel has the axes of left, right [groups, elements, positions] and the result."""


def summed_product(value: SSAValue) -> snn.OuterOp | None:
    """The product that a value is, as it is or reshaped, where nothing else reads it."""
    while value.has_one_use():
        if isinstance(value.owner, snn.OuterOp):
            return value.owner
        if not isinstance(value.owner, snn.ReshapeOp):
            return None
        value = value.owner.input
    return None


def feeds_a_product(s: Scheduler, value: SSAValue) -> bool:
    """Whether a product that is summed reads a value, as it is or reshaped."""
    return any(
        use.operation in s.products
        or (isinstance(use.operation, snn.ReshapeOp) and is_read_through(s, use.operation))
        for use in value.uses
    )


def is_read_through(s: Scheduler, op: snn.ReshapeOp) -> bool:
    """Whether nothing but sums over time need a reshape, on either side: they see through it."""
    if op.result.first_use is None:
        return False
    if summed_product(op.result) in s.products:
        return True
    return all(
        use.operation in s.products
        or (isinstance(use.operation, snn.ReshapeOp) and is_read_through(s, use.operation))
        for use in op.result.uses
    )


def write_product(s: Scheduler, op: snn.OuterOp) -> None:
    groups, columns, positions = shape_of(op.left)
    rows = shape_of(op.right)[1]
    left_shape, right_shape = (positions, groups, columns), (rows, positions, groups)
    name = node_name(op) or "outer"
    total = s.products.get(op)
    summed = total is not None
    if total is not None and groups == positions == 1 and s.block > 1:
        _write_rows(s, op, total, name)
        return
    left = _operand(s, op.left, LEFT, f"{name}.left", rows=summed)
    right = _operand(s, op.right, RIGHT, f"{name}.right", rows=summed)
    count = positions * (s.block if summed else 1)
    listed = s.work(f"{name}.active", (count,), IntegerType(16 if count <= 1 << 16 else 32))
    if total is not None:

        def add() -> None:
            operands = (
                s.ref(left, (s.block, *left_shape)),
                s.ref(right, (s.block, *right_shape)),
                s.steps,
                s.ref(s.symbol(listed), (count,)),
                s.ref(total, (groups, rows, columns)),
            )
            s.builder.insert(kernel.OuterOp(*operands))

        s.after.append(add)
        return
    product = s.work(f"{name}.sum", (groups, rows, columns), op.result)
    s.fill(product, stream_type(op.result).element_type, 0.0)
    operands = (s.ref(left, (1, *left_shape)), s.ref(right, (1, *right_shape)))
    s.builder.insert(kernel.OuterOp(*operands, s.one(), listed, product))
    out = s.place(op.result, name)  # [columns, rows, groups]
    reads = AffineMap(3, 0, tuple(AffineDimExpr(axis) for axis in (2, 1, 0)))
    s.copy(product, out, reads, AffineMap.identity(3))


def _write_rows(s: Scheduler, op: snn.OuterOp, total: str, name: str) -> None:
    """The sum of a layer that is fully connected."""
    columns, rows = shape_of(op.left)[1], shape_of(op.right)[1]
    left = _operand(s, op.left, LEFT, f"{name}.left", rows=True)
    right = _operand(s, op.right, RIGHT, f"{name}.right", rows=True)
    active, listed, panel = kernel.OuterRowsOp.rooms(s.block, rows, columns)
    bits = s.symbol(s.work(f"{name}.active", (active,), i32))
    places = s.symbol(s.work(f"{name}.list", (listed,), i16))
    near = s.symbol(s.work(f"{name}.panel", (panel,), op.result))

    def add() -> None:
        operands = (
            s.ref(left, (s.block, columns)),
            s.ref(right, (s.block, rows)),
            s.steps,
            s.ref(bits, (active,)),
            s.ref(places, (listed,)),
            s.ref(near, (panel,)),
            s.ref(total, (rows, columns)),
        )
        spikes = stream_type(op.right).element_type == i1
        s.builder.insert(kernel.OuterRowsOp(*operands, spikes=spikes))

    s.after.append(add)


def _operand(
    s: Scheduler, value: SSAValue, axes: tuple[int, int, int], name: str, *, rows: bool
) -> str:
    """
    The buffer that holds an operand with its axes in that order: `rows` for each step of a
    block, in the order in which they run; else for one step.
    """
    shape = shape_of(value)
    order = np.arange(prod(shape)).reshape(shape).transpose(axes).ravel()
    source = value
    while rows:
        place = s.places.get(source)
        held = place is not None and s.buffers[place.buffer].role.data is Role.STREAM
        if place is not None and held and np.array_equal(_stored_order(source), order):
            return place.buffer
        if not isinstance(source.owner, snn.ReshapeOp):
            break
        source = source.owner.input
    role, sizes = (Role.STREAM, (s.block, order.size)) if rows else (Role.WORK, (order.size,))
    buffer = s.declare(role, name, sizes, value)
    target = s.ref(buffer, tuple(shape[axis] for axis in axes), rows=rows)
    # what lies in the model's order of axes stays so under any shape
    source = value
    while source not in s.places and isinstance(source.owner, snn.ReshapeOp):
        source = source.owner.input
    place = s.places.get(source)
    if place is not None and (place.logical or layout.is_trivial(shape_of(source))):
        if np.array_equal(order, np.arange(order.size)):
            flat, identity = (order.size,), AffineMap.identity(1)
            s.copy(s.at(place, flat), s.ref(buffer, flat, rows=rows), identity, identity)
        else:
            s.copy(s.at(place, shape), target, _reading(axes), AffineMap.identity(3))
        return buffer
    if source is not value and place is not None:
        moved = _moved(s, source, f"{name}.model")
        s.copy(s.ref(moved, shape), target, _reading(axes), AffineMap.identity(3))
        return buffer
    stored = s.read(value)  # [elements, positions, groups]
    where = {axis: place for place, axis in enumerate(axes)}
    reads = AffineMap(3, 0, tuple(AffineDimExpr(where[axis]) for axis in layout.stored_axes(3)))
    s.copy(stored, target, reads, AffineMap.identity(3))
    return buffer


def _reading(axes: tuple[int, int, int]) -> AffineMap:
    """Reads the model's order of axes while looping over them in another."""
    where = {axis: place for place, axis in enumerate(axes)}
    return AffineMap(3, 0, tuple(AffineDimExpr(where[axis]) for axis in range(3)))


def _moved(s: Scheduler, value: SSAValue, name: str) -> str:
    """One step of a value in the model's order of axes: a buffer."""
    shape = shape_of(value)
    buffer = s.declare(Role.WORK, name, shape, value)
    rank = len(shape)
    target = s.ref(buffer, shape)
    s.copy(s.read(value), target, AffineMap.identity(rank), layout.transpose_map(rank))
    return buffer


def _stored_order(value: SSAValue) -> Array:
    """The place of each stored element in the model's order of axes."""
    shape = shape_of(value)
    return layout.stored(np.arange(prod(shape)).reshape(shape)).ravel()
