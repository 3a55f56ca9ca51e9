"""
Runs a live model and its network once more, on inputs that neither has seen.

A recording shows what a model did on its example in a few steps. Whether the network does
the same is seen where it can be otherwise: on other values, in samples that differ, and for
more steps. Both sides take their sums in float64 and round them once (`rounded.py`); what
still parts is compared with the model itself on inputs that differ by a millionth, so a
membrane that meets its threshold to the last bit is no difference.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
import torch

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import shape_of
from snncc.errors import Problem, SnnccError, error
from snncc.importers.graph.importer import AUTO, Axes, Imported
from snncc.importers.torch.rounded import RoundedNetwork
from snncc.inputs import is_held, sequence_of, to_states, to_streams

STEPS = 40
"""Of a model of one step."""
FEWEST = 6
"""Steps that are run however much work they are."""
AGAIN = 12
"""Steps of the second run of the model."""
WORK = 1 << 31
"""Products that may be summed in all steps: a second or two."""
NEURON = 64
"""What a neuron's step counts as."""
SAMPLES = 3
"""Samples of a batch that the network is run on."""
TOLERANCE = 1e-4
"""Of analog outputs, as a part of the largest."""
NUDGES = (1e-6, -1e-6, 1e-5, -1e-5)
GAINS = (1.0, 4.0, 16.0)
"""Of inputs, for a model that is silent."""

Run = Callable[["list[torch.Tensor]"], "list[torch.Tensor]"]


@dataclass
class Course:
    """
    How the live model is run: `examples` of its streams by name; `run` gives its outputs
    for inputs of `steps`. `time` is the axis of time of both, None where it is not known.
    `stepwise`: the examples are of one step, and `run` is given [T, *example]. `longer`:
    whether it may be given more steps than the example has.
    """

    examples: Mapping[str, torch.Tensor]
    run: Run
    steps: int
    time: int | None
    stepwise: bool = False
    longer: bool = False

    def inputs(self, steps: int) -> list[torch.Tensor]:
        """Random ones, of a model of one step."""
        generator = torch.Generator().manual_seed(9)
        return [
            _values(x, [steps, *x.shape], "new", 1.0, generator) for x in self.examples.values()
        ]

    def stretched(self, seen: int) -> Course | None:
        """With examples of more than twice as many steps, and than twice as many as `seen`."""
        if not self.longer or self.time is None:
            return None
        generator = torch.Generator().manual_seed(3)
        steps = 2 * max(self.steps, seen) + 1
        examples = {}
        for name, x in self.examples.items():
            if -x.ndim <= self.time < x.ndim and x.shape[self.time] == self.steps:
                shape = list(x.shape)
                shape[self.time] = steps
                x = _values(x, shape, "new", 1.0, generator)
            examples[name] = x
        return Course(examples, self.run, steps, self.time, longer=True)


@dataclass
class Parted:
    """Where a model and its network part."""

    output: str
    step: int
    steps: int
    place: tuple[int, ...]
    model: float
    network: float

    def __str__(self) -> str:
        sample, *inside = self.place
        where = f", element {list(inside)}" if inside else ""
        return (
            f"run for {self.steps} steps on other inputs, the model and the network part at step "
            f"{self.step} ({self.output!r}, sample {sample}{where}: the model gives "
            f"{self.model:.6g}, the network {self.network:.6g})"
        )


@dataclass
class Replayed:
    """What a replay found. `steps` that were compared, of those that it should have had."""

    parted: Parted | None = None
    steps: int = 0
    warnings: list[Problem] = field(default_factory=list)


def replay(imported: Imported, course: Course, axes: Axes) -> Replayed:
    """
    Whether a live model and its network do the same. Raises SNC-I027 where the model does
    not do the same twice.
    """
    side = _Side(imported, course, axes)
    for kind in ("new", "example"):  # a model may take only such values as the example has
        for gain in GAINS if kind == "new" else (1.0,):
            try:
                found, silent = side.compared(kind, gain)
            except SnnccError as fault:
                if fault.code != "SNC-I026":
                    raise
                break
            if found.parted is not None or not silent or side.is_large:
                return found
        else:
            return found
    return Replayed(warnings=[_not_replayed("it fails on other inputs than the example")])


