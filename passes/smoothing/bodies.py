"""
The smoothed twin of a scalar body.

A spike or count becomes the integral of its surrogate, a float h, and what is made of it
follows: as a number it is h; `and`, `or` and `xor` of spikes are x y, x + y - x y and
x + y - 2 x y, whose derivatives are those that differentiation takes of them.

What decides carries no gradient: conditions of selects, comparisons, arithmetic on integers.
A spike that decides stays the one of the hard network, recorded there: it is a constant of the
twin. So does a comparison of what is made of spikes alone (a refractory counter), which says
nothing where spikes are floats. A comparison of analog values (what depends on currents or
membranes) is one of the twin's own values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from xdsl.dialects import arith
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.surrogates import differentiated, integral
from snncc.dialects.snn.types import is_float, is_spike

Mode = Literal["twin", "hard"]
Form = tuple[SSAValue, Mode]
"""A scalar of the original body, in one of the forms in which the twin has it."""


def is_smoothed(op: Operation, surrogate: SurrogateAttr | None) -> bool:
    """Whether it is a step of floats that has a surrogate, its own or the given one."""
    return (
        isinstance(op, snn.SpikeOp | snn.CountOp)
        and is_float(op.argument.type)
        and (op.surrogate is not None or surrogate is not None)
    )


@dataclass(frozen=True)
class Facts:
    """What the arguments of a block are, and then each of its scalars."""

    carried: frozenset[SSAValue]
    """Spikes and counts that become floats."""
    analog: frozenset[SSAValue]
    """Floats that depend on more than spikes, parameters and constants."""
    changed: frozenset[SSAValue]
    """What has another value in the twin."""


def facts_of(block: Block, given: Facts, surrogate: SurrogateAttr | None) -> Facts:
    """The facts of all scalars, from those of the arguments."""
    carried, analog, changed = set(given.carried), set(given.analog), set(given.changed)
    for op in _operations(block):
        result = op.results[0]
        read = _data(op)
        if is_float(result.type):
            if analog.intersection(read):
                analog.add(result)
            if changed.intersection(read):
                changed.add(result)
        elif is_smoothed(op, surrogate) or carried.intersection(_combined(op)):
            carried.add(result)
            changed.add(result)
        elif changed.intersection(op.operands):
            changed.add(result)
    return Facts(frozenset(carried), frozenset(analog), frozenset(changed))


def _operations(block: Block) -> Iterator[Operation]:
    return (op for op in block.ops if op is not block.last_op)


def _data(op: Operation) -> tuple[SSAValue, ...]:
    """What a result is computed of, beside what decides."""
    return (op.lhs, op.rhs) if isinstance(op, arith.SelectOp) else tuple(op.operands)


def _combined(op: Operation) -> tuple[SSAValue, ...]:
    """The spikes or counts that a spike or count is made of."""
    logic = isinstance(op, arith.AndIOp | arith.OrIOp | arith.XOrIOp)
    if isinstance(op, arith.SelectOp | snn.DetachOp) or (logic and is_spike(op.results[0].type)):
        return _data(op)
    return ()


class SmoothBody:
    """
    The twin of a block, to be written into a body. `recorded` are the scalars of the block
    that the hard network has to give it.
    """

    def __init__(self, block: Block, given: Facts, surrogate: SurrogateAttr | None):
        self.facts = facts_of(block, given, surrogate)
        self.surrogate = surrogate
        self._block = block
        self._written: dict[Form, Scalar] = {}
        self._needed: set[Form] = set()
        self.recorded: list[SSAValue] = []
        self._ask()

    # --- forms

    def _form(self, value: SSAValue) -> Form:
        """The form of a value's number."""
        twin = is_float(value.type) or value in self.facts.carried
        return value, "twin" if twin else "hard"

    def _reads(self, op: Operation, mode: Mode) -> list[Form]:
        """What an operation reads, to be written in this form."""
        decides = mode == "hard"
        match op:
            case arith.SelectOp():
                chosen = (op.lhs, op.rhs)
                forms = [(v, mode) if decides else self._form(v) for v in chosen]
                return [(op.cond, "hard"), *forms]
            case snn.SpikeOp() | snn.CountOp():
                return [self._form(v) for v in (op.operands[:1] if decides else differentiated(op))]
            case _:
                return [
                    (v, "hard") if decides and not is_float(v.type) else self._form(v)
                    for v in op.operands
                ]

    def _is_recorded(self, value: SSAValue) -> bool:
        """Whether a spike, count or outcome that decides comes from the hard network."""
        op = value.owner
        if not isinstance(op, Operation):
            return value in self.facts.carried
        if value not in self.facts.changed or _combined(op):  # made again of what it is made of
            return False
        if isinstance(op, snn.SpikeOp | snn.CountOp):
            if op.surrogate is not None or (value, "twin") in self._needed:
                return True
        elif not isinstance(op, arith.CmpfOp | arith.FPToSIOp):
            return False
        return not self.facts.analog.intersection(op.operands)

    def _ask(self) -> None:
        """What the results need, and what of that is recorded."""
        last = self._block.last_op
        assert last is not None
        needed = self._needed
        needed.update(self._form(value) for value in last.operands)
        modes: tuple[Mode, Mode] = ("twin", "hard")
        # twins first: whether a spike is read as a number says what it is as a condition
        for op in reversed(list(_operations(self._block))):
            for mode in modes:
                form = (op.results[0], mode)
                if form not in needed:
                    continue
                if mode == "hard" and self._is_recorded(op.results[0]):
                    self.recorded.append(op.results[0])
                else:
                    needed.update(self._reads(op, mode))
        for argument in self._block.args:
            if (argument, "hard") in needed and self._is_recorded(argument):
                self.recorded.append(argument)
        self.recorded.reverse()

    # --- writing

    def write(self, body: Body, arguments: dict[SSAValue, Scalar], recorded: list[Scalar]) -> None:
        """
        Writes what is needed, of the block's arguments as they are in the twin and of the
        recorded scalars. Raises SurrogateError for a surrogate that has no integral.
        """
        self.body = body
        for argument, scalar in arguments.items():
            self._written[self._form(argument)] = scalar
        for value, scalar in zip(self.recorded, recorded, strict=True):
            self._written[value, "hard"] = scalar
        modes: tuple[Mode, Mode] = ("twin", "hard")
        for op in _operations(self._block):
            for mode in modes:
                form = (op.results[0], mode)
                if form in self._needed and form not in self._written:
                    self._written[form] = self._copy(op, mode)

    def results(self, values: Iterable[SSAValue], smooth: Iterable[bool]) -> list[Scalar]:
        """Scalars of the block; as floats where they are `smooth`, else as they were."""
        return [
            self._as_float(value) if as_float else self._written[self._form(value)]
            for value, as_float in zip(values, smooth, strict=True)
        ]

    def _copy(self, op: Operation, mode: Mode) -> Scalar:
        if mode == "twin":
            if not is_float(op.results[0].type):
                return self._spike(op)
            converts = isinstance(op, arith.UIToFPOp | arith.SIToFPOp)
            if converts and op.operands[0] in self.facts.carried:
                return self._written[op.operands[0], "twin"]
        read = [self._written[form].value for form in self._reads(op, mode)]
        if isinstance(op, snn.SpikeOp):  # it decides: no gradient passes
            return self.body.insert(snn.SpikeOp(op.comparison.data, read[0]))
        if isinstance(op, snn.CountOp):
            copy = op.clone(dict(zip(op.operands, read, strict=False)))
            copy.operands = copy.operands[:1]
            copy.properties.pop("surrogate", None)
            return self.body.insert(copy)
        made = op.clone()
        made.operands = read
        return self.body.insert(made)

    def _spike(self, op: Operation) -> Scalar:
        """The twin of what is a spike or a count."""
        b = self.body
        match op:
            case snn.SpikeOp() | snn.CountOp():
                return self._integral(op)
            case arith.SelectOp():
                condition = self._written[op.cond, "hard"]
                return b.select(condition, self._as_float(op.lhs), self._as_float(op.rhs))
            case snn.DetachOp():
                return b.detach(self._written[op.argument, "twin"])
            case _:
                x, y = (self._as_float(value) for value in op.operands)
                both = x * y
                if isinstance(op, arith.AndIOp):
                    return both
                return x + y - (both if isinstance(op, arith.OrIOp) else both * 2.0)

    def _integral(self, op: snn.SpikeOp | snn.CountOp) -> Scalar:
        """No gradient flows to what a surrogate reads beside its first argument."""
        first, *rest = (self._written[form] for form in self._reads(op, "twin"))
        arguments = [first, *(self.body.detach(scalar) for scalar in rest)]
        surrogate = None if op.surrogate is not None else self.surrogate
        return integral(op, self.body, arguments, surrogate=surrogate)

    def _as_float(self, value: SSAValue) -> Scalar:
        """The twin of a spike or count; of one that is not smoothed, its number."""
        found = self._written[self._form(value)]
        return found if is_float(found.element) else self.body.to_float(found)
