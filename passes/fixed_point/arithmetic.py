"""Operations on fixed-point numbers of 32 bits: none of them wraps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import i32, i64
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.fixed_point.formats import FACTOR, Format, factor_format, power_of_two
from snncc.passes.quantization.arithmetic import IntegerBuilder

ROOM = (1 << 30) - 1
"""What any number is held within before it is shifted or added."""


@dataclass(frozen=True)
class Number:
    """A scalar of 32 bits, and how it counts."""

    value: SSAValue
    format: Format


class FixedPoint(IntegerBuilder):
    """Writes fixed-point arithmetic at the end of a block of a neuron."""

    def held(self, x: Number, limit: int) -> Number:
        """Within +-limit."""
        if x.format.limit <= limit:
            return x
        value = self.insert(arith.MinSIOp(x.value, self.constant(limit)))
        value = self.insert(arith.MaxSIOp(value, self.constant(-limit)))
        return Number(value, Format(x.format.exponent, limit))

    def in_exponent(self, x: Number, exponent: int, limit: int = ROOM) -> Number:
        """In another unit: rounded half up, and held within the limit."""
        shift = exponent - x.format.exponent
        if shift == 0:
            return self.held(x, limit)
        if shift < 0:
            x = self.held(x, limit >> min(-shift, 31))
            if x.format.limit == 0:
                return Number(self.constant(0), Format(exponent, 0))
            value = self.insert(arith.ShLIOp(x.value, self.constant(-shift)))
            return Number(value, Format(exponent, x.format.limit << -shift))
        x = self.held(x, ROOM)
        if shift > 30:
            return Number(self.constant(0), Format(exponent, 0))
        value = self._rounding_shift(x.value, shift)
        after = (x.format.limit + (1 << (shift - 1))) >> shift
        return self.held(Number(value, Format(exponent, after)), limit)

    def narrowed(self, x: Number, bits: int, size: int = 31) -> Number:
        """
        With at most so many bits of magnitude; `size` are those that its numbers have as far as
        was seen, with room.
        """
        shift = max(0, min(x.format.bits, size) - bits)
        return self.in_exponent(x, x.format.exponent + shift, (1 << bits) - 1)

    def fixed(self, name: str, array: Array, format: Format) -> Number:
        """Constants."""
        whole = format.whole(array)
        limit = int(np.abs(whole).max(initial=0))
        return Number(self.parameter(name, whole), Format(format.exponent, limit))

    def product(self, x: Number, y: Number) -> Number:
        """Of factors that are narrow enough."""
        limit = x.format.limit * y.format.limit
        assert limit < 1 << 31, "factors have 15 bits"
        value = self.insert(arith.MuliOp(x.value, y.value))
        return Number(value, Format(x.format.exponent + y.format.exponent, limit))

    def total(self, x: Number, y: Number, *, minus: bool = False) -> Number:
        """A sum or difference in the coarser unit of two."""
        exponent = max(x.format.exponent, y.format.exponent)
        x, y = (self.in_exponent(each, exponent) for each in (x, y))
        op = (arith.SubiOp if minus else arith.AddiOp)(x.value, y.value)
        return Number(self.insert(op), Format(exponent, x.format.limit + y.format.limit))

    def times_constant(self, name: str, x: Number, factor: Array, size: int) -> Number:
        """x * factor; `size` as of `narrowed`. What decays loses a product of what it loses."""
        power = power_of_two(factor)
        if power is not None:
            return Number(x.value, Format(x.format.exponent + power, x.format.limit))
        if not np.any(factor):
            return Number(self.constant(0), Format(x.format.exponent, 0))
        lost = 1.0 - np.asarray(factor, np.float64)
        if np.all((lost > 0) & (lost < 0.5)) and min(x.format.bits, size) > FACTOR:
            part = self.times_constant(f"{name}.lost", x, lost, size)
            part = self.in_exponent(part, x.format.exponent, x.format.limit)
            value = self.insert(arith.SubiOp(x.value, part.value))
            return Number(value, x.format)
        constant = self.fixed(name, factor, factor_format(factor))
        return self.product(self.narrowed(x, FACTOR, size), constant)

    def quotient(self, x: Number, y: Number, sign: int) -> Number:
        """x / y, towards zero; y is held at one unit above (or below) 0."""
        x = self.in_exponent(x, x.format.exponent - (30 - x.format.bits))
        y = self.held(y, ROOM)
        end = (arith.MaxSIOp if sign > 0 else arith.MinSIOp)(y.value, self.constant(sign))
        value = self.insert(arith.DivSIOp(x.value, self.insert(end)))
        return Number(value, Format(x.format.exponent - y.format.exponent, x.format.limit))

    def wide(self, x: SSAValue) -> SSAValue:
        return self.insert(arith.ExtSIOp(x, i64))

    def short(self, x: SSAValue) -> SSAValue:
        return self.insert(arith.TruncIOp(x, i32))
