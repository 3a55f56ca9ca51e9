"""
Finds the neurons of a step: which states belong together, and which arithmetic is theirs.

A population is what scalar arithmetic ties together within a step: states that act on
each other, the operations between them, and the spikes that follow from them. What stands
between populations (weights, pools, sums of several populations) stays outside. A state
that something other than arithmetic reads, such as a recurrent weight, is a delay.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from snncc.importers.graph import operations as ops
from snncc.importers.graph.model import State
from snncc.importers.graph.values import Value, cone


@dataclass
class Population:
    """
    States and the operations that update them, operands first.

    `inputs` are the streams that the operations read, `outputs` the values that others do.
    """

    states: list[State]
    body: list[Value]
    inputs: list[Value] = field(default_factory=list)
    outputs: list[Value] = field(default_factory=list)


@dataclass
class Parts:
    """A step, taken apart: populations, delays, and what is neither, in order."""

    populations: list[Population]
    delays: list[State]
    rest: list[Value]


def take_apart(outputs: Sequence[Value], states: Sequence[State]) -> Parts:
    """Every value of the step is in one population's body or in the rest."""
    order = cone([*outputs, *(state.after for state in states)])
    users = _users(order)
    delays = [state for state in states if not _is_inner(state, users, outputs, states)]
    while True:
        inner = [state for state in states if state not in delays]
        populations = _populations(inner, order, users)
        looped = (
            _not_reached(populations)
            or _looped(populations, order)
            or _read_outside(populations, users)
        )
        if not looped:
            break
        delays.extend(state for population in looped for state in population.states)
    owned = {value for population in populations for value in population.body}
    rest = [
        value
        for value in order
        if value not in owned and not value.is_constant and value.op != "input"
    ]
    _connect(populations, users, outputs, states)
    return Parts(populations, [s for s in states if s in delays], rest)


def is_scalar(value: Value) -> bool:
    return value.op in ops.ELEMENTWISE


def _users(order: Sequence[Value]) -> dict[Value, list[Value]]:
    users: dict[Value, list[Value]] = {value: [] for value in order}
    for value in order:
        for operand in value.operands:
            users[operand].append(value)
    return users


def _is_inner(
    state: State,
    users: dict[Value, list[Value]],
    outputs: Sequence[Value],
    states: Sequence[State],
) -> bool:
    """Whether only arithmetic reads the state, so that it can be a neuron's."""
    readers = users.get(state.before, [])
    return (
        bool(readers)
        and all(is_scalar(user) for user in readers)
        and is_scalar(state.after)
        and state.before not in outputs
        and all(other.after is not state.before for other in states)
        and state.after.shape == state.before.shape
    )


def _forward(start: Value, users: dict[Value, list[Value]], *, through_spikes: bool) -> set[Value]:
    """What arithmetic makes of a value within the step."""
    found: set[Value] = set()
    stack = [start]
    while stack:
        for user in users.get(stack.pop(), ()):
            if user in found or not is_scalar(user):
                continue
            found.add(user)
            if through_spikes or user.dtype.kind != "b":
                stack.append(user)
    return found


def _backward(ends: Iterable[Value]) -> set[Value]:
    found: set[Value] = set()
    stack = list(ends)
    while stack:
        value = stack.pop()
        if value not in found and is_scalar(value):
            found.add(value)
            stack.extend(value.operands)
    return found


def _populations(
    states: Sequence[State], order: Sequence[Value], users: dict[Value, list[Value]]
) -> list[Population]:
    reach = [_forward(state.before, users, through_spikes=True) for state in states]
    soft = [_forward(state.before, users, through_spikes=False) for state in states]
    groups = _groups(states, reach, soft)
    place = {value: index for index, value in enumerate(order)}
    taken: set[Value] = set()
    populations = []
    for group in groups:
        forward = set().union(*(reach[i] for i in group))
        body = (forward & _backward(states[i].after for i in group)) - taken
        taken |= body
        populations.append((group, body))
    result = []
    for group, body in populations:
        befores = {states[i].before for i in group}
        extra = _spikes_of(body | befores, users, taken)
        taken |= extra
        ordered = sorted(body | extra, key=lambda value: place[value])
        result.append(Population([states[i] for i in group], ordered))
    return result


