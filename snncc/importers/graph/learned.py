"""
Learnable parameters in a network, and what is computed of them alone.

A parameter stands in the network once, under the model's name and in the model's shape;
transposed, cut or multiplied weights are operations on it. Arithmetic that only a neuron
reads stands in its body (`bodies.py`).
"""

from __future__ import annotations

from collections.abc import Iterable

from xdsl.dialects.builtin import AnyFloat, f32
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.parameters import LEARNABLE
from snncc.importers.graph import operations as ops
from snncc.importers.graph.neurons import Ports, write_neuron
from snncc.importers.graph.streams import StreamEmitter, rule_of
from snncc.importers.graph.values import Shape, Value


class LearnedEmitter(StreamEmitter):
    """Writes what learnable constants are made by in front of all streams."""

    def __init__(
        self,
        training: str | None = None,
        reserved: Iterable[str] = (),
        element: AnyFloat = f32,
    ) -> None:
        super().__init__(training, reserved, element)
        self._learned: dict[tuple[Value, Shape], SSAValue] = {}

    def learned(self, value: Value, shape: Shape) -> SSAValue:
        key = (value, shape)
        if key not in self._learned:
            streams, self.operations = self.operations, self.fixed
            try:
                self._learned[key] = self._write(value, shape)
            finally:
                self.operations = streams
        return self._learned[key]

    def _write(self, value: Value, shape: Shape) -> SSAValue:
        if shape != value.shape:
            made = value.operation  # a reshape of a reshape is one
            whole = made.operands[0] if made.op == "reshape" else value
            source = self.learned(whole, whole.shape)
            return source if shape == whole.shape else self.add(snn.ReshapeOp(source, shape))
        if value.made is None:
            assert value.name is not None
            return self.parameter(value.name, value.content, LEARNABLE)
        if value.made.op in ops.ELEMENTWISE:
            return write_neuron(self, None, shape, Ports(), [], {}, {}, [value], [])[0]
        return rule_of(value.made)(self, value.made, None)
