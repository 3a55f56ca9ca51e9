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

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import accumulate
from math import prod
from typing import Any, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.grids import Grid
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.errors import error
from snncc.importers.graph import operations as ops

Shape: TypeAlias = tuple[int, ...]
Attributes: TypeAlias = tuple[tuple[str, Any], ...]

MAX_VALUES = 1 << 20
MAX_ELEMENTS = 1 << 26
MAX_AXES = 32
MAX_INDICES = 1 << 20
"""Places that one operation takes along an axis."""
MAX_FOLDED = 1 << 24
"""Elements of a constant that is larger than what it is made of."""
MAX_WORK = 1 << 28
"""Bytes that folding makes in all, and what else costs as much: files are untrusted."""
FOLD_COST = 1024
"""Of folding anything, in the same bytes."""


@dataclass(eq=False, slots=True)
class Value:
    """
    One tensor of the graph.

    `op` names a method of `Graph`; `attributes` are that operation's, sorted by name.
    `array` is the content of a constant. `name` is the model's name of an input or a
    parameter, `scope` the module that an operation was written in ("net.1").

    `sources` are the names of the learnable parameters that a constant depends on. `made`
    is the operation on other constants that gives it: None for a parameter itself, and
    where no operation of a network could say it (`is_frozen`).

    `grid` is what a constant lies on, where the model rounds it to one.
    """

    op: str
    operands: tuple[Value, ...]
    attributes: Attributes
    shape: Shape
    dtype: np.dtype[Any]
    array: Array | None = None
    name: str | None = None
    scope: str | None = None
    number: int = 0
    sources: frozenset[str] = frozenset()
    made: Value | None = None
    grid: Grid | None = None

    @property
    def is_constant(self) -> bool:
        return self.op == "constant"

    @property
    def is_learnable(self) -> bool:
        """A constant that is other numbers after training."""
        return self.made is not None or self.name in self.sources

    @property
    def is_fixed(self) -> bool:
        """A constant whose numbers may be built in."""
        return self.op == "constant" and not self.is_learnable

    @property
    def is_frozen(self) -> bool:
        """A constant that learnable parameters gave, in a way that is lost."""
        return bool(self.sources) and not self.is_learnable

    @property
    def label(self) -> str | None:
        """Its name; of a constant that was rounded to a grid, that of the parameter it was."""
        if self.name is None and self.grid is not None and len(self.sources) == 1:
            return next(iter(self.sources))
        return self.name

    @property
    def operation(self) -> Value:
        """What gives the value: itself, unless it is a constant that was made."""
        return self.made or self

    def attribute(self, name: str) -> Any:
        return dict(self.attributes)[name]

    @property
    def content(self) -> Array:
        assert self.array is not None, f"{self.op} is not constant"
        return self.array

    def __repr__(self) -> str:
        label = f" {self.name}" if self.name else ""
        return f"<{self.op}{label} %{self.number} {self.dtype}{list(self.shape)}>"


@dataclass(frozen=True)
class Rounding:
    """
    A grid as a model states it: constants of one float type that broadcast to what is
    rounded. `factor` is what a number is multiplied with (or, with `divides`, divided by) to
    count steps of `scale`: frameworks round the reciprocal in their own ways.
    """

    factor: Value
    scale: Value
    zero: Value
    divides: bool
    low: int
    high: int

    def grid(self, rank: int) -> Grid:
        """For numbers of so many axes."""
        return Grid.of(self.scale.content, self.zero.content, self.low, self.high, rank=rank)


