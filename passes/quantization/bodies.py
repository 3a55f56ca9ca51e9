"""
Writes the integer body of a neuron: every scalar a whole number of its class's unit.

Sums, comparisons and choices stay what they are. A coefficient becomes a whole number of
the unit that it stands in. A product with a coefficient becomes a product with a whole
number and a rounding shift; a decay near one is written as x - (x * m >> s), whose
constant is exact in the part that is lost.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import ceil, log2

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, IntegerType, i32, i64
from xdsl.ir import Block, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.functions import FUNCTIONS
from snncc.dialects.snn.types import integer_width
from snncc.passes.quantization.arithmetic import (
    NoIntegerForm,
    Rounding,
    Trained,
    single,
)
from snncc.passes.quantization.classes import JOINS, ROUNDINGS, Classes
from snncc.passes.quantization.reals import RealNumbers


@dataclass(frozen=True)
class Format:
    """
    How a class counts: real value = whole number * unit. `unit` (float64) broadcasts to the
    population; no member's magnitude exceeds `bound` whole numbers. With `saturates` the
    states are held within +-`bound`.
    """

    unit: Array
    bound: float
    saturates: bool = False

    @property
    def bits(self) -> int:
        """Of the magnitude."""
        return max(1, ceil(log2(self.bound + 1)))


@dataclass
class Written:
    """An integer body, and what its ports are."""

    block: Block
    parameters: dict[str, Array] = field(default_factory=dict)
    """Integer arrays that broadcast to the population."""
    outputs: list[Array | None] = field(default_factory=list)
    """The unit of each output; None for spikes and counts."""
    states: list[Array | None] = field(default_factory=list)
    held: dict[str, float] = field(default_factory=dict)
    """Where states saturate, by name."""
    largest: float = 1.0
    """Four times what any state or output may count."""
    in_float: list[str] = field(default_factory=list)
    """Operations that are computed in float between conversions."""
    trained: dict[str, Trained] = field(default_factory=dict)
    """Those of the parameters that follow a float when it is trained."""


Interval = tuple[Array, Array]

ROUNDING_MODES: dict[type[Operation], Rounding] = {
    math.RoundEvenOp: "even",
    math.FloorOp: "floor",
    math.CeilOp: "ceil",
    math.TruncOp: "trunc",
}


class BodyWriter(RealNumbers):
    """
    Writes one body. `formats` gives the format of each class, `ports` the unit of every
    input stream that is an integer now (None where its type stays), `intervals` the float
    interval of every scalar.
    """

    def __init__(
        self,
        classes: Classes,
        formats: Mapping[int, Format],
        ports: Mapping[SSAValue, Array | None],
        intervals: Callable[[SSAValue], Interval],
        *,
        shift_decays: bool = False,
        gradients: bool = False,
        trained: Mapping[SSAValue, SSAValue] | None = None,
    ):
        """
        With `gradients` the body keeps what they need. `trained` are parameters of the float
        body that training moves, with what stands at their ports.
        """
        self.trained_ports = trained or {}
        self.neuron = neuron = classes.neuron
        arguments = [*neuron.input_ports, *neuron.state_ports]
        varying = [classes.is_varying(port.argument) for port in arguments]
        super().__init__(
            classes,
            [i32 if v else p.argument.type for p, v in zip(arguments, varying, strict=True)],
            shift_decays=shift_decays,
            gradients=gradients,
        )
        self.formats = formats
        self.ports = ports
        self.intervals = intervals
        self.written = Written(self.block)
        for port, argument in zip(arguments, self.block.args, strict=True):
            argument.name_hint = port.name
            self.values[port.argument] = argument

    # --- the walk

    def write(self) -> Written:
        neuron = self.neuron
        streams = [p for p in neuron.parameter_ports if self.classes.is_varying(p.argument)]
        if streams:
            raise NoIntegerForm(f"parameter {streams[0].name!r} is a stream")
        for port in neuron.input_ports:
            unit = self.ports.get(port.argument)
            if unit is not None:
                self.values[port.argument] = self._convert(
                    self.values[port.argument],
                    unit,
                    self._format(port.argument).unit,
                    self._bits(port.argument, unit),
                )
        self._expect_alone()
        for op in self.classes.operations:
            if op is neuron.terminator:
                break
            result = op.results[0]
            if result in self.classes.coefficients or self._is_rounded_only(result):
                continue
            self.values[result] = self._operation(op)
        self._finish()
        return self.written

    def _expect_alone(self) -> None:
        """What training moves stands beside numbers of its class: nothing is computed of it."""
        for argument in self.trained_ports:
            known = self.classes.uses(argument)
            for use in argument.uses:
                result = use.operation.results[0] if use.operation.results else None
                beside = isinstance(use.operation, (*JOINS, arith.CmpfOp, arith.SelectOp))
                if use not in known or not beside or result in self.classes.coefficients:
                    raise NoIntegerForm(
                        f"parameter {self._name_of(argument)!r} is to be trained, and more than "
                        "sums and comparisons read it"
                    )

    def _finish(self) -> None:
        outputs: list[SSAValue] = []
        for value in self.neuron.terminator.outputs:
            if isinstance(value.type, AnyFloat):
                format = self._output_format(value)
                outputs.append(self._value(value, format))
                self.written.outputs.append(format.unit)
            else:
                outputs.append(self.values[value])
                self.written.outputs.append(None)
        states: list[SSAValue] = []
        for port, after in zip(self.neuron.state_ports, self.neuron.terminator.states, strict=True):
            if not self.classes.is_varying(port.argument):
                states.append(self.values[after])
                self.written.states.append(None)
                continue
            format = self._format(port.argument)
            value = self._value(after, format)
            if format.saturates:
                bound = int(format.bound)
                self.written.held[port.name] = float(bound)
                value = self.insert(arith.MinSIOp(value, self.constant(bound)))
                value = self.insert(arith.MaxSIOp(value, self.constant(-bound)))
            states.append(value)
            self.written.states.append(format.unit)
        taken = {port.name for port in (*self.neuron.input_ports, *self.neuron.state_ports)}
        self.finish(snn.NextOp(outputs, states), taken)
        self.written.parameters, self.written.trained = self.parameters, self.trained
        self.written.largest = (
            4.0 * max(f.bound for f in self.formats.values()) if self.formats else 1.0
        )

    def _output_format(self, value: SSAValue) -> Format:
        if value in self.classes.coefficients:  # a constant stream
            constant = self.classes.coefficients[value]
            largest = float(np.abs(constant).max())
            unit = 1.0 if np.array_equal(constant, np.rint(constant)) else largest / 32767
            return Format(single(unit), largest / unit)
        return self._format(value)

    # --- operations

    def _operation(self, op: Operation) -> SSAValue:
        result = op.results[0]
        match op:
            case arith.AddfOp() | arith.SubfOp() | arith.MaximumfOp() | arith.MinimumfOp():
                format = self._format(result)
                a, b = (self._value(operand, format) for operand in op.operands)
                new = {
                    arith.AddfOp: arith.AddiOp,
                    arith.SubfOp: arith.SubiOp,
                    arith.MaximumfOp: arith.MaxSIOp,
                    arith.MinimumfOp: arith.MinSIOp,
                }[type(op)]
                return self.insert(new(a, b))
            case arith.NegfOp():
                zero = self.constant(0)
                return self.insert(arith.SubiOp(zero, self.values[op.operand]))
            case math.AbsFOp():
                value = self.values[op.operand]
                negative = self.insert(arith.SubiOp(self.constant(0), value))
                return self.insert(arith.MaxSIOp(value, negative))
            case arith.MulfOp():
                return self._product(op)
            case arith.DivfOp():
                return self._quotient(op)
            case arith.CmpfOp():
                return self._comparison(op)
            case arith.SelectOp() if isinstance(result.type, AnyFloat):
                format = self._format(result)
                a, b = self._value(op.lhs, format), self._value(op.rhs, format)
                return self.insert(arith.SelectOp(self.values[op.cond], a, b))
            case arith.UIToFPOp() | arith.SIToFPOp():
                return self._from_integer(op)
            case snn.SpikeOp():
                argument = self._float_operand(op.argument)
                return self.real_spike(op, argument)
            case snn.CountOp():
                return self.real_count(op, self._count(op))
            case snn.DetachOp():
                value = self.values[op.argument]
                return self.insert(snn.DetachOp(value)) if self.gradients else value
            case snn.StraightThroughOp():
                return self.real_straight_through(op)
        if isinstance(op, ROUNDINGS):
            return self._rounding(op)
        if type(op) in FUNCTIONS:
            return self._function(op)
        if not any(isinstance(v.type, AnyFloat) for v in (*op.operands, *op.results)):
            copy = op.clone({operand: self.values[operand] for operand in op.operands})
            return self.insert(copy)
        raise NoIntegerForm(f"{op.name} has no integer form")

    def _float_operand(self, value: SSAValue) -> SSAValue:
        if value in self.classes.coefficients:
            return self._value(value, self._output_format(value))
        return self.values[value]

    def _comparison(self, op: arith.CmpfOp) -> SSAValue:
        varying = next((v for v in op.operands if self.classes.is_varying(v)), None)
        assert varying is not None
        format = self._format(varying)
        a, b = (self._value(operand, format) for operand in op.operands)
        ordered = (op.predicate.value.data - 1) % 8 + 1  # integers are never unordered
        names = {1: "eq", 2: "sgt", 3: "sge", 4: "slt", 5: "sle", 6: "ne"}
        if ordered not in names:
            raise NoIntegerForm("a test for NaN has no integer form")
        return self.insert(arith.CmpiOp(a, b, names[ordered]))

    def _from_integer(self, op: arith.UIToFPOp | arith.SIToFPOp) -> SSAValue:
        """A spike or count, in the unit of its class: times what one is worth there."""
        value = self.values[op.input]
        extend = arith.ExtUIOp if isinstance(op, arith.UIToFPOp) else arith.ExtSIOp
        if value.type != i32:
            value = self.insert(extend(value, i32))
        format = self._format(op.result)
        width = integer_width(op.input.type)
        return self.scaled(value, 1.0 / format.unit, width, whole=True)

    def _product(self, op: arith.MulfOp) -> SSAValue:
        a, b = op.operands
        target = self._format(op.result)
        for varying, other in ((a, b), (b, a)):
            coefficient = self.classes.coefficients.get(other)
            if coefficient is None:
                continue
            source = self._format(varying)
            factor = coefficient * (source.unit / target.unit)  # of equal units exactly 1
            whole = self.classes.of(varying).whole
            return self.scaled(
                self.values[varying],
                factor,
                self._bits(varying, source.unit),
                whole=whole,
                name=self._name_of(other),
            )
        first, second = self._format(a), self._format(b)
        rest = first.unit * second.unit / target.unit
        bits = ceil(log2(self._size(a, first.unit) * self._size(b, second.unit) + 2))
        wide = bits > 30
        x, y = self.values[a], self.values[b]
        if wide:
            x, y = (self.insert(arith.ExtSIOp(value, i64)) for value in (x, y))
        limit = 2.0 * target.bound if target.saturates else 2.0**30 - 1
        return self.scaled(self.insert(arith.MuliOp(x, y)), rest, bits, limit=limit)

    def _quotient(self, op: arith.DivfOp) -> SSAValue:
        divisor = self.classes.coefficients.get(op.rhs)
        if divisor is None:
            return self._ratio(op)
        if not np.all(divisor != 0):
            raise NoIntegerForm("a division by 0 has no integer form")
        source, target = self._format(op.lhs), self._format(op.result)
        return self.scaled(
            self.values[op.lhs],
            (source.unit / target.unit) / divisor,
            self._bits(op.lhs, source.unit),
            whole=self.classes.of(op.lhs).whole,
            name=self._name_of(op.rhs),
        )

    def _ratio(self, op: arith.DivfOp) -> SSAValue:
        """
        The quotient of two scalars: the dividend in units of the result times the
        divisor's, then a division that rounds towards zero.
        """
        target, below = self._format(op.result), self._format(op.rhs)
        above = self.classes.coefficients.get(op.lhs)
        if above is not None:
            whole = np.rint(above / (below.unit * target.unit))
            dividend = self.parameter(self._name_of(op.lhs), whole, i64)
        else:
            source = self._format(op.lhs)
            wide = self.insert(arith.ExtSIOp(self.values[op.lhs], i64))
            factor = source.unit / (below.unit * target.unit)
            dividend = self.scaled(wide, factor, self._bits(op.lhs, source.unit), narrow=False)
        divisor = self.insert(arith.ExtSIOp(self._nonzero(op.rhs), i64))
        return self.insert(arith.TruncIOp(self.insert(arith.DivSIOp(dividend, divisor)), i32))

    def _nonzero(self, value: SSAValue) -> SSAValue:
        """A divisor that is never 0, held at one unit where it was rounded to none."""
        low, high = self.intervals(value)
        if np.all(low > 0):
            return self.insert(arith.MaxSIOp(self.values[value], self.constant(1)))
        if np.all(high < 0):
            return self.insert(arith.MinSIOp(self.values[value], self.constant(-1)))
        raise NoIntegerForm("a division by what may be 0 has no integer form")

    def _count(self, op: snn.CountOp) -> SSAValue:
        """How many whole thresholds: a division where the quotient is one in the float body."""
        quotient, divisor = op.argument, single(1.0)
        owner = quotient.owner
        if isinstance(owner, arith.DivfOp | arith.MulfOp):
            for varying, other in ((owner.lhs, owner.rhs), (owner.rhs, owner.lhs)):
                coefficient = self.classes.coefficients.get(other)
                inverse = isinstance(owner, arith.DivfOp)
                if coefficient is None or (inverse and other is not owner.rhs):
                    continue
                quotient, divisor = varying, coefficient if inverse else 1.0 / coefficient
                break
        unit = self._format(quotient).unit
        threshold = np.maximum(np.rint(divisor / unit), 1)
        value = self.insert(arith.MaxSIOp(self.values[quotient], self.constant(0)))
        whole = self.insert(arith.DivSIOp(value, self.parameter("threshold", threshold)))
        width = integer_width(op.result.type)
        largest = min(op.maximum.value.data, (1 << (width - 1)) - 1)
        whole = self.insert(arith.MinSIOp(whole, self.constant(largest)))
        if width == 32:
            return whole
        return self.insert(arith.TruncIOp(whole, IntegerType(width)))

    def _scaling(self, value: SSAValue) -> tuple[SSAValue, Array] | None:
        """(x, factor) of a product x * factor, or of a quotient by a coefficient."""
        owner = value.owner
        if not isinstance(owner, arith.MulfOp | arith.DivfOp):
            return None
        pairs = [(owner.lhs, owner.rhs), (owner.rhs, owner.lhs)]
        for x, other in pairs[:1] if isinstance(owner, arith.DivfOp) else pairs:
            coefficient = self.classes.coefficients.get(other)
            if coefficient is None or not np.all(coefficient != 0):
                continue
            inverse = isinstance(owner, arith.DivfOp)
            return x, 1.0 / coefficient if inverse else coefficient
        return None

    def _is_rounded_only(self, value: SSAValue) -> bool:
        """A product that one rounding reads: the rounding takes its factor."""
        user = next(iter(value.uses)).operation if value.has_one_use() else None
        return isinstance(user, ROUNDINGS) and self._scaling(value) is not None

    def _rounding(self, op: Operation) -> SSAValue:
        """
        Whole numbers, of a product with one rounding alone: from the unit of what is scaled
        to ones, then to the unit of the result where that is another.
        """
        (operand,), (result,) = op.operands, op.results
        x, factor = operand, single(1.0)
        if self._is_rounded_only(operand):
            scaling = self._scaling(operand)
            assert scaling is not None
            x, factor = scaling
        unit = self._format(x).unit
        whole = self.rounded(
            self.values[x],
            factor * unit,
            self._bits(x, unit),
            ROUNDING_MODES[type(op)],
            name=self._name_of(result),
        )
        per_one = 1.0 / self._format(result).unit
        found = self.scaled(whole, per_one, self._bits(result, single(1.0)), whole=True)
        # as in floats: who wants the gradient of what is rounded says so
        return self.insert(snn.DetachOp(found)) if self.gradients else found

    def _function(self, op: Operation) -> SSAValue:
        """A function of numbers: in float between two conversions, and said so."""
        result = self.insert(type(op)(*[self.real(operand) for operand in op.operands]))
        self.written.in_float.append(op.name)
        return self._to_integer(result, self._format(op.results[0]))

    def _to_integer(self, value: SSAValue, format: Format) -> SSAValue:
        """Rounded half to even, and held within what the format has; NaN is the upper end."""
        bound = float(min(format.bound, 2.0**30))
        scaled = self.insert(arith.MulfOp(value, self.number("per_unit", 1.0 / format.unit)))
        exact = scaled
        for test, end in (("olt", bound), ("ogt", -bound)):
            limit = self.number("limit", single(end))
            inside = self.insert(arith.CmpfOp(scaled, limit, test))
            scaled = self.insert(arith.SelectOp(inside, scaled, limit))
        whole = self.insert(arith.FPToSIOp(self.insert(math.RoundEvenOp(scaled)), i32))
        return self.insert(snn.StraightThroughOp(whole, exact)) if self.gradients else whole

    # --- units

    def _format(self, value: SSAValue) -> Format:
        return self.formats[id(self.classes.of(value))]

    def _name_of(self, value: SSAValue) -> str:
        """The name of a parameter, for the whole numbers that stand for it."""
        for port in self.neuron.parameter_ports:
            if port.argument is value:
                return port.name
        return value.name_hint or "coefficient"

    def _bits(self, value: SSAValue, unit: Array) -> int:
        """Of the magnitude of a scalar, counted in a unit."""
        return max(1, ceil(log2(self._size(value, unit) + 2)))

    def _size(self, value: SSAValue, unit: Array) -> float:
        """The largest magnitude of a scalar, counted in a unit; at least 1."""
        low, high = self.intervals(value)
        largest = float(np.max(np.maximum(np.abs(low), np.abs(high)) / unit, initial=1.0))
        format = self._format(value)
        held = format.bound * float(np.max(format.unit / unit))
        if not np.isfinite(largest):  # held by a state that saturates, and one sum further
            return 4.0 * held
        return max(largest, 2.0 * held) if format.saturates else largest

    def _value(self, value: SSAValue, format: Format) -> SSAValue:
        """A scalar in the unit of a format it belongs to; a coefficient as a whole number."""
        coefficient = self.classes.coefficients.get(value)
        if coefficient is None:
            return self.values[value]
        name, whole = self._name_of(value), np.rint(coefficient / format.unit)
        source = self.trained_ports.get(value)
        if source is None:
            return self.parameter(name, whole)
        bound = 2.0**format.bits - 1.0
        return self.trained_parameter(name, whole, Trained(source, format.unit, bound))

    def _convert(self, value: SSAValue, unit: Array, target: Array, bits: int) -> SSAValue:
        return self.scaled(value, unit / target, bits)
