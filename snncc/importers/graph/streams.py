"""Operations that are no arithmetic, one rule each: from values without a batch to `snn`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod

import numpy as np
from xdsl.dialects.builtin import AnyFloat, f32
from xdsl.ir import Attribute, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.grids import write_grid
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.errors import SnnccError, error
from snncc.importers.emitter import Emitter, uniform
from snncc.importers.graph.bodies import spike_of
from snncc.importers.graph.values import Shape, Value


class StreamEmitter(Emitter):
    """
    Knows the stream of each value, and the parameter of each constant.

    `training` is what the model says of constants that are not learnable; `reserved` are
    names of parameters that are kept for these.
    """

    def __init__(
        self,
        training: str | None = None,
        reserved: Iterable[str] = (),
        element: AnyFloat = f32,
    ) -> None:
        super().__init__(element)
        self.streams: dict[Value, SSAValue] = {}
        self.training = training
        self._fixed_values: dict[tuple[Value, Shape], SSAValue] = {}
        self._names: set[str] = set(reserved)

    def stream(self, value: Value) -> SSAValue:
        """The stream of a value: of spikes where it is a float that they were made."""
        if value in self.streams:
            return self.streams[value]
        spike = spike_of(value)
        if spike in self.streams:
            return self.streams[spike]
        if value.is_learnable:
            return self.learned(value, value.shape)
        if value.is_constant:
            array = value.content
            return self.constant(array if array.dtype.kind == "b" else array.astype(self.dtype))
        raise AssertionError(f"{value!r} was not emitted")

    def typed(self, stream: SSAValue, type: Attribute) -> SSAValue:
        return stream if stream.type == type else self.as_float(stream)

    def fixed_value(
        self, value: Value, port: str, node: str | None, rank: int | None = None
    ) -> SSAValue:
        """A constant as an operand: a parameter by its name, or by its node and port."""
        if value.is_learnable:
            return self.learned(value, _within(value.shape, rank))
        array = value.content
        if rank is not None:
            while array.ndim > rank and array.shape[0] == 1:
                array = array[0]
        if array.dtype.kind == "b":
            return self.constant(array)
        return self._stored(value, uniform(array), port, node)

    def weight(
        self, value: Value, port: str, node: str | None, shape: Shape | None = None
    ) -> SSAValue:
        """A constant array of an operation, with its full shape or under another."""
        if not value.is_constant:
            raise error(
                "SNC-I025",
                f"the {port} is computed at run time",
                node=node,
                remedy="weights must be parameters of the model",
            )
        shape = value.shape if shape is None else shape
        if value.is_learnable:
            return self.learned(value, shape)
        return self._stored(value, value.content.reshape(shape), port, node)

    def learned(self, value: Value, shape: Shape) -> SSAValue:
        """A learnable constant under a shape: a parameter, or what is computed of some."""
        raise NotImplementedError

    def _stored(self, value: Value, array: Array, port: str, node: str | None) -> SSAValue:
        """A parameter that nothing trains, one for each constant and shape."""
        key = (value, array.shape)
        if key not in self._fixed_values:
            name = value.label or (f"{node}.{port}" if node else port)
            self._fixed_values[key] = self.parameter(
                self._free(name), array, self.training, sorted(value.sources)
            )
            if value.grid is not None and array.size == value.content.size:
                grid = value.grid.moved(value.shape, lambda a: a.reshape(array.shape))
                write_grid(self.parameters[-1], grid)
        return self._fixed_values[key]

    def _free(self, wanted: str) -> str:
        name, number = wanted, 2
        while name in self._names:
            name = f"{wanted}_{number}"
            number += 1
        self._names.add(name)
        return name


def _within(shape: Shape, rank: int | None) -> Shape:
    """A shape with at most `rank` axes: ones in front are left out."""
    while rank is not None and len(shape) > rank and shape[0] == 1:
        shape = shape[1:]
    return shape


def _unsupported(value: Value, what: str, remedy: str | None = None) -> SnnccError:
    return error("SNC-I025", f"{value.op}: {what}", node=value.scope, remedy=remedy)


def _linear(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    x, weight = value.operands[:2]
    bias = value.operands[2] if len(value.operands) > 2 else None
    if bias is not None and bias.is_fixed and not bias.content.any():
        bias = None
    if len(x.shape) == 1:
        w = e.weight(weight, "weight", node)
        b = e.weight(bias, "bias", node) if bias is not None else None
        return e.add(snn.LinearOp(e.stream(x), w, b, node=node))
    # the same map for every row: a convolution whose kernel spans a row
    rows, inputs = prod(x.shape[:-1]), x.shape[-1]
    outputs = weight.shape[0]
    w = e.weight(weight, "weight", node, (outputs, 1, 1, inputs))
    b = e.weight(bias, "bias", node) if bias is not None else None
    image = e.add(snn.ReshapeOp(e.stream(x), (1, rows, inputs)))
    maps = e.add(
        snn.Conv2dOp(
            image, w, b, stride=[1, 1], padding=[0] * 4, dilation=[1, 1], groups=1, node=node
        )
    )
    order = np.arange(rows * outputs).reshape(outputs, rows).T
    return _rearranged(e, maps, order.reshape(value.shape))


def _rearranged(e: StreamEmitter, x: SSAValue, places: Array) -> SSAValue:
    """y[i] = x[places[i]] over flat indices, or 0 where a place is -1; reshaped if in order."""
    count = prod(shape_of(x))
    flat = places.ravel()
    if flat.size == count and (flat == np.arange(count)).all():
        return _reshaped(e, x, places.shape)
    return e.add(snn.RearrangeOp(x, places))


def _reshaped(e: StreamEmitter, x: SSAValue, shape: Sequence[int]) -> SSAValue:
    return x if shape_of(x) == tuple(shape) else e.add(snn.ReshapeOp(x, tuple(shape)))


def _conv(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    x, weight = value.operands[:2]
    rank = len(value.attribute("stride"))
    if rank > 2:
        raise _unsupported(value, f"{rank} spatial axes", "1 or 2 are supported")
    stream, padding = e.stream(x), list(value.attribute("padding"))
    items = x.shape[0] if len(x.shape) == rank + 2 else 1
    if items > 1:
        stream = _rearranged(e, stream, _in_a_row(value))
        padding[0] = (0, 0)
    else:
        stream = _reshaped(e, stream, x.shape[-rank - 1 :])
    w = e.weight(weight, "weight", node)
    b = e.weight(value.operands[2], "bias", node) if len(value.operands) > 2 else None
    op = snn.Conv1dOp if rank == 1 else snn.Conv2dOp
    y = e.add(
        op(
            stream,
            w,
            b,
            stride=value.attribute("stride"),
            padding=[p for pair in padding for p in pair],
            dilation=value.attribute("dilation"),
            groups=value.attribute("groups"),
            node=node,
        )
    )
    if items == 1:
        return _reshaped(e, y, value.shape)
    # the rows between two items mix them: they are left out
    channels, rows = value.shape[1:3]
    places = np.arange(prod(shape_of(y))).reshape(shape_of(y))
    first = np.arange(items) * (_pitch(value) // value.attribute("stride")[0])
    kept = places[:, first[:, None] + np.arange(rows)]
    assert kept.shape[:3] == (channels, items, rows)
    return _rearranged(e, y, kept.swapaxes(0, 1))


def _pitch(value: Value) -> int:
    """The rows from one item to the next where a convolution takes several as one image."""
    stride, padding = value.attribute("stride")[0], value.attribute("padding")[0]
    rows = value.operands[0].shape[2] + sum(padding)
    return int(-(-rows // stride) * stride)


def _in_a_row(value: Value) -> Array:
    """
    The items that a convolution has in front of its channels, one below the other, each with
    its own padding: one image, whose sums are those of the items.
    """
    shape = value.operands[0].shape
    items, channels, rows = shape[:3]
    before = value.attribute("padding")[0][0]
    image = np.full((channels, items, _pitch(value), *shape[3:]), -1)
    image[:, :, before : before + rows] = np.arange(prod(shape)).reshape(shape).swapaxes(0, 1)
    return image.reshape(channels, -1, *shape[3:])


def _pool(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    (x,) = value.operands
    get = value.attribute
    rank = len(get("kernel"))
    if rank > 2:
        raise _unsupported(value, f"{rank} spatial axes", "1 or 2 are supported")
    if any(d != 1 for d in get("dilation")):
        raise _unsupported(value, "dilation")
    channels, spatial = prod(x.shape[:-rank]), x.shape[-rank:]  # of all items, where it has some
    kernel, stride, padding = list(get("kernel")), list(get("stride")), list(get("padding"))
    for axis in range(rank):  # a window that ceil lets hang over reaches into padding
        size, (before, after) = spatial[axis], padding[axis]
        span = (value.shape[value_axis(value, rank, axis)] - 1) * stride[axis] + kernel[axis]
        over = span - (size + before + after)
        if over > 0:
            if get("kind") == "avg" and not get("exclude_padding"):
                raise _unsupported(value, "a mean over a window that hangs over the edge")
            padding[axis] = (before, after + over)
    if rank == 1:
        kernel, stride, padding = [1, *kernel], [1, *stride], [(0, 0), *padding]
        spatial = (1, *spatial)
    stream = _reshaped(e, e.stream(x), (channels, *spatial))
    y = e.add(
        snn.Pool2dOp(
            get("kind"),
            stream,
            kernel=kernel,
            stride=stride,
            padding=[p for pair in padding for p in pair],
            element=None if get("kind") == "max" else e.element,
            exclude_padding=get("kind") == "avg" and get("exclude_padding"),
            node=node,
        )
    )
    return _reshaped(e, y, value.shape)


def value_axis(value: Value, rank: int, axis: int) -> int:
    return len(value.shape) - rank + axis


def _batch_norm(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    x = e.stream(value.operands[0])
    axis = value.attribute("axis")
    items = prod(value.shape[:axis])  # with channels of their own each
    order = np.moveaxis(np.arange(prod(value.shape)).reshape(value.shape), axis, 0)
    behind = value.shape[axis + 1 :]
    form = (len(order), *((items,) if items > 1 else ()), *behind)
    stream = _rearranged(e, x, order.reshape(form))
    names = ("gamma", "beta", "mean", "variance")
    gamma, beta, mean, variance = (
        e.weight(v, n, node) for v, n in zip(value.operands[1:], names, strict=True)
    )
    epsilon = value.attribute("epsilon")
    op = snn.BatchNormOp(stream, gamma, beta, mean, variance, epsilon, node=node)
    back = np.arange(prod(value.shape)).reshape(order.shape)
    return _rearranged(e, e.add(op), np.moveaxis(back, 0, axis))


def _reshape(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    return _reshaped(e, e.stream(value.operands[0]), value.shape)


def _places(value: Value) -> Array:
    x = value.operands[0]
    places = np.arange(prod(x.shape)).reshape(x.shape)
    if value.op == "transpose":
        return places.transpose(value.attribute("order"))
    if value.op == "take":
        return np.asarray(np.take(places, value.attribute("indices"), value.attribute("axis")))
    return np.broadcast_to(places, value.shape)


def _rearrange(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    return _rearranged(e, e.stream(value.operands[0]), _places(value))


def _concat(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    parts = [e.stream(v) for v in value.operands]
    types = {stream_type(p).element_type for p in parts}
    if len(types) > 1:
        parts = [e.as_float(p) for p in parts]
    return e.add(snn.ConcatOp(parts, value.attribute("axis"), node=node))


def _reduce(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    """Over neighbouring axes: a pool with one window."""
    (x,) = value.operands
    axes = value.attribute("axes")
    kind = {"reduce_sum": "sum", "reduce_mean": "avg", "reduce_max": "max"}.get(value.op)
    if kind is None or list(axes) != list(range(axes[0], axes[-1] + 1)):
        raise _unsupported(value, f"over axes {list(axes)} of {list(x.shape)}")
    before, after = prod(x.shape[: axes[0]]), prod(x.shape[axes[-1] + 1 :])
    count = prod(x.shape[a] for a in axes)
    stream = _reshaped(e, e.stream(x), (before, count, after))
    y = e.add(
        snn.Pool2dOp(
            kind,
            stream,
            kernel=[count, 1],
            stride=[1, 1],
            padding=[0] * 4,
            element=None if kind == "max" else e.element,
            node=node,
        )
    )
    return _reshaped(e, y, value.shape)


def _matmul(e: StreamEmitter, value: Value, node: str | None) -> SSAValue:
    a, b = value.operands
    if a.is_constant and len(a.shape) == 2 and len(b.shape) == 2:
        # W x for each column: a convolution of length one over W's inputs as channels
        w = e.weight(a, "weight", node, (*a.shape, 1))
        return e.add(
            snn.Conv1dOp(
                e.stream(b), w, None, stride=[1], padding=[0, 0], dilation=[1], groups=1, node=node
            )
        )
    raise _unsupported(
        value,
        "a product of two streams",
        "one factor must be a parameter: attention is not supported",
    )


Rule = Callable[[StreamEmitter, Value, "str | None"], SSAValue]

_TABLE: dict[str, Rule] = {
    "linear": _linear,
    "matmul": _matmul,
    "conv": _conv,
    "pool": _pool,
    "batch_norm": _batch_norm,
    "reshape": _reshape,
    "transpose": _rearrange,
    "take": _rearrange,
    "expand": _rearrange,
    "concat": _concat,
    "reduce_sum": _reduce,
    "reduce_mean": _reduce,
    "reduce_max": _reduce,
    "reduce_min": _reduce,
}


def rule_of(value: Value) -> Rule:
    """What writes the operation of a value. Raises SNC-I025 where nothing does."""
    rule = _TABLE.get(value.op)
    if rule is None:
        raise _unsupported(value, "no such operation on streams")
    return rule


def emit_stream(e: StreamEmitter, value: Value, node: str | None) -> None:
    """Writes the operation of one value. Raises SNC-I025 where there is none."""
    e.streams[value] = rule_of(value)(e, value, node)
