"""
A graph of whole-tensor operations: what a file of torch or ONNX says, in one vocabulary.

A `Value` is one tensor, with all its axes: batch and, in a model of a whole sequence,
time. Values are made by the methods of `Graph` only. These fold what is constant (with
NumPy, in the type of the operands), drop what changes no value (a product with 1, a
reshape to the same shape) and make equal expressions one value. So two parts of a graph
compute the same where they *are* the same value, which is how a loop is proved.

A parameter that training moves is constant too, and its content is what analyses look at;
but what is computed of it keeps how it was `made`, and nothing is dropped or merged for
the content that it happens to have.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.importers.graph import operations as ops
from snncc.importers.graph.rounding import Grids
from snncc.importers.graph.sums import Sums
from snncc.importers.graph.values import Rounding, Shape, Value


@dataclass
class Graph(Grids, Sums):
    """
    Makes values. Each method is one operation; shapes are checked, and faults are
    SNC-I014 with the operation's name.
    """

    def stream(self, name: str, shape: Shape, dtype: Any) -> tuple[Value, Value]:
        """
        An input as a network has it, and as the model does: integers come as floats, which
        hold those below 2 ** 24.
        """
        if np.dtype(dtype).kind not in "iu":
            value = self.input(name, shape, dtype)
            return value, value
        value = self.input(name, shape, np.float32)
        return value, self.cast(value, dtype)

    # --- a value again, with other operands

    def rebuild(self, value: Value, operands: Sequence[Value]) -> Value:
        """The operation of `value` on other operands, through the method that makes it."""
        old, self.scope = self.scope, value.scope
        try:
            return self._rebuild(value, list(operands), dict(value.attributes))
        finally:
            self.scope = old

    def _rebuild(self, value: Value, args: list[Value], attributes: dict[str, Any]) -> Value:
        op = value.op
        if op in ("constant", "input"):
            return value
        if op in ops.UNARY:
            return self.unary(op, *args)
        if op in ops.BINARY:
            return self.binary(op, *args)
        if op.startswith("reduce_"):
            return self.reduce(op[7:], args[0], attributes["axes"], attributes["keep"])
        if op == "cast":
            return self.cast(args[0], value.dtype)
        if op == "concat":
            return self.concat(args, attributes["axis"])
        if op == "fake_quantize":
            return self.fake_quantize(args[0], Rounding(args[1], args[2], args[3], **attributes))
        if op == "conv":
            return self.conv(args[0], args[1], args[2] if len(args) > 2 else None, **attributes)
        if op == "pool":
            return self.pool(attributes.pop("kind"), args[0], **attributes)
        return getattr(self, op)(*args, **attributes)  # type: ignore[no-any-return]
