"""
Writes the body of a neuron in fixed-point numbers: every float a whole number of a power of two.

Integers of the body stay what they are. A number keeps the unit that its operation gives it, and
is brought into another where it is added, compared or chosen; what is multiplied has 15 bits of
what was seen, so that all products have 32.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import ceil, log2

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat, FloatAttr, IntegerType, i32
from xdsl.interpreter import Interpreter
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.neuron import Port
from snncc.dialects.snn.types import describe, integer_width
from snncc.passes.fixed_point.arithmetic import ROOM, FixedPoint, Number
from snncc.passes.fixed_point.formats import (
    FACTOR,
    HEADROOM,
    WIDE,
    Format,
    NoFixedPoint,
    Seen,
    factor_format,
    format_of,
)
from snncc.passes.fixed_point.functions import exponential, logarithm

PREDICATES = {1: "eq", 2: "sgt", 3: "sge", 4: "slt", 5: "sle", 6: "ne"}
"""MLIR's number of an ordered comparison of floats -> of integers, which are always ordered."""


class FixedBody(FixedPoint):
    """
    Writes one body. `ports` are the formats of float inputs, `constants` the numbers of the
    arguments that are the same at every step, `states` the formats of float states, `outputs`
    those that float outputs have to have (None: one of 16 bits is chosen).
    """

    def __init__(
        self,
        neuron: snn.NeuronOp,
        arguments: list[Attribute],
        seen: Seen,
        ports: Mapping[SSAValue, Format],
        constants: Mapping[SSAValue, Array],
        states: Mapping[SSAValue, Format],
        outputs: list[Format | None],
        interpreter: Interpreter,
    ):
        super().__init__(arguments)
        self.neuron = neuron
        self.seen = seen
        self.coefficients = dict(constants)
        self.interpreter = interpreter
        self.states = states
        self.wanted = outputs
        self.made: list[Format | None] = []
        """The formats of the outputs; None of integers."""
        self.values: dict[SSAValue, SSAValue] = {}
        """Integer of the body -> as it is now."""
        self.numbers: dict[SSAValue, Number] = {}
        for port, argument in zip(self.kept_ports(), self.block.args, strict=True):
            argument.name_hint = port.name
            if not isinstance(port.argument.type, AnyFloat):
                self.values[port.argument] = argument
                continue
            format = {**ports, **states}[port.argument]
            value: SSAValue = argument
            if argument.type != i32:
                value = self.insert(arith.ExtSIOp(argument, i32))
            self.numbers[port.argument] = Number(value, format)

    def kept_ports(self) -> list[Port]:
        """Those that are no constants, in the order of the block's arguments."""
        ports = self.neuron.input_ports, self.neuron.state_ports, self.neuron.parameter_ports
        return [p for group in ports for p in group if p.argument not in self.coefficients]

    # --- the walk

    def write(self) -> None:
        for op in self.neuron.body.block.ops:
            if op is self.neuron.terminator:
                break
            result = op.results[0]
            if self._is_constant(op):
                continue
            if isinstance(result.type, AnyFloat):
                self.numbers[result] = self._float(op)
            else:
                self.values[result] = self._integer(op)
        self._finish()

    def _is_constant(self, op: Operation) -> bool:
        """Computes what follows of constants alone."""
        if isinstance(op, arith.ConstantOp):
            attribute = op.value
            if isinstance(attribute, FloatAttr):
                self.coefficients[op.result] = np.asarray(attribute.value.data, np.float64)
                return True
            return False
        if not op.operands or not all(v in self.coefficients for v in op.operands):
            return False
        if isinstance(op, snn.DetachOp | snn.StraightThroughOp):
            self.coefficients[op.results[0]] = self.coefficients[op.operands[0]]
            return True
        arrays = [
            self.coefficients[v].astype(np.float32)
            if isinstance(v.type, AnyFloat)
            else self.coefficients[v]
            for v in op.operands
        ]
        (found,) = self.interpreter.run_op(op, tuple(arrays))
        self.coefficients[op.results[0]] = np.asarray(found)
        return True

    def _finish(self) -> None:
        terminator = self.neuron.terminator
        results: list[SSAValue] = []
        for value, wanted in zip(terminator.outputs, self.wanted, strict=True):
            if not isinstance(value.type, AnyFloat):
                results.append(self._whole(value))
                self.made.append(None)
                continue
            x = self._stored(value, wanted)
            narrow = wanted is None
            results.append(
                self.insert(arith.TruncIOp(x.value, IntegerType(16))) if narrow else x.value
            )
            self.made.append(x.format)
        states: list[SSAValue] = []
        for port, after in zip(self.neuron.state_ports, terminator.states, strict=True):
            format = self.states.get(port.argument)
            states.append(
                self._whole(after) if format is None else self._stored(after, format).value
            )
        taken = {port.name for port in self.kept_ports()}
        self.finish(snn.NextOp(results, states), taken)

    def _stored(self, value: SSAValue, wanted: Format | None) -> Number:
        """A number as it is stored: of a format, or of at most 15 bits."""
        if wanted is None:
            wanted = format_of(self.seen.of(value), FACTOR)
            found = self.number_of(value)
            if found.format.bits <= FACTOR:
                return found
        if value in self.coefficients:
            return self.fixed("value", self.coefficients[value], wanted)
        x = self.in_exponent(self.numbers[value], wanted.exponent, wanted.limit)
        return Number(x.value, wanted)

    # --- operands

    def number_of(self, value: SSAValue) -> Number:
        if value in self.coefficients:
            array = self.coefficients[value]
            return self.fixed("constant", array, factor_format(array))
        return self.numbers[value]

    def _whole(self, value: SSAValue) -> SSAValue:
        """An integer of the body."""
        if value not in self.coefficients:
            return self.values[value]
        assert isinstance(value.type, IntegerType)
        array = self.coefficients[value]
        found = self.parameter("constant", array, i32)
        width = value.type.width.data
        if width == 32:
            return found
        cast = arith.TruncIOp if width < 32 else arith.ExtSIOp
        return self.insert(cast(found, value.type))

    def _size(self, value: SSAValue) -> int:
        """The bits that a number has as far as was seen, with room."""
        x, largest = self.numbers[value], self.seen.of(value)
        if largest == 0:
            return x.format.bits
        return max(1, ceil(log2(largest * HEADROOM) - x.format.exponent))

    def _aligned(self, values: list[SSAValue], *also: SSAValue) -> list[Number]:
        """Numbers in one unit, fine enough for the largest of them in `WIDE` bits."""
        largest = self.seen.of(*values, *also)
        constants = [self.coefficients[v] for v in values if v in self.coefficients]
        largest = max([largest, *(float(np.abs(c).max(initial=0.0)) for c in constants)])
        exponent = format_of(largest, WIDE).exponent
        varying = [self.numbers[v] for v in values if v in self.numbers]
        if varying:  # no finer than what is not constant
            exponent = max(exponent, min(x.format.exponent for x in varying))
            if constants and all(x.format.bits <= FACTOR for x in varying):
                exponent = format_of(largest, WIDE).exponent
        format = Format(exponent, ROOM >> 1)
        return [
            self.fixed("constant", self.coefficients[v], format)
            if v in self.coefficients
            else self.in_exponent(self.numbers[v], exponent, format.limit)
            for v in values
        ]

    # --- operations

    def _float(self, op: Operation) -> Number:
        result = op.results[0]
        match op:
            case arith.AddfOp() | arith.SubfOp():
                x, y = self._aligned(list(op.operands), result)
                return self.total(x, y, minus=isinstance(op, arith.SubfOp))
            case arith.MaximumfOp() | arith.MinimumfOp():
                x, y = self._aligned(list(op.operands))
                new = arith.MaxSIOp if isinstance(op, arith.MaximumfOp) else arith.MinSIOp
                limit = max(x.format.limit, y.format.limit)
                value = self.insert(new(x.value, y.value))
                return Number(value, Format(x.format.exponent, limit))
            case arith.MulfOp():
                return self._product(op)
            case arith.DivfOp():
                return self._quotient(op)
            case arith.NegfOp():
                x = self.held(self.numbers[op.operand], ROOM)
                return Number(self.insert(arith.SubiOp(self.constant(0), x.value)), x.format)
            case math.AbsFOp():
                x = self.held(self.numbers[op.operand], ROOM)
                negative = self.insert(arith.SubiOp(self.constant(0), x.value))
                return Number(self.insert(arith.MaxSIOp(x.value, negative)), x.format)
            case arith.SelectOp():
                x, y = self._aligned([op.lhs, op.rhs])
                limit = max(x.format.limit, y.format.limit)
                value = self.insert(arith.SelectOp(self._whole(op.cond), x.value, y.value))
                return Number(value, Format(x.format.exponent, limit))
            case arith.UIToFPOp() | arith.SIToFPOp():
                return self._from_integer(op)
            case snn.DetachOp() | snn.StraightThroughOp():
                return self.number_of(op.operands[0])
            case math.ExpOp():
                result_format = format_of(self.seen.of(result), WIDE)
                return exponential(self, self.numbers[op.operand], result_format)
            case math.LogOp():
                return logarithm(self, self.numbers[op.operand])
            case _:
                raise NoFixedPoint(f"{describe(self.neuron)}: {op.name} has no fixed-point form")

    def _product(self, op: arith.MulfOp) -> Number:
        a, b = op.operands
        for varying, other in ((a, b), (b, a)):
            if other in self.coefficients:
                factor = self.coefficients[other]
                return self.times_constant(
                    "factor", self.numbers[varying], factor, self._size(varying)
                )
        x, y = (self.narrowed(self.numbers[v], FACTOR, self._size(v)) for v in (a, b))
        return self.product(x, y)

    def _quotient(self, op: arith.DivfOp) -> Number:
        divisor = self.coefficients.get(op.rhs)
        if divisor is not None:
            if not np.all(divisor != 0):
                raise NoFixedPoint(f"{describe(self.neuron)}: a division by 0")
            factor = 1.0 / np.asarray(divisor, np.float64)
            return self.times_constant("factor", self.numbers[op.lhs], factor, self._size(op.lhs))
        sign = self.seen.sign(op.rhs)
        if sign == 0:
            raise NoFixedPoint(f"{describe(self.neuron)}: a division by what may be 0")
        return self.quotient(self.number_of(op.lhs), self.numbers[op.rhs], sign)

    def _from_integer(self, op: arith.UIToFPOp | arith.SIToFPOp) -> Number:
        value, width = self._whole(op.input), integer_width(op.input.type)
        signed = isinstance(op, arith.SIToFPOp)
        if width > 32:
            raise NoFixedPoint(f"{describe(self.neuron)}: a number of {width} bits")
        if width < 32:
            value = self.insert((arith.ExtSIOp if signed else arith.ExtUIOp)(value, i32))
            limit = 1 << (width - 1) if signed else (1 << width) - 1
            return Number(value, Format(0, limit))
        return Number(value, Format(0, (1 << 31) - 1))

    def _integer(self, op: Operation) -> SSAValue:
        match op:
            case arith.CmpfOp():
                x, y = self._aligned(list(op.operands))
                ordered = (op.predicate.value.data - 1) % 8 + 1
                if ordered not in PREDICATES:
                    raise NoFixedPoint(f"{describe(self.neuron)}: a test for NaN")
                return self.insert(arith.CmpiOp(x.value, y.value, PREDICATES[ordered]))
            case snn.SpikeOp() if isinstance(op.argument.type, AnyFloat):
                x = self.number_of(op.argument)
                return self.insert(snn.SpikeOp(op.comparison.data, x.value))
            case snn.DetachOp() | snn.StraightThroughOp():
                return self._whole(op.operands[0])
            case _ if any(isinstance(v.type, AnyFloat) for v in op.operands):
                raise NoFixedPoint(f"{describe(self.neuron)}: {op.name} has no fixed-point form")
            case _:
                copy = op.clone({v: self._whole(v) for v in op.operands})
                return self.insert(copy)
