"""The graph of one step: what the rules for operations write into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.ir import Attribute, Operation, SSAValue

from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import node_name, shape_of, stream_type
from snncc.exporters.onnx.bodies import DOUBLE, MAX_WHOLE, stream_kind
from snncc.exporters.onnx.functions import FUNCTIONS, function_named
from snncc.exporters.onnx.notes import DOMAIN, notes_of
from snncc.exporters.problems import cannot_say

if TYPE_CHECKING:
    from onnx import FunctionProto, NodeProto, TensorProto

BATCH = "batch"
MAX_NAME = 160


@dataclass(frozen=True)
class Stream:
    """
    A value of the graph. `batched`: its first axis is the batch, of full size; else it has
    no such axis, or one of size 1 (a state that was left out).
    """

    name: str
    shape: tuple[int, ...]
    kind: int
    batched: bool
    axis: bool = True
    """Whether there is an axis of the batch at all."""


@dataclass
class Terminal:
    """An input or output of the graph: its name there, and its shape without the batch."""

    name: str
    value: str
    shape: tuple[int, ...]
    kind: int


@dataclass
class Step:
    """
    One step as it is being written: nodes, constants and functions in their order.

    `suffix` stands behind the names of terminals, for a step inside of a Scan.
    """

    suffix: str = ""
    inputs: list[Terminal] = field(default_factory=list)
    states: list[Terminal] = field(default_factory=list)
    outputs: list[Terminal] = field(default_factory=list)
    nexts: list[Terminal] = field(default_factory=list)
    nodes: list[NodeProto] = field(default_factory=list)
    tensors: dict[str, TensorProto] = field(default_factory=dict)
    functions: dict[str, FunctionProto] = field(default_factory=dict)
    initial: dict[str, Array] = field(default_factory=dict)
    """Name of a state -> its first value, [1, *shape]."""
    streams: dict[SSAValue, Stream] = field(default_factory=dict)
    wanted: dict[SSAValue, str] = field(default_factory=dict)
    """Values that leave the graph, and under which name."""
    delays: dict[Operation, NodeProto] = field(default_factory=dict)
    """The node that reads each delay's line."""
    bodies: dict[bytes, str] = field(default_factory=dict)
    """Content of a function -> its name."""
    taken: set[str] = field(default_factory=set)
    _shapes: dict[tuple[int, ...], str] = field(default_factory=dict)
    _whole: dict[tuple[int, ...], str] = field(default_factory=dict)

    # --- names

    def free(self, wanted: str, otherwise: str = "value") -> str:
        """A name that nothing has yet; where `wanted` is no name, it starts as `otherwise`."""
        if not wanted or not wanted.isprintable() or "|" in wanted or len(wanted) > MAX_NAME:
            wanted = otherwise
        name, number = wanted, 1
        while name in self.taken:
            number += 1
            name = f"{wanted}_{number}"
        self.taken.add(name)
        return name

    def name_for(self, op: Operation, index: int = 0) -> str:
        base = node_name(op) or op.name.removeprefix("snn.")
        return self.free(base if index == 0 else f"{base}.out{index}", op.name[4:])

    # --- nodes

    def node(
        self,
        operator: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        op: Operation | None = None,
        notes: dict[str, str] | None = None,
        **attributes: Any,
    ) -> NodeProto:
        """
        Adds a node, an operator of ONNX or a function of the file; with `op` it is that
        operation, without it prepares or completes one.
        """
        from onnx import helper

        if operator in FUNCTIONS:
            self.require(operator)
        label = None if op is None else node_name(op)
        node = helper.make_node(
            operator,
            list(inputs),
            list(outputs),
            name=label or outputs[0],
            domain=DOMAIN if operator in self.functions else "",
            **attributes,
        )
        if op is not None:
            helper.set_model_props(node, {**notes_of(op), **(notes or {})})
        self.nodes.append(node)
        return node

    def require(self, name: str) -> None:
        """A function of the domain, and what it calls."""
        self.functions.setdefault(name, function_named(name))

    def free_function(self, base: str) -> str:
        name, number = base, 1
        while name in self.functions or name in FUNCTIONS:
            number += 1
            name = f"{base}_{number}"
        return name

    def glue(self, operator: str, inputs: Sequence[str], base: str, **attributes: Any) -> str:
        output = self.free(base)
        self.node(operator, inputs, [output], **attributes)
        return output

    def tensor(self, name: str, array: Array) -> str:
        from onnx import numpy_helper

        self.tensors[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def whole(self, *numbers: int) -> str:
        """A constant vector of whole numbers, one for equal ones."""
        if numbers not in self._whole:
            name = self.free("x".join(map(str, numbers)) or "none")
            self._whole[numbers] = self.tensor(name, np.array(numbers, np.int64))
        return self._whole[numbers]

    def first(self) -> str:
        """The number 0."""
        name = "first"
        if name not in self.tensors:
            self.taken.add(name)
            self.tensor(name, np.array(0, np.int64))
        return name

    # --- streams

    def define(self, value: SSAValue, name: str, batched: bool, axis: bool = True) -> None:
        kind = stream_kind(stream_type(value).element_type)
        self.streams[value] = Stream(name, shape_of(value), kind, batched, axis)

    def result(self, op: Operation, index: int = 0, batched: bool = True) -> str:
        """The name of a result; that of an output where it leaves as it is."""
        value = op.results[index]
        name = self.wanted.get(value) if batched else None
        if name is None:
            name = self.name_for(op, index)
        self.define(value, name, batched)
        return name

    def sizes(self, shape: tuple[int, ...]) -> str:
        """[batch, *shape] as a vector at run time."""
        if shape not in self._shapes:
            if () not in self._shapes:
                first = self.inputs[0].value
                self._shapes[()] = self.glue("Shape", [first], f"{first}.batch", start=0, end=1)
            if shape:
                parts = [self._shapes[()], self.whole(*shape)]
                base = f"{BATCH}x{'x'.join(map(str, shape))}"
                self._shapes[shape] = self.glue("Concat", parts, base, axis=0)
        return self._shapes[shape]

    def full(self, stream: Stream, shape: tuple[int, ...] | None = None) -> str:
        """The stream with its whole batch, and broadcast to a shape."""
        shape = stream.shape if shape is None else shape
        if stream.batched and stream.shape == shape:
            return stream.name
        name = self.aligned(stream, len(shape))
        return self.glue("Expand", [name, self.sizes(shape)], f"{stream.name}.full")

    def rows(self, stream: Stream) -> str:
        """The stream with an axis of the batch: a constant is expanded."""
        return stream.name if stream.axis else self.full(stream)

    def aligned(self, stream: Stream, rank: int) -> str:
        """The stream with axes of size 1 behind the batch, so that it broadcasts to `rank`."""
        if not stream.axis or len(stream.shape) >= rank:
            return stream.name
        sizes = (0, *(1,) * (rank - len(stream.shape)), *stream.shape)
        return self.glue("Reshape", [stream.name, self.whole(*sizes)], f"{stream.name}.aligned")

    def summand(self, stream: Stream, kind: int, name: str | None = None) -> str:
        """A spike or count as the floats of a sum in float64; else the stream itself."""
        name = stream.name if name is None else name
        if stream.kind == kind:
            return name
        return self.glue("Cast", [name], f"{stream.name}.wide", to=kind)


def as_floats(array: Array, element: Attribute, op: Operation) -> Array:
    """
    The array as ONNX has it: spikes and counts as float32. Raises SNC-E001 for values that
    float32 does not hold, and for values that are not finite.
    """
    kind = stream_kind(element)
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise cannot_say(op, "it has values that are not finite", "no importer takes these")
        return array
    if array.size and array.max() > MAX_WHOLE:
        raise cannot_say(op, f"whole numbers above {MAX_WHOLE} are no float32")
    return array.astype(np.float64 if kind == DOUBLE else np.float32)
