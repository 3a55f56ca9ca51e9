"""Operations that move elements."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from math import prod

import numpy as np

from snncc.errors import error
from snncc.importers.graph.store import MAX_INDICES, Store
from snncc.importers.graph.values import Shape, Value


@dataclass
class Shapes(Store):
    """Operations that move elements."""

    _ends: dict[Value, list[int]] = field(default_factory=dict)

    def reshape(self, x: Value, shape: Sequence[int]) -> Value:
        """One size may be -1."""
        sizes = list(shape)
        if -1 in sizes:
            rest = prod(s for s in sizes if s != -1)
            if rest == 0 or prod(x.shape) % rest:
                raise error("SNC-I014", f"reshape: {list(x.shape)} to {sizes}")
            sizes[sizes.index(-1)] = prod(x.shape) // rest
        if prod(sizes) != prod(x.shape) or any(s < 0 for s in sizes):
            raise error("SNC-I014", f"reshape: {list(x.shape)} to {sizes}")
        target = tuple(sizes)
        if x.shape == target:
            return x
        if x.is_constant:
            if x.operation.op == "reshape":
                return self.reshape(x.operation.operands[0], target)
            attributes = {"shape": target}
            return self._once("reshape", (x,), attributes, lambda: x.content.reshape(target))
        if x.op == "reshape":
            return self.reshape(x.operands[0], target)
        if x.op in ("cast", "detach"):  # keeps a spike next to what made it
            return self.rebuild(x, [self.reshape(x.operands[0], target)])
        return self._make("reshape", (x,), {"shape": target}, target, x.dtype)

    def transpose(self, x: Value, order: Sequence[int]) -> Value:
        """Axis i of the result is axis order[i] of the operand."""
        rank = len(x.shape)
        axes = tuple(a % rank if rank else a for a in order)
        if sorted(axes) != list(range(rank)):
            raise error("SNC-I014", f"transpose: axes {list(order)} of {list(x.shape)}")
        if axes == tuple(range(rank)):
            return x
        shape = tuple(x.shape[a] for a in axes)
        source = x.operation
        if source.op == "transpose":
            inner = source.attribute("order")
            return self.transpose(source.operands[0], [inner[a] for a in axes])
        moved = [a for a in axes if x.shape[a] != 1]
        if moved == sorted(moved):
            return self.reshape(x, shape)
        if x.is_constant:
            attributes = {"order": axes}
            return self._once("transpose", (x,), attributes, lambda: x.content.transpose(axes))
        return self._make("transpose", (x,), {"order": axes}, shape, x.dtype)

    def expand(self, x: Value, shape: Sequence[int]) -> Value:
        """Broadcasts to `shape` (NumPy's rule); -1 keeps a size."""
        target = list(shape)
        lead = len(target) - len(x.shape)
        if lead < 0:
            raise error("SNC-I014", f"expand: {list(x.shape)} to {target}")
        for axis, size in enumerate(target):
            if size == -1:
                target[axis] = x.shape[axis - lead]
        if self._broadcast("expand", x.shape, tuple(target)) != tuple(target):
            raise error("SNC-I014", f"expand: {list(x.shape)} to {target}")
        if x.shape == tuple(target):
            return x
        self._limit(tuple(target))
        if prod(target) == prod(x.shape):
            return self.reshape(x, target)
        if x.is_constant:
            self._expect_moderate(tuple(target), x)
            attributes = {"shape": tuple(target)}
            return self._once(
                "expand", (x,), attributes, lambda: np.broadcast_to(x.content, target)
            )
        return self._make("expand", (x,), {"shape": tuple(target)}, tuple(target), x.dtype)

    def slice(self, x: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
        """x[start:stop:step] along one axis, with Python's rules; `step` may be negative."""
        axis = self._axis("slice", x, axis)
        span = range(x.shape[axis])[start:stop:step]
        if len(span) == 0:
            raise error("SNC-I014", f"slice: nothing is left of axis {axis} of {list(x.shape)}")
        return x if span == range(x.shape[axis]) else self.take(x, axis, span)

    def select(self, x: Value, axis: int, index: int) -> Value:
        """x[index] along one axis, which goes away."""
        axis = self._axis("select", x, axis)
        size = x.shape[axis]
        if not -size <= index < size:
            raise error("SNC-I014", f"select: index {index} of axis {axis} of {list(x.shape)}")
        part = self.take(x, axis, (index % size,))
        return self.reshape(part, x.shape[:axis] + x.shape[axis + 1 :])

    def take(self, x: Value, axis: int, indices: Sequence[int]) -> Value:
        """The given places along one axis, in that order."""
        axis = self._axis("take", x, axis)
        size = x.shape[axis]
        if len(indices) > MAX_INDICES:
            raise error("SNC-I017", f"take: {len(indices)} places of an axis of size {size}")
        self.charge(32 * len(indices))
        indices = tuple(i % size if -size <= i < size else i for i in indices)
        if any(not 0 <= i < size for i in indices):
            raise error("SNC-I014", f"take: indices {list(indices)[:8]} of axis of size {size}")
        if len(indices) == size and all(i == k for k, i in enumerate(indices)):
            return x
        shape = (*x.shape[:axis], len(indices), *x.shape[axis + 1 :])
        source = x.operation
        if source.op == "concat" and source.attribute("axis") == axis:
            return self._take_from_parts(source, axis, indices)
        if source.op == "take" and source.attribute("axis") == axis:
            inner = source.attribute("indices")
            return self.take(source.operands[0], axis, [inner[i] for i in indices])
        if x.is_constant:
            return self._taken(x, axis, indices, shape)
        return self._make("take", (x,), {"axis": axis, "indices": indices}, shape, x.dtype)

    def _taken(self, x: Value, axis: int, indices: tuple[int, ...], shape: Shape) -> Value:
        """The given places of a constant."""
        self._expect_moderate(shape, x)
        made = x.operation
        if made.op == "expand":  # along an axis whose places are all the same
            inner = made.operands[0]
            at = axis - len(x.shape) + len(inner.shape)
            if at < 0 or inner.shape[at] == 1:
                return self.expand(inner, shape)
        attributes = {"axis": axis, "indices": indices}
        return self._once("take", (x,), attributes, lambda: np.take(x.content, indices, axis))

    def _take_from_parts(self, x: Value, axis: int, indices: Sequence[int]) -> Value:
        if x not in self._ends:
            self._ends[x] = list(accumulate(part.shape[axis] for part in x.operands))
        ends = self._ends[x]
        runs: list[tuple[Value, list[int]]] = []
        for index in indices:
            at = bisect_right(ends, index)
            part = x.operands[at]
            inner = index - ends[at] + part.shape[axis]
            if runs and runs[-1][0] is part:
                runs[-1][1].append(inner)
            else:
                runs.append((part, [inner]))
        return self.concat(
            [
                part if inner == list(range(part.shape[axis])) else self.take(part, axis, inner)
                for part, inner in runs
            ],
            axis,
        )

    def concat(self, parts: Sequence[Value], axis: int) -> Value:
        axis = self._axis("concat", parts[0], axis)
        first = parts[0]
        for part in parts:
            same = part.shape[:axis] + part.shape[axis + 1 :]
            if (
                len(part.shape) != len(first.shape)
                or same != first.shape[:axis] + first.shape[axis + 1 :]
                or part.dtype != first.dtype
            ):
                raise error("SNC-I014", f"concat: {first!r} and {part!r} along axis {axis}")
        if len(parts) == 1:
            return first
        flat: list[Value] = []
        for part in parts:
            inner = part.operation
            nested = inner.op == "concat" and inner.attribute("axis") == axis
            flat.extend(inner.operands if nested else [part])
            self.charge(8 * (len(inner.operands) if nested else 1))
        size = sum(part.shape[axis] for part in flat)
        shape = (*first.shape[:axis], size, *first.shape[axis + 1 :])
        self._limit(shape)
        whole = _parts_of_one(flat, axis)
        if whole is not None:
            return whole
        if all(part.is_constant for part in flat):
            self._expect_moderate(shape, *flat)
            array = np.concatenate([p.content for p in flat], axis)
            return self._arranged("concat", tuple(flat), array, {"axis": axis})
        return self._make("concat", tuple(flat), {"axis": axis}, shape, first.dtype)

    def stack(self, parts: Sequence[Value], axis: int) -> Value:
        rank = len(parts[0].shape) + 1
        axis = axis % rank
        grown = [self.reshape(p, (*p.shape[:axis], 1, *p.shape[axis:])) for p in parts]
        return self.concat(grown, axis)

    def pad(self, x: Value, pads: Sequence[tuple[int, int]], value: float = 0.0) -> Value:
        """Constant padding: (before, after) for each axis, none negative."""
        pads = tuple((int(a), int(b)) for a, b in pads)
        if len(pads) != len(x.shape) or any(p < 0 for pair in pads for p in pair):
            raise error("SNC-I014", f"pad: {list(pads)} of {list(x.shape)}")
        for axis, (before, after) in enumerate(pads):
            parts = [x]
            for size, place in ((before, 0), (after, len(parts))):
                if size:
                    shape = (*x.shape[:axis], size, *x.shape[axis + 1 :])
                    self._expect_moderate(shape)
                    filler = self.constant(np.full(shape, value, x.dtype))
                    parts.insert(place if place == 0 else len(parts), filler)
            x = self.concat(parts, axis)
        return x


def _parts_of_one(parts: Sequence[Value], axis: int) -> Value | None:
    """The value that was taken apart, where all of its parts stand in order again."""
    taken = [part.operation for part in parts]
    source = taken[0].operands[0] if taken[0].op == "take" else None
    if source is None:
        return None
    if sum(part.shape[axis] for part in taken) != source.shape[axis]:
        return None
    indices: list[int] = []
    for part in taken:
        if part.op != "take" or part.operands[0] is not source or part.attribute("axis") != axis:
            return None
        indices.extend(part.attribute("indices"))
    return source if indices == list(range(source.shape[axis])) else None
