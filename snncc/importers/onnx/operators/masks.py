"""
`x[mask] = c`, which exporters write with indices of places that are known at run time only:
NonZero finds them, moves bring them in order, and ScatterND writes there. This becomes
`where(mask, c, x)`; what else is done with such places is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

import numpy as np

from snncc.errors import SnnccError, error
from snncc.importers.graph.values import Value
from snncc.importers.onnx.call import Call, Operand, Places, Repeated
from snncc.importers.onnx.operators.registry import operator

_REMEDY = "write it as torch.where(mask, value, x)"


def repeated(call: Call, x: Value, shape: Value) -> Repeated:
    """`x` expanded to the number of places where a mask holds."""
    mask = _counted(shape)
    if mask is None or prod(x.shape) != 1 or prod(shape.shape) != 1:
        raise call.unsupported("a shape that is not constant", _REMEDY)
    return Repeated(x, mask)


def _counted(count: Value) -> Value | None:
    """The mask whose places a value counts."""
    while count.op == "reshape":
        count = count.operands[0]
    if count.op != "reduce_sum" or count.operands[0].op != "cast":
        return None
    summed = count.operands[0]
    whole = len(count.attribute("axes")) == len(summed.shape)
    mask = summed.operands[0]
    return _flat(mask) if whole and mask.dtype == bool else None


def _flat(mask: Value) -> Value:
    return mask.operands[0] if mask.op == "reshape" else mask


@operator("NonZero", since=9)
def non_zero(call: Call) -> list[Operand]:
    x = call.value(0)
    if not x.shape:
        raise call.unsupported("a scalar")
    mask = x if x.dtype == bool else call.graph.cast(x, bool)
    return [Places(mask, tuple(range(len(x.shape))), 0)]


@operator("ScatterND", attributes="reduction", since=11)
def scatter_nd(call: Call) -> list[Operand]:
    raise call.unsupported("indices that are not the places of a mask", _REMEDY)


@operator("GatherND", attributes="batch_dims", since=11)
def gather_nd(call: Call) -> list[Operand]:
    raise call.unsupported("reading at indices", "export the model with slices or masks")


@operator("GatherElements", attributes="axis", since=11)
def gather_elements(call: Call) -> list[Operand]:
    raise call.unsupported("reading at indices", "export the model with slices or masks")


@operator("ScatterElements", attributes="axis reduction", since=11)
def scatter_elements(call: Call) -> list[Operand]:
    raise call.unsupported("writing at indices", _REMEDY)


# --- operators on places


def _scatter(call: Call) -> list[Operand]:
    graph, data = call.graph, call.value(0)
    places, updates = call.inputs[1], call.inputs[2] if len(call.inputs) > 2 else None
    if call.text("reduction", "none") != "none" or not isinstance(places, Places):
        raise _refused(call)
    mask = places.mask
    rank = len(mask.shape)
    if places.axis != 1 or places.coordinates != tuple(range(rank)):
        raise _refused(call)
    if data.shape[:rank] != mask.shape:
        raise error("SNC-I014", f"ScatterND: {data!r} where {mask!r}")
    wide = graph.reshape(mask, (*mask.shape, *[1] * (len(data.shape) - rank)))
    if isinstance(updates, Repeated):
        if _flat(updates.mask) is not _flat(mask) or len(data.shape) != rank:
            raise _refused(call)
        element = updates.element
    elif isinstance(updates, Value) and mask.is_constant and updates.shape[:1] == (0,):
        return [data]
    elif isinstance(updates, Value) and updates.is_constant and _uniform(call, updates):
        element = graph.constant(updates.content.reshape(-1)[:1])
    else:
        raise _refused(call)
    return [graph.where(wide, graph.reshape(element, ()), data)]


def _uniform(call: Call, value: Value) -> bool:
    call.graph.charge(value.content.nbytes)
    flat = value.content.reshape(-1)
    return bool(flat.size and np.all(flat == flat[0]))


def _identity(call: Call) -> list[Operand]:
    return [_kept(call.inputs[0])]


def _transpose(call: Call) -> list[Operand]:
    places = _places(call)
    order = call.integers("perm") or [1, 0]
    if order == [1, 0] and places.axis is not None:
        return [replace(places, axis=1 - places.axis)]
    raise _refused(call)


def _gather(call: Call) -> list[Operand]:
    places = _places(call)
    if places.axis is None or call.axis(call.integer("axis", 0), 2) != places.axis:
        raise _refused(call)
    indices = call.array(1, "an index")
    picked = [_at(call, places, int(i)) for i in indices.reshape(-1)]
    if indices.ndim > 1 or indices.dtype.kind not in "iu":
        raise _refused(call)
    return [Places(places.mask, tuple(picked), places.axis if indices.ndim else None)]


def _at(call: Call, places: Places, index: int) -> int:
    if not -len(places.coordinates) <= index < len(places.coordinates):
        raise error("SNC-I014", f"{call.op}: index {index} of {len(places.coordinates)}")
    return places.coordinates[index]


def _split(call: Call) -> list[Operand]:
    places = _places(call)
    single = len(call.outputs) == len(places.coordinates)
    if places.axis is None or call.axis(call.integer("axis", 0), 2) != places.axis or not single:
        raise _refused(call)
    return [replace(places, coordinates=(c,)) for c in places.coordinates]


def _squeeze(call: Call) -> list[Operand]:
    places = _places(call)
    axes = call.axes(1, 13, 2)
    if len(places.coordinates) == 1 and places.axis is not None and axes == [places.axis]:
        return [replace(places, axis=None)]
    raise _refused(call)


def _unsqueeze(call: Call) -> list[Operand]:
    places = _places(call)
    axes = call.axes(1, 13, 2)
    if places.axis is None and axes in ([0], [1]):
        return [replace(places, axis=axes[0])]
    raise _refused(call)


def _concat(call: Call) -> list[Operand]:
    parts = [part for part in call.inputs if isinstance(part, Places)]
    axis = call.axis(call.integer("axis"), 2)
    alike = all(part.mask is parts[0].mask and part.axis == axis for part in parts)
    if len(parts) != len(call.inputs) or not alike:
        raise _refused(call)
    joined = tuple(c for part in parts for c in part.coordinates)
    return [Places(parts[0].mask, joined, axis)]


def _reshape(call: Call) -> list[Operand]:
    """One element for each place stays that; indices do not."""
    if isinstance(call.inputs[0], Repeated) and call.whole(1, "a shape") == [-1]:
        return [call.inputs[0]]
    raise _refused(call)


def _cast(call: Call) -> list[Operand]:
    if isinstance(call.inputs[0], Places) and call.element_type("to").kind == "i":
        return [call.inputs[0]]
    raise _refused(call)


def _places(call: Call) -> Places:
    found = call.inputs[0]
    if not isinstance(found, Places):
        raise _refused(call)
    return found


def _kept(operand: Operand | None) -> Operand:
    assert operand is not None
    return operand


def _refused(call: Call) -> SnnccError:
    return call.unsupported("a tensor whose size is known at run time only", _REMEDY)


MASKED: dict[str, Callable[[Call], Sequence[Operand]]] = {
    "Identity": _identity,
    "Transpose": _transpose,
    "Gather": _gather,
    "Split": _split,
    "Squeeze": _squeeze,
    "Unsqueeze": _unsqueeze,
    "Concat": _concat,
    "Reshape": _reshape,
    "Cast": _cast,
    "ScatterND": _scatter,
}
"""What these do when an operand is of a size that is known at run time only."""
