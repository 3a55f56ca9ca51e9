"""What users hand in, as the streams that interpreters and compiled networks take."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, IntegerAttr, StringAttr
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dtype_of, signed_dtype, splat_shape
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import is_spike, shape_of, shape_text, stream_type
from snncc.errors import error, expect_file
from snncc.options import is_whole

MAX_INPUT_ELEMENTS = 1 << 28
MAX_STEPS = (1 << 31) - 1


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
    steps; so are inputs that the model itself holds. Where that does not fit, the last axis
    may hold a whole input, flat in C order.
    Raises SNC-R001 where they do not fit.
    """
    given = _by_name(network, x)
    if steps is not None and not (is_whole(steps) and 1 <= steps <= MAX_STEPS):
        raise error(
            "SNC-R001", f"steps: expected a whole number from 1 to {MAX_STEPS}, got {steps!r}"
        )
    elements = [stream_type(argument).element_type for argument in network.inputs.values()]
    graded = [e for e in elements if not isinstance(e, AnyFloat) and not is_spike(e)]
    signs = Signs(network) if graded else None  # takes longer than a small network's run
    whole = sequence_of(network)
    if whole is not None and steps is not None:
        raise error("SNC-R001", f"steps: the network takes all of its {whole} steps at once")
    arrays: dict[str, Array] = {}
    lengths: dict[str, int] = {}
    batches: dict[str, int | None] = {}
    for name, argument in network.inputs.items():
        shape = shape_of(argument)
        element = stream_type(argument).element_type
        signed = signs is not None and signs.is_signed(argument)
        array = _numeric(f"input {name!r}", given[name], element, signed=signed)
        constant = is_held(network, name) and array.ndim < len(shape) + 2
        if whole is not None and not constant:
            shape = shape[1:]  # an array has its steps in front of the batch
        lead = 0 if steps is not None or constant else 1
        array = _placed(name, array, shape, lead)
        batched = array.ndim == len(shape) + lead + 1
        if not batched:
            array = np.expand_dims(array, lead)
        arrays[name] = array
        batches[name] = array.shape[lead] if batched else None
        if lead:
            lengths[name] = array.shape[0]
    if len(set(lengths.values())) > 1 or len(set(batches.values())) > 1:
        sizes = ", ".join(f"{name}: {list(array.shape[:2])}" for name, array in arrays.items())
        raise error("SNC-R001", f"inputs differ in steps or batch ({sizes})")
    count = next(iter(lengths.values()), steps or default_steps(network))
    batch = next(iter(batches.values()))
    if count is None:
        raise error("SNC-R001", "no input has a time axis", remedy="give steps=T (--steps T)")
    for name, array in arrays.items():
        if whole is not None:
            arrays[name] = (np.moveaxis(array, 0, 1) if name in lengths else array)[None]
        elif name not in lengths:
            arrays[name] = np.broadcast_to(array, (int(count), *array.shape))
    if whole is not None:
        if lengths and count != whole:
            raise error("SNC-R001", f"expected {whole} steps, got {count}: the model fixes them")
        count = 1
    first = next(iter(arrays.values()))
    if first.shape[0] < 1 or first.shape[1] < 1:
        raise error("SNC-R001", "expected at least one step and one sample")
    return Streams(arrays, int(count), first.shape[1], batch is not None)


def sequence_of(network: snn.NetworkOp) -> int | None:
    """
    How many steps one step of the network takes: a model of a whole sequence that is no
    loop has them as the first axis of its inputs and outputs.
    """
    value = network.attributes.get("sequence")
    return value.value.data if isinstance(value, IntegerAttr) else None


def default_steps(network: snn.NetworkOp) -> int | None:
    """How many steps a network of constant inputs was exported for."""
    value = network.attributes.get("steps")
    return value.value.data if isinstance(value, IntegerAttr) else None


def are_sequences(network: snn.NetworkOp, arrays: Mapping[str, Any]) -> bool:
    """Whether arrays for inputs have an axis of time, and one of samples."""
    ranks = {name: len(shape_of(value)) for name, value in network.inputs.items()}
    return all(np.ndim(a) > ranks[name] + 1 for name, a in arrays.items() if name in ranks)


def is_held(network: snn.NetworkOp, name: str) -> bool:
    """Whether an input, or an output of a whole sequence, has no time axis in the model."""
    value = network.attributes.get("held")
    return isinstance(value, ArrayAttr) and StringAttr(name) in value.data


