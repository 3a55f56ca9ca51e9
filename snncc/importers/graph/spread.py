"""
Takes one axis out of a graph: time, which becomes one value for each step, or the batch.

A tensor with the axis is a `Spread`: its lanes are what stands at each place of the axis,
without it. Operations that treat the places alike are done lane by lane; so a file's
`reshape(x, [T * B, C])` and back is nothing but a note of where the axis stands.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Literal, TypeAlias

import numpy as np

from snncc.errors import SnnccError, error
from snncc.importers.graph import operations as ops
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Shape, Value, cone

Form: TypeAlias = Literal["own", "major", "minor"]


@dataclass(frozen=True)
class Spread:
    """
    A tensor as lanes along one of its axes.

    `own`: the axis is the places themselves, and lanes lack it. In the other forms it is
    merged with k elements of each lane: element (place, j) stands at place * k + j
    (`major`) or at j * places + place (`minor`), and lanes have the k at that axis.
    """

    lanes: tuple[Value, ...]
    axis: int
    form: Form = "own"

    def lane_axis(self, axis: int) -> int:
        """Where an axis of the whole tensor (not the spread one) stands in a lane."""
        return axis - 1 if self.form == "own" and axis > self.axis else axis


Part: TypeAlias = "Value | Spread"


class Uneven(Exception):
    """An operation treats the places of the axis differently; the text says which."""


class Spreader:
    """
    Evaluates a graph with some inputs spread over `count` places.

    `uniform`: all places are alike (samples of a batch) and one lane stands for all; what
    tells them apart raises Uneven. Else lanes are joined again where an operation mixes
    them. `repeats`: what is written `count` times along a first axis is spread, too.
    """

    def __init__(self, graph: Graph, count: int, *, uniform: bool, repeats: bool = False):
        self.graph = graph
        self.count = count
        self.uniform = uniform
        self.repeats = repeats
        self.done: dict[Value, Part] = {}

    def evaluate(self, outputs: Sequence[Value], bound: Mapping[Value, Part]) -> list[Part]:
        self.done.update(bound)
        for value in cone(outputs):
            if value not in self.done:
                self.done[value] = self._value(value)
        return [self.done[value] for value in outputs]

    def joined(self, part: Part) -> Value:
        """The whole tensor as one value. Raises Uneven for a batch."""
        if isinstance(part, Value):
            return part
        if self.uniform:
            raise Uneven("takes the samples of a batch together")
        g, lanes, axis = self.graph, part.lanes, part.axis
        if part.form == "own":
            return g.stack(lanes, axis)
        if part.form == "major":
            return g.concat(lanes, axis)
        whole = g.stack(lanes, axis + 1)
        shape = (*whole.shape[:axis], -1, *whole.shape[axis + 2 :])
        return g.reshape(whole, shape)

    # --- one operation

    def _repeated(self, value: Value) -> Value | None:
        """What stands at every place of a first axis."""
        if not value.shape or value.shape[0] != self.count or value.op not in ("expand", "take"):
            return None
        source = self.done[value.operands[0]]
        if not isinstance(source, Value) or source.is_constant:
            return None
        if value.op == "take":
            if value.attribute("axis") or source.shape[0] != 1:
                return None
            return self.graph.select(source, 0, 0)
        if len(source.shape) == len(value.shape) and source.shape[0] == 1:
            source = self.graph.select(source, 0, 0)
        elif len(source.shape) >= len(value.shape):
            return None
        return self.graph.expand(source, value.shape[1:])

    def _value(self, value: Value) -> Part:
        operands = [self.done[operand] for operand in value.operands]
        try:
            if not any(isinstance(operand, Spread) for operand in operands):
                plain = [o for o in operands if isinstance(o, Value)]
                if self.repeats and (lane := self._repeated(value)) is not None:
                    return Spread((lane,) * self.count, 0)
                if value.op == "concat" and not self.uniform:
                    return self._concat(value, operands)
                same = all(a is b for a, b in zip(plain, value.operands, strict=True))
                return value if same else self.graph.rebuild(value, plain)
            return self._spread(value, operands)
        except Uneven as reason:
            if self.uniform:
                place = f" (in {value.scope})" if value.scope else ""
                raise Uneven(f"{value.op}{place} {reason}") from None
            return self.graph.rebuild(value, [self.joined(operand) for operand in operands])

    def _spread(self, value: Value, operands: list[Part]) -> Part:
        op = value.op
        if op in ops.ELEMENTWISE or op == "expand":
            return self._elementwise(value, operands)
        if op == "concat":
            return self._concat(value, operands)
        if op == "matmul":
            return self._matmul(value, operands)
        first = operands[0]
        if not isinstance(first, Spread) or any(isinstance(o, Spread) for o in operands[1:]):
            raise Uneven("has weights that differ along the axis")
        rule = {
            "reshape": self._reshape,
            "transpose": self._transpose,
            "take": self._take,
            "linear": self._linear,
            "conv": self._window,
            "pool": self._window,
            "batch_norm": self._batch_norm,
        }.get(op)
        if rule is None and op.startswith("reduce_"):
            rule = self._reduce
        if rule is None:
            raise Uneven("has no rule for a spread operand")
        return rule(value, first, [o for o in operands[1:] if isinstance(o, Value)])

    def _each(
        self, value: Value, source: Spread, rest: Sequence[Value], place: int, **changed: object
    ) -> Spread:
        """The operation on every lane, with some attributes changed; the axis is at `place`."""
        attributes = {**dict(value.attributes), **changed}
        template = Value(
            value.op, (), tuple(sorted(attributes.items())), (), value.dtype, scope=value.scope
        )
        lanes = tuple(self.graph.rebuild(template, [lane, *rest]) for lane in source.lanes)
        return Spread(lanes, place, source.form)

    def _elementwise(self, value: Value, operands: list[Part]) -> Part:
        rank = len(value.shape)
        spreads = [
            (o, rank - len(v.shape) + o.axis)
            for o, v in zip(operands, value.operands, strict=True)
            if isinstance(o, Spread)
        ]
        (first, axis), others = spreads[0], spreads[1:]
        if any(at != axis or o.form != first.form for o, at in others):
            raise Uneven("has operands with the axis in different places")
        lanes = []
        for index in range(len(first.lanes)):
            parts = [
                o.lanes[index]
                if isinstance(o, Spread)
                else self._lane_of(o, axis - rank, first, index)
                for o in operands
            ]
            if value.op == "expand":
                shape = list(value.shape)
                if first.form == "own":
                    del shape[axis]
                else:
                    shape[axis] //= self.count
                lanes.append(self.graph.expand(parts[0], shape))
            else:
                lanes.append(self.graph.rebuild(value, parts))
        return Spread(tuple(lanes), axis, first.form)

    def _lane_of(self, x: Value, from_end: int, like: Spread, index: int) -> Value:
        """The part of a plain operand that belongs to one lane."""
        axis = len(x.shape) + from_end
        if axis < 0:
            return x
        size = x.shape[axis]
        if size == 1 and not (like.form == "own" and self.count == 1):
            shape = x.shape[:axis] + x.shape[axis + 1 :]
            return self.graph.reshape(x, shape) if like.form == "own" else x
        return self._piece(x, axis, like.form, index)

    def _piece(self, x: Value, axis: int, form: Form, index: int) -> Value:
        """Place `index` of a plain value along an axis."""
        if self.uniform:
            return self._any_piece(x, axis, form)
        size = x.shape[axis]
        if form == "own":
            return self.graph.select(x, axis, index)
        k = size // self.count
        if form == "major":
            return self.graph.slice(x, axis, index * k, (index + 1) * k)
        return self.graph.slice(x, axis, index, size, self.count)

    def _any_piece(self, x: Value, axis: int, form: Form) -> Value:
        """The piece that every sample has; x must be the same for all of them."""
        if x.op == "expand" and x.operands[0].shape[axis - len(x.shape) :][:1] == (1,):
            shape = x.shape[:axis] + x.shape[axis + 1 :] if form == "own" else None
            if shape is not None:
                inner = x.operands[0]
                place = len(inner.shape) - len(x.shape) + axis
                cut = self.graph.reshape(inner, inner.shape[:place] + inner.shape[place + 1 :])
                return self.graph.expand(cut, shape)
        if not x.is_constant:
            raise Uneven("has an operand that may differ from sample to sample")
        array = np.moveaxis(x.content, axis, 0)
        k = x.shape[axis] // self.count
        if form == "major":
            array = array.reshape(self.count, k, *array.shape[1:])
        elif form == "minor":
            array = array.reshape(k, self.count, *array.shape[1:]).swapaxes(0, 1)
        if not np.array_equal(array, np.broadcast_to(array[:1], array.shape)):
            raise Uneven("has a constant that differs from sample to sample")
        if x.is_learnable:
            if form == "own":
                return self.graph.select(x, axis, 0)
            end, step = (k, 1) if form == "major" else (x.shape[axis], self.count)
            return self.graph.slice(x, axis, 0, end, step)
        piece = array[0] if form == "own" else np.moveaxis(array[0], 0, axis)
        return self.graph.constant(np.ascontiguousarray(piece), x.name)

    def _reshape(self, value: Value, x: Spread, rest: Sequence[Value]) -> Part:
        del rest
        whole, target = value.operands[0].shape, value.shape
        after = prod(whole[x.axis + 1 :])
        if x.form == "major":
            after *= whole[x.axis] // self.count
        place = self._place(target, after, x.axis)
        if place is None:
            raise Uneven("splits the axis")
        axis, form = place
        shape = list(target)
        if form == "own":
            del shape[axis]
        else:
            shape[axis] //= self.count
        lanes = tuple(self.graph.reshape(lane, shape) for lane in x.lanes)
        return Spread(lanes, axis, form)

    def _place(self, shape: Shape, stride: int, hint: int) -> tuple[int, Form] | None:
        """The axis and form of the places that lie `stride` elements apart."""
        found: list[tuple[int, Form]] = []
        step = 1
        for axis in reversed(range(len(shape))):
            size = shape[axis]
            if step == stride and size == self.count:
                found.append((axis, "own"))
            elif step == stride and size % self.count == 0 and size > self.count > 1:
                found.append((axis, "minor"))
            elif step < stride and step * size == stride * self.count:
                found.append((axis, "major"))
            step *= size
        own = [place for place in found if place[1] == "own"]
        for places in (own, found):
            if places:
                return min(places, key=lambda place: abs(place[0] - hint))
        return None

    def _transpose(self, value: Value, x: Spread, rest: Sequence[Value]) -> Part:
        order = value.attribute("order")
        axis = order.index(x.axis)
        if x.form == "own":
            order = tuple(x.lane_axis(a) for a in order if a != x.axis)
        return self._each(value, x, rest, axis, order=order)

    def _take(self, value: Value, x: Spread, rest: Sequence[Value]) -> Part:
        axis, indices = value.attribute("axis"), value.attribute("indices")
        if axis != x.axis:
            return self._each(value, x, rest, x.axis, axis=x.lane_axis(axis))
        if self.uniform:
            raise Uneven("takes single samples of a batch")
        g = self.graph
        if x.form == "own":
            if len(indices) == self.count:
                return Spread(tuple(x.lanes[i] for i in indices), axis)
            return g.stack([x.lanes[i] for i in indices], axis)
        k = value.operands[0].shape[axis] // self.count
        if x.form == "major" and len(indices) % k == 0:
            starts = indices[::k]
            blocks = [i for s in starts for i in range(s, s + k)]
            if tuple(blocks) == indices and all(s % k == 0 for s in starts):
                lanes = tuple(x.lanes[s // k] for s in starts)
                if len(lanes) == self.count:
                    return Spread(lanes, axis, "major")
                return g.concat(lanes, axis)
        raise Uneven("takes parts of places")

    def _linear(self, value: Value, x: Spread, rest: Sequence[Value]) -> Part:
        if x.axis == len(value.shape) - 1:
            raise Uneven("sums over the axis")
        return self._each(value, x, rest, x.axis)

    def _matmul(self, value: Value, operands: list[Part]) -> Part:
        a, b = operands
        rank = len(value.shape)
        if isinstance(a, Spread) and isinstance(b, Spread):
            if a.form != "own" or b.form != "own":
                raise Uneven("multiplies merged axes")
            places = [
                rank - len(v.shape) + o.axis for o, v in zip((a, b), value.operands, strict=True)
            ]
            if places[0] != places[1] or places[0] >= rank - 2:
                raise Uneven("has operands with the axis in different places")
            lanes = tuple(self.graph.matmul(x, y) for x, y in zip(a.lanes, b.lanes, strict=True))
            return Spread(lanes, places[0])
        if isinstance(a, Spread):
            if a.axis == len(value.operands[0].shape) - 1 or not isinstance(b, Value):
                raise Uneven("sums over the axis")
            axis = rank - len(value.operands[0].shape) + a.axis
            if len(b.shape) > 2 and a.form == "own" and axis >= rank - 2:
                raise Uneven("has operands with the axis in different places")
            return Spread(tuple(self.graph.matmul(x, b) for x in a.lanes), axis, a.form)
        assert isinstance(b, Spread)
        assert isinstance(a, Value)
        inner = len(value.operands[1].shape)
        if b.axis == inner - 2:
            raise Uneven("sums over the axis")
        axis = rank - inner + b.axis
        if b.form == "own" and (b.axis == inner - 1 or len(a.shape) > 2):
            raise Uneven("has operands with the axis in different places")
        return Spread(tuple(self.graph.matmul(a, y) for y in b.lanes), axis, b.form)

    def _window(self, value: Value, x: Spread, rest: Sequence[Value]) -> Part:
        dims = len(value.attribute("stride"))
        if len(value.shape) != dims + 2 or x.axis != 0:
            raise Uneven("slides over the axis")
        return self._each(value, x, rest, 0)

    def _batch_norm(self, value: Value, x: Spread, rest: Sequence[Value]) -> Part:
        axis = value.attribute("axis")
        if axis == x.axis:
            raise Uneven("normalises along the axis")
        return self._each(value, x, rest, x.axis, axis=x.lane_axis(axis))

    def _reduce(self, value: Value, x: Spread, rest: Sequence[Value]) -> Part:
        axes, keep = value.attribute("axes"), value.attribute("keep")
        if x.axis in axes:
            if self.uniform:
                raise Uneven("reduces over the samples of a batch")
            raise Uneven("reduces over the axis")
        mapped = tuple(x.lane_axis(a) for a in axes)
        axis = x.axis if keep else x.axis - sum(a < x.axis for a in axes)
        return self._each(value, x, rest, axis, axes=mapped)

    def _concat(self, value: Value, operands: list[Part]) -> Part:
        axis = value.attribute("axis")
        spreads = [o for o in operands if isinstance(o, Spread)]
        if any(o.axis != axis for o in spreads):
            first = spreads[0]
            if any((o.axis, o.form) != (first.axis, first.form) for o in spreads):
                raise Uneven("has operands with the axis in different places")
            lanes = []
            for index in range(len(first.lanes)):
                parts = [
                    o.lanes[index]
                    if isinstance(o, Spread)
                    else self._piece(o, first.axis, first.form, index)
                    for o in operands
                ]
                lanes.append(self.graph.concat(parts, first.lane_axis(axis)))
            return Spread(tuple(lanes), first.axis, first.form)
        if self.uniform:
            raise Uneven("puts samples side by side")
        return self._along(value, operands, axis)

    def _along(self, value: Value, operands: list[Part], axis: int) -> Part:
        """Places side by side: spread again where there are as many as steps."""
        g = self.graph
        pieces: list[Value] = []  # with the axis, of any size along it
        for operand in operands:
            if isinstance(operand, Value):
                pieces.append(operand)
            elif operand.form == "own":
                pieces.extend(
                    g.reshape(v, (*v.shape[:axis], 1, *v.shape[axis:])) for v in operand.lanes
                )
            elif operand.form == "major":
                pieces.extend(operand.lanes)
            else:
                raise Uneven("puts merged places side by side")
        size = value.shape[axis]
        if size == self.count and self.count > 1 and len(pieces) > 1:
            lanes = [g.select(p, axis, i) for p in pieces for i in range(p.shape[axis])]
            return Spread(tuple(lanes), axis)
        if len(pieces) == self.count > 1 and len({p.shape for p in pieces}) == 1:
            return Spread(tuple(pieces), axis, "major")
        return g.concat(pieces, axis)


def free_axis(
    graph: Graph, outputs: Sequence[Value], bound: Mapping[Value, Part], count: int
) -> list[Part]:
    """The outputs with the batch axis taken out. Raises SNC-I023 where samples mix."""
    try:
        return Spreader(graph, count, uniform=True).evaluate(outputs, bound)
    except Uneven as reason:
        raise _mixed(str(reason)) from None


def _mixed(reason: str) -> SnnccError:
    return error(
        "SNC-I023",
        f"the batch axis cannot be freed: {reason}",
        remedy=next(remedy for words, remedy in _MIXED.items() if words in reason),
    )


_MIXED = {
    "constant that differs": "it may be a state that a run left in the model: reset it, or run "
    "the model on its example from the start; or give the batch_axis",
    "slides": "a layer over space needs [B, C, ...]: give the example a batch of two or more, or "
    "batch_axis=None where the model takes one sample",
    "reduces over the samples": "what looks at several samples has no network of its own: give "
    "batch_axis, or batch_axis=None where the first axis is none of samples",
    "": "give batch_axis (counted without time), or batch_axis=None where the model takes one "
    "sample; time_axis, where the first axis is time",
}
"""What may be done, by what the message says."""
