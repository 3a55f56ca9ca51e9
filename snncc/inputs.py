"""What users hand in, as the streams that interpreters and compiled networks take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import AnyFloat

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dtype_of, splat_shape
from snncc.dialects.snn.types import is_spike, shape_of, shape_text, stream_type
from snncc.errors import error

MAX_INPUT_ELEMENTS = 1 << 28


@dataclass(frozen=True)
class Streams:
    """Input name -> [T, B, *shape]; `batched` tells whether the user gave the batch axis."""

    arrays: dict[str, Array]
    steps: int
    batch: int
    batched: bool


def to_streams(network: snn.NetworkOp, x: Any, *, steps: int | None = None) -> Streams:
    """
    Inputs as [T, B, *shape] arrays of each input's element type.

    `x` is one array or {input name: array}; each is [T, *shape] or [T, B, *shape]. With
    `steps`, arrays have no time axis ([*shape] or [B, *shape]) and are held for that many
    steps. Raises SNC-R001 where they do not fit.
    """
    given = _by_name(network, x)
    if steps is not None and steps < 1:
        raise error("SNC-R001", f"steps: expected at least 1, got {steps}")
    arrays: dict[str, Array] = {}
    lengths: dict[str, int] = {}
    batches: dict[str, int | None] = {}
    for name, argument in network.inputs.items():
        shape = shape_of(argument)
        array = _numeric(name, given[name], argument)
        extra = array.ndim - len(shape)
        needed = 0 if steps is not None else 1
        if extra not in (needed, needed + 1) or array.shape[extra:] != shape:
            axes = ["B"] if steps is not None else ["T", "T, B"]
            forms = [f"[{', '.join([a, *map(str, shape)])}]" for a in axes]
            if steps is not None:
                forms.insert(0, f"[{', '.join(map(str, shape))}]")
            raise error(
                "SNC-R001",
                f"input {name!r}: expected {' or '.join(forms)}, got {list(array.shape)}",
                remedy=None
                if steps is not None
                else "an input without a time axis is held constant with steps=T (--steps T)",
            )
        batched = extra == needed + 1
        if not batched:
            array = np.expand_dims(array, needed)
        if steps is not None:
            array = np.broadcast_to(array, (steps, *array.shape))
        arrays[name] = array
        lengths[name] = array.shape[0]
        batches[name] = array.shape[1] if batched else None
    if len(set(lengths.values())) > 1 or len(set(batches.values())) > 1:
        sizes = ", ".join(f"{name}: {list(array.shape[:2])}" for name, array in arrays.items())
        raise error("SNC-R001", f"inputs differ in steps or batch ({sizes})")
    first = next(iter(arrays.values()))
    if first.shape[0] < 1 or first.shape[1] < 1:
        raise error("SNC-R001", "expected at least one step and one sample")
    return Streams(arrays, first.shape[0], first.shape[1], next(iter(batches.values())) is not None)


def _by_name(network: snn.NetworkOp, x: Any) -> Mapping[str, Any]:
    names = list(network.inputs)
    if not isinstance(x, Mapping):
        if len(names) != 1:
            raise error(
                "SNC-R001",
                f"the network has {len(names)} inputs",
                remedy=f"give an array for each: {', '.join(names)}",
            )
        return {names[0]: x}
    if len(names) == 1 and set(x) == {"x"}:
        return {names[0]: x["x"]}
    if set(x) != set(names):
        raise error(
            "SNC-R001",
            f"expected inputs {', '.join(names)}, got {', '.join(map(str, x)) or 'none'}",
        )
    return x


def _numeric(name: str, value: Any, argument: Any) -> Array:
    array = np.asarray(value)
    element = stream_type(argument).element_type
    if array.dtype.kind not in "fiub":
        raise error("SNC-R001", f"input {name!r}: expected numbers, got {array.dtype}")
    if isinstance(element, AnyFloat):
        array = array.astype(dtype_of(element), copy=False)
        if not np.isfinite(array).all():
            raise error("SNC-R001", f"input {name!r}: has values that are not finite")
        return array
    dtype = dtype_of(element)
    largest = 1 if is_spike(element) else np.iinfo(dtype).max
    if array.size and (
        array.min() < 0 or array.max() > largest or (array != np.floor(array)).any()
    ):
        raise error("SNC-R001", f"input {name!r}: expected whole numbers from 0 to {largest}")
    return array.astype(dtype)


def to_states(
    network: snn.NetworkOp, given: Mapping[str, Any] | None, batch: int
) -> dict[str, Array]:
    """
    Initial states by name as [B, *shape] (or [*shape], the same for every sample).

    Raises SNC-R002 for unknown names and wrong shapes.
    """
    from snncc.dialects.snn.names import StateNames

    names = StateNames(network)
    shapes = {name: names.shape_of(key) for key, name in names.name_of.items()}
    result: dict[str, Array] = {}
    for name, value in (given or {}).items():
        if name not in shapes:
            raise error(
                "SNC-R002",
                f"no state is named {name!r}",
                remedy=f"states: {', '.join(shapes) or 'none'}",
            )
        array = np.asarray(value)
        shape = shapes[name]
        if array.shape not in (shape, (batch, *shape)):
            raise error(
                "SNC-R002",
                f"state {name!r}: expected shape {shape_text(shape)} "
                f"or {shape_text((batch, *shape))}, got {shape_text(array.shape)}",
            )
        result[name] = array
    return result


def read_npz(path: Path, network: snn.NetworkOp, *, steps: int | None = None) -> dict[str, Array]:
    """
    The inputs of a network from an .npz file: one array for each input's name (or `x`
    where there is one), or events `NAME.events` int32 [n, 3] = (t, address, count) with
    `T`. Addresses are flat, in C order; counts at one place add up.

    Raises SNC-R001 where the file cannot be read or does not fit.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {key: file[key] for key in _wanted_keys(network) if key in file.files}
            held = list(file.files)
    except FileNotFoundError:
        raise error("SNC-R001", f"{path.name}: no such file") from None
    except Exception as fault:
        reason = " ".join(str(fault).split())[:160]
        raise error("SNC-R001", f"{path.name}: not a readable .npz file ({reason})") from None
    result: dict[str, Array] = {}
    for name, argument in network.inputs.items():
        candidates = [name, "x"] if len(network.inputs) == 1 else [name]
        dense = next((key for key in candidates if key in found), None)
        events = next((f"{key}.events" for key in candidates if f"{key}.events" in found), None)
        if dense is not None:
            result[name] = found[dense]
        elif events is not None:
            total = found.get("T")
            if total is None and steps is None:
                raise error("SNC-R001", f"{path.name}: {events} needs T, the number of steps")
            count = int(total) if total is not None else int(steps or 0)
            result[name] = _dense_events(events, found[events], count, shape_of(argument))
        else:
            raise error(
                "SNC-R001",
                f"{path.name}: expected {' or '.join(candidates)} (or NAME.events and T), "
                f"got {', '.join(held) or 'nothing'}",
            )
    return result


