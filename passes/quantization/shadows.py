"""
Float shadows of integers that are trained: an integer is a fixed value, computed of a float
parameter that the optimiser moves.

    whole = clip(round(shadow / step), -top, top)        d whole / d shadow = 1 / step

The shadow starts at what its integer means, so that a network starts as it was calibrated. Its
gradient passes straight through the rounding, and through the ends too: an integer that was
pushed against an end comes back when its gradient turns (a mask would leave it there for good).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from xdsl.dialects.builtin import IntegerType, StringAttr, SymbolRefAttr, TensorType, f32, i8, i32
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of, is_uniform
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.parameters import FIXED, LEARNABLE
from snncc.dialects.snn.types import shape_of
from snncc.passes.quantization.arithmetic import NoIntegerForm
from snncc.passes.quantization.frame import Frame

MARK = "'"
"""What a name ends with where another parameter had it first."""


def learnable(f: Frame, value: SSAValue) -> snn.UseOp | None:
    """
    The learnable parameter that a value is, as it is or reshaped, where the network is to be
    trained; None for all else.
    """
    if not f.options.trainable:
        return None
    owner = value.owner
    while isinstance(owner, snn.ReshapeOp):
        owner = owner.input.owner
    return owner if isinstance(owner, snn.UseOp) and owner.declaration.is_learnable else None


def whole_weight(
    f: Frame, use: snn.UseOp, value: SSAValue, whole: Array, step: Array, bits: int
) -> SSAValue:
    """The integer weights [of the value's shape] of `bits` bits; `step` is what one is worth."""
    top = (1 << (bits - 1)) - 1
    return _rounded(f, use, value, whole, step, float(top), i8)


def whole_coefficient(
    f: Frame, use: snn.UseOp, value: SSAValue, whole: Array, step: Array, bound: float
) -> SSAValue:
    """Whole numbers of 32 bits that stand for a bias, within +-`bound`."""
    return _rounded(f, use, value, whole, step, bound, i32)


def _rounded(
    f: Frame,
    use: snn.UseOp,
    value: SSAValue,
    whole: Array,
    step: Array,
    bound: float,
    type: IntegerType,
) -> SSAValue:
    unit = _compact(np.asarray(step).astype(np.float32))
    wide = whole.shape != shape_of(value)  # one number for several of other units
    exact = constant_of(value) if wide else whole * unit.astype(np.float64)
    assert exact is not None, "a parameter has a content"
    start = np.asarray(exact, np.float32).reshape(shape_of(use.result))
    name = use.symbol.rstrip(MARK)
    symbol = f.declare(name, start, LEARNABLE)
    shadow = f.insert(snn.UseOp(symbol, TensorType(f32, start.shape))).results[0]
    shaped = _reshaped(f, shadow, shape_of(value))

    def rounded(b: Body, shadow: Scalar, step: Scalar | None = None) -> Outputs:
        scaled = shadow / (b.constant(float(unit.ravel()[0])) if step is None else step)
        held = b.clamp(b.round_even(scaled), -bound, bound)
        return [b.straight_through(b.to_integer(held, type.width.data), scaled)], []

    parameters = {"shadow": shaped}
    if not is_uniform(unit):
        parameters["step"] = f.parameter(f"{name}.step", unit)
    neuron = build_neuron(
        rounded,
        inputs={},
        states={},
        parameters=parameters,
        population=whole.shape,
    )
    made = f.insert(neuron).results[0]
    found = constant_of(made)
    assert found is not None
    if not np.array_equal(found.view(np.dtype(f"i{found.itemsize}")), whole):
        raise NoIntegerForm(
            f"{use.symbol}: whole numbers up to {np.abs(whole).max()} have no float that is "
            "rounded to them; train it as a float, or leave it out"
        )
    return made


def _compact(array: Array) -> Array:
    """Without the repetitions along an axis: size 1 there."""
    for axis in range(array.ndim):
        first = array[(slice(None),) * axis + (slice(0, 1),)]
        if np.array_equal(np.broadcast_to(first, array.shape), array):
            array = first
    return array


def _reshaped(f: Frame, value: SSAValue, shape: Sequence[int]) -> SSAValue:
    if shape_of(value) == tuple(shape):
        return value
    return f.insert(snn.ReshapeOp(value, shape)).results[0]


def name_shadows(module: Operation) -> None:
    """
    Gives shadows the names of what they shadow, which are free when the float network has gone;
    what is left beside them is fixed.
    """
    declared = {op.sym_name.data: op for op in module.walk() if isinstance(op, snn.ParameterOp)}
    for name, op in list(declared.items()):
        if op.training is None:
            op.training = StringAttr(FIXED)
        wanted = name.rstrip(MARK)
        if not op.is_learnable or wanted in declared:
            continue
        op.sym_name = StringAttr(wanted)
        declared[wanted] = declared.pop(name)
        for use in module.walk():
            if isinstance(use, snn.UseOp) and use.symbol == name:
                use.parameter = SymbolRefAttr(wanted)
