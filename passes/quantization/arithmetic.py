"""Integer arithmetic of bodies: constants, products with factors, rounding shifts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, log2
from typing import Literal

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith
from xdsl.dialects.builtin import FloatAttr, IntegerAttr, IntegerType, f32, i32, i64
from xdsl.ir import Attribute, Block, Operation, SSAValue
from xdsl.rewriter import InsertPoint, Rewriter

from snncc.dialects.arrays import Array, is_uniform
from snncc.dialects.snn.types import integer_width

COEFFICIENT_BITS = 15
"""Of the whole number that stands for a factor, where the product has room."""
LEAST_BITS = 13
"""Below these a product is taken in 64 bits."""


CLOSE = 2.0**-20
"""A factor that is as close to a whole number or a power of two is that: floats made it."""
NEARLY = 12
"""Bits of a whole number's neighbourhood that inexact factors may miss it by."""
Rounding = Literal["even", "floor", "ceil", "trunc"]


def single(value: float) -> Array:
    """One number as an array without axes."""
    return np.asarray(value, np.float64)


@dataclass(frozen=True)
class Fault:
    """What integers cannot say of one layer; `layer` is None of the network as a whole."""

    layer: str | None
    text: str


@dataclass(frozen=True)
class Trained:
    """A float that whole numbers follow: round(source / unit), held within +-`bound`."""

    source: SSAValue
    unit: Array
    bound: float


class NoIntegerForm(Exception):
    """What integers cannot say; the text says which and why. `faults` has one for each layer."""

    def __init__(self, text: str, faults: Sequence[Fault] = ()):
        super().__init__(text)
        self.faults = tuple(faults) or (Fault(None, text),)