def _wanted_keys(network: snn.NetworkOp) -> list[str]:
    names = [*network.inputs, "x"]
    return [*names, *(f"{name}.events" for name in names), "T"]


def _dense_events(key: str, events: Array, steps: int, shape: tuple[int, ...]) -> Array:
    size = splat_shape(shape)
    if events.ndim != 2 or events.shape[1] != 3 or events.dtype.kind not in "iu":
        raise error("SNC-R001", f"{key}: expected integers of shape [n, 3], got {events.shape}")
    if steps < 1 or steps * size > MAX_INPUT_ELEMENTS:
        raise error("SNC-R001", f"T: expected 1 to {MAX_INPUT_ELEMENTS // size} steps, got {steps}")
    times, addresses, counts = (events[:, i].astype(np.int64) for i in range(3))
    for what, values, limit in (("t", times, steps), ("address", addresses, size)):
        if values.size and (values.min() < 0 or values.max() >= limit):
            raise error("SNC-R001", f"{key}: expected {what} from 0 to {limit - 1}")
    if counts.size and counts.min() < 0:
        raise error("SNC-R001", f"{key}: expected counts of at least 0")
    dense = np.zeros((steps, size), np.float32)
    np.add.at(dense, (times, addresses), counts)
    return dense.reshape(steps, *shape)
