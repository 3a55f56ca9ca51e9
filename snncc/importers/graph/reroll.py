"""
Finds the loop in a graph that was unrolled over time, and proves it.

Every value belongs to a step. The last steps are compared: values that do the same in
neighbouring steps are one *role*. What a step reads of earlier steps are its states. The
step that is found is then run symbolically from constant initial states; since equal
expressions are one value of the graph, the loop is proved where each step gives the very
values of the unrolled graph. Where any of this fails there is no loop: `reroll` says so
by None, and guesses nothing.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from snncc.errors import SnnccError
from snncc.importers.graph import operations as ops
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.model import State
from snncc.importers.graph.values import Value, cone

MAX_TRIALS = 48
MAX_LOOKS = 512
"""Trials of what single states start from, in all; each runs LOOK_STEPS steps at most."""
LOOK_STEPS = 10
MAX_CANDIDATES = 4

Cut = Literal["between", "late", "early"]
CUTS: tuple[Cut, ...] = ("between", "late", "early")
"""
Where a step ends: `early`, everything is done as soon as it can be; `late`, as late as it
can be; `between`, what follows from one value alone is done by the step that needs it.
"""


@dataclass
class Unrolled:
    """A graph with one input value and one output value for each step."""

    graph: Graph
    inputs: Mapping[str, Sequence[Value]]
    outputs: Mapping[str, Sequence[Value]]
    steps: int
    names: Mapping[Value, str] = field(default_factory=dict)
    """What the model keeps from step to step under a name, where that is known."""
    constants: Sequence[Value] = ()
    """What states may start from, besides zeros."""


@dataclass
class Loop:
    """One step: its inputs, outputs and states, on the same graph."""

    inputs: dict[str, Value]
    outputs: dict[str, Value]
    states: list[State] = field(default_factory=list)


class _NoLoop(Exception):
    pass


def reroll(unrolled: Unrolled) -> Loop | None:
    """The loop, or None where none can be proved."""
    if unrolled.steps < 2:
        return None
    with np.errstate(all="ignore"):  # constants are folded silently
        return _found(unrolled)


def _found(unrolled: Unrolled) -> Loop | None:
    found: list[tuple[int, Loop]] = []
    candidates: list[_Step] = []
    for cut in CUTS:
        for step in itertools.islice(_Roller(unrolled, cut).steps(), MAX_CANDIDATES):
            candidates.append(step)
            loop = step.proved(unrolled)
            if loop is not None:
                found.append((len(step.kept), loop))
                break
    if found:
        return min(found, key=lambda pair: pair[0])[1]
    looks = Budget(MAX_LOOKS)
    for step in candidates:
        loop = step.approached(unrolled, looks)
        if loop is not None:
            return loop
    return None


@dataclass
class Budget:
    left: int


class _Roller:
    """Labels values with steps, and matches neighbouring steps."""

    def __init__(self, unrolled: Unrolled, cut: Cut):
        self.u = unrolled
        self.ends = [
            [lanes[t] for lanes in unrolled.outputs.values()] for t in range(unrolled.steps)
        ]
        self.order = cone(itertools.chain.from_iterable(self.ends))
        self.users: dict[Value, list[Value]] = {value: [] for value in self.order}
        for value in self.order:
            for operand in value.operands:
                self.users[operand].append(value)
        self.label = self._labels(cut)
        self.invariant: set[Value] = set()
        """What neighbouring steps share: it follows from constant streams alone."""
        self.before: list[dict[Value, Value]] = [{} for _ in range(unrolled.steps)]
        """For each step t: value of step t -> the value of step t - 1 of the same role."""

    def _labels(self, cut: Cut) -> dict[Value, int | None]:
        """The step of each value; None for what is the same at every step."""
        places = {lane: t for lanes in self.u.inputs.values() for t, lane in enumerate(lanes)}
        first: dict[Value, int] = {}
        for t in reversed(range(self.u.steps)):
            first.update(dict.fromkeys(self.ends[t], t))
        depends: dict[Value, int] = {}  # the earliest step; an output is not given earlier
        for value in self.order:
            depends[value] = max(
                places.get(value, -1),
                first.get(value, -1),
                *(depends[operand] for operand in value.operands),
                -1,
            )
        kept = self._kept_at()
        label: dict[Value, int | None] = {}
        for value in reversed(self.order):
            if value.is_constant or (value.op == "input" and value not in places):
                label[value] = None
                continue
            uses = [t for t in (label[user] for user in self.users[value]) if t is not None]
            if value in first:
                uses.append(first[value])
            latest = min(uses)
            earliest = depends[value]
            named = bool(self.u.names) and value.op in ops.ELEMENTWISE
            moves = value not in self.u.names and (
                cut == "late" or (cut == "between" and (named or self._follows_one(value)))
            )
            label[value] = latest if earliest < 0 or (moves and value not in places) else earliest
            if value in kept and earliest <= kept[value] <= latest:
                label[value] = kept[value]
        return label

    def _kept_at(self) -> dict[Value, int]:
        """
        The step at which the model kept a value: those of one name follow each other. Of
        what the first steps kept some may be constant, so they are counted from the last.
        """
        named: dict[str, list[Value]] = {}
        for value, name in self.u.names.items():
            if not value.is_constant:
                named.setdefault(name, []).append(value)
        return {
            value: self.u.steps - 1 - ago
            for values in named.values()
            if 1 < len(values) <= self.u.steps
            for ago, value in enumerate(reversed(values))
        }

    def _follows_one(self, value: Value) -> bool:
        """
        An operation on one value and constants. Where only later steps need it, they do it
        themselves: the value is the state, not its decay or what weights make of it.
        """
        return sum(not operand.is_constant for operand in value.operands) == 1

    def _match(self, t: int, pairs: Iterable[tuple[Value, Value]]) -> None:
        """
        Pairs values of step t with those of step t - 1, from the given pairs down.

        The first steps are often simplified, so a pair that differs is left out, no more:
        what is found here is a proposal.
        """
        known = self.before[t]
        stack = list(pairs)
        while stack:
            a, b = stack.pop()
            if a is b:
                self.invariant.update(cone([a]))
                continue
            same = (a.op, a.shape, a.dtype, a.attributes) == (b.op, b.shape, b.dtype, b.attributes)
            if a in known or not same or a.is_constant:
                continue
            known[a] = b
            for x, y in zip(a.operands, b.operands, strict=True):
                s, r = self.label[x], self.label[y]
                if x is y:
                    self.invariant.update(cone([x]))
                elif s is not None and r is not None and s - r == 1:
                    if s == t:
                        stack.append((x, y))
                    elif s >= 1:
                        self.pending[s].append((x, y))

    def steps(self) -> Iterator[_Step]:
        """What a step may be, by the latest steps first: none of it is proved."""
        last = self.u.steps - 1
        self.pending: list[list[tuple[Value, Value]]] = [[] for _ in range(self.u.steps)]
        for lanes in self.u.inputs.values():
            for t in range(1, len(lanes)):
                self.before[t][lanes[t]] = lanes[t - 1]
        for t in range(last, 0, -1):
            ends = zip(self.ends[t], self.ends[t - 1], strict=True)
            self._match(t, [*ends, *self.pending[t]])
        for t in range(last, 0, -1):
            step = self._step_at(t)
            if step is not None:
                yield step

    def _step_at(self, t: int) -> _Step | None:
        """The step as step t does it, if all that it reads of earlier steps is known at t."""
        after: list[dict[Value, Value]] = [
            {b: a for a, b in pairs.items()} for pairs in self.before
        ]
        roles: dict[Value, tuple[Value, int]] = {}
        outputs = self.ends[t]
        seen: set[Value] = set()
        stack = list(outputs)
        while stack:
            value = stack.pop()
            if value in seen:
                continue
            seen.add(value)
            for operand in value.operands:
                place = self.label[operand]
                if place is None:
                    continue
                if place == t or operand in self.invariant:
                    stack.append(operand)
                    continue
                if place > t:
                    return None  # it reads what is to come
                role = operand
                for later in range(place + 1, t + 1):
                    if role not in after[later]:
                        return None
                    role = after[later][role]
                roles[operand] = (role, t - place)
                stack.append(role)
        inputs = {}
        for name, lanes in self.u.inputs.items():
            inputs[name] = lanes[t]
        return _Step(
            self.u.graph,
            inputs,
            dict(zip(self.u.outputs, outputs, strict=True)),
            roles,
            seen,
            self.u.names,
        )


class _Step:
    """One step over values of the unrolled graph, and what it reads of earlier steps."""

    def __init__(
        self,
        graph: Graph,
        inputs: dict[str, Value],
        outputs: dict[str, Value],
        roles: dict[Value, tuple[Value, int]],
        inside: set[Value],
        names: Mapping[Value, str],
    ):
        self.graph = graph
        self.inputs = inputs
        self.outputs = outputs
        self.roles = roles  # value of an earlier step -> (value of this step, steps ago)
        self.inside = inside
        self.names = names
        self.weighed = {
            roles[operand][0]
            for value in inside
            for operand in value.operands
            if operand in roles and value.op not in ops.ELEMENTWISE
        }
        """Roles that weights read: computed again, they would tie the steps of a loop."""
        self.kept = self._kept()

    def _kept(self) -> list[Value]:
        """The roles that must be carried: not those that others give by mere arithmetic."""
        depth: dict[Value, int] = {}
        for role, ago in self.roles.values():
            depth[role] = max(depth.get(role, 0), ago)
        kept = list(depth)
        for role in sorted(depth, key=lambda value: -value.number):
            others = {r for r in kept if r is not role and depth[r] >= depth[role]}
            if role not in self.weighed and self._follows(role, others):
                kept.remove(role)
        self.depth = {role: depth[role] for role in kept}
        return kept

    def _follows(self, role: Value, others: set[Value]) -> bool:
        stack, read = list(role.operands), False
        if role.op not in ops.ELEMENTWISE:
            return False
        while stack:
            value = stack.pop()
            if value.is_constant:
                continue
            if value in others:
                read = True
            elif value.op in ops.ELEMENTWISE and value in self.inside:
                stack.extend(value.operands)
            else:
                return False
        return read

    def run(
        self,
        inputs: Mapping[str, Value],
        past: Mapping[Value, Sequence[Value]],
    ) -> tuple[dict[str, Value], dict[Value, Value]]:
        """
        One step: its outputs, and the value of each kept role.

        `past`: for each kept role its value one step ago, two steps ago, ...
        """
        g = self.graph
        memo: dict[tuple[Value, int], Value] = {
            (self.inputs[name], 0): value for name, value in inputs.items()
        }

        def at(value: Value, ago: int) -> Value:
            """A value of this step as it was some steps ago (0: now)."""
            stack = [(value, ago)]
            while stack:
                v, a = stack[-1]
                if (v, a) in memo:
                    stack.pop()
                    continue
                if a and v in past and a <= len(past[v]):
                    memo[v, a] = past[v][a - 1]
                    continue
                needed = []
                for operand in v.operands:
                    role, more = self.roles.get(operand, (operand, 0))
                    needed.append((role, a + more))
                if v.is_constant or v.op == "input":
                    if a and v in self.inputs.values():
                        raise _NoLoop  # an input is not kept
                    memo[v, a] = v
                    continue
                missing = [key for key in needed if key not in memo]
                if missing:
                    stack.extend(missing)
                else:
                    memo[v, a] = g.rebuild(v, [memo[key] for key in needed])
                    stack.pop()
            return memo[value, ago]

        return (
            {name: at(value, 0) for name, value in self.outputs.items()},
            {role: at(role, 0) for role in self.kept},
        )

    def proved(self, unrolled: Unrolled) -> Loop | None:
        """The loop with its initial states, if some give exactly the unrolled graph."""
        choices = self._choices(unrolled)
        return self._first(unrolled, itertools.islice(self._combined(choices), MAX_TRIALS))

    def approached(self, unrolled: Unrolled, looks: Budget) -> Loop | None:
        """As `proved`, with initial states that are looked for one by one."""
        return self._first(unrolled, self._nearer(unrolled, self._choices(unrolled), looks))

    def _first(self, unrolled: Unrolled, trials: Iterable[dict[Value, Value]]) -> Loop | None:
        for initial in trials:
            try:
                if self._gives(unrolled, initial):
                    return self._loop(initial)
            except (SnnccError, _NoLoop):
                continue
        return None

    def _choices(self, unrolled: Unrolled) -> list[list[Value]]:
        """
        What each state may start from: zeros first, then constants that the graph has in
        the shape of the state; learnable ones, of which no two are the same, last.
        """
        graph, constants = self.graph, unrolled.constants
        choices: list[list[Value]] = []
        for role in self.kept:
            found = [graph.constant(np.zeros((), role.dtype))]
            for value in sorted(constants, key=lambda value: value.is_learnable):
                array = value.content
                if value.dtype != role.dtype or (array.shape != role.shape and array.size != 1):
                    continue
                if value.is_learnable:
                    found.append(value)
                    continue
                if array.size and (array == array.ravel()[:1]).all():
                    value = graph.constant(array.ravel()[:1].reshape(()))
                if not any(np.array_equal(value.content, known.content) for known in found):
                    found.append(value)
            choices.append(found)
        return choices

    def _nearer(
        self, unrolled: Unrolled, choices: Sequence[Sequence[Value]], looks: Budget
    ) -> Iterable[dict[Value, Value]]:
        """
        From zeros, one state after the other: what gives more of the values that the
        unrolled graph has is nearer to it.
        """
        chosen = {role: found[0] for role, found in zip(self.kept, choices, strict=True)}
        known = set(cone(lane for lanes in unrolled.outputs.values() for lane in lanes))
        best, better = self._likeness(unrolled, chosen, known), True
        while better:
            better = False
            for role, found in zip(self.kept, choices, strict=True):
                for value in found:
                    if looks.left == 0:
                        return
                    looks.left -= 1
                    trial = {**chosen, role: value}
                    likeness = self._likeness(unrolled, trial, known)
                    if likeness > best:
                        best, chosen, better = likeness, trial, True
            if better:
                yield chosen

    def _likeness(
        self, unrolled: Unrolled, initial: Mapping[Value, Value], known: set[Value]
    ) -> int:
        """How many of the values of the first steps are those of the unrolled graph."""
        found: set[Value] = set()
        try:
            for outputs, after in self._runs(unrolled, initial, LOOK_STEPS):
                found.update(cone([*outputs.values(), *after.values()]))
        except (SnnccError, _NoLoop):
            return -1
        return sum(value in known and not value.is_constant for value in found)

    def _combined(self, choices: Sequence[Sequence[Value]]) -> Iterable[dict[Value, Value]]:
        """By the number of states that do not start at zero."""
        for places in range(len(choices) + 1):
            for chosen in itertools.combinations(range(len(choices)), places):
                options = [
                    found[1:] if index in chosen else found[:1]
                    for index, found in enumerate(choices)
                ]
                for values in itertools.product(*options):
                    yield dict(zip(self.kept, values, strict=True))

    def _runs(
        self, unrolled: Unrolled, initial: Mapping[Value, Value], steps: int
    ) -> Iterator[tuple[dict[str, Value], dict[Value, Value]]]:
        """Outputs and kept roles of the first steps."""
        past: dict[Value, list[Value]] = {}
        for role, value in initial.items():
            start = self.graph.expand(value, role.shape)
            past[role] = [start] * self.depth[role]
        for t in range(min(steps, unrolled.steps)):
            inputs = {name: lanes[t] for name, lanes in unrolled.inputs.items()}
            outputs, after = self.run(inputs, past)
            yield outputs, after
            past = {role: [after[role], *values[:-1]] for role, values in past.items()}

    def _gives(self, unrolled: Unrolled, initial: Mapping[Value, Value]) -> bool:
        runs = self._runs(unrolled, initial, unrolled.steps)
        return all(
            outputs[name] is lanes[t]
            for t, (outputs, _) in enumerate(runs)
            for name, lanes in unrolled.outputs.items()
        )

    def _loop(self, initial: Mapping[Value, Value]) -> Loop:
        """The step on fresh inputs and states."""
        g = self.graph
        inputs = {
            name: g.input(name, value.shape, value.dtype) for name, value in self.inputs.items()
        }
        past: dict[Value, list[Value]] = {}
        for number, role in enumerate(self.kept):
            past[role] = [
                g.input(f"state {number} of {ago} steps ago", role.shape, role.dtype)
                for ago in range(1, self.depth[role] + 1)
            ]
        outputs, after = self.run(inputs, past)
        states = []
        for role in self.kept:
            line = [after[role], *past[role]]
            name = self.names.get(role)
            for ago, before in enumerate(past[role]):
                label = f"{name}.{ago + 1}" if name and ago else name
                start = initial[role]
                learned = start if start.is_learnable else None
                states.append(State(label, before, line[ago], start.content, learned))
        return Loop(inputs, outputs, states)
