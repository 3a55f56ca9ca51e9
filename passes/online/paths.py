"""
From a population back to what feeds it: the weighted sums whose activity it integrates.

Behind an input of a population stand elementwise operations and delays, and then weighted
sums. Every path there is followed by itself: which element of the population hears which
element of the sum, what the signal is multiplied with on its way, and by how much it is delayed.
What is trained on a path gets its eligibility in the population; where the path ends, the
learning signal goes on to the streams that the sum was taken of.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from math import prod
from typing import TypeAlias

import numpy as np
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import shape_of
from snncc.passes.differentiation.neurons import transpose_neuron
from snncc.passes.differentiation.operations import RULES
from snncc.passes.differentiation.transposition import FixedGradient
from snncc.passes.online.chains import Chains, Flow
from snncc.passes.online.coefficients import is_constant, is_fixed_value
from snncc.passes.online.eligibility import Places, Source
from snncc.passes.online.feedback import Feedback
from snncc.passes.online.filters import Filter, delay_filter
from snncc.passes.online.same_step import SameStep

Give: TypeAlias = Callable[[SSAValue, FixedGradient], None]
"""Takes a gradient of a fixed value."""

MOVES = (snn.AddOp, snn.ReshapeOp, snn.RearrangeOp, snn.ConcatOp)
"""Operations that change no element."""

ELEMENTWISE = (*MOVES, snn.ScaleOp, snn.BatchNormOp, snn.ThresholdOp)


@dataclass(frozen=True)
class Path:
    """The way from a stream to a population."""

    value: SSAValue
    places: Places
    """For each element of the stream: the element of the population that hears it, or -1."""
    gain: SSAValue | None
    """What an element is multiplied with on its way; 1, where there is none."""
    delays: tuple[Filter, ...]
    passed: frozenset[Operation]
    """The delays that it has come through."""
    is_recurrent: bool
    """Whether one of them belongs to a cycle of the population's: the signal is stopped."""
    flows: Callable[[], list[Flow]]
    """The learning signals at the stream, written when they are asked for."""


class Paths:
    """Follows the paths to one input of a population."""

    def __init__(
        self,
        t: SameStep,
        chains: Chains,
        feedback: Feedback,
        cycle: set[SSAValue],
        source: Callable[[Source], None],
        give: Give,
    ):
        """`cycle` are the results of the delays of the population's component."""
        self.t = t
        self.chains = chains
        self.feedback = feedback
        self.cycle = cycle
        self._source = source
        self._give = give

    def follow(self, path: Path) -> None:
        """Gives what is trained on a path to `source`, and the signals to what lies behind it."""
        value, op = path.value, path.value.owner
        if not self.t.is_active(value):
            return
        if isinstance(op, WeightedSum) and is_fixed_value(op.weight):
            self._sum(path, op)
        elif isinstance(op, snn.DelayOp) and self._passes(path, op):
            self._delay(path, op)
        elif isinstance(op, Operation) and _is_elementwise(op):
            self._elementwise(path, op)
        else:
            self._end(path, value, path.flows)

    def _end(self, path: Path, value: SSAValue, flows: Callable[[], list[Flow]]) -> None:
        """The path ends at a stream: what lies behind it is reached by the learning signal."""
        if path.is_recurrent or not self.t.is_active(value):
            return
        for chain, signal in flows():
            chain.t.give(value, partial(_same, signal))

    def _sum(self, path: Path, op: WeightedSum) -> None:
        shape = shape_of(op.result)
        for operand, summed in ((op.weight, op), (op.bias, None)):
            if operand is None or not self.t.is_active(operand):
                continue
            channels = (shape[0], *(1,) * (len(shape) - 1))
            give = partial(self._give, operand)
            self._source(Source(shape, path.places, path.gain, path.delays, summed, give, channels))

        @cache
        def flows() -> list[Flow]:
            found: list[Flow] = []
            for chain, signal in path.flows():
                total = input_signal(self.t, self.feedback, op, signal)
                if total is not None:
                    found.append((chain, total))
            return found

        self._end(path, op.input, flows)

    def _passes(self, path: Path, op: snn.DelayOp) -> bool:
        same = len(op.steps_per_element) == 1
        return same and op not in path.passed and is_constant(path.gain)

    def _delay(self, path: Path, op: snn.DelayOp) -> None:
        memory = delay_filter(op.depth)
        self.follow(
            Path(
                op.stream,
                path.places,
                path.gain,
                (memory, *path.delays),
                path.passed | {op},
                path.is_recurrent or op.result in self.cycle,
                cache(
                    lambda: [(self.chains.behind(chain, memory), s) for chain, s in path.flows()]
                ),
            )
        )

    def _elementwise(self, path: Path, op: Operation) -> None:
        index = next(i for i, result in enumerate(op.results) if result is path.value)
        ones = path.gain
        if ones is None:
            ones = self.t.constant(np.ones(shape_of(path.value)))
        u = _transposed(self.t.beside(), op, index, ones)
        for value, found in u.fixed.items():
            for gradient in found:
                self._fixed(path, value, gradient)

        @cache
        def through() -> list[tuple[Flow, SameStep]]:
            return [
                ((chain, signal), _transposed(self.t.beside(), op, index, signal))
                for chain, signal in path.flows()
            ]

        def flows(operand: SSAValue) -> list[Flow]:
            totals = [(chain, v.total(operand)) for (chain, _), v in through()]
            return [(chain, total) for chain, total in totals if total is not None]

        operands = list(op.operands)
        for operand in dict.fromkeys(operands):
            gain = u.total(operand)
            if gain is None:
                continue
            if path.gain is None and isinstance(op, MOVES) and operands.count(operand) == 1:
                gain = None
            places = moved_places(op, operand, path.places)
            behind = partial(flows, operand)
            if places is None or (path.delays and not is_constant(gain)):
                self._end(path, operand, behind)
            else:
                self.follow(
                    Path(
                        operand,
                        places,
                        gain,
                        path.delays,
                        path.passed,
                        path.is_recurrent,
                        behind,
                    )
                )

    def _fixed(self, path: Path, value: SSAValue, gradient: FixedGradient) -> None:
        """A trained value that an elementwise operation reads."""
        shape = path.places.shape
        give = partial(self._give, value)
        stream = self.t.reshape(gradient.stream, shape)
        repeated = (
            gradient.repeated
            if len(gradient.repeated) == len(shape)
            else (
                *(1,) * (len(shape) - len(gradient.repeated)),
                *gradient.repeated,
            )
        )
        self._source(Source(shape, path.places, stream, path.delays, None, give, repeated))


