"""
A neuron's body as a function: one node for each operation, in its order.

Ports of the function are the neuron's ports; its outputs are `output0`, ..., then the next
states, `v.next`. Streams are floats in ONNX: inside, spikes are bool and counts int64.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import (
    Float64Type,
    FloatAttr,
    IntegerAttr,
    IntegerType,
    StringAttr,
)
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import dtype_of
from snncc.dialects.snn.attributes import Comparison, SurrogateAttr
from snncc.dialects.snn.types import is_float, is_spike
from snncc.errors import SnnccError, error
from snncc.exporters.onnx.functions import FUNCTIONS, OPSET
from snncc.exporters.onnx.notes import (
    DOMAIN,
    NAMES,
    OP,
    element_text,
    encoded,
    hints_of,
    to_json,
)

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto

FLOAT, INT64, BOOL, DOUBLE = 1, 7, 9, 11
"""TensorProto.DataType"""
MAX_WHOLE = 1 << 24
"""The largest count that every float32 up to it holds."""

Call: TypeAlias = "tuple[str, dict[str, Any]]"
"""The operator, or one of `FUNCTIONS`, and its attributes."""

SIMPLE: dict[type[Operation], str] = {
    arith.AddfOp: "Add",
    arith.SubfOp: "Sub",
    arith.MulfOp: "Mul",
    arith.DivfOp: "Div",
    arith.NegfOp: "Neg",
    arith.MaximumfOp: "Maximum",
    arith.MinimumfOp: "Minimum",
    arith.SelectOp: "Where",
    math.AbsFOp: "Abs",
    math.AtanOp: "Atan",
    math.CeilOp: "Ceil",
    math.CosOp: "Cos",
    math.ErfOp: "Erf",
    math.ExpOp: "Exp",
    math.FloorOp: "Floor",
    math.LogOp: "Log",
    math.PowFOp: "Power",
    math.RoundEvenOp: "Round",
    math.SinOp: "Sin",
    math.SqrtOp: "Sqrt",
    math.TanhOp: "Tanh",
    math.TruncOp: "Trunc",
    snn.DetachOp: "Detach",
}
"""Operations that are one operator without attributes."""

LOGIC: dict[type[Operation], str] = {arith.AndIOp: "And", arith.OrIOp: "Or", arith.XOrIOp: "Xor"}
"""Of spikes."""

COMPARE: dict[int, str] = {
    1: "Equal",
    2: "Greater",
    3: "GreaterOrEqual",
    4: "Less",
    5: "LessOrEqual",
    6: "CompareOne",
    7: "CompareOrd",
    8: "CompareUeq",
    9: "CompareUgt",
    10: "CompareUge",
    11: "CompareUlt",
    12: "CompareUle",
    13: "CompareUne",
    14: "CompareUno",
}
"""By MLIR's number of a predicate of floats."""

SPIKES = {Comparison.GT: "SpikeGt", Comparison.GE: "SpikeGe"}


def surrogate_notes(surrogate: SurrogateAttr | None, op: Operation) -> dict[str, Any]:
    """Attributes of a spike: the library's function, and its options as JSON."""
    if surrogate is None:
        return {}
    return {
        "surrogate": surrogate.text,
        "surrogate_options": to_json(encoded(surrogate.options, op)),
    }


def stream_kind(element: Attribute) -> int:
    """The element type that a stream has in ONNX."""
    return DOUBLE if isinstance(element, Float64Type) else FLOAT


def body_kind(element: Attribute) -> int:
    """The element type that a scalar of a body has in ONNX."""
    if is_float(element):
        return stream_kind(element)
    return BOOL if is_spike(element) else INT64


def body_function(neuron: snn.NeuronOp, name: str) -> FunctionProto:
    """The function of a neuron's body. Raises SNC-E001."""
    return _Writer(neuron.node).neuron(neuron, name)


