"""A float network beside the one of integers that was made of it, layer by layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, dtype_of, signed_dtype
from snncc.dialects.kernel.packing import PACKINGS
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import integer_width, shape_of, stream_type
from snncc.errors import error
from snncc.inputs import to_streams
from snncc.interpreters.network import NetworkInterpreter, Run
from snncc.network import Network
from snncc.passes.quantization.attributes import read_scale
from snncc.passes.ranges import NetworkRanges, network_ranges
from snncc.passes.scheduling.packing import layout_of, packings
from snncc.quantization.held import reached


@dataclass(frozen=True)
class StateBounds:
    """A state of integers: what is proved of it, and what was seen."""

    name: str
    bits: int
    """Of its type."""
    proved: tuple[int, int]
    seen: tuple[int, int]
    is_bounded: bool
    """Whether it is proved never to saturate."""


@dataclass(frozen=True)
class LayerAnalysis:
    """A neuron of the network, and the weighted sums that feed it."""

    name: str
    shape: tuple[int, ...]
    float_rate: float
    """Mean output a step: spikes, counts, or numbers."""
    rate: float
    rate_error: float
    """
    The mean distance of the elements' rates over their mean rate in the float network.
    """
    differing: float
    """The part of all outputs that differ."""
    first_step: int | None
    """The first step at which an output differs; None where none does."""
    first_place: tuple[int, ...]
    """Sample and element of the first difference."""
    float_bytes: int
    """Of the weights that feed it, in 32 bits."""
    bytes: int
    """Of the same as the C stores them, where it packs what pays."""
    states: tuple[StateBounds, ...]


@dataclass(frozen=True)
class Analysis:
    """`accuracy` and `float_accuracy` where labels were given."""

    network: str
    samples: int
    steps: int
    layers: tuple[LayerAnalysis, ...]
    float_accuracy: float | None = None
    accuracy: float | None = None
    agreement: float | None = None
    """The part of the samples that both networks put in one class."""

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def analyze(
    network: Network,
    quantized: Network,
    x: Any,
    labels: Any = None,
    *,
    steps: int | None = None,
    score: str | None = None,
    blas: bool = True,
) -> Analysis:
    """
    Compares a float network with an integer one on inputs as `Network.run` takes them.

    `labels` [B] are compared with the element of output `score` (where there is one, the
    only one) whose sum over the steps is largest. `blas` leaves the order of the float
    sums to NumPy's BLAS. Raises SNC-R001 and SNC-R003 where inputs or labels do not fit.
    """
    given = to_streams(network.op, x, steps=steps).arrays
    taken = to_streams(quantized.op, x, steps=steps).arrays
    real = NetworkInterpreter(network.module, network.op, blas=blas).run(given, trace=True)
    own = NetworkInterpreter(quantized.module, quantized.op, blas=True).run(taken, trace=True)
    ranges = network_ranges(quantized.op)
    layers = tuple(_layers(network, quantized, real, own, ranges))
    first = next(iter(given.values()))
    accuracies: tuple[float | None, float | None, float | None] = (None, None, None)
    if labels is not None:
        accuracies = _accuracies(network, real, own, np.asarray(labels), score)
    return Analysis(quantized.name, int(first.shape[1]), int(first.shape[0]), layers, *accuracies)


def _layers(
    network: Network, quantized: Network, real: Run, own: Run, ranges: NetworkRanges
) -> Iterator[LayerAnalysis]:
    names, before = StateNames(quantized.op), StateNames(network.op)
    known = {outputs[0] for outputs in before.outputs_of.values() if outputs}
    scales = _output_scales(names)
    packed = packings(quantized.op)
    for op, outputs in names.outputs_of.items():
        if not outputs or outputs[0] not in known or outputs[0] not in own.trace:
            continue
        name = outputs[0]
        wanted = real.trace[name].astype(np.float64)
        got = _numbers(own.trace[name], op.results[0]) * scales.get(name, 1.0)
        if got.shape != wanted.shape:
            continue
        rates, rate = wanted.mean(axis=(0, 1)), got.mean(axis=(0, 1))
        size = float(np.abs(rates).mean())
        distance = float(np.abs(rate - rates).mean())
        apart = got != wanted
        place = tuple(int(i) for i in np.argwhere(apart)[0]) if apart.any() else ()
        yield LayerAnalysis(
            name,
            shape_of(op.results[0]),
            float(rates.mean()),
            float(rate.mean()),
            distance / size if size > 0 else distance,
            float(apart.mean()),
            place[0] if place else None,
            place[1:],
            *_weight_bytes(op, packed),
            tuple(_states(names, op, own, ranges)),
        )


def _output_scales(names: StateNames) -> dict[str, Array]:
    found: dict[str, Array] = {}
    for op, outputs in names.outputs_of.items():
        scale = read_scale(op, "output") if outputs else None
        if scale is not None:
            found[outputs[0]] = scale
    return found


def _numbers(values: Array, stream: SSAValue) -> Array:
    """A trace as numbers: integers wider than a spike may be signed."""
    if values.dtype.kind == "u" and integer_width(stream_type(stream).element_type) > 1:
        owner = stream.owner
        network = owner.parent_op() if isinstance(owner, Operation) else None
        if isinstance(network, snn.NetworkOp) and Signs(network).is_signed(stream):
            values = values.view(signed_dtype(values.dtype))
    return values.astype(np.float64)


def _states(
    names: StateNames, op: Operation, own: Run, ranges: NetworkRanges
) -> Iterator[StateBounds]:
    if not isinstance(op, snn.NeuronOp):
        return
    held = reached(op, ranges)
    for index, port in enumerate(op.state_ports):
        element = port.argument.type
        name = names.name_of[op, index]
        if isinstance(element, AnyFloat) or name not in own.trace:
            continue
        proved = ranges.states[op, index]
        values = own.trace[name]
        if values.dtype.kind == "u" and integer_width(element) > 1:
            values = values.view(signed_dtype(values.dtype))
        below, above = ranges.unbounded((op, index))
        yield StateBounds(
            name,
            integer_width(element),
            (int(np.min(proved.low)), int(np.max(proved.high))),
            (int(values.min()), int(values.max())),
            not (bool(np.any(below)) or bool(np.any(above)) or index in held),
        )


def _weight_bytes(op: Operation, packed: Mapping[Operation, int | None]) -> tuple[int, int]:
    """Of the weights of the sums that feed a neuron: as float32, and as the C stores them."""
    count = size = 0
    for value in op.operands:
        source = value.owner
        if isinstance(source, WeightedSum):
            weight = stream_type(source.weight)
            elements = int(np.prod(weight.get_shape()))
            count += elements
            bits = packed.get(source)
            if bits is None:
                size += elements * dtype_of(weight.element_type).itemsize
            else:
                size += PACKINGS[bits].size(layout_of(source))
    return 4 * count, size


# --- accuracy


def _accuracies(
    network: Network, real: Run, own: Run, labels: Array, score: str | None
) -> tuple[float, float, float]:
    name = scored_output(network, score)
    wanted = _classes(real.outputs[name])
    got = _classes(own.outputs[name])
    if labels.shape != wanted.shape or labels.dtype.kind not in "iu":
        raise error(
            "SNC-R003",
            f"labels: expected {len(wanted)} whole numbers, one for each sample, "
            f"got {labels.dtype} of shape {list(labels.shape)}",
        )
    return (
        float((wanted == labels).mean()),
        float((got == labels).mean()),
        float((wanted == got).mean()),
    )


def scored_output(network: Network, score: str | None) -> str:
    """The output whose most active element is the class. Raises SNC-R003."""
    names = list(network.outputs)
    if score is not None and score not in names:
        raise error("SNC-R003", f"score: expected one of {', '.join(names)}, got {score!r}")
    if score is None and len(names) > 1:
        raise error(
            "SNC-R003",
            f"labels: the network has {len(names)} outputs",
            remedy=f"say which one they are for: {' or '.join(names)}",
        )
    return score or names[0]


def _classes(values: Array) -> Array:
    """[T, B, classes] -> [B]: the element whose sum over the steps is largest."""
    total = values.astype(np.float64).sum(axis=0)
    classes: Array = total.reshape(total.shape[0], -1).argmax(axis=1)
    return classes