@dataclass
class Graph:
    """
    Makes values. Each method is one operation; shapes are checked, and faults are
    SNC-I014 with the operation's name.

    `scope` is given to the values that are made while it is set. `count` is how many were
    made. `says_training`: the model tells learnable parameters from all other constants.
    """

    scope: str | None = None
    says_training: bool = False
    _known: dict[tuple[Any, ...], Value] = field(default_factory=dict)
    count: int = 0
    _work: int = 0
    _ends: dict[Value, list[int]] = field(default_factory=dict)
    _numbers: dict[Value, Value] = field(default_factory=dict)
    _uniform: dict[Value, tuple[bool, bool]] = field(default_factory=dict)
    _integral: dict[Value, tuple[Value, Rounding]] = field(default_factory=dict)
    """Integers that `quantize` made: of what, and how."""
    _counted: set[Value] = field(default_factory=set)
    """The floats that hold such integers."""

    # --- leaves

    def input(self, name: str, shape: Shape, dtype: Any = np.float32) -> Value:
        return self._make("input", (), {"name": name}, shape, np.dtype(dtype), name=name)

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

    def constant(self, array: Any, name: str | None = None) -> Value:
        """A constant; equal arrays of one name, or of none, are one value."""
        return self._constant(np.asarray(array), name, name)

    def learnable(self, array: Any, name: str) -> Value:
        """A parameter that training moves."""
        return self._constant(np.asarray(array), name, name, frozenset((name,)))

    # --- elementwise

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

    # --- rounded to a grid

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
            return self._frozen(array, _sources((x, scale, zero)), name or x.name, grid)
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
        return self._frozen(array, _sources(operands), x.name, r.grid(len(shape)))

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

    # --- shapes

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
            inner = self.reshape(x.operands[0], target)
            return self.cast(inner, x.dtype) if x.op == "cast" else self.detach(inner)
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

    # --- sums

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

    # --- within

    def folded(self, sources: Sequence[Value], array: Any) -> Value:
        """A constant that was computed of others, in a way that no operation says."""
        return self._frozen(np.asarray(array), _sources(sources))

    def _computed(
        self,
        op: str,
        operands: tuple[Value, ...],
        array: Array,
        attributes: Mapping[str, Any] | None = None,
        same_as: Sequence[Value] | None = None,
    ) -> Value:
        """
        What constants were computed to be. Of learnable ones it keeps how; of fixed ones it
        is one of them (`same_as`: those to look at), where it is that.
        """
        self.charge(FOLD_COST + array.nbytes)
        array = np.asarray(array)
        if any(v.is_learnable for v in operands):
            return self._made(op, operands, array, attributes or {})
        for source in operands if same_as is None else same_as:
            same = source.shape == array.shape and source.dtype == array.dtype
            if same and np.array_equal(source.content, array):
                return source
        return self._frozen(array, _sources(operands))

    def _computed_of_two(self, op: str, a: Value, b: Value, shape: Shape) -> Value:
        self._expect_moderate(shape, a, b)
        with np.errstate(all="ignore"):
            return self._computed(op, (a, b), ops.BINARY[op](a.content, b.content))

    def _once(
        self,
        op: str,
        operands: tuple[Value, ...],
        attributes: Mapping[str, Any],
        arrange: Callable[[], Array],
    ) -> Value:
        """`_arranged`, computed for each operands and attributes but once: every step asks."""
        ordered = tuple(sorted(attributes.items(), key=lambda item: item[0]))
        key = ("arranged", op, tuple(id(v) for v in operands), ordered)
        if key not in self._known:
            array = arrange()
            array = np.ascontiguousarray(array).reshape(array.shape)
            self._known[key] = self._arranged(op, operands, array, attributes)
        return self._known[key]

    def _arranged(
        self,
        op: str,
        operands: tuple[Value, ...],
        array: Array,
        attributes: Mapping[str, Any] | None = None,
    ) -> Value:
        """The content of constants in other places: it keeps the name of the named one."""
        self.charge(FOLD_COST + array.nbytes)
        if any(v.is_learnable for v in operands):
            return self._made(op, operands, np.asarray(array), attributes or {})
        names = {v.name for v in operands if v.name is not None}
        name = names.pop() if len(names) == 1 else None
        sources = _sources(operands)
        grid = _moved_grid(op, operands, attributes or {})
        if name is None or grid is not None:
            return self._frozen(np.asarray(array), sources, name, grid)
        return self._constant(np.asarray(array), name, name, sources - {name})

    def _made(
        self,
        op: str,
        operands: tuple[Value, ...],
        array: Array,
        attributes: Mapping[str, Any],
    ) -> Value:
        """A constant that knows its operation, where a network has that operation."""
        sources = _sources(operands)
        known = {array.dtype, *(v.dtype for v in operands)} - {np.dtype(np.bool_)}
        # a network's floats are of one type
        if op not in ops.MADE or len(known) > 1 or any(d.kind != "f" for d in known):
            return self._frozen(array, sources)
        if op in ops.ELEMENTWISE:  # whatever its name: a state that starts at zeros is zero
            operands = tuple(self._number(v) if v.is_fixed else v for v in operands)
        ordered = tuple(sorted(attributes.items(), key=lambda item: item[0]))
        key = ("made", op, tuple(id(v) for v in operands), ordered, array.shape, array.dtype.str)
        if key not in self._known:
            made = Value(op, operands, ordered, array.shape, array.dtype, scope=self.scope)
            self._known[key] = self._new(
                Value(
                    "constant",
                    (),
                    (),
                    array.shape,
                    array.dtype,
                    _read_only(array),
                    scope=self.scope,
                    sources=sources,
                    made=made,
                )
            )
        return self._known[key]

    def _frozen(
        self,
        array: Array,
        sources: frozenset[str],
        name: str | None = None,
        grid: Grid | None = None,
    ) -> Value:
        """A constant that is no parameter of the model; `name` is that of the one it was."""
        name = None if name in sources else name
        identity = ",".join(sorted(sources)) or name
        return self._constant(array, identity, name, sources, grid)

    def _constant(
        self,
        array: Array,
        identity: str | None,
        name: str | None,
        sources: frozenset[str] = frozenset(),
        grid: Grid | None = None,
    ) -> Value:
        content = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
        digest = blake2b(content.data, digest_size=16).digest()
        lies_on = None if grid is None else grid.key
        key = ("constant", digest, array.shape, array.dtype.str, identity, name, sources, lies_on)
        if key not in self._known:
            self._known[key] = self._new(
                Value(
                    "constant",
                    (),
                    (),
                    array.shape,
                    array.dtype,
                    _read_only(array),
                    name,
                    self.scope,
                    sources=sources,
                    grid=grid,
                )
            )
        return self._known[key]

    def _plain(self, x: Value, other: Shape) -> Value:
        """A constant as one number where it is one at all places, and of no name."""
        if not x.is_constant or x.name is not None or x.sources or not x.shape:
            return x
        if np.broadcast_shapes(x.shape, other) != other:
            return x
        return self._number(x)

    def _number(self, x: Value) -> Value:
        """A constant as one number of no name, where it is one at all places."""
        if x not in self._numbers:
            first = x.content.reshape(-1)[:1]
            same = bool((x.content == first).all())
            self._numbers[x] = self.constant(first.reshape(())) if same else x
        return self._numbers[x]

    def constants(self) -> Iterator[Value]:
        """All constants that were made, in order."""
        return (v for v in dict.fromkeys(self._known.values()) if v.is_constant)

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

    def _axis(self, op: str, x: Value, axis: int) -> int:
        rank = len(x.shape)
        if not -rank <= axis < rank:
            raise error("SNC-I014", f"{op}: axis {axis} of {list(x.shape)}")
        return axis % rank

    def _broadcast(self, op: str, *shapes: Shape) -> Shape:
        if len(set(shapes)) == 1:
            return shapes[0]
        try:
            return np.broadcast_shapes(*shapes)
        except ValueError:
            texts = ", ".join(str(list(shape)) for shape in shapes)
            raise error("SNC-I014", f"{op}: shapes {texts} do not broadcast") from None

    def _all_zero_or_one(self, constant: Value) -> tuple[bool, bool]:
        if constant not in self._uniform:
            content = constant.content
            self._uniform[constant] = (not content.any(), bool((content == 1).all()))
        return self._uniform[constant]

    def charge(self, work: int) -> None:
        """Counts what folding costs, in bytes, against the limit."""
        self._work += work
        if self._work > MAX_WORK:
            raise error(
                "SNC-I017",
                f"what is constant in the model takes more than {MAX_WORK >> 20} MiB to compute",
                node=self.scope,
                remedy="load fewer steps (a shorter sequence, T) or one step of the model, and a "
                "smaller batch",
            )

    def _expect_moderate(self, shape: Shape, *sources: Value) -> None:
        """Of a constant that is about to be made."""
        if prod(shape) > max(MAX_FOLDED, *(prod(v.shape) for v in sources), 0):
            raise error("SNC-I017", f"a constant of shape {list(shape)} is over the limit")

    def _expect_moderate_product(self, shape: Shape, a: Value) -> None:
        self._expect_moderate(shape)
        self.charge(prod(shape) * a.shape[-1] // (16 if a.dtype.kind == "f" else 1))

    def _limit(self, shape: Shape) -> None:
        if len(shape) > MAX_AXES:
            raise error("SNC-I017", f"a tensor of {len(shape)} axes")
        if prod(shape) > MAX_ELEMENTS:
            raise error("SNC-I017", f"a tensor of shape {list(shape)} is over the limit")

    def _make(
        self,
        op: str,
        operands: tuple[Value, ...],
        attributes: Mapping[str, Any],
        shape: Shape,
        dtype: np.dtype[Any],
        name: str | None = None,
    ) -> Value:
        self._limit(shape)
        sorted_attributes = tuple(sorted(attributes.items(), key=lambda item: item[0]))
        key = (op, tuple(id(v) for v in operands), sorted_attributes, shape, dtype.str)
        if key not in self._known:
            value = Value(op, operands, sorted_attributes, shape, dtype, None, name, self.scope)
            self._known[key] = self._new(value)
        return self._known[key]

    def _new(self, value: Value) -> Value:
        if self.count >= MAX_VALUES:
            raise error("SNC-I017", f"the graph has more than {MAX_VALUES} operations")
        value.number = self.count
        self.count += 1
        return value


_WHOLE = {"floor", "ceil", "trunc", "round"}
"""Operations that give whole numbers."""
_OF_INTEGERS = {"add", "sub", "neg", "maximum", "minimum"}
"""Arithmetic that is the same on floats that hold integers."""
_VIEWS = {"reshape", "transpose", "take", "expand"}
"""Operations that move the elements of one value."""


def _moved_grid(op: str, operands: Sequence[Value], attributes: Mapping[str, Any]) -> Grid | None:
    """The grid of constants in other places; None where parts of several have other ranges."""
    grids = [v.grid for v in operands if v.grid is not None]
    if not grids or len(grids) < len(operands):
        return None
    if op == "cast":
        return grids[0]
    if op == "concat":
        first, axis = grids[0], attributes["axis"]
        if any((g.low, g.high) != (first.low, first.high) for g in grids):
            return None
        pairs = [
            (np.broadcast_to(g.scale, v.shape), np.broadcast_to(g.zero_point, v.shape))
            for g, v in zip(grids, operands, strict=True)
        ]
        scale, zero = (np.concatenate(parts, axis) for parts in zip(*pairs, strict=True))
        return Grid(scale, zero, first.low, first.high).moved(scale.shape, lambda a: a)
    move: Callable[[Array], Array] = {
        "reshape": lambda a: a.reshape(attributes["shape"]),
        "transpose": lambda a: a.transpose(attributes["order"]),
        "take": lambda a: np.take(a, attributes["indices"], attributes["axis"]),
        "expand": lambda a: np.broadcast_to(a, attributes["shape"]),
    }[op]
    return grids[0].moved(operands[0].shape, move)


def _sources(values: Iterable[Value]) -> frozenset[str]:
    """The learnable parameters that constants depend on."""
    return frozenset().union(*(v.sources for v in values))


def _read_only(array: Array) -> Array:
    if array.flags.writeable or not array.flags.c_contiguous:
        array = array.copy()
        array.flags.writeable = False
    return array


_STEPS = {"gt": ("gt", False), "lt": ("gt", True), "ge": ("ge", False), "le": ("ge", True)}
"""A comparison as one with zero, and whether its operands change places for it."""


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


def cone(outputs: Iterable[Value]) -> list[Value]:
    """All values that the outputs depend on and they themselves, operands first."""
    order: list[Value] = []
    seen: set[Value] = set()
    stack: list[tuple[Value, bool]] = [(value, False) for value in reversed(list(outputs))]
    while stack:
        value, done = stack.pop()
        if done:
            order.append(value)
        elif value not in seen:
            seen.add(value)
            stack.append((value, True))
            stack.extend((operand, False) for operand in reversed(value.operands))
    return order
