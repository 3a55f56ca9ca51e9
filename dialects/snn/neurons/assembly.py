"""Collects the operations of a network of chip neurons and puts them in their order."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects.arrays import Array, blob_of, dense_of, dtype_of, type_of
from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.network import NetworkOp, YieldOp
from snncc.dialects.snn.parameters import LEARNABLE, ConstantOp, ParameterOp, UseOp
from snncc.dialects.snn.shape import RearrangeOp
from snncc.dialects.snn.types import Stream, is_spike, stream_type

INLINE_ELEMENTS = 4
"""Parameters up to this size stand in the text."""


def parameter_of(name: str, values: Array) -> ParameterOp:
    """A parameter that is fixed; few numbers stand in the text."""
    value = dense_of(values) if values.size <= INLINE_ELEMENTS else blob_of(values)
    return ParameterOp(name, type_of(values), value)


class Assembly:
    """A network that grows operation by operation; `finish` closes it."""

    def __init__(self, name: str, inputs: Mapping[str, Stream]):
        self._name = name
        self._network = NetworkOp(name, list(inputs.items()), [])
        self.inputs = dict(zip(inputs, self._network.body.block.args, strict=True))
        self._parameters: list[ParameterOp] = []
        self._fixed: list[Operation] = []
        self._delays: list[DelayOp] = []
        self._operations: list[Operation] = []

    def add(self, op: Operation) -> SSAValue:
        """The first result of an operation that is appended."""
        self._operations.append(op)
        return op.results[0]

    def parameter(self, name: str, values: Array) -> SSAValue:
        """An array of the configuration; one number where all elements are equal."""
        first = values.ravel()[:1]
        array = first.reshape(()) if (values == first).all() else values
        self._parameters.append(parameter_of(name, array))
        return self._use(name, array)

    def weight(self, name: str, values: Array) -> SSAValue:
        """An array of the configuration in its own shape."""
        self._parameters.append(parameter_of(name, values))
        return self._use(name, values)

    def learnable(self, name: str, values: Array) -> SSAValue:
        """An array that training moves."""
        self._parameters.append(ParameterOp(name, type_of(values), blob_of(values), LEARNABLE))
        return self._use(name, values)

    def _use(self, name: str, array: Array) -> SSAValue:
        use = UseOp(name, type_of(array))
        self._fixed.append(use)
        return use.result

    def zero(self, type: Stream) -> SSAValue:
        """Where states and delays start: one zero of the element type."""
        element = type.element_type
        dtype = np.dtype(np.bool_) if is_spike(element) else dtype_of(element)
        op = ConstantOp(dense_of(np.zeros((), dtype)))
        self._fixed.append(op)
        return op.result

    def delayed(self, type: Stream, node: str, steps: int = 1) -> DelayOp:
        """A stream some steps late; it stands first, and `close` says of what."""
        delay = DelayOp(create_ssa_value(type), steps, self.zero(type), node)
        self._delays.append(delay)
        return delay

    def close(self, delay: DelayOp, stream: SSAValue) -> None:
        delay.operands[0] = stream

    def element(self, stream: SSAValue, index: int) -> SSAValue:
        """One element of a stream of one axis, as a stream that broadcasts."""
        return self.add(RearrangeOp(stream, np.array([index])))

    def finish(self, outputs: Mapping[str, SSAValue]) -> ModuleOp:
        """The module: parameters, and the network in the order of one step."""
        block = self._network.body.block
        block.add_ops(self._fixed)
        block.add_ops(self._delays)
        block.add_ops(self._operations)
        block.add_op(YieldOp(list(outputs.values())))
        types = [(name, stream_type(value)) for name, value in outputs.items()]
        inputs = [(name, stream_type(value)) for name, value in self.inputs.items()]
        network = NetworkOp(self._name, inputs, types, self._network.detach_region(0))
        module = ModuleOp([*self._parameters, network])
        module.verify()
        return module