def surrogate_function(surrogate: snn.SurrogateOp, name: str) -> FunctionProto:
    """
    The function of a surrogate, which no node calls: spikes name it. Its arguments are `a0`,
    ..., its results the derivatives by the first of them. Raises SNC-E001.
    """
    return _Writer(surrogate.sym_name).surrogate(surrogate, name)


def computed_from(op: Operation) -> Sequence[SSAValue]:
    """The operands of an operation of a body that its value depends on."""
    return op.operands[:1] if isinstance(op, snn.SpikeOp | snn.CountOp) else op.operands


class _Writer:
    def __init__(self, label: StringAttr | None):
        self.label = label
        self.nodes: list[NodeProto] = []
        self.names: dict[SSAValue, str] = {}
        self.taken: set[str] = set()

    def surrogate(self, op: snn.SurrogateOp, name: str) -> FunctionProto:
        arguments, ends = op.body.block.args, op.terminator
        if ends.attributes:
            raise self._cannot(ends, "attributes")
        for index, argument in enumerate(arguments):
            self.names[argument] = f"a{index}"
        for inner in op.body.block.ops:
            if inner is not ends:
                self._operation(inner)
        outputs = [f"derivative{index}" for index in range(len(ends.derivatives))]
        for value, output in zip(ends.derivatives, outputs, strict=True):
            self._add("Identity", [self.names[value]], output)
        return self._function(name, [self.names[a] for a in arguments], outputs, [], {})

    def neuron(self, neuron: snn.NeuronOp, name: str) -> FunctionProto:
        ports = [*neuron.input_ports, *neuron.state_ports, *neuron.parameter_ports]
        for port in ports:
            self.names[port.argument] = port.name
            if not is_float(port.argument.type):
                self._add("Cast", [port.name], f"{port.name}.value", to=self._kind(port.argument))
                self.names[port.argument] = f"{port.name}.value"
        ends = neuron.terminator
        if ends.attributes:
            raise self._cannot(ends, "attributes")
        slots = [
            *((value, f"output{index}") for index, value in enumerate(ends.outputs)),
            *(
                (value, f"{port.name}.next")
                for value, port in zip(ends.states, neuron.state_ports, strict=True)
            ),
        ]
        for value, slot in slots:  # a float that the body computes leaves under its own name
            if value not in self.names and is_float(value.type):
                self.names[value] = slot
        for op in neuron.body.block.ops:
            if op is not ends:
                self._operation(op)
        for value, slot in slots:
            if not is_float(value.type):
                self._add("Cast", [self.names[value]], slot, to=FLOAT)
            elif self.names[value] != slot:
                self._add("Identity", [self.names[value]], slot)
        attributes: dict[str, Any] = {
            group: [f"{port.name}: {element_text(port.argument.type)}" for port in members]
            for group, members in (
                ("inputs", neuron.input_ports),
                ("states", neuron.state_ports),
                ("parameters", neuron.parameter_ports),
            )
        }
        if neuron.kind is not None:
            attributes["kind"] = neuron.kind.data
        inputs, outputs = [port.name for port in ports], [slot for _, slot in slots]
        return self._function(name, inputs, outputs, ["node"], attributes)

    def _function(
        self,
        name: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        required: Sequence[str],
        attributes: dict[str, Any],
    ) -> FunctionProto:
        from onnx import helper

        return helper.make_function(
            DOMAIN,
            name,
            inputs,
            outputs,
            self.nodes,
            [helper.make_opsetid("", OPSET), helper.make_opsetid(DOMAIN, 1)],
            required,
            [
                helper.make_attribute(key, value, attr_type=8 if isinstance(value, list) else None)
                for key, value in attributes.items()
            ],
        )

    def _kind(self, value: SSAValue) -> int:
        return body_kind(value.type)

    def _add(self, operator: str, inputs: Sequence[str], output: str, **attributes: Any) -> None:
        self._node(operator, inputs, output, attributes, {})

    def _node(
        self,
        operator: str,
        inputs: Sequence[str],
        output: str,
        attributes: dict[str, Any],
        notes: dict[str, str],
    ) -> None:
        from onnx import helper

        domain = DOMAIN if operator in FUNCTIONS else ""
        node = helper.make_node(operator, list(inputs), [output], domain=domain, **attributes)
        helper.set_model_props(node, notes)
        self.nodes.append(node)

    def _operation(self, op: Operation) -> None:
        (result,) = op.results
        operator, attributes = self._call(op)
        fast = op.properties.get("fastmath")
        if op.attributes or (fast is not None and getattr(fast, "data", None)):
            raise self._cannot(op, "attributes")
        self.names.setdefault(result, str(len(self.names)))
        notes = {OP: op.name}
        hints = hints_of([result])
        if hints is not None:
            notes[NAMES] = to_json(hints)
        operands = [self.names[operand] for operand in op.operands]
        if len(computed_from(op)) < len(operands):
            x, *read = operands
            for argument in read:
                joined = f"{x}.of"
                while joined in self.taken:
                    joined += "."
                self.taken.add(joined)
                self._add("Of", [x, argument], joined)
                x = joined
            operands = [x]
        self._node(operator, operands, self.names[result], attributes, notes)

    def _call(self, op: Operation) -> Call:
        if type(op) in SIMPLE:
            return SIMPLE[type(op)], {}
        if type(op) in LOGIC and is_spike(op.results[0].type):
            return LOGIC[type(op)], {}
        rule = _RULES.get(type(op))
        if rule is None:
            raise self._cannot(op, "no operator of ONNX has its bits")
        return rule(self, op)

    def _cannot(self, op: Operation, what: str) -> SnnccError:
        node = None if self.label is None else self.label.data
        return error("SNC-E001", f"{op.name} in a body: {what}", node=node)

    # --- operations with attributes

    def constant(self, op: arith.ConstantOp) -> Call:
        from onnx import numpy_helper

        value = op.value
        if isinstance(value, FloatAttr):
            array = np.asarray(value.value.data, dtype_of(value.type))
            if not np.isfinite(array):
                raise self._cannot(op, f"{array} is not finite")
        elif isinstance(value, IntegerAttr) and is_spike(value.type):
            array = np.asarray(value.value.data != 0)
        else:
            raise self._cannot(op, "integers are spikes or counts")
        return "Constant", {"value": numpy_helper.from_array(array)}

    def compare(self, op: arith.CmpfOp) -> Call:
        predicate = op.predicate.value.data
        if predicate not in COMPARE:
            raise self._cannot(op, "a comparison that does not look at its operands")
        return COMPARE[predicate], {}

    def compare_spikes(self, op: arith.CmpiOp) -> Call:
        predicate = op.predicate.value.data
        if not is_spike(op.lhs.type) or predicate > 1:
            raise self._cannot(op, "integers are spikes or counts")
        return ("Equal", "Xor")[predicate], {}

    def to_float(self, op: arith.UIToFPOp) -> Call:
        return "Cast", {"to": self._kind(op.result)}

    def spike(self, op: snn.SpikeOp) -> Call:
        return SPIKES[op.comparison.data], surrogate_notes(op.surrogate, op)

    def count(self, op: snn.CountOp) -> Call:
        maximum = op.maximum.value.data
        if maximum > MAX_WHOLE:
            raise self._cannot(op, f"counts above {MAX_WHOLE} are no float32")
        assert isinstance(op.result.type, IntegerType)
        width = op.result.type.width.data
        attributes = {"maximum": maximum, "width": width, **surrogate_notes(op.surrogate, op)}
        return "Count", attributes


_RULES: dict[type[Operation], Callable[[_Writer, Any], Call]] = {
    arith.ConstantOp: _Writer.constant,
    arith.CmpfOp: _Writer.compare,
    arith.CmpiOp: _Writer.compare_spikes,
    arith.UIToFPOp: _Writer.to_float,
    snn.SpikeOp: _Writer.spike,
    snn.CountOp: _Writer.count,
}
