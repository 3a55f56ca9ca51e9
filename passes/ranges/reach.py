"""
What a neuron's scalars really become: the states that inputs can lead to, one step after the
other, with the input of every step remembered.

The counterpart of the proofs: where the extremes that are reached meet the bounds, no bound can
be tighter. With few enough states the search is complete, and the extremes are the true ones;
otherwise it keeps the extreme states and some between, and finds extremes that are reached.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import integer_width
from snncc.passes.ranges.bodies import Straight, evaluate

CHUNK = 1 << 19
"""How many steps are computed at once."""

HELD = 20_000
"""For so many steps an extreme drive is held at most, as long as it takes a state farther."""

FEW = 96
"""How many drives a step of a beam takes: others in every step."""


@dataclass
class Extreme:
    """A value that is reached, and how: the step that gives it is the last of the sequence."""

    value: int
    drives: list[int]
    """The drive of every step, from the initial state on."""


@dataclass
class Reached:
    """What a search found of one element of a population."""

    low: dict[SSAValue, Extreme]
    high: dict[SSAValue, Extreme]
    complete: bool
    """Whether every reachable state was visited: then the extremes are the true ones."""
    states: int
    """How many states were visited."""
    seen: dict[SSAValue, Array] = field(default_factory=dict[SSAValue, Array])
    """All values of the scalars that were asked for, ascending."""


def reach(
    neuron: snn.NeuronOp,
    fixed: Mapping[SSAValue, int],
    driven: SSAValue,
    drives: Array,
    *,
    most_states: int = 20_000,
    most_drives: int = 4_096,
    stall: int = 48,
    collect: Sequence[SSAValue] = (),
) -> Reached:
    """
    Searches the reachable states of one element of an integer population.

    `fixed`: block argument -> its value, for initial states, parameters and inputs that do
    not change; `driven`: the argument of the input that is searched over, with the values
    `drives`. Beyond `most_states` or `most_drives` the search is a beam, which ends after
    `stall` steps without a new extreme.
    """
    search = Search(neuron, fixed, driven, drives, most_drives)
    return search.run(most_states, stall, collect)


class Search:
    """
    The search of `reach`, for those who go on from it: `known` are the states that it
    visited, [states, state variables].
    """

    def __init__(
        self,
        neuron: snn.NeuronOp,
        fixed: Mapping[SSAValue, int],
        driven: SSAValue,
        drives: Array,
        most_drives: int,
    ):
        self.straight = Straight(neuron.body.block)
        first = len(neuron.inputs)
        self.states = neuron.body.block.args[first : first + len(neuron.initial_states)]
        self.next_states = neuron.terminator.states
        self.fixed: dict[SSAValue, Array] = {
            a: np.array([fixed[a]])
            for a in neuron.body.block.args
            if a not in self.states and a is not driven
        }
        self.driven = driven
        self.every = drives
        self.all_drives = len(drives) <= most_drives
        self.drives = drives
        if not self.all_drives:
            self.drives = drives[np.linspace(0, len(drives) - 1, most_drives).astype(np.intp)]
        widths = [integer_width(state.type) for state in self.states]
        if sum(widths) > 64:
            raise ValueError("states of more than 64 bits together are not searched")
        self.shifts = [sum(widths[:index]) for index in range(len(widths))]
        self.held: list[int] = []
        """The initial state, and where either extreme drive leads to in the end."""
        self.initial = np.array([[fixed[state] for state in self.states]], np.int64)

    def run(self, most_states: int, stall: int, collect: Sequence[SSAValue]) -> Reached:
        known, parent, how = self._held(stall)
        keys = self._keys(known)
        best: dict[tuple[SSAValue, int], tuple[int, int, int]] = {}
        seen: dict[SSAValue, list[Array]] = {value: [] for value in collect}
        complete, idle = self.all_drives, 0
        random = np.random.default_rng(0)
        order = np.argsort(keys)
        frontier = np.arange(len(known))
        if len(known) > most_states:
            complete, frontier = False, self._beam(known, max(64, most_states // 24), random)
        while len(frontier):
            found_states, found_from, found_how = [], [], []
            better = False
            if not complete:
                self._draw(random)
            per_chunk = max(1, CHUNK // len(self.drives))
            for start in range(0, len(frontier), per_chunk):
                part = frontier[start : start + per_chunk]
                values = self._step(known[part])
                better |= self._note(values, part, best)
                for value, lists in seen.items():
                    lists.append(np.unique(values[value]))
                following = (
                    np.stack(
                        [
                            np.broadcast_to(values[v], (len(part) * len(self.drives),))
                            for v in self.next_states
                        ],
                        axis=1,
                    )
                    if self.states
                    else np.zeros((len(part) * len(self.drives), 0), np.int64)
                )
                _, at = np.unique(self._keys(following), return_index=True)
                found_states.append(following[at])
                found_from.append(part[at // len(self.drives)])
                found_how.append(self.drives[at % len(self.drives)])
            states = np.concatenate(found_states)
            new_keys, at = np.unique(self._keys(states), return_index=True)
            sorted_keys = keys[order]
            place = np.minimum(np.searchsorted(sorted_keys, new_keys), len(sorted_keys) - 1)
            at = at[sorted_keys[place] != new_keys]
            if len(known) + len(at) > most_states:
                complete = False
                at = at[self._beam(states[at], max(64, most_states // 24), random)]
            idle = 0 if better else idle + 1
            if not complete and idle >= stall:
                break
            frontier = np.arange(len(known), len(known) + len(at))
            known = np.concatenate([known, states[at]])
            parent = np.concatenate([parent, np.concatenate(found_from)[at]])
            how = np.concatenate([how, np.concatenate(found_how)[at]])
            keys = np.concatenate([keys, self._keys(states[at])])
            order = np.argsort(keys)

        self.known, self.parent, self.how = known, parent, how

        def extreme(value: SSAValue, side: int) -> Extreme:
            number, state, drive = best[value, side]
            return Extreme(number, [*self.path(state), drive])

        tracked = {value for value, _ in best}
        return Reached(
            {value: extreme(value, 0) for value in tracked},
            {value: extreme(value, 1) for value in tracked},
            complete,
            len(known),
            {value: np.unique(np.concatenate(lists)) for value, lists in seen.items()},
        )

    def _held(self, stall: int) -> tuple[Array, Array, Array]:
        """
        (states, parents, drives): the initial state, and those that either extreme drive leads
        to while nothing else comes between. An integrator takes thousands of steps to its
        saturation; a search step by step would look aside at each of them.
        """
        at, drives = np.repeat(self.initial, 2, axis=0), self.every[[0, -1]]
        low, high = at, at
        path: list[Array] = []
        last = np.zeros(2, np.int64)
        while self.states and len(path) < min(HELD, int(last.max()) + stall):
            values = dict(self.fixed)
            values[self.driven] = drives
            values.update((state, at[:, index]) for index, state in enumerate(self.states))
            values = evaluate(self.straight, values)
            at = np.stack([np.broadcast_to(values[v], (2,)) for v in self.next_states], axis=1)
            path.append(at)
            last[((at < low) | (at > high)).any(axis=1)] = len(path)
            low, high = np.minimum(low, at), np.maximum(high, at)
        self.held = [0]
        known, parent, how = [self.initial], [np.array([-1])], [np.array([0])]
        first = 1
        for lane, length in enumerate(last.tolist()):
            known += [step[lane : lane + 1] for step in path[:length]]
            parent.append(np.array([0, *range(first, first + length - 1)][:length], np.int64))
            how.append(np.full(length, drives[lane]))
            first += length
            self.held.append(first - 1)
        return np.concatenate(known), np.concatenate(parent), np.concatenate(how)

    def follow(self, starts: Array, drives: Array) -> Iterator[dict[SSAValue, Array]]:
        """
        Every scalar, step by step: of sequences that begin in the known states `starts`
        [rows], with drives by their places in `every` [rows, steps].
        """
        states = self.known[starts]
        for step in range(drives.shape[1]):
            values = dict(self.fixed)
            values[self.driven] = self.every[drives[:, step]]
            values.update((state, states[:, index]) for index, state in enumerate(self.states))
            values = evaluate(self.straight, values)
            yield values
            states = np.stack(
                [np.broadcast_to(values[v], starts.shape) for v in self.next_states], axis=1
            )

    def path(self, state: int) -> list[int]:
        """The drives that lead to a known state."""
        drives: list[int] = []
        while self.parent[state] >= 0:
            drives.append(int(self.how[state]))
            state = int(self.parent[state])
        return drives[::-1]

    def _keys(self, states: Array) -> Array:
        """One number for each row of states."""
        keys = np.zeros(len(states), np.uint64)
        for index, shift in enumerate(self.shifts):
            width = integer_width(self.states[index].type)
            bits = states[:, index].astype(np.uint64) & np.uint64((1 << width) - 1)
            keys |= bits << np.uint64(shift)
        return keys

    def _step(self, states: Array) -> dict[SSAValue, Array]:
        """Every scalar for each state under each drive, drives fastest."""
        count = len(self.drives)
        values = dict(self.fixed)
        values[self.driven] = np.tile(self.drives, len(states))
        for index, state in enumerate(self.states):
            values[state] = np.repeat(states[:, index], count)
        return evaluate(self.straight, values)

    def _note(
        self,
        values: Mapping[SSAValue, Array],
        part: Array,
        best: dict[tuple[SSAValue, int], tuple[int, int, int]],
    ) -> bool:
        """Remembers new extremes; whether there were some."""
        better = False
        count = len(self.drives)
        for value, array in values.items():
            if array.dtype.kind == "f":
                continue
            for side, at in ((0, int(array.argmin())), (1, int(array.argmax()))):
                number = int(array[at])
                before = best.get((value, side))
                if before is None or (number > before[0] if side else number < before[0]):
                    drive = int(self.drives[at % count])
                    best[value, side] = (number, int(part[at // count]), drive)
                    better = better or integer_width(value.type) > 1
        return better

    def _draw(self, random: np.random.Generator) -> None:
        """Other drives than in the step before: both ends, and some between."""
        if len(self.every) > FEW:
            between = random.integers(1, len(self.every) - 1, FEW - 2)
            self.drives = self.every[np.unique([0, *between, len(self.every) - 1])]

    def _beam(self, states: Array, width: int, random: np.random.Generator) -> Array:
        """
        Some states: the extreme ones in many directions, those that the extreme drives take
        farthest, and some of the others.
        """
        if len(states) <= width:
            return np.arange(len(states))
        some = random.choice(len(states), width // 4, replace=False)
        return np.unique(np.concatenate([some, self.extremes(states, width // 2)]))

    def extremes(self, states: Array, count: int) -> Array:
        """Which states are extreme: about as many as `count`, one of each kind at least."""
        scores = [*_directions(states), *self._prospects(states)]
        ends = min(max(1, count // len(scores)), len(states))
        return np.unique(
            np.concatenate([np.argpartition(score, -ends)[-ends:] for score in scores])
        )

    def _prospects(self, states: Array) -> Iterator[Array]:
        """How far each state goes under the extreme drives: of every scalar that differs."""
        drives, self.drives = self.drives, self.drives[[0, -1]]
        values = self._step(states)
        self.drives = drives
        for value, array in values.items():
            if array.shape != (2 * len(states),) or integer_width(value.type) == 1:
                continue
            if value not in self.states and value is not self.driven:
                low, high = array[::2], array[1::2]
                yield from (np.maximum(low, high), -np.minimum(low, high))


def _directions(states: Array) -> Iterator[Array]:
    """How far states lie in each of several directions, axes and diagonals of two."""
    scale = np.ptp(states, axis=0).astype(np.float64)
    places = (states - states.min(axis=0)) / np.where(scale > 0, scale, 1.0)
    for first in range(places.shape[1]):
        yield from (places[:, first], -places[:, first])
        for second in range(first):
            for angle in np.arange(1, 32) * np.pi / 16:
                if np.sin(2 * angle) ** 2 > 1e-9:
                    yield np.cos(angle) * places[:, first] + np.sin(angle) * places[:, second]