def _groups(
    states: Sequence[State], reach: Sequence[set[Value]], soft: Sequence[set[Value]]
) -> list[list[int]]:
    """States that act on each other, or on each other's arithmetic other than by spikes."""
    count = len(states)
    acts = [{j for j in range(count) if states[j].after in reach[i]} for i in range(count)]
    for _ in range(count):  # the transitive closure: few states, so no matter how
        grown = [set(a).union(*(acts[j] for j in a)) if a else set() for a in acts]
        if grown == acts:
            break
        acts = grown
    group = list(range(count))
    for i in range(count):
        for j in range(i):
            mutual = j in acts[i] and i in acts[j]
            direct = states[j].after in soft[i] or states[i].after in soft[j]
            if (mutual or direct) and states[i].before.shape == states[j].before.shape:
                old, new = group[i], group[j]
                group = [new if g == old else g for g in group]
    return [[i for i in range(count) if group[i] == g] for g in sorted(set(group))]


def _spikes_of(known: set[Value], users: dict[Value, list[Value]], taken: set[Value]) -> set[Value]:
    """What follows from a population alone: its spikes, and constants times them."""
    extra: set[Value] = set()
    stack = list(known)
    while stack:
        value = stack.pop()
        for user in users.get(value, ()):
            if user in known or user in extra or user in taken or not is_scalar(user):
                continue
            varying = [operand for operand in user.operands if not operand.is_constant]
            if all(v in known or v in extra for v in varying):
                extra.add(user)
                stack.append(user)
    return extra


def _looped(populations: Sequence[Population], order: Sequence[Value]) -> list[Population]:
    """Populations whose inputs follow, within the step, from their own outputs."""
    owner = {v: index for index, p in enumerate(populations) for v in p.body}
    after: dict[Value, set[int]] = {}  # the populations that a value depends on
    inside: list[set[int]] = [set() for _ in populations]
    changed = True
    while changed:  # inputs of a population count for all of its values
        changed = False
        for value in order:
            index = owner.get(value)
            reached = set().union(*(after.get(operand, ()) for operand in value.operands))
            if index is None:
                after[value] = reached
                continue
            outside = set().union(
                *(after.get(v, ()) for v in value.operands if owner.get(v) != index)
            )
            if not outside <= inside[index]:
                inside[index] |= outside
                changed = True
            after[value] = {index} | inside[index]
    return [p for index, p in enumerate(populations) if index in inside[index]]


def _not_reached(populations: Sequence[Population]) -> list[Population]:
    """
    Populations with a state whose next value is not of their arithmetic: a norm or weights
    stand between the two, or it does not follow from the state at all.
    """
    return [
        population
        for population in populations
        if any(
            state.after not in population.body and not state.after.is_constant
            for state in population.states
        )
    ]


def _read_outside(
    populations: Sequence[Population], users: dict[Value, list[Value]]
) -> list[Population]:
    """Populations whose states others read before they are updated."""
    return [
        population
        for population in populations
        if any(
            user not in population.body
            for state in population.states
            for user in users[state.before]
        )
    ]


def _connect(
    populations: Sequence[Population],
    users: dict[Value, list[Value]],
    outputs: Sequence[Value],
    states: Sequence[State],
) -> None:
    owner = {v: p for p in populations for v in p.body}
    for population in populations:
        befores = {state.before for state in population.states}
        seen: set[Value] = set()
        for value in population.body:
            for operand in value.operands:
                if operand.is_constant or operand in befores or operand in seen:
                    continue
                if owner.get(operand) is not population:
                    seen.add(operand)
                    population.inputs.append(operand)
        elsewhere = {s.after for s in states if s not in population.states}
        for value in population.body:
            used = any(owner.get(user) is not population for user in users[value])
            if used or value in outputs or value in elsewhere:
                population.outputs.append(value)
