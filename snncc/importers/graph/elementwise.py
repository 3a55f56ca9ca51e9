"""Operations on each element."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.errors import error
from snncc.importers.graph import operations as ops
from snncc.importers.graph.shapes import Shapes
from snncc.importers.graph.values import Shape, Value

_WHOLE = {"floor", "ceil", "trunc", "round"}
"""Operations that give whole numbers."""
_OF_INTEGERS = {"add", "sub", "neg", "maximum", "minimum"}
"""Arithmetic that is the same on floats that hold integers."""
_STEPS = {"gt": ("gt", False), "lt": ("gt", True), "ge": ("ge", False), "le": ("ge", True)}
"""A comparison as one with zero, and whether its operands change places for it."""


@dataclass
class Elementwise(Shapes):
    """Operations on each element."""

    def unary(self, op: str, x: Value) -> Value:
        """`op` is one of `operations.UNARY`."""
        if x.is_constant:
            return self._computed(op, (x,), ops.UNARY[op](x.content))
        dtype = np.dtype(bool) if op == "not" else x.dtype
        if op == "not" and x.op in ops.OPPOSITE and np.issubdtype(x.operands[0].dtype, np.integer):
            return self.binary(ops.OPPOSITE[x.op], *x.operands)
        return self._make(op, (x,), {}, x.shape, dtype)

    def binary(self, op: str, a: Value, b: Value) -> Value:
        """`op` is one of `operations.BINARY`; the operands broadcast and have one type."""
        if a.dtype != b.dtype:
            raise error("SNC-I014", f"{op}: operands of {a.dtype} and {b.dtype}")
        shape = self._broadcast(op, a.shape, b.shape)
        if a.is_fixed and b.is_fixed:
            return self._computed_of_two(op, a, b, shape)
        kept = self._identity(op, a, b, shape)
        if kept is not None:
            return kept
        if a.is_constant and b.is_constant:
            return self._computed_of_two(op, a, b, shape)
        a, b = self._plain(a, b.shape), self._plain(b, a.shape)
        if op in ops.MIRRORED and a.is_constant:  # 0 < x is x > 0
            op, a, b = ops.MIRRORED[op], b, a
        dtype = np.dtype(bool) if op in ops.COMPARISONS else a.dtype
        return self._make(op, (a, b), {}, shape, dtype)

    def where(self, condition: Value, a: Value, b: Value) -> Value:
        """`a` where the condition holds, else `b`."""
        if a.dtype != b.dtype:
            raise error("SNC-I014", f"where: operands of {a.dtype} and {b.dtype}")
        shape = self._broadcast("where", condition.shape, a.shape, b.shape)
        if condition.is_fixed and any(self._all_zero_or_one(condition)):
            return self.expand(a if self._all_zero_or_one(condition)[1] else b, shape)
        if a is b:
            return self.expand(a, shape)
        if condition.is_constant and a.is_constant and b.is_constant:
            self._expect_moderate(shape, condition, a, b)
            array = np.where(condition.content, a.content, b.content)
            return self._computed("where", (condition, a, b), array, {}, [a, b])
        if a.is_fixed and b.is_fixed and condition.shape == shape:
            if self._all_zero_or_one(a)[1] and self._all_zero_or_one(b)[0]:
                return self.cast(condition, a.dtype)  # a spike, written as a choice
            if self._all_zero_or_one(a)[0] and self._all_zero_or_one(b)[1]:
                return self.cast(self.unary("not", condition), a.dtype)
        return self._make("where", (condition, a, b), {}, shape, a.dtype)

    def cast(self, x: Value, dtype: Any) -> Value:
        dtype = np.dtype(dtype)
        if x.dtype == dtype:
            return x
        boolean = dtype.kind == "b"
        if x.is_constant and not (boolean and x.is_learnable):
            return self._arranged("cast", (x,), x.content.astype(dtype))
        if x.op == "cast" and x.operands[0].dtype.kind == "b":
            if boolean:
                return x.operands[0]
            return self.cast(x.operands[0], dtype)
        if x.op == "cast" and dtype.kind == "f" and x.dtype.kind == "i":
            inner = x.operands[0]
            if inner.dtype == dtype:  # to whole numbers and back
                return inner if inner.op in _WHOLE else self.unary("trunc", inner)
        if dtype.kind == "f" and x.dtype.kind in "iu" and x.op in _OF_INTEGERS:
            floats = [self.cast(operand, dtype) for operand in x.operands]
            return self.rebuild(x, floats)  # as exact, where integers come as floats
        if boolean:
            return self.binary("ne", x, self.constant(np.zeros((), x.dtype)))
        return self._make("cast", (x,), {}, x.shape, dtype)

    def detach(self, x: Value) -> Value:
        """The same value; no gradient flows through it."""
        if x.is_fixed or x.operation.op == "detach" or x.dtype.kind == "b":
            return x
        if x.is_constant:
            return self._computed("detach", (x,), x.content)
        return self._make("detach", (x,), {}, x.shape, x.dtype)

    def spike(self, u: Value, *of: Value, comparison: str, surrogate: Any = None) -> Value:
        """
        Whether `u` is above (`gt`) or not below (`ge`) zero, as a boolean, with the
        derivative that the model has for it: a function of `u`, or of the values in `of`
        (an attribute or a `snn.surrogate` of the dialect, or None).
        """
        if surrogate is None or u.is_constant:
            return self.binary(comparison, u, self.constant(np.zeros((), u.dtype)))
        attributes = {"comparison": comparison, "surrogate": surrogate}
        shape = self._broadcast("spike", u.shape, *(value.shape for value in of))
        return self._make("spike", (u, *of), attributes, shape, np.dtype(bool))

    def spike_count(self, q: Value, *of: Value, maximum: int, surrogate: Any = None) -> Value:
        """
        How many whole ones `q` holds, from 0 to `maximum`, as a float, with a derivative as
        that of `spike`.
        """
        if q.is_fixed:
            largest = self.constant(np.full((), maximum, q.dtype))
            bounded = self.binary("minimum", self.unary("trunc", q), largest)
            return self.binary("maximum", bounded, self.constant(np.zeros((), q.dtype)))
        attributes = {"maximum": maximum, "surrogate": surrogate}
        shape = self._broadcast("spike_count", q.shape, *(value.shape for value in of))
        return self._make("spike_count", (q, *of), attributes, shape, q.dtype)

    def _computed_of_two(self, op: str, a: Value, b: Value, shape: Shape) -> Value:
        self._expect_moderate(shape, a, b)
        with np.errstate(all="ignore"):
            return self._computed(op, (a, b), ops.BINARY[op](a.content, b.content))

    def _identity(self, op: str, a: Value, b: Value, shape: Shape) -> Value | None:
        """What an operation with 0 or 1 leaves unchanged (a zero's sign aside)."""
        for x, c, right in ((a, b, True), (b, a, False)):
            if not c.is_fixed or c.dtype.kind not in "fiu":
                continue
            if x.shape != shape and not x.is_constant:
                continue
            zero, one = self._all_zero_or_one(c)
            if (op == "add" and zero) or (op == "mul" and one):
                return self.expand(x, shape)
            if right and ((op == "sub" and zero) or (op in ("div", "pow") and one)):
                return self.expand(x, shape)
            if op == "mul" and zero:
                return self.constant(np.zeros(shape, x.dtype))
        if op == "sub" and ((b.op == "detach" and b.operands[0] is a) or a is b):
            return self.constant(np.zeros(shape, a.dtype))
        if op in ("maximum", "minimum", "and", "or") and a is b:
            return a
        if op == "add":  # straight-through: the value of h, the gradient of the other
            for detached, soft in ((a, b), (b, a)):
                if detached.op == "detach" and detached.operands[0].op == "sub":
                    hard, taken = detached.operands[0].operands
                    if taken is soft or (taken.op == "detach" and taken.operands[0] is soft):
                        return self._passing(hard, soft)
        return None

    def _passing(self, hard: Value, soft: Value) -> Value:
        """The value of a spike or a count, the gradient of `soft`. Of other values: `hard`."""
        through = SurrogateAttr("straight_through")
        if hard.op == "spike_count":
            maximum = hard.attribute("maximum")
            return self.spike_count(hard.operands[0], soft, maximum=maximum, surrogate=through)
        step = hard.operands[0] if hard.op == "cast" else hard
        if step.op not in (*_STEPS, "spike") or step.operands[0].dtype != soft.dtype:
            return hard
        if step.op == "spike":
            u, comparison = step.operands[0], step.attribute("comparison")
        else:
            comparison, swapped = _STEPS[step.op]
            a, b = step.operands[::-1] if swapped else step.operands
            zero = a.is_fixed and not a.content.any()
            u = self.unary("neg", b) if zero else self.binary("sub", a, b)
        spike = self.spike(u, soft, comparison=comparison, surrogate=through)
        return self.cast(spike, soft.dtype) if spike.shape == hard.shape else hard
