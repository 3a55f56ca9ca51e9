"""
Streams as affine functions of what fires: sum over (source, delay) of A x[t - delay] + c.

What stands between populations (weighted sums, pools, sums, scales, other shapes) is linear, and
a chip has synapses for it: one matrix for each source and delay.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import i1
from xdsl.ir import BlockArgument, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, batch_norm_factors, constant_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.dialects.windows import Windows, convolution_entries, padded, taken, windows
from snncc.passes.legalization.faults import Fault, Unfit
from snncc.passes.legalization.sparse import Sparse

NO_SYNAPSES = "SNC-N003"
MOST_ENTRIES = 1 << 26
"""Of one matrix: convolutions of large images have more than any chip here holds."""


@dataclass(frozen=True)
class Affine:
    """Terms by (source, delay), matrices [elements, sources], and a constant [elements]."""

    terms: dict[tuple[str, int], Sparse]
    constant: Array

    def after(self, matrix: Sparse) -> Affine:
        """matrix times this."""
        return Affine(
            {key: matrix @ term for key, term in self.terms.items()}, matrix.apply(self.constant)
        )

    def plus(self, other: Affine) -> Affine:
        terms = dict(self.terms)
        for key, term in other.terms.items():
            terms[key] = terms[key] + term if key in terms else term
        return Affine(terms, self.constant + other.constant)

    def plus_constant(self, constant: Array) -> Affine:
        return Affine(self.terms, self.constant + constant)


class Streams:
    """The streams of a network by the populations and inputs that they come from."""

    def __init__(self, network: snn.NetworkOp, source_of: Callable[[SSAValue], str | None]):
        """`source_of` names the population whose output a value is, or None."""
        self._network = network
        self._source_of = source_of
        self._known: dict[SSAValue, Affine] = {}
        self._open: set[SSAValue] = set()
        self._inputs = {value: name for name, value in network.inputs.items()}
        self.pools: dict[str, Affine] = {}
        """By name: spikes in the windows of maximum pools, which are populations of their own."""
        self.pool_shapes: dict[str, tuple[int, ...]] = {}

    def of(self, value: SSAValue) -> Affine:
        """Raises Unfit where a value is no affine function of spikes."""
        if value not in self._known:
            if value in self._open:
                raise Unfit(
                    [
                        Fault(
                            NO_SYNAPSES,
                            _node(value),
                            "a loop through no neuron",
                            "give the loop a neuron: chips have state in neurons only",
                        )
                    ]
                )
            self._open.add(value)
            self._known[value] = self._found(value)
            self._open.discard(value)
        return self._known[value]

    def _found(self, value: SSAValue) -> Affine:
        size = int(np.prod(shape_of(value), dtype=np.int64))
        name = self._inputs.get(value) or self._source_of(value)
        if name is not None:
            return Affine({(name, 0): Sparse.identity(size)}, np.zeros(size))
        fixed = None if isinstance(value, BlockArgument) else constant_of(value)
        if fixed is not None:
            wide = np.broadcast_to(fixed, shape_of(value))
            return Affine({}, wide.astype(np.float64).reshape(-1))
        op = value.owner
        assert isinstance(op, Operation)
        match op:
            case snn.LinearOp():
                return self._weighted(op, _linear(_content(op.weight)))
            case snn.Conv1dOp() | snn.Conv2dOp():
                return self._weighted(op, _convolution(op, _content(op.weight)))
            case snn.Pool2dOp() if op.pool.data is not Pool.MAX:
                return self.of(op.input).after(_pool(op))
            case snn.Pool2dOp() if stream_type(op.input).element_type == i1:
                return self._maximum(op)
            case snn.AddOp():
                total = self.of(op.inputs[0])
                for other in op.inputs[1:]:
                    total = total.plus(self.of(other))
                return total
            case snn.ScaleOp():
                return self.of(op.input).after(_diagonal(_content(op.factor), shape_of(value)))
            case snn.BatchNormOp():
                return self._normalised(op)
            case snn.ReshapeOp():
                return self.of(op.input)
            case snn.RearrangeOp():
                return self.of(op.input).after(_moved(op.indices.reshape(-1), size_of(op.input)))
            case snn.ConcatOp():
                return self._side_by_side(op)
            case snn.DelayOp():
                return self._delayed(op)
        if isinstance(op, snn.Pool2dOp):
            raise Unfit(
                [
                    Fault(
                        NO_SYNAPSES,
                        _node(value),
                        "a maximum of weighted sums: a chip adds what arrives, and compares with "
                        "a threshold only",
                        "put the maximum pool behind the neurons, or use an average pool, and "
                        "train again",
                    )
                ]
            )
        raise Unfit(
            [
                Fault(
                    NO_SYNAPSES,
                    _node(value),
                    f"{op.name} between neurons: synapses have weighted sums, average pools, sums "
                    "and delays only",
                    "replace it and train again",
                )
            ]
        )

    def _maximum(self, op: snn.Pool2dOp) -> Affine:
        """Of spikes: whether any fires, which a neuron says."""
        base = _node(op.result) or "pool"
        name, number = base, 1
        while name in self.pools or name in self._inputs.values():
            number += 1
            name = f"{base}{number}"
        self.pools[name] = self.of(op.input).after(_pool(op))
        self.pool_shapes[name] = shape_of(op.result)
        size = size_of(op.result)
        return Affine({(name, 0): Sparse.identity(size)}, np.zeros(size))

    def _weighted(self, op: snn.LinearOp | snn.Conv1dOp | snn.Conv2dOp, matrix: Sparse) -> Affine:
        found = self.of(op.input).after(matrix)
        if op.bias is None:
            return found
        shape = shape_of(op.result)
        bias = _content(op.bias).reshape(-1, *(1,) * (len(shape) - 1))
        return found.plus_constant(np.broadcast_to(bias, shape).reshape(-1))

    def _normalised(self, op: snn.BatchNormOp) -> Affine:
        gamma, beta, mean, variance = map(_content, (op.gamma, op.beta, op.mean, op.variance))
        scale, offset = batch_norm_factors(gamma, beta, mean, variance, op.epsilon.value.data)
        shape = shape_of(op.result)
        wide = [
            np.broadcast_to(a.reshape(-1, *(1,) * (len(shape) - 1)), shape).astype(np.float64)
            for a in (scale, offset)
        ]
        return self.of(op.input).after(_diagonal(wide[0], shape)).plus_constant(wide[1].reshape(-1))

    def _side_by_side(self, op: snn.ConcatOp) -> Affine:
        shape = shape_of(op.result)
        places = np.arange(np.prod(shape)).reshape(shape)
        sizes = [shape_of(v)[op.axis.value.data] for v in op.inputs]
        parts = np.split(places, np.cumsum(sizes)[:-1], axis=op.axis.value.data)
        total = Affine({}, np.zeros(places.size))
        for value, part in zip(op.inputs, parts, strict=True):
            rows = part.reshape(-1)
            put = Sparse.of(
                (places.size, len(rows)), rows, np.arange(len(rows)), np.ones(len(rows))
            )
            total = total.plus(self.of(value).after(put))
        return total

    def _delayed(self, op: snn.DelayOp) -> Affine:
        initial = constant_of(op.init)
        if initial is None or np.any(initial):
            raise Unfit(
                [
                    Fault(
                        NO_SYNAPSES,
                        _node(op.result),
                        "a delay that starts with other values than 0",
                        "start delays at 0: chips start without spikes under way",
                    )
                ]
            )
        found = self.of(op.stream)
        if np.any(found.constant):
            raise Unfit(
                [
                    Fault(
                        NO_SYNAPSES,
                        _node(op.result),
                        "a delay of a biased sum: the bias would arrive later than the start",
                        "put the delay in front of the weights",
                    )
                ]
            )
        steps = np.broadcast_to(np.array(op.steps_per_element), (found.constant.size,))
        total = Affine({}, found.constant)
        for late in np.unique(steps):
            kept = np.flatnonzero(steps == late)
            mask = Sparse.of((steps.size, steps.size), kept, kept, np.ones(len(kept)))
            some = found.after(mask)
            total = total.plus(
                Affine(
                    {(name, d + int(late)): term for (name, d), term in some.terms.items()},
                    some.constant,
                )
            )
        return total


def size_of(value: SSAValue) -> int:
    return int(np.prod(shape_of(value), dtype=np.int64))


def _node(value: SSAValue) -> str | None:
    op = value.owner
    node = op.properties.get("node") if isinstance(op, Operation) else None
    return getattr(node, "data", None)


def _content(value: SSAValue) -> Array:
    content = constant_of(value)
    if content is None:
        raise Unfit(
            [
                Fault(
                    NO_SYNAPSES,
                    _node(value),
                    "weights that are computed at every step",
                    "chips have fixed weights: make them parameters",
                )
            ]
        )
    return content.astype(np.float64)


def _linear(weight: Array) -> Sparse:
    return Sparse.of_dense(weight)


def _diagonal(factor: Array, shape: tuple[int, ...]) -> Sparse:
    values = np.broadcast_to(factor, shape).reshape(-1).astype(np.float64)
    places = np.arange(values.size)
    return Sparse.of((values.size, values.size), places, places, values)


def _moved(places: Array, sources: int) -> Sparse:
    rows = np.flatnonzero(places >= 0)
    return Sparse.of((places.size, sources), rows, places[rows], np.ones(rows.size))


def _expect_bearable(entries: int, value: SSAValue) -> None:
    if entries > MOST_ENTRIES:
        raise Unfit(
            [
                Fault(
                    "SNC-N002",
                    _node(value),
                    f"{entries} synapses, more than the {MOST_ENTRIES} that are looked at",
                    "no chip here holds as many: a smaller image or fewer channels",
                )
            ]
        )


def _convolution(op: snn.Conv1dOp | snn.Conv2dOp, weight: Array) -> Sparse:
    before, after = shape_of(op.input), shape_of(op.result)
    _expect_bearable(size_of(op.result) * weight[0].size, op.result)
    lie = Windows(op.strides, op.paddings, op.dilations, op.group_count)
    entries = convolution_entries(weight, before, after, lie)
    return Sparse.of((size_of(op.result), size_of(op.input)), *entries)


def _pool(op: snn.Pool2dOp) -> Sparse:
    """Sums or means of windows."""
    shape = shape_of(op.result)
    inputs = np.arange(size_of(op.input)).reshape(shape_of(op.input))
    around = padded(inputs, op.paddings, -1)
    outputs = np.arange(np.prod(shape)).reshape(shape)
    taps = np.stack(
        [taken(around, w) for _, w in windows(shape[1:], op.kernels, op.strides, (1, 1))]
    )
    inside = taps >= 0
    counts = inside.sum(axis=0) if op.excludes_padding else np.full(shape, len(taps))
    share = 1.0 / counts if op.pool.data is Pool.AVG else np.ones(shape)
    full = taps.shape
    return Sparse.of(
        (outputs.size, inputs.size),
        np.broadcast_to(outputs, full)[inside],
        taps[inside],
        np.broadcast_to(share, full)[inside],
    )