def _not_replayed(why: str) -> Problem:
    return Problem(
        "SNC-W013",
        f"the network was not compared with the model on other inputs: {why}",
        remedy="compare the spikes of both on inputs of your own",
        severity="warning",
    )


class _Side:
    """The network, and how the arrays of the model are laid out for it."""

    def __init__(self, imported: Imported, course: Course, axes: Axes):
        self.course = course
        self.module = imported.module
        self.op = next(op for op in self.module.ops if isinstance(op, snn.NetworkOp))
        self.whole = sequence_of(self.op)
        self.axis, self.count = self._batch(axes)
        self.steps = max(FEWEST, WORK // self._work())
        self.is_large = self.steps <= STEPS
        self.samples = list(range(min(self.count, SAMPLES)))
        self.state0, self.unknown = self._left(imported)

    def _work(self) -> int:
        """Of a step of the network and of the model, which has the whole batch."""
        products = 1
        for op in self.op.body.block.ops:
            if isinstance(op, snn.LinearOp):
                products += prod(shape_of(op.weight))
            elif isinstance(op, snn.Conv1dOp | snn.Conv2dOp):
                products += prod(shape_of(op.result)) * prod(shape_of(op.weight)[1:])
            elif isinstance(op, snn.NeuronOp):
                products += NEURON * prod(op.population)
        return products * (min(self.count, SAMPLES) + self.count // 4)

    def _batch(self, axes: Axes) -> tuple[int | None, int]:
        shape = list(next(iter(self.course.examples.values())).shape)
        name = next(iter(self.op.inputs))
        timed = not self.course.stepwise and not is_held(self.op, name)
        place = self._time_of(len(shape))
        if timed and place is not None:
            del shape[place]
        if axes.batch is None or (axes.batch == AUTO and len(shape) < 2):
            return None, 1
        axis = 0 if axes.batch == AUTO else int(axes.batch) % len(shape)
        return axis, shape[axis]

    def _time_of(self, rank: int) -> int | None:
        """The axis of time of an array of the model with so many axes."""
        time = 0 if self.course.stepwise else self.course.time
        return time % rank if time is not None and -rank <= time < rank else None

    def _left(self, imported: Imported) -> tuple[dict[str, Array], bool]:
        """States in which each sample has something else, and whether one has no name."""
        found: dict[str, Array] = {}
        for state in imported.states:
            array = state.initial
            if array is None or self.axis is None or array.ndim < len(state.before.shape):
                continue
            rows = np.moveaxis(array, self.axis, 0) if array.ndim > self.axis else array
            if rows.shape[0] == self.count and (rows != rows[:1]).any():
                if state.name is None:
                    return {}, True
                found[state.name] = rows[self.samples]
        return found, False

    # --- runs

    def compared(self, kind: str, gain: float) -> tuple[Replayed, bool]:
        """What there is to say, and whether all outputs were silent."""
        if self.unknown:
            why = "it starts with what a run left in it"
            return Replayed(warnings=[_not_replayed(why)]), False
        drawn = _drawn()
        steps, given, wanted = self._model(kind, gain)
        if _drawn() != drawn:
            raise error(
                "SNC-I027",
                "the model draws random numbers of Python or NumPy while it runs",
                remedy="give noise as an input of the model",
            )
        first = [x[:AGAIN] for x in given] if self.course.stepwise else given
        again = self.course.run(first)
        if not all(
            _same(a[: len(b)].numpy(), b.numpy()) for a, b in zip(wanted, again, strict=True)
        ):
            raise error(
                "SNC-I027",
                "run twice from the same start on the same inputs, the model gives two results: "
                "it has randomness in it, or keeps something that is not seen",
                remedy="give noise as an input of the model, and keep states in the module",
            )
        got = self._network(given, steps)
        parted = self._parted(got, wanted, steps)
        if parted is not None and self._is_marginal(given, got, parted, steps):
            parted = None
        silent = not any(bool(y.any()) for y in wanted)
        return Replayed(parted, steps, self._cut(steps)), silent

    def _cut(self, steps: int) -> list[Problem]:
        """What there is to say of a replay of fewer steps than others have."""
        wanted = STEPS if self.course.stepwise else min(STEPS, self.course.steps)
        if self.whole is not None or not self.is_large or steps >= wanted:
            return []
        return [
            Problem(
                "SNC-W013",
                f"the model is large: the network was compared with it for {steps} steps only, and "
                "what changes later is not seen",
                remedy="compare the spikes of both on inputs of your own",
                severity="warning",
            )
        ]

    def _model(self, kind: str, gain: float) -> tuple[int, list[torch.Tensor], list[torch.Tensor]]:
        """(steps, inputs, outputs): of a longer sequence than the example, where that runs."""
        course = self.course
        lengths = [min(course.steps, self.steps) if course.stepwise else course.steps]
        if course.longer and self.whole is None and self._longer() <= self.steps:
            lengths.insert(0, self._longer())
        for steps in lengths:
            given = self._inputs(kind, gain, steps)
            try:
                wanted = course.run(given)
            except SnnccError:
                if steps == lengths[-1]:
                    raise
                continue
            if course.stepwise and wanted:  # a model may end before the steps do
                steps = min(steps, wanted[0].shape[0])
            return steps if self.whole is not None else min(steps, self.steps), given, wanted
        raise AssertionError

    def _longer(self) -> int:
        """More than twice the steps of the example, and the size of no other axis."""
        steps = max(2 * self.course.steps, STEPS) + 1
        sizes = {
            s for v in (*self.op.inputs.values(), *self.op.outputs.values()) for s in shape_of(v)
        }
        while steps in sizes or steps == self.count:
            steps += 1
        return steps

    def _inputs(self, kind: str, gain: float, steps: int) -> list[torch.Tensor]:
        generator = torch.Generator().manual_seed(27)
        given = []
        for name, example in self.course.examples.items():
            shape = list(example.shape)
            if self.course.stepwise:
                shape.insert(0, steps)
            else:
                place = self._time_of(len(shape))
                if place is not None and not is_held(self.op, self._known(name)):
                    shape[place] = steps
            given.append(_values(example, shape, kind, gain, generator))
        return given

    def _known(self, name: str) -> str:
        """The network's name for an input."""
        places = list(self.course.examples)
        return list(self.op.inputs)[places.index(name)]

    def _network(self, given: Sequence[torch.Tensor], steps: int) -> dict[str, Array]:
        """Output name -> [T, B, *shape], without T where it has no time."""
        arrays = {}
        for (name, value), x in zip(self.op.inputs.items(), given, strict=True):
            shape, timed = self._expected(name, shape_of(value))
            laid = next(self._laid_out(x.numpy(), shape, timed))
            arrays[name] = laid[: steps or None] if timed else laid[0]
        timed = self.whole is not None or any(not is_held(self.op, name) for name in arrays)
        streams = to_streams(self.op, arrays, steps=None if timed else steps or None)
        state0 = to_states(self.op, self.state0, streams.batch)
        with np.errstate(all="ignore"):
            run = RoundedNetwork(self.module, self.op).run(streams.arrays, state0=state0)
        if self.whole is None:
            return run.outputs
        return {
            name: array if is_held(self.op, name) else np.moveaxis(array[0], 1, 0)
            for name, array in run.outputs.items()
        }

    # --- layouts

    def _expected(self, name: str, shape: tuple[int, ...]) -> tuple[tuple[int, ...], bool]:
        """The shape of a stream at one step, and whether the model has time beside it."""
        timed = not is_held(self.op, name)
        return (shape[1:] if self.whole is not None and timed else shape), timed

    def _laid_out(self, x: Array, shape: tuple[int, ...], timed: bool) -> Iterator[Array]:
        """An array of the model as [T, B, *shape], in every way that it can be."""
        first = self._time_of(x.ndim)
        places: list[int | None] = [None]
        if timed:
            places = [p for p in range(x.ndim) if p != first]
            if first is not None:
                places.insert(0, first)
        for place in places:
            steps = x[None] if place is None else np.moveaxis(x, place, 0)
            inner = steps.shape[1:]
            if inner == shape:
                rows = (steps.shape[0], len(self.samples), *shape)
                yield np.broadcast_to(steps[:, None], rows)
            for axis in self._batch_axes(len(inner)):
                if inner[axis] == self.count and inner[:axis] + inner[axis + 1 :] == shape:
                    yield np.moveaxis(steps, axis + 1, 1)[:, self.samples]

    def _batch_axes(self, rank: int) -> list[int]:
        """Where the samples may be: an output may have axes in front that inputs have not."""
        if self.axis is None:
            return []
        others = [axis for axis in range(rank) if axis != self.axis]
        return [self.axis, *others] if self.axis < rank else others

    # --- comparison

    def _parted(
        self, got: Mapping[str, Array], wanted: Sequence[torch.Tensor], steps: int
    ) -> Parted | None:
        """The first difference in time."""
        found = [
            parted
            for name, array, layouts in self._pairs(got, wanted)
            if (parted := _first(name, array, layouts, steps)) is not None
        ]
        return min(found, key=lambda parted: parted.step, default=None)

    def _pairs(
        self, got: Mapping[str, Array], wanted: Sequence[torch.Tensor]
    ) -> Iterator[tuple[str, Array, list[Array]]]:
        for name, value in self.op.outputs.items():
            number = name.removeprefix("output")
            place = int(number) if number.isdigit() else 0
            shape, timed = self._expected(name, shape_of(value))
            live = wanted[place].numpy()
            yield name, got[name], list(self._laid_out(live, shape, timed))

    def _is_marginal(
        self, given: list[torch.Tensor], got: dict[str, Array], parted: Parted, steps: int
    ) -> bool:
        """Whether the model does as the network on inputs that are hardly different."""
        for nudge in NUDGES:
            near = [x * (1 + nudge) if x.is_floating_point() else x for x in given]
            other = self._parted(got, self.course.run(near), steps)
            if other is None or other.step > parted.step:
                return True
        return False


def _drawn() -> tuple[object, bytes, object]:
    """What changes where random numbers are drawn."""
    _, words, *rest = np.random.get_state(legacy=True)
    return random.getstate(), np.asarray(words).tobytes(), tuple(rest)


def _first(name: str, got: Array, layouts: list[Array], steps: int) -> Parted | None:
    """The first difference of the layout that comes nearest; None where one has none."""
    found: list[Parted] = []
    for wanted in layouts:
        count = min(wanted.shape[0], got.shape[0])
        differs = ~_near(got[:count], wanted[:count])
        if not differs.any():
            return None
        step = int(np.argmax(differs.reshape(count, -1).any(axis=1)))
        place = tuple(int(i) for i in np.argwhere(differs[step])[0])
        values = float(wanted[step][place]), float(got[step][place])
        found.append(Parted(name, step, steps, place, *values))
    return max(found, key=lambda parted: parted.step, default=None)


def _near(got: Array, wanted: Array) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    a, b = got.astype(np.float64), wanted.astype(np.float64)
    finite = np.abs(b[np.isfinite(b)])
    margin = TOLERANCE * float(finite.max(initial=0)) if _is_analog(wanted) else 0.0
    return np.isclose(a, b, rtol=0, atol=margin, equal_nan=True)


def _is_analog(array: Array) -> bool:
    return array.dtype.kind == "f" and bool((array != np.round(array)).any())


def _same(a: Array, b: Array) -> bool:
    return a.shape == b.shape and bool(_near(a, b).all())


def _values(
    example: torch.Tensor, shape: list[int], kind: str, gain: float, generator: torch.Generator
) -> torch.Tensor:
    """Random values in the range of an example, among them its largest and zeros."""
    if example.dtype == torch.bool:
        return torch.rand(shape, generator=generator) < 0.5
    if not example.is_floating_point() or kind == "example":
        flat = example.reshape(-1)
        return flat[torch.randint(len(flat), shape, generator=generator)]
    finite = example[example.isfinite()]
    scale = float(finite.abs().max()) if len(finite) else 0.0
    spread = torch.rand(shape, generator=generator) * 2.25 - 0.25
    spikes = (torch.rand(shape, generator=generator) < 0.5).float()
    chosen = torch.rand(shape, generator=generator) < 0.4
    values = torch.where(chosen, spikes, spread) * ((scale or 1.0) * gain)
    return values.to(example.dtype)
