"""
Weighted sums in programs that train, taken for all steps of a block at once.

Where the input is mostly zero, all steps take the weight's rows of their active inputs while
a part of the weight is near: it comes from afar once a block. In the backward program a
layer's weight is read the other way round, by gradients that are not zero. A vector of steps
reads it as it lies; a transposed copy would have to be made again after each update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from xdsl.dialects.builtin import IntegerType, i1
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineMap

from snncc.dialects import kernel, snn
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.graph import components
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import is_float, node_name, shape_of, stream_type
from snncc.passes.scheduling.fixed import read_fixed
from snncc.passes.scheduling.learned import Learned

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def projections(s: Scheduler) -> set[Operation]:
    """
    The sums of floats outside of cycles that are taken for a block: those whose input is mostly
    zero, where it has several steps, and those whose weight lies with a row for each result.
    """
    learned = s.learned
    if learned is None:
        return set()
    return {
        op
        for part in components(s.network)
        if not part.recurrent
        for op in part.operations
        if isinstance(op, snn.LinearOp)
        and is_float(stream_type(op.result).element_type)
        and (s.block > 1 if _is_sparse(op, s.signs) else _lies_transposed(op, learned))
    }


def _lies_transposed(op: snn.LinearOp, learned: Learned) -> bool:
    return (
        op.bias is None
        and is_float(stream_type(op.input).element_type)
        and learned.depends(op.weight)
        and learned.lies(op.weight, np.arange(np.prod(shape_of(op.weight))))
    )


def _is_sparse(op: snn.LinearOp, signs: Signs) -> bool:
    from snncc.passes.scheduling.operations import is_sparse

    return is_sparse(op.input, signs)


def write_projection(s: Scheduler, op: snn.LinearOp) -> None:
    if _is_sparse(op, s.signs):
        _write_gather(s, op)
    else:
        _write_project(s, op)


def _write_gather(s: Scheduler, op: snn.LinearOp) -> None:
    from snncc.passes.scheduling.operations import first_bias, weight_of

    outputs, inputs = shape_of(op.weight)
    place = _row_place(s, op.input)
    name = node_name(op) or "linear"
    s.place(op.result, name)
    size, columns = kernel.GatherStepsOp.rooms(s.block, inputs, outputs)
    listed = s.symbol(s.work(f"{name}.active", (size,), IntegerType(16)))
    near = s.symbol(s.work(f"{name}.panel", (columns,), op.result)) if columns else None

    def run() -> None:
        s.builder.insert(
            kernel.GatherStepsOp(
                weight_of(s, op, op.weight, np.transpose),
                s.ref(place, (s.block, inputs)),
                s.steps,
                s.ref(listed, (size,)),
                s.ref(s.places[op.result].buffer, (s.block, outputs)),
                first_bias(s, op),
                None if near is None else s.ref(near, (columns,)),
                spikes=stream_type(op.input).element_type == i1,
            )
        )

    s.after.append(run)


def _write_project(s: Scheduler, op: snn.LinearOp) -> None:
    rows, columns = shape_of(op.weight)
    place = _row_place(s, op.input)
    s.place(op.result, node_name(op) or "linear")
    room = s.work(
        f"{node_name(op) or 'linear'}.room",
        (kernel.ProjectOp.room_of(s.block, rows, columns),),
        op.result,
    )

    def run() -> None:
        weight = read_fixed(s, op.weight, np.asarray)
        assert weight is not None
        operands = (
            weight,
            s.ref(place, (s.block, columns)),
            s.steps,
            s.ref(s.symbol(room), tuple(room.type.get_shape())),  # type: ignore[attr-defined]
            s.ref(s.places[op.result].buffer, (s.block, rows)),
        )
        s.builder.insert(kernel.ProjectOp(*operands, fused=s.fused))

    s.after.append(run)


def _row_place(s: Scheduler, value: SSAValue) -> str:
    """The buffer that holds a stream of one axis for all steps of a block, in their order."""
    place = s.places[value]
    if s.buffers[place.buffer].role.data is Role.STREAM:
        return place.buffer
    shape = shape_of(value)
    buffer = s.declare(Role.STREAM, f"{place.buffer}.rows", (s.block, *shape), value)
    identity = AffineMap.identity(len(shape))
    s.copy(s.read(value), s.ref(buffer, shape, rows=True), identity, identity)
    return buffer
