"""Operations that round to a grid."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from snncc.dialects.grids import Grid
from snncc.errors import error
from snncc.importers.graph import operations as ops
from snncc.importers.graph.elementwise import Elementwise
from snncc.importers.graph.store import FOLD_COST
from snncc.importers.graph.values import Rounding, Value, sources_of

_VIEWS = {"reshape", "transpose", "take", "expand"}
"""Operations that move the elements of one value."""


@dataclass
class Grids(Elementwise):
    """Operations that round to a grid."""

    _integral: dict[Value, tuple[Value, Rounding]] = field(default_factory=dict)
    """Integers that `quantize` made: of what, and how."""
    _counted: set[Value] = field(default_factory=set)
    """The floats that hold such integers."""

    def quantize(self, x: Value, rounding: Rounding, dtype: Any) -> Value:
        """The whole numbers that `fake_quantize` stores, as integers."""
        floats = self._stored(x, rounding)
        self._counted.add(floats)
        integers = self.cast(floats, dtype)
        if not integers.is_constant:
            self._integral[integers] = (x, rounding)
        return integers

    def dequantize(
        self,
        x: Value,
        scale: Value,
        zero: Value,
        grid: Grid | None = None,
        name: str | None = None,
    ) -> Value:
        """
        (x - zero) * scale of integers. `grid` is what a constant lies on then, under a name.
        Of what `quantize` made it is one operation with it, where views stand between them too.
        """
        if x.is_constant:
            self.charge(FOLD_COST + 16 * x.content.nbytes)
            stored = x.content.astype(np.int64) - zero.content.astype(np.int64)
            array = np.asarray(stored.astype(scale.dtype) * scale.content)
            return self._frozen(array, sources_of((x, scale, zero)), name or x.name, grid)
        known = self._integral.get(x)
        if known is not None and known[0].dtype == scale.dtype:
            source, rounding = known
            if rounding.scale is scale and rounding.zero is zero:
                return self.fake_quantize(source, rounding)
            floats = self._stored(source, rounding)
        elif x.op in _VIEWS and not scale.shape:
            return self.rebuild(x, [self.dequantize(x.operands[0], scale, zero)])
        elif x.op == "cast" and self._counts(x.operands[0]):
            floats = self.cast(x.operands[0], scale.dtype)
        else:
            floats = self.cast(x, scale.dtype)
        return self.binary("mul", self.binary("sub", floats, zero), scale)

    def fake_quantize(self, x: Value, rounding: Rounding) -> Value:
        """
        (min(max(round(x * factor) + zero, low), high) - zero) * scale, halves to even, with
        x / factor where the rounding divides. A constant lies on its grid then; a spike has
        one of two values, as before.
        """
        r = rounding
        operands = (x, r.factor, r.scale, r.zero)
        if any(v.dtype != x.dtype or v.dtype.kind != "f" for v in operands):
            raise error("SNC-I014", f"fake_quantize: {operands!r}")
        if x.op == "cast" and x.operands[0].dtype.kind == "b":
            ends = (self.constant(np.asarray(end, x.dtype)) for end in (0, 1))
            rest, fired = (self.fake_quantize(end, r) for end in ends)
            if not rest.content.any():
                return self.binary("mul", x, fired)
            return self.where(x.operands[0], fired, rest)
        shape = self._broadcast("fake_quantize", *(v.shape for v in operands))
        named: dict[str, Any] = {"divides": r.divides, "low": r.low, "high": r.high}
        if not all(v.is_constant for v in operands):
            return self._make("fake_quantize", operands, named, shape, x.dtype)
        self._expect_moderate(shape, *operands)
        self.charge(FOLD_COST + 4 * x.content.nbytes)
        array = ops.fake_quantize(*(v.content for v in operands), **named)
        return self._frozen(array, sources_of(operands), x.name, r.grid(len(shape)))

    def _counts(self, x: Value) -> bool:
        """Whether floats hold integers that `quantize` made, in other places perhaps."""
        while x.op in _VIEWS:
            x = x.operands[0]
        return x in self._counted

    def _stored(self, x: Value, rounding: Rounding) -> Value:
        """The whole numbers that a rounding stores, as floats."""
        one = self.constant(np.ones((), x.dtype))
        counted = self.fake_quantize(x, replace(rounding, scale=one))
        return self.binary("add", counted, rounding.zero)
