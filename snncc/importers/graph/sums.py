"""Operations that add up elements, or take the largest."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from snncc.errors import error
from snncc.importers.graph import operations as ops
from snncc.importers.graph.shapes import Shapes
from snncc.importers.graph.values import Shape, Value


@dataclass
class Sums(Shapes):
    """Operations that add up elements, or take the largest."""

    def reduce(self, kind: str, x: Value, axes: Iterable[int], keep: bool = False) -> Value:
        """`kind` is sum, mean, max or min over `axes`."""
        picked = tuple(sorted({self._axis(kind, x, a) for a in axes}))
        if not picked:
            return x
        if x.is_learnable and picked != tuple(range(picked[0], picked[-1] + 1)):
            whole = x
            for axis in picked:  # a network reduces over neighbouring axes
                x = self.reduce(kind, x, (axis,), keep=True)
            rest = [size for axis, size in enumerate(whole.shape) if axis not in picked]
            return x if keep else self.reshape(x, rest)
        if x.is_constant:
            self.charge(x.content.nbytes)
            array = ops.REDUCTIONS[kind](x.content, axis=picked, keepdims=keep)
            attributes = {"axes": picked, "keep": keep}
            return self._computed(f"reduce_{kind}", (x,), np.asarray(array, x.dtype), attributes)
        shape = tuple(
            1 if axis in picked else size
            for axis, size in enumerate(x.shape)
            if keep or axis not in picked
        )
        if all(x.shape[axis] == 1 for axis in picked):
            return self.reshape(x, shape)
        return self._make(f"reduce_{kind}", (x,), {"axes": picked, "keep": keep}, shape, x.dtype)

    def linear(self, x: Value, weight: Value, bias: Value | None = None) -> Value:
        """y[..., o] = sum over i of weight[o, i] x[..., i], and the bias [o]."""
        if len(weight.shape) != 2 or not x.shape or x.shape[-1] != weight.shape[1]:
            raise error("SNC-I014", f"linear: {x!r} with a weight of {list(weight.shape)}")
        shape = (*x.shape[:-1], weight.shape[0])
        operands = [x, weight] if bias is None else [x, weight, self.expand(bias, shape[-1:])]
        if all(v.is_constant for v in operands):
            self._expect_moderate_product(shape, x)
            array = x.content @ weight.content.T
            array = array if bias is None else array + operands[2].content
            return self._computed("linear", tuple(operands), array, {}, [])
        return self._make("linear", tuple(operands), {}, shape, x.dtype)

    def matmul(self, a: Value, b: Value) -> Value:
        """NumPy's `a @ b`. With a constant matrix on one side it is a `linear`."""
        if len(a.shape) == 1:
            row = self.matmul(self.reshape(a, (1, *a.shape)), b)
            axis = len(row.shape) - (2 if len(b.shape) > 1 else 1)
            return self.reshape(row, row.shape[:axis] + row.shape[axis + 1 :])
        if len(b.shape) == 1:
            column = self.matmul(a, self.reshape(b, (*b.shape, 1)))
            return self.reshape(column, column.shape[:-1])
        if a.shape[-1] != b.shape[-2]:
            raise error("SNC-I014", f"matmul: {list(a.shape)} with {list(b.shape)}")
        lead = self._broadcast("matmul", a.shape[:-2], b.shape[:-2])
        shape = (*lead, a.shape[-2], b.shape[-1])
        if a.is_constant and b.is_constant:
            self._expect_moderate_product(shape, a)
            return self._computed("matmul", (a, b), a.content @ b.content, {}, [])
        if b.is_constant and len(b.shape) == 2:
            return self.linear(a, self.transpose(b, (1, 0)))
        return self._make("matmul", (a, b), {}, shape, a.dtype)

    def conv(
        self,
        x: Value,
        weight: Value,
        bias: Value | None,
        *,
        stride: Sequence[int],
        padding: Sequence[tuple[int, int]],
        dilation: Sequence[int],
        groups: int,
    ) -> Value:
        """Cross-correlation of [(N,) C, *spatial] with [O, C / groups, *kernel]."""
        rank = len(weight.shape) - 2
        if len(x.shape) not in (rank + 1, rank + 2) or rank < 1:
            raise error("SNC-I014", f"conv: {x!r} with a weight of {list(weight.shape)}")
        lead, channels = x.shape[: -rank - 1], x.shape[-rank - 1]
        if groups < 1 or channels != weight.shape[1] * groups or weight.shape[0] % groups:
            raise error("SNC-I014", f"conv: {x!r}, weight {list(weight.shape)}, groups {groups}")
        spatial = self._window(
            "conv", x.shape[-rank:], weight.shape[2:], stride, padding, dilation, ceil=False
        )
        attributes = {
            "stride": tuple(stride),
            "padding": tuple(tuple(p) for p in padding),
            "dilation": tuple(dilation),
            "groups": groups,
        }
        operands = (x, weight) if bias is None else (x, weight, bias)
        shape = (*lead, weight.shape[0], *spatial)
        return self._make("conv", operands, attributes, shape, x.dtype)

    def pool(
        self,
        kind: str,
        x: Value,
        *,
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[tuple[int, int]],
        dilation: Sequence[int] | None = None,
        ceil: bool = False,
        exclude_padding: bool = False,
    ) -> Value:
        """`kind` is sum, avg or max over windows of [(N,) C, *spatial]."""
        rank = len(kernel)
        dilation = dilation or (1,) * rank
        if len(x.shape) not in (rank + 1, rank + 2):
            raise error("SNC-I014", f"pool: {x!r} with a kernel of {list(kernel)}")
        spatial = self._window("pool", x.shape[-rank:], kernel, stride, padding, dilation, ceil)
        attributes = {
            "kind": kind,
            "kernel": tuple(kernel),
            "stride": tuple(stride),
            "padding": tuple(tuple(p) for p in padding),
            "dilation": tuple(dilation),
            "ceil": ceil,
            "exclude_padding": exclude_padding,
        }
        return self._make("pool", (x,), attributes, (*x.shape[:-rank], *spatial), x.dtype)

    def batch_norm(
        self,
        x: Value,
        gamma: Value,
        beta: Value,
        mean: Value,
        variance: Value,
        epsilon: float,
        axis: int = 1,
    ) -> Value:
        """With fixed statistics, per channel (`axis`)."""
        operands = (x, gamma, beta, mean, variance)
        axis = self._axis("batch_norm", x, axis)
        if any(v.shape != (x.shape[axis],) for v in operands[1:]):
            raise error("SNC-I014", f"batch_norm: {operands!r}")
        attributes = {"epsilon": epsilon, "axis": axis}
        return self._make("batch_norm", operands, attributes, x.shape, x.dtype)

    def _window(
        self,
        op: str,
        sizes: Sequence[int],
        kernel: Sequence[int],
        stride: Sequence[int],
        padding: Sequence[tuple[int, int]],
        dilation: Sequence[int],
        ceil: bool,
    ) -> Shape:
        result = []
        for size, k, s, (before, after), d in zip(
            sizes, kernel, stride, padding, dilation, strict=True
        ):
            room = size + before + after - d * (k - 1) - 1
            if s < 1 or d < 1 or k < 1 or room < 0 or min(before, after) < 0:
                raise error("SNC-I014", f"{op}: a window of {list(kernel)} on {list(sizes)}")
            count = room // s + 1
            if ceil and room % s and (count * s < size + before):
                count += 1  # the last window must start inside
            result.append(count)
        return tuple(result)

    def _expect_moderate_product(self, shape: Shape, a: Value) -> None:
        self._expect_moderate(shape)
        self.charge(prod(shape) * a.shape[-1] // (16 if a.dtype.kind == "f" else 1))