def input_signal(
    t: SameStep, feedback: Feedback, op: WeightedSum, signal: SSAValue
) -> SSAValue | None:
    """The learning signal of what a sum is taken of."""
    if not t.is_active(op.input):
        return None
    v = t.beside({op.input})
    twin = op.with_operands([op.input, feedback.weight(op)])
    RULES[type(op)](v, twin, signal)
    twin.erase()
    return v.total(op.input)


def _transposed(u: SameStep, op: Operation, index: int, gradient: SSAValue) -> SameStep:
    if isinstance(op, snn.NeuronOp):
        transpose_neuron(
            u, op, [gradient if i == index else None for i in range(len(op.results))], [], []
        )
    else:
        RULES[type(op)](u, op, gradient)
    return u


def _is_elementwise(op: Operation) -> bool:
    if isinstance(op, snn.NeuronOp):
        return not op.initial_states
    return isinstance(op, ELEMENTWISE)


def moved_places(op: Operation, operand: SSAValue, places: Places) -> Places | None:
    """
    Who hears the elements of an operand, from who hears those of the result. None where an
    element is heard more than once.
    """
    shape = shape_of(operand)
    match op:
        case snn.RearrangeOp():
            read = op.indices.ravel()
            if np.bincount(read[read >= 0], minlength=1).max() > 1:
                return None
            moved = np.full(prod(shape), -1, np.int64)
            moved[read[read >= 0]] = places.ravel()[read >= 0]
            return moved.reshape(shape)
        case snn.ConcatOp():
            if list(op.inputs).count(operand) > 1:
                return None
            axis, start = op.axis.value.data, 0
            for part in op.inputs:
                size = shape_of(part)[axis]
                if part is operand:
                    break
                start += size
            return np.take(places, range(start, start + shape[axis]), axis)
        case _:
            return places.reshape(shape) if prod(shape) == places.size else None


def own_places(shape: Sequence[int]) -> Places:
    """Each element is heard by itself."""
    return np.arange(prod(shape), dtype=np.int64).reshape(tuple(shape))


def _same(value: SSAValue) -> SSAValue:
    return value
