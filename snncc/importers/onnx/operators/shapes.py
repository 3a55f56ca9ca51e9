"""Operators that move, repeat or choose elements, and those that make constants."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, prod

import numpy as np

from snncc.errors import error
from snncc.importers.graph.store import MAX_ELEMENTS, MAX_INDICES
from snncc.importers.graph.values import Shape, Value
from snncc.importers.onnx.call import NUMBERS, Call, Operand
from snncc.importers.onnx.document import Tensor
from snncc.importers.onnx.operators.masks import repeated
from snncc.importers.onnx.operators.registry import operator


@operator("Reshape", attributes="allowzero")
def reshape(call: Call) -> list[Value]:
    x, target = call.value(0), call.whole(1, "a shape")
    if not call.flag("allowzero"):
        if any(size == 0 and axis >= len(x.shape) for axis, size in enumerate(target)):
            raise error("SNC-I014", f"Reshape: {list(x.shape)} to {target[:8]}")
        target = [size or x.shape[axis] for axis, size in enumerate(target)]
    return [call.graph.reshape(x, target)]


@operator("Flatten", attributes="axis")
def flatten(call: Call) -> list[Value]:
    x, axis = call.value(0), call.integer("axis", 1)
    rank = len(x.shape)
    if not -rank <= axis <= rank:
        raise error("SNC-I014", f"Flatten: axis {axis} of {list(x.shape)}")
    axis += rank if axis < 0 else 0
    return [call.graph.reshape(x, (prod(x.shape[:axis]), prod(x.shape[axis:])))]


@operator("Squeeze", attributes="axes")
def squeeze(call: Call) -> list[Value]:
    x = call.value(0)
    axes = call.axes(1, 13, len(x.shape))
    if axes is None:
        axes = [axis for axis, size in enumerate(x.shape) if size == 1]
    if any(x.shape[axis] != 1 for axis in axes):
        raise error("SNC-I014", f"Squeeze: axes {axes} of {list(x.shape)}")
    return [call.graph.reshape(x, [s for a, s in enumerate(x.shape) if a not in axes])]


@operator("Unsqueeze", attributes="axes")
def unsqueeze(call: Call) -> list[Value]:
    x = call.value(0)
    given = call.integers("axes") if call.opset < 13 else call.whole(1, "axes")
    rank = len(x.shape) + len(given or [])
    if rank > 32:
        raise error("SNC-I014", f"Unsqueeze: to {rank} axes")
    axes = {call.axis(axis, rank) for axis in given or []}
    if len(axes) != len(given or []):
        raise error("SNC-I014", f"Unsqueeze: axes {given} repeat")
    sizes = iter(x.shape)
    return [call.graph.reshape(x, [1 if a in axes else next(sizes) for a in range(rank)])]


@operator("Transpose", attributes="perm")
def transpose(call: Call) -> list[Value]:
    x = call.value(0)
    order = call.integers("perm")
    return [call.graph.transpose(x, order or list(range(len(x.shape)))[::-1])]


@operator("Expand", since=8)
def expand(call: Call) -> list[Operand]:
    """To the shape that both broadcast to. A size that counts a mask is kept as such."""
    x = call.value(0)
    if not call.value(1).is_constant:
        return [repeated(call, x, call.value(1))]
    target = call.whole(1, "a shape")
    if any(size < 0 for size in target) or prod(target) > MAX_ELEMENTS:
        raise error("SNC-I014", f"Expand: to {target[:8]}")
    try:
        shape = np.broadcast_shapes(x.shape, tuple(target))
    except ValueError:
        raise error("SNC-I014", f"Expand: {list(x.shape)} to {target[:8]}") from None
    return [call.graph.expand(x, shape)]


@operator("Tile")
def tile(call: Call) -> list[Value]:
    x, repeats = call.value(0), call.whole(1, "repeats")
    if len(repeats) != len(x.shape) or any(count < 1 for count in repeats):
        raise error("SNC-I014", f"Tile: {list(x.shape)} by {repeats[:8]}")
    for axis, count in enumerate(repeats):
        if count > 1:
            lead, size, rest = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
            column = call.graph.reshape(x, (*lead, 1, size, *rest))
            rows = call.graph.expand(column, (*lead, count, size, *rest))
            x = call.graph.reshape(rows, (*lead, count * size, *rest))
    return [x]


@operator("Slice", attributes="starts ends axes")
def slice_(call: Call) -> list[Value]:
    x = call.value(0)
    if call.opset < 10:
        starts, ends = call.integers("starts") or [], call.integers("ends") or []
        axes, steps = call.integers("axes"), None
    else:
        starts, ends = call.whole(1, "a start"), call.whole(2, "an end")
        axes = call.whole(3, "axes") if call.has(3) else None
        steps = call.whole(4, "a step") if call.has(4) else None
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    if not len(starts) == len(ends) == len(axes) == len(steps) or 0 in steps:
        raise error("SNC-I014", f"Slice: {starts[:8]} to {ends[:8]}, axes {axes[:8]}")
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        x = call.graph.slice(x, axis, start, end, step)
    return [x]


@operator("Gather", attributes="axis")
def gather(call: Call) -> list[Value]:
    x, axis = call.value(0), call.integer("axis", 0)
    indices = call.array(1, "an index")
    if indices.dtype.kind not in "iu" or indices.size == 0:
        raise error("SNC-I014", f"Gather: indices {indices.dtype} of {list(indices.shape)}")
    if indices.size > MAX_INDICES:
        raise error("SNC-I017", f"Gather: {indices.size} indices")
    axis = call.axis(axis, len(x.shape))
    if indices.ndim == 0:
        return [call.graph.select(x, axis, int(indices))]
    taken = call.graph.take(x, axis, [int(i) for i in indices.reshape(-1)])
    return [call.graph.reshape(taken, (*x.shape[:axis], *indices.shape, *x.shape[axis + 1 :]))]


@operator("Split", attributes="axis split num_outputs")
def split(call: Call) -> list[Value]:
    x, count = call.value(0), len(call.outputs)
    axis = call.axis(call.integer("axis", 0), len(x.shape))
    size = x.shape[axis]
    sizes = call.integers("split") if call.opset < 13 else None
    if call.opset >= 13 and call.has(1):
        sizes = call.whole(1, "the sizes", len(call.outputs))
    if sizes is None:
        count = call.integer("num_outputs", count)
        if not 0 < count <= size or count != len(call.outputs):
            raise error("SNC-I014", f"Split: {size} into {count} parts")
        each = -(-size // count)
        if call.opset < 18 and size % count:
            raise error("SNC-I014", f"Split: {size} into {count} equal parts")
        sizes = [each] * (count - 1) + [size - each * (count - 1)]
    if sum(sizes) != size or len(sizes) != len(call.outputs) or any(s < 1 for s in sizes):
        raise error("SNC-I014", f"Split: {size} into {sizes[:8]}")
    ends = np.cumsum([0, *sizes]).tolist()
    return [call.graph.slice(x, axis, start, end) for start, end in pairwise(ends)]


@operator("Concat", attributes="axis")
def concat(call: Call) -> list[Value]:
    parts = call.values()
    axis = call.axis(call.integer("axis"), len(parts[0].shape))
    # shapes that are put together at run time begin with empty parts
    kept = [part for part in parts if len(part.shape) != 1 or part.shape[0]] or parts[:1]
    return [call.graph.concat(kept, axis)]


@operator("Pad", attributes="mode pads value")
def pad(call: Call) -> list[Value]:
    """With a constant; where a size is negative, elements are cut off."""
    graph, x = call.graph, call.value(0)
    mode = call.text("mode", "constant")
    if mode != "constant":
        raise call.unsupported(f"mode {mode[:32]!r}", "pad with a constant")
    if call.opset < 11:
        sizes, filler = call.integers("pads") or [], call.number("value", 0.0)
    else:
        sizes = call.whole(1, "a size")
        filler = call.scalar(2, "a value") if call.has(2) else 0
    axes = list(range(len(x.shape)))
    if call.opset >= 18 and call.has(3):
        axes = [call.axis(axis, len(x.shape)) for axis in call.whole(3, "axes")]
    if len(sizes) != 2 * len(axes) or len(set(axes)) != len(axes):
        raise error("SNC-I014", f"Pad: {list(x.shape)} by {sizes[:8]}")
    pads = [(0, 0)] * len(x.shape)
    for at, axis in enumerate(axes):
        before, after = sizes[at], sizes[at + len(axes)]
        size = x.shape[axis]
        if before < 0 or after < 0:
            x = graph.slice(x, axis, max(-before, 0), max(size + min(after, 0), 0))
        pads[axis] = (max(before, 0), max(after, 0))
    return [graph.pad(x, pads, filler)]


# --- constants


@operator("Shape", attributes="start end")
def shape(call: Call) -> list[Value]:
    sizes = call.value(0).shape
    part = sizes[call.integer("start", 0) : call.integer("end", len(sizes))]
    return [call.graph.constant(np.array(part, np.int64))]


@operator("Size")
def size(call: Call) -> list[Value]:
    return [call.graph.constant(np.array(prod(call.value(0).shape), np.int64))]


@operator(
    "Constant",
    attributes="value value_float value_floats value_int value_ints value_string value_strings "
    "sparse_value",
)
def constant(call: Call) -> list[Value]:
    if len(call.attributes) != 1:
        raise error("SNC-I011", f"Constant has {len(call.attributes)} values")
    (name,) = call.attributes
    value = call.attributes[name]
    if isinstance(value, Tensor):
        return [call.inliner.constant(value)]
    if name == "value_int":
        return [call.graph.constant(np.array(call.integer(name), np.int64))]
    if name == "value_ints":
        return [call.graph.constant(np.array(call.integers(name), np.int64))]
    array = np.array(value, np.float32) if name.startswith("value_float") else None
    if array is None:
        raise call.unsupported("text")
    if not np.isfinite(array).all():
        raise error("SNC-I015", "Constant: a value that is not finite")
    return [call.graph.constant(array)]


@operator("ConstantOfShape", attributes="value", since=9)
def constant_of_shape(call: Call) -> list[Value]:
    sizes = call.whole(0, "a shape")
    limit(sizes)
    value = np.zeros(1, np.float32)
    if "value" in call.attributes:
        value = call.tensor("value").array
    if value.size != 1:
        raise error("SNC-I011", "ConstantOfShape: expected one value")
    return [call.graph.expand(call.graph.constant(value.reshape(())), sizes)]


@operator("Range", since=11)
def range_(call: Call) -> list[Value]:
    start, stop, step = (call.scalar(index, "a bound") for index in range(3))
    dtype = call.value(0, NUMBERS).dtype
    if step == 0:
        raise error("SNC-I014", "Range: a step of zero")
    count = max(ceil((float(stop) - float(start)) / float(step)), 0)
    limit([count])
    return [call.graph.constant((start + np.arange(count).astype(dtype) * step).astype(dtype))]


@operator("EyeLike", attributes="dtype k", since=9)
def eye_like(call: Call) -> list[Value]:
    x, diagonal = call.value(0), call.integer("k", 0)
    if len(x.shape) != 2:
        raise error("SNC-I014", f"EyeLike: {list(x.shape)}")
    dtype = call.element_type("dtype") if "dtype" in call.attributes else x.dtype
    limit(x.shape)
    bounded = max(-x.shape[0], min(diagonal, x.shape[1]))
    return [call.graph.constant(np.eye(*x.shape, k=bounded, dtype=dtype))]


def limit(sizes: list[int] | Shape) -> None:
    """Of a constant that is about to be made."""
    if any(size < 0 for size in sizes) or len(sizes) > 32:
        raise error("SNC-I014", f"a shape of {list(sizes)[:8]}")
    if prod(sizes) > MAX_CONSTANT:
        raise error("SNC-I017", f"a constant of shape {list(sizes)[:8]} is over the limit")


MAX_CONSTANT = 1 << 22
"""Elements of a constant that the file has a rule for, but does not store."""
