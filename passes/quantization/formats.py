"""
How each class of a body counts: its unit, its width, and whether its states saturate.

A class that a weighted sum feeds counts in the sum's scale, divided by a power of two: so
the current is only shifted, and the threshold takes the scale. A class that other classes
feed through coefficients counts in theirs; any other in a power of two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from math import floor, log2

import numpy as np
from xdsl.dialects import arith
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.passes.quantization.arithmetic import single
from snncc.passes.quantization.bodies import Format, Interval
from snncc.passes.quantization.classes import ROUNDINGS, Classes, UnitClass

FRACTION_BITS = 8
"""At most so many below the unit of the weights: more do not change which step spikes."""
LEAST_FRACTION = 3
"""Below these, 16 bits are not taken where 32 may be."""
NARROW, WIDE, WIDEST = 15, 26, 29
"""
Bits of magnitude: of 16-bit states; of 32-bit states that are multiplied by coefficients
of some ten bits; of 32-bit states that are added to only.
"""
SPREAD = 6
"""
Bits of a population's elements between which one shift serves all; where weights differ by
more, each element counts in a unit of its own.
"""
HEADROOM = 8.0
"""
How far a state that nothing bounds may leave what was seen (or its thresholds) before it
saturates.
"""


def formats_of(
    classes: Classes,
    ports: Mapping[SSAValue, Array | None],
    intervals: Callable[[SSAValue], Interval],
    observed: Callable[[SSAValue], float | None],
    state_bits: int | None,
    held: Collection[SSAValue] = (),
) -> dict[int, Format]:
    """
    The format of every class, by `id`. `observed` is the largest magnitude that a state was
    seen to have in calibration; `held` are states that saturate even if they are bounded.
    """
    found: dict[int, Format] = {}
    pending = list(classes.classes.values())
    while pending:
        ready = [unit for unit in pending if _is_ready(unit, classes, found)] or pending[:1]
        for unit in ready:
            format = _format(unit, classes, found, ports, intervals, observed, state_bits)
            if not format.saturates and any(state in held for state in unit.states):
                # what integers are not proved to keep: the next power of two is room for rounding
                bound = 2.0**format.bits - 1
                format = replace(format, bound=bound, saturates=True)
            found[id(unit)] = format
            pending.remove(unit)
    return found


def _is_ready(unit: UnitClass, classes: Classes, found: Mapping[int, Format]) -> bool:
    """Whether what gives the class its unit is known."""
    if unit.ports or unit.whole:
        return True
    return any(id(classes.of(value)) in found for value, _ in unit.sources)


def _format(
    unit: UnitClass,
    classes: Classes,
    found: Mapping[int, Format],
    ports: Mapping[SSAValue, Array | None],
    intervals: Callable[[SSAValue], Interval],
    observed: Callable[[SSAValue], float | None],
    state_bits: int | None,
) -> Format:
    largest, bounded = largest_magnitude(unit, intervals, observed)
    if unit.whole:
        if not bounded:
            return Format(single(1.0), 2.0**30 - 1, bool(unit.states))
        return Format(single(1.0), float(np.max(largest, initial=1.0)))
    base = _base(unit, classes, found, ports)
    free = base is None
    finest = 32 if free else FRACTION_BITS
    if base is not None and not unit.ports and _lies_on(base, unit, classes):
        finest = 0  # all that it holds was rounded to whole steps
    if unit.ports and _is_rounded(unit, classes):
        finest = 0
    base = single(1.0) if base is None else base
    sizes = _sizes(largest, base)
    multiplied = _is_multiplied(unit, classes)
    widths = {16: [NARROW], 32: [WIDE if multiplied else WIDEST]}.get(
        state_bits or 0, [NARROW, WIDE if multiplied else WIDEST]
    )
    if not unit.states:  # an intermediate of 16 bits leaves room for products
        widths = [NARROW if free else WIDE]
    for bits in widths:
        fractions = _fractions(sizes, bits, finest)
        fraction = float(fractions.min())
        if fraction >= min(LEAST_FRACTION, finest) or bits == widths[-1]:
            break
    if fraction < -4 and multiplied and state_bits != 16 and bounded:
        bits = WIDEST  # products in 64 bits rather than units coarser than the weights
        fractions = _fractions(sizes, bits, finest)
    if np.ptp(fractions) <= SPREAD:
        fractions = single(fractions.min())  # one shift for all
    scale = base * 2.0**-fractions
    if bounded:
        return Format(scale, float(np.max(largest / scale)))
    return Format(scale, 2.0**bits - 1, bool(unit.states))


def _sizes(largest: Array, base: Array) -> Array:
    """The largest whole number of each element of `base`, or of all that share it."""
    ratio = np.maximum(largest / base, 1e-30)
    shape = (1,) * (ratio.ndim - base.ndim) + base.shape
    shared = tuple(axis for axis, size in enumerate(shape) if size == 1)
    sizes: Array = ratio.max(axis=shared, keepdims=True)
    return sizes.reshape(base.shape)


def _fractions(sizes: Array, bits: int, finest: int) -> Array:
    """How many bits below the base make use of `bits`."""
    return np.minimum(finest, np.floor(np.log2((2.0**bits - 1) / sizes)))


def _base(
    unit: UnitClass,
    classes: Classes,
    found: Mapping[int, Format],
    ports: Mapping[SSAValue, Array | None],
) -> Array | None:
    """What the class counts in, up to a power of two."""
    given = [ports[port] for port in unit.ports if ports.get(port) is not None]
    if given:
        # the coarsest one, so that what is added in finer units is shifted
        return max((np.asarray(g) for g in given), key=lambda g: float(np.max(g)))
    for value, coefficient in unit.sources:
        source = found.get(id(classes.of(value)))
        if classes.of(value).whole and classes.of(value).rounded and np.all(coefficient != 0):
            return np.abs(coefficient)
        if source is None or classes.of(value).whole:
            continue
        typical = float(np.median(np.abs(coefficient)))
        power = 2.0 ** floor(log2(typical)) if typical > 0 else 1.0
        return np.asarray(source.unit * power)
    return None


def _lies_on(base: Array, unit: UnitClass, classes: Classes) -> bool:
    """Whether a class holds nothing but whole multiples of a step that others were rounded to."""
    if not unit.sources or not all(
        classes.of(value).whole and classes.of(value).rounded for value, _ in unit.sources
    ):
        return False
    factors = [coefficient for _, coefficient in unit.sources]
    steps = [np.asarray(each / base) for each in (*factors, *unit.constants)]
    return all(np.allclose(each, np.rint(each), rtol=0, atol=1e-6) for each in steps)


def _is_rounded(unit: UnitClass, classes: Classes) -> bool:
    """Whether streams stand alone in their class, and are only read to be rounded."""
    if len(unit.members) != len(unit.ports):
        return False
    readers = [use.operation for port in unit.ports for use in classes.uses(port)]
    for index, op in enumerate(readers):
        if isinstance(op, arith.MulfOp | arith.DivfOp):
            uses = classes.uses(op.result)
            readers[index] = uses[0].operation if len(uses) == 1 else op
    return all(isinstance(op, ROUNDINGS) for op in readers)


def largest_magnitude(
    unit: UnitClass,
    intervals: Callable[[SSAValue], Interval],
    observed: Callable[[SSAValue], float | None],
) -> tuple[Array, bool]:
    """(the largest magnitude of any member, per neuron; whether it is bounded)."""
    largest: Array = single(0.0)
    for value in unit.members:
        low, high = intervals(value)
        largest = np.maximum(largest, np.maximum(np.abs(low), np.abs(high)))
    for constant in unit.constants:
        largest = np.maximum(largest, np.abs(constant))
    if np.all(np.isfinite(largest)):
        return largest, True
    typical = max([float(np.abs(constant).max()) for constant in unit.constants], default=0.0)
    seen = [size for size in map(observed, unit.states) if size is not None]
    if not seen:  # what one step may add
        for value in unit.members:
            low, high = intervals(value)
            ends = np.concatenate([np.abs(low).ravel(), np.abs(high).ravel()])
            typical = max(typical, float(ends[np.isfinite(ends)].max(initial=0.0)))
    return single(max([typical, 1e-30, *seen]) * HEADROOM), False


def _is_multiplied(unit: UnitClass, classes: Classes) -> bool:
    """Whether a member that is no spike is multiplied by a coefficient."""
    for value in unit.members:
        for use in classes.uses(value):
            op = use.operation
            if isinstance(op, arith.MulfOp | arith.DivfOp):
                other = op.operands[1 - use.index]
                coefficient = classes.coefficients.get(other)
                if coefficient is None:
                    if not classes.of(other).whole:
                        return True
                    continue
                mantissa = np.frexp(np.abs(coefficient))[0]
                if not np.all((mantissa == 0.5) | (coefficient == 0)):
                    return True
    return False
