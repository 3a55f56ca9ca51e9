"""Collects the operations of a network: what every importer writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.dialects.builtin import (
    AnyFloat,
    ArrayAttr,
    DenseIntOrFPElementsAttr,
    FunctionType,
    ModuleOp,
    StringAttr,
    TensorType,
    f32,
    i64,
)
from xdsl.ir import Operation, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, dtype_of, type_of
from snncc.dialects.snn.parameters import COMPUTED_FROM
from snncc.dialects.snn.types import Stream, describe, is_float, is_spike, stream_type
from snncc.errors import SnnccError, error

INLINE_ELEMENTS = 4
"""Parameters up to this size stand in the text."""


class Emitter:
    """Collects the operations of one network: parameters, delays, and the rest in order."""

    def __init__(self, element: AnyFloat = f32) -> None:
        self.element = element
        """The type of the network's floats."""
        self.dtype = dtype_of(element)
        self.parameters: list[snn.ParameterOp] = []
        self.surrogates: dict[str, snn.SurrogateOp] = {}
        self.fixed: list[Operation] = []
        self.delays: list[snn.DelayOp] = []
        self.operations: list[Operation] = []
        self._constants: dict[tuple[str, bytes], SSAValue] = {}

    def add(self, op: Operation) -> SSAValue:
        self.operations.append(op)
        return op.results[0]

    def parameter(
        self, name: str, values: Array, training: str | None = None, sources: Sequence[str] = ()
    ) -> SSAValue:
        """
        A parameter of floats, and its use. `training` is what the model says of it, `sources`
        the learnable parameters that it was computed of.
        """
        array = np.asarray(values, self.dtype, order="C")
        if not np.isfinite(array).all():
            raise error(
                "SNC-I015",
                f"{name.rpartition('.')[2]}: does not fit {self.dtype}",
                node=name.rpartition(".")[0],
            )
        value = dense_of(array) if array.size <= INLINE_ELEMENTS else blob_of(array)
        type = type_of(array)
        op = snn.ParameterOp(name, type, value, training)
        if sources:
            op.attributes[COMPUTED_FROM] = ArrayAttr([StringAttr(s) for s in sources])
        self.parameters.append(op)
        use = snn.UseOp(name, type)
        self.fixed.append(use)
        return use.result

    def constant(self, values: Array) -> SSAValue:
        """A constant, one for equal values."""
        key = (str(values.dtype) + str(values.shape), values.tobytes())
        if key not in self._constants:
            op = snn.ConstantOp(dense_of(values))
            self.fixed.append(op)
            self._constants[key] = op.result
        return self._constants[key]

    def zero_like(self, value: SSAValue) -> SSAValue:
        element = stream_type(value).element_type
        if is_float(element):
            return self.constant(np.zeros((), self.dtype))
        return self.constant(np.zeros((), np.bool_ if is_spike(element) else np.uint16))

    def late(self, type: Stream, steps: Sequence[int], name: str) -> snn.DelayOp:
        """A delay that stands first and whose stream is set later."""
        stream = create_ssa_value(type)
        delay = snn.DelayOp(stream, _by(steps, type), self.zero_like(stream), name)
        self.delays.append(delay)
        return delay

    def delayed(self, stream: SSAValue, steps: Sequence[int], name: str) -> SSAValue:
        """A delay of a stream that is known already."""
        by = _by(steps, stream_type(stream))
        return self.add(snn.DelayOp(stream, by, self.zero_like(stream), name))

    def as_float(self, value: SSAValue) -> SSAValue:
        if is_float(stream_type(value).element_type):
            return value
        return self.add(snn.AddOp([value], self.element))

    def sum(self, values: Sequence[SSAValue], node: str | None = None) -> SSAValue:
        """Fan-in: the sum of several streams, or the one stream."""
        if len(values) == 1:
            return values[0]
        return self.add(snn.AddOp(list(values), self.element, node=node))

    def finish(self, network: snn.NetworkOp, outputs: Mapping[str, SSAValue]) -> ModuleOp:
        """Puts everything in its order into the network, and both into a module."""
        streams = list(outputs.values())
        block = network.body.block
        block.add_ops(self.fixed)
        block.add_ops(self.delays)
        block.add_ops(self.operations)
        block.add_op(snn.YieldOp(streams))
        network.output_names = ArrayAttr([StringAttr(name) for name in outputs])
        network.function_type = FunctionType.from_lists(
            block.arg_types, [stream.type for stream in streams]
        )
        surrogates = [surrogate.clone() for surrogate in self.surrogates.values()]
        module = ModuleOp([*surrogates, *self.parameters, network])
        _expect_elements(network)
        module.verify()
        return module


def _expect_elements(network: snn.NetworkOp) -> None:
    """Raises SNC-I014 for layers without neurons, and for inputs without elements."""
    for name, value in network.inputs.items():
        if 0 in stream_type(value).get_shape():
            raise _without_elements(f"input {name}", value)
    for op in network.body.block.ops:
        for result in op.results:
            if 0 in stream_type(result).get_shape():
                what = op.symbol if isinstance(op, snn.UseOp) else describe(op)
                raise _without_elements(what, result)


def _without_elements(what: str, value: SSAValue) -> SnnccError:
    return error(
        "SNC-I014",
        f"{what}: has no elements: its shape is {list(stream_type(value).get_shape())}",
        remedy="leave it out of the model",
    )


def _by(steps: Sequence[int], type: Stream) -> int | DenseIntOrFPElementsAttr:
    """One number of steps, or one for each element."""
    if len(steps) == 1:
        return steps[0]
    return DenseIntOrFPElementsAttr.from_list(TensorType(i64, type.get_shape()), list(steps))


def uniform(array: Array) -> Array:
    """A scalar where all neurons have the same value."""
    if array.size > 1 and (array == array.ravel()[0]).all():
        return array.ravel()[:1].reshape(())
    return array.reshape(()) if array.size == 1 else array
