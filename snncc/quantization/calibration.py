"""What calibration learns from data: ranges of inputs, membranes, spike rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import AnyFloat

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import is_spike, shape_of, stream_type
from snncc.errors import Problem as Warned
from snncc.errors import error
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.quantization.attributes import InputRange, write_input_ranges, write_observed
from snncc.passes.quantization.rounded_inputs import own_roundings
from snncc.quantization.model import FloatModel

MAX_ELEMENTS = 1 << 25
"""Of one stream over all steps and samples: more samples than fit are left out, evenly."""
MAX_LEVELS = 1 << 15
"""Of a grid that inputs lie on."""
LEAST_RANGE, MOST_RANGE = 1e-30, 1e30
"""Of an input: what float32 can count in steps of a part of it."""


@dataclass(frozen=True)
class Data:
    """Calibration inputs, name -> [T, B, *shape]."""

    arrays: dict[str, Array]

    @property
    def steps(self) -> int:
        return int(next(iter(self.arrays.values())).shape[0])

    @property
    def samples(self) -> int:
        return int(next(iter(self.arrays.values())).shape[1])

    def taken(self, samples: Array) -> Data:
        return Data({name: array[:, samples] for name, array in self.arrays.items()})

    def limited(self, widest: int) -> Data:
        """As many samples, evenly spread, as memory holds where a stream has `widest` elements."""
        most = max(8, MAX_ELEMENTS // max(1, widest * self.steps))
        if self.samples <= most:
            return self
        return self.taken(np.linspace(0, self.samples - 1, most).astype(int))

    def split(self, part: float = 0.25) -> tuple[Array, Array]:
        """(the samples to fit on, those held out), drawn evenly: the same at every run."""
        every = np.arange(self.samples)
        if self.samples < 8:
            return every, every
        order = np.random.default_rng(0).permutation(self.samples)
        held = max(1, round(self.samples * part))
        return np.sort(order[held:]), np.sort(order[:held])


def widest_stream(model: FloatModel) -> int:
    sizes = [
        int(np.prod(shape_of(result)))
        for op in model.op.body.block.ops
        for result in op.results
        if not isinstance(op, snn.UseOp | snn.ConstantOp)
    ]
    return max(sizes, default=1)


def ranges_of(
    model: FloatModel,
    data: Data | None,
    given: Mapping[str, tuple[float, float]] | None,
) -> dict[str, InputRange]:
    """
    The range of every float input: that of the grid to which the model itself rounds it, else
    as given, else as seen in the data, with the step of the grid on which all that was seen
    lies. Raises SNC-Q002 where nothing says it.
    """
    given = given or {}
    unknown = [name for name in given if name not in model.op.inputs]
    if unknown:
        raise error(
            "SNC-C003",
            f"input_ranges: no input is named {unknown[0]!r}",
            remedy=f"inputs: {', '.join(model.op.inputs)}",
        )
    found: dict[str, InputRange] = {}
    own = own_roundings(model.op)
    for name, value in model.op.inputs.items():
        if not isinstance(stream_type(value).element_type, AnyFloat):
            continue
        if name in own:
            found[name] = InputRange.rounded(own[name])
            continue
        seen = None if data is None else data.arrays[name]
        if name not in given and seen is None:
            raise error(
                "SNC-Q002",
                f"input {name!r}: nothing says how large its numbers get",
                remedy="calibrate with data (--calibrate X.npz), or give "
                f'input_ranges={{"{name}": (least, largest)}} (--input-range {name}=LEAST:LARGEST)',
            )
        if name in given:
            low, high = (float(end) for end in given[name])
        else:
            assert seen is not None
            low, high = float(seen.min()), float(seen.max())
        largest = max(abs(low), abs(high))
        if not LEAST_RANGE <= largest <= MOST_RANGE:
            raise error(
                "SNC-Q002",
                f"input {name!r}: numbers from {low:g} to {high:g} give no range to count in",
                remedy="calibrate with inputs as they are in use, or give "
                f'input_ranges={{"{name}": (least, largest)}} (--input-range {name}=LEAST:LARGEST)',
            )
        found[name] = InputRange(low, high, None if seen is None else grid_step(seen))
    return found


def outside_ranges(data: Data, ranges: Mapping[str, InputRange]) -> list[Warned]:
    """A warning for every input whose calibration data leave the range that was given."""
    found: list[Warned] = []
    for name, known in ranges.items():
        seen = data.arrays[name].astype(np.float64)
        room = 1e-6 * max(abs(known.low), abs(known.high))
        outside = (seen < known.low - room) | (seen > known.high + room)
        if outside.any():
            found.append(
                Warned(
                    "SNC-W024",
                    f"input {name!r}: {100 * outside.mean():.2g} % of the calibration data lie "
                    f"outside {known.low:g} to {known.high:g} (they go from {seen.min():g} to "
                    f"{seen.max():g}): they are held at its ends",
                    remedy="give input_ranges that hold them, or leave it out",
                    severity="warning",
                )
            )
    return found


def grid_step(values: Array) -> float | None:
    """
    The largest step of which all values are whole multiples, up to the rounding of float32;
    None where there is no such step of a sensible number of levels.
    """
    sizes = np.unique(np.abs(values.astype(np.float64)))
    sizes = sizes[sizes > 0]
    if not sizes.size or sizes.size > MAX_LEVELS:
        return None
    tolerance = 1e-6 * float(sizes[-1])
    step = float(sizes[0])
    for size in sizes:  # Euclid's algorithm on numbers that are nearly whole multiples
        rest = float(size)
        while rest > tolerance:
            step, rest = rest, step - rest * np.floor(step / rest + 1e-6)
            if step < float(sizes[-1]) / MAX_LEVELS:
                return None
    whole = np.rint(sizes / step)
    step = float(sizes[-1] / whole[-1])
    if np.any(np.abs(sizes - whole * step) > tolerance):
        return None
    return step


def on_input_grid(data: Data, ranges: Mapping[str, InputRange], bits: int) -> Data:
    """Inputs as the integer network reads them: held within their range, on its grid."""
    arrays = dict(data.arrays)
    for name, known in ranges.items():
        step = known.step_of(bits)
        held = np.clip(arrays[name].astype(np.float64), known.low, known.high)
        arrays[name] = (np.rint(held / step) * step).astype(arrays[name].dtype)
    return Data(arrays)


@dataclass(frozen=True)
class Activity:
    """What the float network did on the data."""

    largest: dict[str, dict[str, float]]
    """Neuron -> state -> the largest magnitude seen."""
    rates: dict[str, Array]
    """Neuron -> how often each element spikes in a step (counts: how many) [*population]."""


def observe(model: FloatModel, data: Data) -> Activity:
    """Runs the float network and writes on its neurons how large their states got."""
    names = StateNames(model.op)
    run = NetworkInterpreter(model.module, model.op, blas=True).run(data.arrays, trace=True)
    largest: dict[str, dict[str, float]] = {}
    rates: dict[str, Array] = {}
    for neuron in model.neurons:
        node = names.node_of.get(neuron)
        if node is None or not neuron.initial_states:
            continue
        seen: dict[str, float] = {}
        for index, port in enumerate(neuron.state_ports):
            values = run.trace[names.name_of[neuron, index]]
            if values.dtype.kind == "f":
                seen[port.name] = float(np.abs(values).max())
        largest[node] = seen
        write_observed(neuron, seen)
        if is_spiking(neuron):
            rates[node] = run.trace[names.outputs_of[neuron][0]].mean(axis=(0, 1), dtype=np.float64)
    return Activity(largest, rates)


def is_spiking(neuron: snn.NeuronOp) -> bool:
    """Whether the first output is spikes or counts."""
    element = stream_type(neuron.outputs[0]).element_type
    return is_spike(element) or not isinstance(element, AnyFloat)


def write_ranges(model: FloatModel, ranges: Mapping[str, InputRange]) -> None:
    write_input_ranges(model.op, ranges)