def _placed(name: str, array: Array, shape: tuple[int, ...], lead: int) -> Array:
    """An input behind `lead` axes, or one more for the batch; the input itself may be flat."""
    extra = array.ndim - len(shape)
    if extra in (lead, lead + 1) and array.shape[extra:] == shape:
        return array
    if array.ndim - 1 in (lead, lead + 1) and array.shape[-1] == splat_shape(shape):
        return array.reshape(*array.shape[:-1], *shape)
    inner = [str(size) for size in shape]
    forms = [[*axes, *inner] for axes in (["T"], ["T", "B"])] if lead else [inner, ["B", *inner]]
    expected = " or ".join(f"[{', '.join(form)}]" for form in forms)
    if len(shape) > 1:
        expected += f" (or its last {len(shape)} axes as one of {splat_shape(shape)})"
    raise error(
        "SNC-R001",
        f"input {name!r}: expected {expected}, got {list(array.shape)}",
        remedy="an input without a time axis is held constant with steps=T (--steps T)"
        if lead
        else None,
    )


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


def _numeric(
    what: str, value: Any, element: Attribute, code: str = "SNC-R001", *, signed: bool
) -> Array:
    """An array of an element type; every value must be one that the type holds."""
    try:
        array = np.asarray(value)
    except ValueError:  # lists of unequal lengths
        raise error(code, f"{what}: expected an array of numbers") from None
    if array.dtype.kind not in "fiub":
        raise error(code, f"{what}: expected numbers, got {array.dtype}")
    dtype = dtype_of(element)
    if isinstance(element, AnyFloat):
        with np.errstate(over="ignore"):
            result = array.astype(dtype, copy=False)
        if not np.isfinite(array).all():
            raise error(code, f"{what}: has values that are not finite")
        if result is not array and not np.isfinite(result).all():
            raise error(code, f"{what}: has values that are beyond {dtype}")
        return result
    bounds = np.iinfo(signed_dtype(dtype) if signed else dtype)
    least, largest = (0, 1) if is_spike(element) else (bounds.min, bounds.max)
    broken = array.dtype.kind == "f" and (array != np.floor(array)).any()
    if array.size and (broken or array.min() < least or array.max() > largest):
        raise error(code, f"{what}: expected whole numbers from {least} to {largest}")
    return array.astype(bounds.dtype).view(dtype)


def to_states(
    network: snn.NetworkOp, given: Mapping[str, Any] | None, batch: int
) -> dict[str, Array]:
    """
    Initial states by name as [B, *shape] (or [*shape], the same for every sample).

    A delay's shape is [steps, *shape]; of one step it may be given without that axis.
    Raises SNC-R002 for unknown names, wrong shapes and values that no state has.
    """
    from snncc.dialects.snn.names import StateNames

    names, signs = StateNames(network), Signs(network)
    keys = {name: key for key, name in names.name_of.items()}
    if given is not None and not isinstance(given, Mapping):
        raise error("SNC-R002", f"state0: expected {{state name: array}}, got {given!r}")
    result: dict[str, Array] = {}
    for name, value in (given or {}).items():
        if name not in keys:
            raise error(
                "SNC-R002",
                f"no state is named {name!r}",
                remedy=f"states: {', '.join(keys) or 'none'}",
            )
        signed = signs.is_signed(state_value(*keys[name]))
        array = _numeric(
            f"state {name!r}", value, _state_element(*keys[name]), "SNC-R002", signed=signed
        )
        shape = names.shape_of(keys[name])
        if names.is_line(keys[name]) and array.shape in (shape[1:], (batch, *shape[1:])):
            array = np.expand_dims(array, -len(shape))
        if array.shape not in (shape, (batch, *shape)):
            raise error(
                "SNC-R002",
                f"state {name!r}: expected shape {shape_text(shape)} "
                f"or {shape_text((batch, *shape))}, got {shape_text(array.shape)}",
            )
        result[name] = array
    return result


def state_value(op: Operation, index: int) -> SSAValue:
    """What stands for a state: a neuron's, as its body reads it, or what a delay holds."""
    return op.state_ports[index].argument if isinstance(op, snn.NeuronOp) else op.results[index]


def _state_element(op: Operation, index: int) -> Attribute:
    value = state_value(op, index)
    return value.type if isinstance(op, snn.NeuronOp) else stream_type(value).element_type


