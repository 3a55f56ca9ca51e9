"""The same network in floats of another width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects import arith
from xdsl.dialects.builtin import (
    AnyFloat,
    DenseIntOrFPElementsAttr,
    FloatAttr,
    FunctionType,
    ModuleOp,
    TensorType,
    f32,
    f64,
)
from xdsl.ir import Attribute, Operation, SSAValue
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.arrays import array_of, blob_of, dense_of, dtype_of
from snncc.dialects.snn.attributes import BlobAttr

WIDTHS: dict[int, AnyFloat] = {32: f32, 64: f64}


@dataclass(frozen=True)
class SnnChangePrecision(ModulePass):
    """
    Changes all floats of the networks and their parameters: to f64, or back to f32.

    Arrays of parameters keep their values, or are rounded once. A number (of a body, a constant,
    a parameter that is one) is taken as the shortest decimal that gives it: 0.8 in f32 is 0.8
    in f64, as whoever wrote it meant, not 0.800000011920929.

    It is for reference results, gradients above all: what a network does is what it does in
    its own floats.
    """

    name = "snn-change-precision"

    to: int = 64

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        if self.to not in WIDTHS:
            raise PassFailedException(f"to: expected 32 or 64, got {self.to}")
        change = _Change(WIDTHS[self.to])
        for inner in op.walk():
            if inner is not op:
                change.operation(inner)


def _arguments(op: Operation) -> Sequence[SSAValue]:
    return [value for region in op.regions for block in region.blocks for value in block.args]


class _Change:
    def __init__(self, target: AnyFloat):
        self.target = target
        self.dtype = dtype_of(target)

    def operation(self, op: Operation) -> None:
        if isinstance(op, snn.ParameterOp):
            self._parameter(op)
            return
        for value in (*op.results, *_arguments(op)):
            Rewriter.replace_value_with_new_type(value, self.type(value.type))
        for name, attribute in op.properties.items():
            if not isinstance(attribute, FloatAttr) or isinstance(op, arith.ConstantOp):
                op.properties[name] = self.attribute(attribute)

    def _parameter(self, op: snn.ParameterOp) -> None:
        changed = self.type(op.type)
        if changed == op.type:
            return
        if isinstance(op.value, DenseIntOrFPElementsAttr) and not op.type.get_shape():
            op.properties["value"] = self._dense(op.value)  # a number that the model's code has
        else:
            array = array_of(op.value, op.type).astype(self.dtype)
            blob = isinstance(op.value, BlobAttr)
            op.properties["value"] = blob_of(array) if blob else dense_of(array)
        op.properties["type"] = changed

    def type(self, type: Attribute) -> Attribute:
        if type in (f32, f64):
            return self.target
        if isinstance(type, TensorType):
            return TensorType(self.type(type.element_type), type.get_shape())
        return type

    def attribute(self, attribute: Attribute) -> Attribute:
        match attribute:
            case TensorType():
                return self.type(attribute)
            case FunctionType():
                inputs, outputs = attribute.inputs.data, attribute.outputs.data
                return FunctionType.from_lists(
                    [self.type(type) for type in inputs], [self.type(type) for type in outputs]
                )
            case FloatAttr() if attribute.type != self.target and attribute.type in (f32, f64):
                return FloatAttr(self.number(attribute.value.data), self.target)
            case DenseIntOrFPElementsAttr() if attribute.get_element_type() in (f32, f64):
                return self._dense(attribute)
            case _:
                return attribute

    def _dense(self, attribute: DenseIntOrFPElementsAttr) -> Attribute:
        if attribute.get_element_type() == self.target:
            return attribute
        type = attribute.type
        assert isinstance(type, TensorType)
        array = array_of(attribute, type)
        if array.dtype == np.float32:
            flat = [float(str(number)) for number in array.ravel()]
            array = np.array(flat, np.float64).reshape(array.shape)
        return dense_of(array.astype(self.dtype))

    def number(self, number: float) -> float:
        return float(str(np.float32(number))) if self.target == f64 else float(np.float32(number))
