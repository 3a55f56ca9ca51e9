"""How values are made: each of them once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import prod
from typing import Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.grids import Grid
from snncc.errors import error
from snncc.importers.graph import operations as ops
from snncc.importers.graph.values import Shape, Value, read_only, sources_of

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


@dataclass
class Store(ABC):
    """
    Makes values that are new and finds those that are known; computes what is constant, and
    counts what that costs.

    `scope` is given to the values that are made while it is set. `count` is how many were
    made. `says_training`: the model tells learnable parameters from all other constants.
    """

    scope: str | None = None
    says_training: bool = False
    _known: dict[tuple[Any, ...], Value] = field(default_factory=dict)
    count: int = 0
    _work: int = 0
    _numbers: dict[Value, Value] = field(default_factory=dict)
    _uniform: dict[Value, tuple[bool, bool]] = field(default_factory=dict)

    @abstractmethod
    def rebuild(self, value: Value, operands: Sequence[Value]) -> Value:
        """The operation of `value` on other operands, through the method that makes it."""

    # --- leaves

    def input(self, name: str, shape: Shape, dtype: Any = np.float32) -> Value:
        return self._make("input", (), {"name": name}, shape, np.dtype(dtype), name=name)

    def constant(self, array: Any, name: str | None = None) -> Value:
        """A constant; equal arrays of one name, or of none, are one value."""
        return self._constant(np.asarray(array), name, name)

    def learnable(self, array: Any, name: str) -> Value:
        """A parameter that training moves."""
        return self._constant(np.asarray(array), name, name, frozenset((name,)))

    def constants(self) -> Iterator[Value]:
        """All constants that were made, in order."""
        return (v for v in dict.fromkeys(self._known.values()) if v.is_constant)

    # --- what is constant

    def folded(self, sources: Sequence[Value], array: Any) -> Value:
        """A constant that was computed of others, in a way that no operation says."""
        return self._frozen(np.asarray(array), sources_of(sources))

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
        return self._frozen(array, sources_of(operands))

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
        sources = sources_of(operands)
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
        sources = sources_of(operands)
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
                    read_only(array),
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
                    read_only(array),
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

    def _all_zero_or_one(self, constant: Value) -> tuple[bool, bool]:
        if constant not in self._uniform:
            content = constant.content
            self._uniform[constant] = (not content.any(), bool((content == 1).all()))
        return self._uniform[constant]

    # --- limits

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

    def _limit(self, shape: Shape) -> None:
        if len(shape) > MAX_AXES:
            raise error("SNC-I017", f"a tensor of {len(shape)} axes")
        if prod(shape) > MAX_ELEMENTS:
            raise error("SNC-I017", f"a tensor of shape {list(shape)} is over the limit")

    # --- what is checked

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

    # --- new values

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