def open_npz(path: Path, code: str = "SNC-R001") -> NpzFile:
    """An .npz file, to be used in a `with`; its arrays are read by `entry`."""
    expect_file(path, code)
    try:
        loaded = np.load(path, allow_pickle=False) if zipfile.is_zipfile(path) else None
    except Exception:  # zipfile raises many kinds for a damaged file
        loaded = None
    if not isinstance(loaded, NpzFile):
        remedy = "numpy.savez('x.npz', x=array) writes one"
        raise error(code, f"{path}: not a readable .npz file", remedy=remedy)
    return loaded


def entry(file: NpzFile, key: str, path: Path, code: str = "SNC-R001") -> Array:
    """One array of a file that `open_npz` opened."""
    try:
        return np.asarray(file[key])
    except Exception:  # a damaged member, or pickled objects, which would run code
        text = f"{path}: {key!r} is damaged or holds Python objects, not numbers"
        raise error(code, text) from None


def read_npz(
    path: Path, network: snn.NetworkOp, *, steps: int | None = None
) -> tuple[dict[str, Array], int | None]:
    """
    The inputs of a network from an .npz file, and the steps to hold them for (None where
    they have a time axis): for each input an array by its name (or `x` where there is one
    input), or events `NAME.events`, whole numbers [n, 3] = (step, address, count), with
    `T`, the number of steps. Addresses are flat, in C order; counts at one place add up.

    Raises SNC-R001 where the file cannot be read or does not fit.
    """
    with open_npz(path) as file:
        found = {key: entry(file, key, path) for key in _wanted_keys(network) if key in file.files}
        held = list(file.files)
    dense: dict[str, Array] = {}
    events: dict[str, str] = {}
    for name in network.inputs:
        candidates = list(dict.fromkeys([name, "x"] if len(network.inputs) == 1 else [name]))
        array = next((key for key in candidates if key in found), None)
        listed = next((f"{key}.events" for key in candidates if f"{key}.events" in found), None)
        if array is not None:
            dense[name] = found[array]
        elif listed is not None:
            events[name] = listed
        else:
            raise error(
                "SNC-R001",
                f"{path}: expected {' or '.join(candidates)} (or NAME.events and T), "
                f"got {', '.join(held) or 'nothing'}",
            )
    if not events:
        return dense, steps
    total = _total_steps(path, found.get("T"), steps)
    if steps is not None:
        dense = {
            name: np.broadcast_to(array, (total, *array.shape)) for name, array in dense.items()
        }
    for name, key in events.items():
        dense[name] = _dense_events(key, found[key], total, shape_of(network.inputs[name]))
    return dense, None


def _wanted_keys(network: snn.NetworkOp) -> list[str]:
    names = [*network.inputs, "x"]
    return [*names, *(f"{name}.events" for name in names), "T"]


def _total_steps(path: Path, total: Array | None, steps: int | None) -> int:
    """How many steps the events of a file are spread over."""
    if total is None:
        if steps is None:
            raise error("SNC-R001", f"{path}: events need T, the number of steps")
        return steps
    if total.size != 1 or total.dtype.kind not in "iuf" or total.item() != total.item() // 1:
        shown = total.tolist() if total.size <= 8 else f"{total.dtype} of shape {total.shape}"
        raise error("SNC-R001", f"{path}: T: expected one whole number, got {shown}")
    if steps is not None and int(total.item()) != steps:
        raise error("SNC-R001", f"{path}: T is {total.item():g}, and --steps {steps}")
    return int(total.item())


def _dense_events(key: str, events: Array, steps: int, shape: tuple[int, ...]) -> Array:
    size = splat_shape(shape)
    if events.ndim != 2 or events.shape[1] != 3 or events.dtype.kind not in "iu":
        raise error(
            "SNC-R001",
            f"{key}: expected whole numbers of shape [n, 3], columns (step, address, count), "
            f"got {events.dtype} of shape {list(events.shape)}",
        )
    if steps < 1 or steps * size > MAX_INPUT_ELEMENTS:
        raise error("SNC-R001", f"T: expected 1 to {MAX_INPUT_ELEMENTS // size} steps, got {steps}")
    times, addresses, counts = (events[:, i].astype(np.int64) for i in range(3))
    for what, values, limit in (("steps", times, steps), ("addresses", addresses, size)):
        if values.size and (values.min() < 0 or values.max() >= limit):
            raise error("SNC-R001", f"{key}: expected {what} from 0 to {limit - 1}")
    if counts.size and counts.min() < 0:
        raise error("SNC-R001", f"{key}: expected counts of at least 0")
    dense = np.zeros((steps, size), np.float32)
    np.add.at(dense, (times, addresses), counts)
    return dense.reshape(steps, *shape)
