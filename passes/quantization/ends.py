"""The inputs and outputs of the network: between floats and whole numbers."""

from __future__ import annotations

from math import ceil, floor

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    AnyFloat,
    FloatAttr,
    i32,
)
from xdsl.ir import Region, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dtype_of
from snncc.dialects.snn.types import stream_type
from snncc.passes.quantization.arithmetic import IntegerBuilder, NoIntegerForm, single
from snncc.passes.quantization.frame import Frame, Stream


def read_input(f: Frame, name: str, value: SSAValue) -> Stream:
    if not isinstance(stream_type(value).element_type, AnyFloat):
        return Stream(value, None)
    known = f.inputs.get(name)
    if known is None:
        raise NoIntegerForm(f"input {name!r}: its range is not known; calibrate")
    step, own = known.step_of(f.options.input_bits), known.rounding
    builder = IntegerBuilder([stream_type(value).element_type])
    (x,) = builder.block.args
    element = x.type
    assert isinstance(element, AnyFloat)

    def number(given: float) -> SSAValue:
        return builder.insert(arith.ConstantOp(FloatAttr(given, element)))

    low, high = ceil(known.low / step - 0.5), floor(known.high / step + 0.5)
    factor = number(1.0 / step if own is None else own.factor)
    divides = own is not None and own.divides
    scaled = exact = builder.insert((arith.DivfOp if divides else arith.MulfOp)(x, factor))
    for test, bound in (("olt", float(high)), ("ogt", float(low))):
        inside = builder.insert(arith.CmpfOp(scaled, number(bound), test))
        scaled = builder.insert(arith.SelectOp(inside, scaled, number(bound)))
    whole = builder.insert(math.RoundEvenOp(scaled))
    result = builder.insert(arith.FPToSIOp(whole, i32))
    if f.options.trainable:
        result = builder.insert(snn.StraightThroughOp(result, exact))
    new = f.map(builder, value, result, f"{name}.whole", single(step))
    return Stream(new, single(step))


def write_output(f: Frame, value: SSAValue) -> SSAValue:
    stream = f.streams.get(value)
    if stream is None:  # a constant
        return value
    if stream.unit is None:
        return stream.value
    type = stream_type(value)
    element = type.element_type
    assert isinstance(element, AnyFloat)
    builder = IntegerBuilder([i32, element])
    whole, unit = builder.block.args
    result = builder.insert(arith.MulfOp(builder.insert(arith.SIToFPOp(whole, element)), unit))
    scale = np.asarray(stream.unit, dtype_of(element))
    builder.finish(snn.NextOp([result], []), {"x", "scale"})
    neuron = snn.NeuronOp(
        [("x", stream.value)],
        [],
        [("scale", f.parameter("output.scale", scale))],
        [type],
        Region(builder.block),
    )
    return f.insert(neuron).results[0]
