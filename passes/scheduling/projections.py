"""
Weighted sums of learned weights that lie transposed: taken for all steps of a block at once.

In the backward program a layer's weight is read the other way round. A vector of steps reads
it as it lies; a transposed copy would have to be made again after each update.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from xdsl.ir import Operation

from snncc.dialects import kernel, snn
from snncc.dialects.snn.graph import components
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import is_float, node_name, shape_of, stream_type
from snncc.passes.scheduling.learned import Learned

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def projections(network: snn.NetworkOp, learned: Learned | None, signs: Signs) -> set[Operation]:
    """The sums outside of cycles whose weights lie with a row for each result."""
    if learned is None:
        return set()
    return {
        op
        for part in components(network)
        if not part.recurrent
        for op in part.operations
        if isinstance(op, snn.LinearOp)
        and op.bias is None
        and is_float(stream_type(op.input).element_type)
        and not _is_sparse(op, signs)
        and learned.depends(op.weight)
        and learned.lies(op.weight, np.arange(np.prod(shape_of(op.weight))))
    }


def _is_sparse(op: snn.LinearOp, signs: Signs) -> bool:
    from snncc.passes.scheduling.operations import is_sparse

    return is_sparse(op.input, signs)


def write_projection(s: Scheduler, op: snn.LinearOp) -> None:
    rows, columns = shape_of(op.weight)
    place = s.row_place(op.input)
    s.place(op.result, node_name(op) or "linear")
    steps = kernel.ProjectOp.STEPS
    room = s.work(
        f"{node_name(op) or 'linear'}.room",
        (-(-s.block // steps) * steps * columns,),
        op.result,
    )

    def run() -> None:
        weight = s.fixed(op.weight, np.asarray)
        assert weight is not None
        operands = (
            weight,
            s.ref(place, (s.block, columns)),
            s.steps,
            s.ref(s.symbol(room), tuple(room.type.get_shape())),  # type: ignore[attr-defined]
            s.ref(s.places[op.result].buffer, (s.block, rows)),
        )
        s.builder.insert(kernel.ProjectOp(*operands))

    s.after.append(run)
