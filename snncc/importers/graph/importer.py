"""From a model as its file has it to a network: states named, loops rolled, batch freed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects.builtin import AnyFloat, ArrayAttr, IntegerAttr, ModuleOp, StringAttr, i64
from xdsl.ir import Attribute

from snncc.dialects.arrays import Array, element_of
from snncc.errors import Problem, error
from snncc.importers.graph.emit import build_network
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.labels import States, labelled
from snncc.importers.graph.lost import expect_no_lost_state, float_type, is_spike, stateless_spikes
from snncc.importers.graph.model import Model, State
from snncc.importers.graph.reroll import Loop, Unrolled, reroll
from snncc.importers.graph.spread import Part, Spread, Spreader, free_axis
from snncc.importers.graph.values import Value, cone

AUTO = "auto"


@dataclass(frozen=True)
class Axes:
    """
    What a caller says of a model's axes.

    `time`: the axis of time in a model of a whole sequence; None where it takes one step
    (or where its inputs are constant). `batch`: that of the samples, counted without time;
    None where there is none; "auto" is the first of two or more. `steps`: how many steps a
    model of a sequence has been exported for.
    """

    time: int | None = None
    batch: int | str | None = AUTO
    steps: int | None = None


@dataclass
class Imported:
    """`stateless` are the spikes of a live model that depend on no state."""

    module: ModuleOp
    warnings: list[Problem] = field(default_factory=list)
    stateless: list[Value] = field(default_factory=list)
    states: list[State] = field(default_factory=list)


@dataclass
class _Step:
    """One step with its batch axes; `held` inputs are the same at every step."""

    inputs: dict[str, Value]
    outputs: dict[str, Value]
    states: list[State]
    held: list[str] = field(default_factory=list)
    steps: int | None = None
    sequence: int | None = None
    time: dict[Value, int] = field(default_factory=dict)
    """Where a model of a whole sequence, kept as it is, has time: by input and output."""


def import_model(
    model: Model,
    name: str,
    *,
    states: States | None = None,
    axes: Axes | None = None,
    attributes: Mapping[str, Attribute] | None = None,
    one_step: bool = False,
    loop_inside: bool = False,
) -> Imported:
    """
    The network of a model. `one_step`: it is the steps of a model of one, in a row.
    `loop_inside`: its inputs are the same at every step of a loop that it has.

    Raises SNC-I001 and SNC-I002 where a spike has no state, SNC-I003 where a model of one
    step has no loop, SNC-I012 for types, SNC-I023 where the batch is not one, SNC-I024
    where `states` do not fit, SNC-I025 for what streams cannot say.
    """
    axes = axes or Axes()
    if states:
        model = labelled(model, states)
    warnings = list(model.warnings)
    step = inferred(model, axes) if loop_inside else None
    step = step or _step_of(model, axes, warnings, has_labels=bool(states))
    if one_step and step.sequence is not None:
        raise error(
            "SNC-I003",
            f"the model takes one step, and no loop was found in {step.sequence} of them: what "
            "it does differs from step to step",
            remedy="give back its states (return spikes, state) and take them as arguments; "
            "numbers that change at every step cannot be seen through",
        )
    ends = [*step.outputs.values(), *(state.after for state in step.states)]
    element = element_of(float_type(ends))
    assert isinstance(element, AnyFloat)
    stateless = [] if step.sequence is not None else stateless_spikes(ends, step.states)
    if stateless and not model.live:
        expect_no_lost_state(model, stateless, step.states, warnings)
    inputs, outputs, carried = _without_batch(model.graph, step, axes, warnings)
    found: dict[str, Attribute] = dict(attributes or {})
    if step.held:
        found["held"] = ArrayAttr([StringAttr(n) for n in step.held])
    if step.steps is not None:
        found["steps"] = IntegerAttr(step.steps, i64)
    if step.sequence is not None:
        found["sequence"] = IntegerAttr(step.sequence, i64)
    says_training = model.graph.says_training
    module = build_network(
        name, inputs, outputs, carried, found, says_training=says_training, element=element
    )
    return Imported(module, warnings, stateless, step.states)


# --- one step


def _step_of(model: Model, axes: Axes, warnings: list[Problem], *, has_labels: bool) -> _Step:
    live = set(cone(model.outputs.values()))
    read = [state for state in model.states if state.before in live or has_labels]
    if axes.time is not None:
        return _sequence(model, axes, warnings)
    if read:
        return _Step(model.inputs, model.outputs, _closed(read, model.states, model.outputs))
    spikes = any(is_spike(value) for value in live)
    found = inferred(model, axes) if spikes and not model.live else None
    return found or _Step(model.inputs, model.outputs, [])


def _closed(
    states: Sequence[State], known: Sequence[State], outputs: Mapping[str, Value]
) -> list[State]:
    """The states that outputs or other such states read."""
    found = list(states)
    while True:
        live = set(cone([*outputs.values(), *(state.after for state in found)]))
        more = [state for state in known if state.before in live and state not in found]
        if not more:
            return found
        found.extend(more)


# --- a whole sequence


def _sequence(model: Model, axes: Axes, warnings: list[Problem]) -> _Step:
    assert axes.time is not None
    bound_states = {
        state.before: model.graph.constant(np.broadcast_to(initial, state.before.shape))
        for state in model.states
        for initial in [
            state.initial if state.initial is not None else np.zeros((), state.before.dtype)
        ]
    }
    timed = {}
    for name, value in model.inputs.items():
        rank = len(value.shape)
        if not -rank <= axes.time < rank:
            continue
        if axes.steps is None or value.shape[axes.time] == axes.steps:
            timed[name] = axes.time % rank
    sizes = {model.inputs[name].shape[axis] for name, axis in timed.items()}
    if not timed and axes.steps is not None and model.inputs:
        sizes = {axes.steps}  # the inputs are the same at every step
    if len(sizes) != 1:
        shapes = ", ".join(f"{n}: {list(v.shape)}" for n, v in model.inputs.items())
        raise error(
            "SNC-I024",
            f"time_axis={axes.time}: the inputs do not have one number of steps ({shapes})",
            remedy="give T, the number of steps: inputs without it are constant",
        )
    steps = sizes.pop()
    tried = _rolled(model, timed, steps, bound_states, warnings)
    if isinstance(tried, _Step):
        return tried
    if not timed:
        raise error(
            "SNC-I003",
            f"no input has the {steps} steps (T), and no loop of so many was found",
            remedy="the model must return its outputs for all steps, stacked",
        )
    reduced = _reduced_over_time(model, tried)
    warnings.append(
        Problem(
            "SNC-I003",
            f"the model is unrolled over {steps} steps and no loop was found: T is fixed"
            + (f" ({reduced} takes the steps together)" if reduced else ""),
            reduced,
            "return the whole sequence, and reduce what the network gives"
            if reduced
            else f"{'load' if model.live else 'export'} one step with its states to run any "
            "number of steps",
            "warning",
        )
    )
    return _whole(model, timed, steps, tried)


def _reduced_over_time(model: Model, ends: Sequence[Part]) -> str | None:
    """The reduction that took time out of an output, where that is one."""
    for value, end in zip(model.outputs.values(), ends, strict=True):
        if isinstance(end, Value) and value.op.startswith("reduce_"):
            return value.op
    return None


def inferred(model: Model, axes: Axes) -> _Step | None:
    """
    A loop that is there without being told of: an input that is taken apart along one
    axis, or a constant one, and outputs put together again. Only what is proved counts.
    """
    counts = {
        len(value.operands)
        for value in model.outputs.values()
        if value.op == "concat" and len(value.operands) > 1
    }
    counts |= {
        value.shape[value.attribute("axis")]
        for value in model.outputs.values()
        if value.op == "concat"
    }
    for count in sorted(counts, reverse=True):
        if axes.steps is not None and count != axes.steps:
            continue
        for axis in (0, 1, None):
            timed = {
                name: axis
                for name, value in model.inputs.items()
                if axis is not None and len(value.shape) > axis and value.shape[axis] == count
            }
            if axis is not None and not timed:
                continue
            found = _rolled(model, timed, count, {}, [])
            if isinstance(found, _Step):
                return found
    return None


def _rolled(
    model: Model,
    timed: Mapping[str, int],
    steps: int,
    bound: Mapping[Value, Value],
    warnings: list[Problem],
) -> _Step | list[Part]:
    """
    One step of a model of a sequence; where there is no loop, its outputs by steps. A live
    model's states after the last step are no streams: they are left out.
    """
    graph = model.graph
    lanes: dict[str, list[Value]] = {}
    parts: dict[Value, Part] = dict(bound)
    for name, axis in timed.items():
        value = model.inputs[name]
        shape = value.shape[:axis] + value.shape[axis + 1 :]
        lanes[name] = [graph.input(f"{name} at {t}", shape, value.dtype) for t in range(steps)]
        parts[value] = Spread(tuple(lanes[name]), axis)
    spreader = Spreader(graph, steps, uniform=False, repeats=not timed)
    wanted = [*model.outputs.values(), *model.names]
    ends = spreader.evaluate(wanted, parts)[: len(model.outputs)]
    outputs = {
        name: end.lanes
        for name, end in zip(model.outputs, ends, strict=True)
        if isinstance(end, Spread) and end.form == "own"
    }
    left_out = [name for name in model.outputs if name not in outputs]
    if not outputs or (left_out and not model.live):
        return ends
    names = {
        part: name
        for value, name in model.names.items()
        if isinstance(part := spreader.done.get(value), Value)
    }
    loop: Loop | None = reroll(
        Unrolled(graph, lanes, outputs, steps, names, list(graph.constants()))
    )
    if loop is None:
        return ends
    if left_out:
        warnings.append(
            Problem(
                "SNC-W004",
                f"{', '.join(left_out)}: {len(left_out)} of the model's {len(ends)} outputs have "
                "no time axis: they are left out (states after the last step are in the trace)",
                severity="warning",
            )
        )
    held = [name for name in model.inputs if name not in timed]
    inputs = {name: loop.inputs.get(name, model.inputs[name]) for name in model.inputs}
    return _Step(inputs, loop.outputs, loop.states, held, steps if held else None)


def _whole(model: Model, timed: Mapping[str, int], steps: int, ends: list[Part]) -> _Step:
    """
    All steps as one: time is the first axis of each sample's inputs and outputs.

    An output whose steps were computed together has its time where the inputs have it, if it
    has as many places there.
    """
    outputs: dict[str, Value] = {}
    held = [name for name in model.inputs if name not in timed]
    time: dict[Value, int] = {model.inputs[name]: axis for name, axis in timed.items()}
    for (name, value), end in zip(model.outputs.items(), ends, strict=True):
        outputs[name] = value
        if isinstance(end, Spread) and end.form == "own":
            time[value] = end.axis
        elif value.shape[(axis := next(iter(timed.values()))) :][:1] == (steps,):
            time[value] = axis
        else:
            held.append(name)
    return _Step(model.inputs, outputs, [], held, sequence=steps, time=time)


# --- the batch


def _without_batch(
    graph: Graph, step: _Step, axes: Axes, warnings: list[Problem]
) -> tuple[dict[str, Value], dict[str, Value], list[State]]:
    count, axis = _batch_of(step, axes)
    inputs, outputs, states = step.inputs, step.outputs, step.states
    if count is not None and axis is not None:
        inputs, outputs, states = _freed(graph, step, count, axis, warnings)
    if step.sequence is not None:
        inputs, outputs = _time_first(graph, step, inputs, outputs, axis)
    return inputs, outputs, states


def _freed(
    graph: Graph, step: _Step, count: int, axis: int, warnings: list[Problem]
) -> tuple[dict[str, Value], dict[str, Value], list[State]]:
    bound: dict[Value, Part] = {}

    def cut(name: object, value: Value) -> Value:
        at = _behind(axis, step.time.get(value))
        if len(value.shape) <= at or value.shape[at] != count:
            return value
        shape = value.shape[:at] + value.shape[at + 1 :]
        free = graph.input(f"{name} of one sample", shape, value.dtype)
        bound[value] = Spread((free,), at)
        return free

    inputs = {name: cut(name, value) for name, value in step.inputs.items()}
    befores = [cut(f"state {i}", state.before) for i, state in enumerate(step.states)]
    ends = [*step.outputs.values(), *(state.after for state in step.states)]
    freed = free_axis(graph, ends, bound, count)
    results = [
        _sample(graph, end, part, _behind(axis, step.time.get(end)), count)
        for end, part in zip(ends, freed, strict=True)
    ]
    outputs = dict(zip(step.outputs, results, strict=False))
    states = [
        State(
            s.name,
            before,
            after,
            _initial(s, before, axis, count, warnings),
            _learned(graph, s, before, axis),
        )
        for s, before, after in zip(step.states, befores, results[len(outputs) :], strict=True)
    ]
    return inputs, outputs, states


def _behind(axis: int, time: int | None) -> int:
    """An axis counted without time, where time is there."""
    return axis + 1 if time is not None and time <= axis else axis


def _time_first(
    graph: Graph,
    step: _Step,
    inputs: Mapping[str, Value],
    outputs: Mapping[str, Value],
    batch: int | None,
) -> tuple[dict[str, Value], dict[str, Value]]:
    """Inputs and outputs of a whole sequence with time as their first axis."""

    def place(old: Value, new: Value) -> int | None:
        time = step.time.get(old)
        if time is None or batch is None or len(new.shape) == len(old.shape):
            return time
        return time - 1 if batch < time else time

    changed: dict[Value, Value] = {}
    first: dict[str, Value] = {}
    for name, value in inputs.items():
        axis = place(step.inputs[name], value)
        first[name] = value
        if axis:
            order = (axis, *(a for a in range(len(value.shape)) if a != axis))
            shape = [value.shape[a] for a in order]
            first[name] = graph.input(f"{name} by steps", tuple(shape), value.dtype)
            changed[value] = graph.transpose(
                first[name], [order.index(a) for a in range(len(order))]
            )
    moved = Spreader(graph, 1, uniform=False).evaluate(list(outputs.values()), changed)
    last: dict[str, Value] = {}
    for name, part in zip(outputs, moved, strict=True):
        assert isinstance(part, Value)
        value = part
        axis = place(step.outputs[name], value)
        if axis:
            value = graph.transpose(
                value, (axis, *(a for a in range(len(value.shape)) if a != axis))
            )
        last[name] = value
    return first, last


def _batch_of(step: _Step, axes: Axes) -> tuple[int | None, int | None]:
    if axes.batch is None:
        return None, None
    first = next(iter(step.inputs.values()))
    shape = list(first.shape)
    if first in step.time:
        del shape[step.time[first]]
    if axes.batch == AUTO:
        return (None, None) if len(shape) < 2 else (shape[0], 0)
    axis = int(axes.batch)
    if not -len(shape) <= axis < len(shape):
        raise error("SNC-I023", f"batch_axis={axis}: the input of one step has shape {shape}")
    return shape[axis % len(shape)], axis % len(shape)


def _sample(graph: Graph, end: Value, part: Part, axis: int, count: int) -> Value:
    if isinstance(part, Spread) and part.form == "own":
        return part.lanes[0]
    if isinstance(part, Value):
        if part.is_constant and len(part.shape) > axis and part.shape[axis] == count:
            return graph.select(part, axis, 0)
        return part
    raise error(
        "SNC-I023",
        f"an output of shape {list(end.shape)} has the samples inside another axis",
        remedy="give batch_axis, or batch_axis=None where the model takes one sample",
    )


def _initial(
    state: State, before: Value, axis: int, count: int, warnings: list[Problem]
) -> Array | None:
    array = state.initial
    if array is None or array.ndim < len(state.before.shape) or before is state.before:
        return array
    samples = np.moveaxis(array, axis, 0)
    if samples.shape[0] not in (1, count) or (samples != samples[:1]).any():
        warnings.append(
            Problem(
                "SNC-W009",
                f"{f'state {state.name!r}' if state.name else 'a state'}: the model has what a "
                "run left in it, different in each sample; it starts at 0",
                remedy="reset the model before it is loaded or exported, or give state0",
                severity="warning",
            )
        )
        return None
    return np.ascontiguousarray(samples[0])


def _learned(graph: Graph, state: State, before: Value, axis: int) -> Value | None:
    """What a state of one sample starts from, where that is learnable."""
    value = state.learned
    if value is None or len(value.shape) < len(state.before.shape) or before is state.before:
        return value
    return graph.select(value, axis, 0)