class IntegerBuilder:
    """
    Writes integer operations at the end of a block of a neuron.

    Coefficients that are one number become constants; arrays become ports of the neuron
    behind the others (`parameters`: name -> whole numbers that broadcast to the population).
    """

    def __init__(self, argument_types: list[Attribute], *, shift_decays: bool = False):
        self.block = Block(arg_types=argument_types)
        self.builder = Builder(InsertPoint.at_end(self.block))
        self.shift_decays = shift_decays
        self.parameters: dict[str, Array] = {}
        self.trained: dict[str, Trained] = {}
        """Those of the parameters that follow a float when it is trained."""
        self._trained: dict[SSAValue, Trained] = {}
        self._constants: dict[tuple[int, Attribute], SSAValue] = {}
        self._pending: list[tuple[str, Array, SSAValue]] = []

    def insert(self, op: Operation) -> SSAValue:
        self.builder.insert(op)
        return op.results[0]

    def finish(self, last: Operation, taken: set[str]) -> Block:
        """Ends the block; `taken` are the names of its ports so far."""
        self.builder.insert(last)
        for name, array, placeholder in self._pending:
            unique, number = name, 0
            while unique in self.parameters or unique in taken:
                number += 1
                unique = f"{name}{number}"
            self.parameters[unique] = array
            if placeholder in self._trained:
                self.trained[unique] = self._trained[placeholder]
            argument = self.block.insert_arg(placeholder.type, len(self.block.args))
            argument.name_hint = unique
            placeholder.replace_all_uses_with(argument)
            owner = placeholder.owner
            assert isinstance(owner, Operation)
            Rewriter.erase_op(owner)
        return self.block

    def scaled(
        self,
        x: SSAValue,
        factor: Array,
        bits: int,
        *,
        whole: bool = False,
        narrow: bool = True,
        limit: float = 2.0**30 - 1,
        name: str = "factor",
    ) -> SSAValue:
        """
        x * factor, rounded: half up. `bits` are those of x's magnitude. Of a whole operand
        (spikes, counts) the factor itself is rounded, where that costs no more. The result
        has 32 bits, or with `narrow` off those that it was computed in; what 32 bits may not
        hold is held within `limit`.
        """
        factor = np.asarray(factor, np.float64)
        result = self._scaled(x, factor, bits, whole, name)
        if not narrow or result.type == i32:
            return result
        if bits + _exponent(factor) > 30:
            bound = int(min(limit, 2.0**30 - 1))
            result = self.insert(arith.MinSIOp(result, self.constant(bound, i64)))
            result = self.insert(arith.MaxSIOp(result, self.constant(-bound, i64)))
        return self._narrow(result)

    def _scaled(self, x: SSAValue, factor: Array, bits: int, whole: bool, name: str) -> SSAValue:
        nearest = np.rint(factor)
        close = np.abs(factor - nearest) <= 2.0**-20 * np.maximum(np.abs(factor), 1e-30)
        if np.all(close) or (whole and np.all((np.abs(factor) >= 64) | close)):
            return self._times(x, nearest, bits, name)
        if is_uniform(factor):
            exponent = log2(abs(float(np.ravel(factor)[0])))
            if exponent == floor(exponent) and float(np.ravel(factor)[0]) > 0:
                return self._rounding_shift(x, int(-exponent))
        return self._multiply_shift(x, factor, bits, name)

    def _times(self, x: SSAValue, factor: Array, bits: int, name: str) -> SSAValue:
        """x times whole numbers."""
        if is_uniform(factor):
            number = int(np.ravel(factor)[0])
            if number == 1:
                return x
            if number > 0 and number & (number - 1) == 0:
                shift = self.constant(number.bit_length() - 1, x.type)
                return self.insert(arith.ShLIOp(x, shift))
        return self.insert(arith.MuliOp(x, self.parameter(name, factor, x.type)))

    def _multiply_shift(self, x: SSAValue, factor: Array, bits: int, name: str) -> SSAValue:
        lost = 1.0 - factor
        decays = x.type == i32 and bool(np.all((factor > 0.5) & (factor < 1.0)))
        if decays and is_uniform(lost) and np.frexp(lost.ravel()[0])[0] == 0.5:
            # 1 - 2^-k: the shift of the product with 2^-k, without the product
            shift = 1 - int(np.frexp(lost.ravel()[0])[1])
            if shift <= 30:
                return self.insert(arith.SubiOp(x, self._rounding_shift(x, shift)))
        if decays and self.shift_decays:
            shift = int(np.clip(np.rint(-np.log2(np.median(lost))), 1, 30))
            return self.insert(arith.SubiOp(x, self._rounding_shift(x, shift)))
        room = 30 - bits
        x64 = x
        if room < LEAST_BITS and x.type != i64:
            x64 = self.insert(arith.ExtSIOp(x, i64))
        width = COEFFICIENT_BITS if x64.type == i64 else min(COEFFICIENT_BITS, room)
        if x64.type == i64:
            width = min(24, 62 - bits)
        part = lost if decays else factor
        shift = min(30 if x64.type == i32 else 62, width - _exponent(part))
        if shift < 0:
            return self._times(x64, np.rint(factor), bits, name)
        whole = np.rint(part * 2.0**shift)
        product = self.insert(arith.MuliOp(x64, self.parameter(name, whole, x64.type)))
        scaled = self._rounding_shift(product, shift)
        return self.insert(arith.SubiOp(x, self._narrow(scaled))) if decays else scaled

    def rounded(
        self, x: SSAValue, factor: Array, bits: int, mode: Rounding, *, name: str = "factor"
    ) -> SSAValue:
        """
        x * factor as a whole number of 32 bits: exactly where the factor is a whole number or a
        power of two (up to float32), else to some 24 bits of the factor. `bits` are those of
        x's magnitude; what 32 bits may not hold is held within 2^30.
        """
        factor = np.asarray(factor, np.float64)
        exponent = _exponent(factor)
        wide = bits + max(exponent, 0) > 29
        nearest = np.rint(factor)
        whole = np.all(np.abs(factor - nearest) <= CLOSE * np.abs(factor))
        power = np.rint(np.log2(np.abs(factor.ravel()[0]))) if is_uniform(factor) else 0.0
        shifts = abs(float(factor.ravel()[0]) * 2.0**-power - 1.0) <= CLOSE
        multiplied = not whole and not (shifts and -30 < power < 0)
        if (wide or multiplied) and x.type != i64:
            x = self.insert(arith.ExtSIOp(x, i64))
        if whole:
            result = self._times(x, nearest, bits, name)
        elif not multiplied:
            result = self._shift(x, int(-power), mode)
        else:
            shift = min(62, min(24, 62 - bits) - exponent)
            if shift < 1:
                raise NoIntegerForm(f"{name}: a product with {np.abs(factor).max():.3g}")
            parts = np.rint(factor * 2.0**shift)
            product = self.insert(arith.MuliOp(x, self.parameter(name, parts, i64)))
            if mode != "even" and shift > NEARLY:
                # what is nearly the next whole number is that: the factor is not exact
                slack = (1 << (shift - NEARLY)) * (-1 if mode == "ceil" else 1)
                product = self.insert(arith.AddiOp(product, self.constant(slack, i64)))
            result = self._shift(product, shift, mode)
        if wide:
            for bound, end in ((1 << 30, arith.MinSIOp), (-(1 << 30), arith.MaxSIOp)):
                result = self.insert(end(result, self.constant(bound, i64)))
        return self._narrow(result)

    def _shift(self, x: SSAValue, shift: int, mode: Rounding) -> SSAValue:
        """x / 2^shift as a whole number; halves go to the even one."""
        amount = self.constant(shift, x.type)
        add: SSAValue | None = None
        if mode == "even":
            odd = self.insert(arith.ShRSIOp(x, amount))
            odd = self.insert(arith.AndIOp(odd, self.constant(1, x.type)))
            x = self.insert(arith.AddiOp(x, self.constant((1 << (shift - 1)) - 1, x.type)))
            add = odd
        elif mode == "ceil":
            add = self.constant((1 << shift) - 1, x.type)
        elif mode == "trunc":
            sign = self.insert(arith.ShRSIOp(x, self.constant(integer_width(x.type) - 1, x.type)))
            add = self.insert(arith.AndIOp(sign, self.constant((1 << shift) - 1, x.type)))
        if add is not None:
            x = self.insert(arith.AddiOp(x, add))
        return self.insert(arith.ShRSIOp(x, amount))

    def _rounding_shift(self, x: SSAValue, shift: int) -> SSAValue:
        """x / 2^shift, half up; a negative shift multiplies."""
        if shift == 0:
            return x
        if shift > integer_width(x.type) - 2:  # magnitudes have a bit of room: all are below half
            return self.constant(0, x.type)
        if shift < 0:
            return self.insert(arith.ShLIOp(x, self.constant(-shift, x.type)))
        half = self.insert(arith.AddiOp(x, self.constant(1 << (shift - 1), x.type)))
        return self.insert(arith.ShRSIOp(half, self.constant(shift, x.type)))

    def _narrow(self, x: SSAValue) -> SSAValue:
        return self.insert(arith.TruncIOp(x, i32)) if x.type == i64 else x

    def constant(self, value: int, type: Attribute = i32) -> SSAValue:
        assert isinstance(type, IntegerType)
        key = (value, type)
        if key not in self._constants:
            self._constants[key] = self.insert(arith.ConstantOp(IntegerAttr(value, type)))
        return self._constants[key]

    def parameter(self, name: str, array: Array, type: Attribute = i32) -> SSAValue:
        """Whole numbers: a constant where they are all one, else a port of the neuron."""
        array = np.asarray(array)
        if np.abs(array).max(initial=0) >= 2.0**31:
            raise NoIntegerForm(f"{name}: {np.abs(array).max():.3g} units do not fit 32 bits")
        if is_uniform(array):
            return self.constant(int(np.ravel(array)[0]), type)
        found = self._port(name, array.astype(np.int64), IntegerAttr(0, i32))
        return self.insert(arith.ExtSIOp(found, i64)) if type == i64 else found

    def trained_parameter(self, name: str, array: Array, trained: Trained) -> SSAValue:
        """Whole numbers that follow a float when it is trained: a port of the neuron."""
        placeholder = self.insert(arith.ConstantOp(IntegerAttr(0, i32)))
        self._pending.append((name, array.astype(np.int64), placeholder))
        self._trained[placeholder] = trained
        return placeholder

    def number(self, name: str, array: Array) -> SSAValue:
        """Numbers of f32: a constant where they are all one, else a port of the neuron."""
        array = np.asarray(array, np.float32)
        if is_uniform(array):
            return self.insert(arith.ConstantOp(FloatAttr(float(array.ravel()[0]), f32)))
        return self._port(name, array, FloatAttr(0.0, f32))

    def _port(
        self, name: str, array: Array, stand_in: IntegerAttr[IntegerType] | FloatAttr
    ) -> SSAValue:
        for known, content, placeholder in self._pending:
            if known == name and np.array_equal(content, array) and content.dtype == array.dtype:
                return placeholder
        # ports come last: until their number is known a constant stands for each
        placeholder = self.insert(arith.ConstantOp(stand_in))
        self._pending.append((name, array, placeholder))
        return placeholder


def _exponent(array: Array) -> int:
    """The least e with |x| < 2^e for all x."""
    largest = float(np.abs(array).max())
    return floor(log2(largest)) + 1 if largest > 0 else 0
