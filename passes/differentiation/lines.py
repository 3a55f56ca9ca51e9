"""The gradient of what a delay holds before the first step."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, TensorType, i64
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.types import shape_of
from snncc.passes.differentiation.transposition import Transposition


def line_gradients(t: Transposition, op: snn.DelayOp, gradient: SSAValue) -> SSAValue:
    """
    A stream [depth, *shape] whose last value is the gradient of a delay's line, the oldest
    first.

    The line's element j is what the delay gives at step j - (depth - d), for an element that
    is delayed by d: its gradient is that of the result at this step, which in reverse is so
    many steps before the last one.
    """
    shape = shape_of(op.stream)
    by_element = np.broadcast_to(
        np.reshape(
            op.steps_per_element, shape if len(op.steps_per_element) > 1 else (1,) * len(shape)
        ),
        shape,
    )
    lines: list[SSAValue] = []
    for place in range(op.depth):
        steps = place - (op.depth - by_element)
        line = _delayed(t, gradient, np.maximum(steps, 0))
        if (steps < 0).any():
            line = t.insert(snn.ScaleOp(line, t.constant((steps >= 0).astype(np.float64))))
        lines.append(t.reshape(line, (1, *shape)))
    return lines[0] if len(lines) == 1 else t.insert(snn.ConcatOp(lines, 0))


def _delayed(t: Transposition, stream: SSAValue, steps: np.ndarray) -> SSAValue:
    if not steps.any():
        return stream
    if (steps == steps.flat[0]).all():
        return t.insert(snn.DelayOp(stream, int(steps.flat[0]), t.constant(0.0)))
    by = DenseIntOrFPElementsAttr.from_list(TensorType(i64, steps.shape), steps.ravel().tolist())
    return t.insert(snn.DelayOp(stream, by, t.constant(0.0)))
