"""
Shifts of integers, which quantized neurons decay by.

The network computes in float32, where the floor of x / 2^k is exact: integers are held below
2^24, as in all of a network that was written with integers.
"""

from __future__ import annotations

import numpy as np

from snncc.errors import error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch.promotion import FLOAT, together
from snncc.importers.torch.registry import Operand, operator

MOST = 31


@operator("aten.__rshift__", "aten.bitwise_right_shift")
def right(graph: Graph, self: Operand, other: Operand) -> Value:
    """x >> k: the floor of x / 2^k."""
    return _shifted(graph, self, other, down=True)


@operator("aten.__lshift__", "aten.bitwise_left_shift")
def left(graph: Graph, self: Operand, other: Operand) -> Value:
    """x << k: x * 2^k."""
    return _shifted(graph, self, other, down=False)


def _shifted(graph: Graph, self: Operand, other: Operand, *, down: bool) -> Value:
    x, by = together(graph, self, other)
    if x.dtype.kind not in "iu" or not by.is_constant:
        raise error("SNC-I012", f"a shift of {x.dtype} by what is computed while the model runs")
    amount = by.content.astype(np.int64)
    if np.any((amount < 0) | (amount > MOST)):
        raise error("SNC-I012", f"a shift by {amount.min()} to {amount.max()} bits")
    if x.is_constant:
        shift = np.right_shift if down else np.left_shift
        return graph.folded([x, by], shift(x.content, amount.astype(x.dtype)))
    steps = graph.constant(np.exp2(amount).astype(FLOAT))
    scaled = graph.binary("div" if down else "mul", graph.cast(x, FLOAT), steps)
    return graph.cast(graph.unary("floor", scaled) if down else scaled, x.dtype)
