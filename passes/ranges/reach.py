"""
What a neuron's scalars really become: the states that inputs can lead to, one step after the
other, with the input of every step remembered.

The counterpart of the proofs: where the extremes that are reached meet the bounds, no bound can
be tighter. With few enough states the search is complete, and the extremes are the true ones;
otherwise it keeps the extreme states and some between, and finds extremes that are reached.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import integer_width
from snncc.passes.ranges.bodies import Straight, evaluate

CHUNK = 1 << 19
"""How many steps are computed at once."""


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
    search = _Search(neuron, fixed, driven, drives, most_drives)
    return search.run(most_states, stall, collect)


class _Search:
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
        self.all_drives = len(drives) <= most_drives
        if not self.all_drives:
            chosen = np.linspace(0, len(drives) - 1, most_drives).astype(np.intp)
            drives = drives[chosen]
        self.drives = drives
        widths = [integer_width(state.type) for state in self.states]
        if sum(widths) > 64:
            raise ValueError("states of more than 64 bits together are not searched")
        self.shifts = [sum(widths[:index]) for index in range(len(widths))]
        self.initial = np.array([[fixed[state] for state in self.states]], np.int64)

    def run(self, most_states: int, stall: int, collect: Sequence[SSAValue]) -> Reached:
        known = self.initial
        keys = self._keys(known)
        parent, how = np.array([-1]), np.array([0])
        frontier = np.array([0])
        best: dict[tuple[SSAValue, int], tuple[int, int, int]] = {}
        seen: dict[SSAValue, list[Array]] = {value: [] for value in collect}
        complete, idle = self.all_drives, 0
        random = np.random.default_rng(0)
        order = np.argsort(keys)
        while len(frontier):
            found_states, found_from, found_how = [], [], []
            better = False
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
                found_how.append(at % len(self.drives))
            states = np.concatenate(found_states)
            new_keys, at = np.unique(self._keys(states), return_index=True)
            sorted_keys = keys[order]
            place = np.minimum(np.searchsorted(sorted_keys, new_keys), len(sorted_keys) - 1)
            at = at[sorted_keys[place] != new_keys]
            if len(known) + len(at) > most_states:
                complete = False
                at = at[self._beam(states[at], max(64, most_states // 64), random)]
            idle = 0 if better else idle + 1
            if not complete and idle >= stall:
                break
            frontier = np.arange(len(known), len(known) + len(at))
            known = np.concatenate([known, states[at]])
            parent = np.concatenate([parent, np.concatenate(found_from)[at]])
            how = np.concatenate([how, np.concatenate(found_how)[at]])
            keys = np.concatenate([keys, self._keys(states[at])])
            order = np.argsort(keys)

        def extreme(value: SSAValue, side: int) -> Extreme:
            number, state, drive = best[value, side]
            path = [int(self.drives[drive])]
            while parent[state] >= 0:
                path.append(int(self.drives[how[state]]))
                state = int(parent[state])
            return Extreme(number, path[::-1])

        tracked = {value for value, _ in best}
        return Reached(
            {value: extreme(value, 0) for value in tracked},
            {value: extreme(value, 1) for value in tracked},
            complete,
            len(known),
            {value: np.unique(np.concatenate(lists)) for value, lists in seen.items()},
        )

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
                    best[value, side] = (number, int(part[at // count]), at % count)
                    better = better or integer_width(value.type) > 1
        return better

    def _beam(self, states: Array, width: int, random: np.random.Generator) -> Array:
        """The extreme states in every direction of the axes, and some of the others."""
        if len(states) <= width:
            return np.arange(len(states))
        ends = max(1, width // (4 * states.shape[1]))
        chosen = [random.choice(len(states), width // 2, replace=False)]
        for column in states.T:
            ranks = np.argsort(column)
            chosen += [ranks[:ends], ranks[-ends:]]
        return np.unique(np.concatenate(chosen))
