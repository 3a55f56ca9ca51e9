"""What the printers share: the program's buffers as C objects, its names, its kernels."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.dialects.builtin import AnyFloat, DenseIntOrFPElementsAttr, FloatAttr, MemRefType
from xdsl.ir import Attribute

from snncc.backends.c.kernels import Kernels
from snncc.backends.c.names import STEP_LOCALS, LocalScope, Scope, SymbolScope
from snncc.backends.c.structs import ALIGNMENT, Array, Group, offsets
from snncc.backends.c.types import CType, c_type, is_integer
from snncc.dialects import kernel
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.packing import WORD
from snncc.dialects.snn.network import STREAM

EVENT_LIMIT = 1 << 16
"""Inputs up to this size have 16-bit addresses."""


def stored_type(buffer: kernel.BufferOp) -> CType:
    """The C type of a buffer's elements."""
    return c_type(buffer.type.element_type, signed=buffer.signed is not None)


@dataclass(frozen=True)
class Whole:
    """The whole numbers of a float input or output: a stream of the state struct."""

    stream: str
    """Its buffer."""
    type: CType
    channel_last: bool
    """Whether they lie with the first axis innermost, which is another order."""
    within: tuple[int, int] | None
    """The ends at which an input is held."""
    scales: tuple[float, ...]
    """What one is worth: of all, of each channel, or of each; nothing where that is not known."""


@dataclass(frozen=True)
class Terminal:
    """An input or output of the network: the caller's array."""

    name: str
    """The model's name."""
    buffer: str
    """The buffer's symbol in the program."""
    symbol: str
    """The parameter's name."""
    count: str
    """The name of the parameter that holds the number of its events."""
    type: CType
    shape: tuple[int, ...]
    """At one step, in the model's order of axes."""
    spikes: bool
    """Whether its elements are 0 or 1."""
    scale: float | None
    """What one is worth of an integer, where the program says."""
    has_rows: bool
    """Whether it has a row for each step."""
    kind: str
    """What an output gives: a `stream`, the `last` value or the `sum` of all steps."""
    order: tuple[int, ...]
    """The axes of a sum as they are stored, where that is another order."""
    stored: tuple[int, ...]
    """Their sizes."""
    whole: Whole | None
    """Of a float input or output that stands for whole numbers."""

    @property
    def size(self) -> int:
        return prod(self.shape)

    def element(self, *, whole: bool) -> CType:
        """The type of an element where the caller has whole numbers, or has floats."""
        return self.whole.type if whole and self.whole is not None else self.type


def _whole_of(buffer: kernel.BufferOp) -> Whole | None:
    stream = buffer.whole_stream
    if stream is None:
        return None
    ends = None if buffer.within is None else buffer.within.get_values()
    shape = buffer.model_shape
    trivial = len(shape) < 2 or shape[0] == 1 or prod(shape[1:]) == 1
    return Whole(
        stream.sym_name.data,
        stored_type(stream),
        stream.channel_last is not None and not trivial,
        None if ends is None else (ends[0], ends[1]),
        _scales(buffer, shape),
    )


def _is_float(type: Attribute) -> bool:
    """Of a scalar, or of the elements of an array."""
    return isinstance(type.element_type if isinstance(type, MemRefType) else type, AnyFloat)


def _scales(buffer: kernel.BufferOp, shape: tuple[int, ...]) -> tuple[float, ...]:
    scale = buffer.attributes.get("scale")
    if isinstance(scale, FloatAttr):
        return (scale.value.data,)
    if not isinstance(scale, DenseIntOrFPElementsAttr):
        return ()
    values = np.array(scale.get_values(), np.float64).reshape(scale.get_shape())
    if values.size != shape[0] or values.shape[:1] != (shape[0],):  # not one for each channel
        values = np.broadcast_to(values, shape)
    return tuple(values.ravel().tolist())


class CProgram:
    """A `kernel.program` as C sees it: one state struct, constants, stages."""

    def __init__(
        self,
        op: kernel.ProgramOp,
        prefix: str,
        *,
        alignment: int = ALIGNMENT,
        kernels: Kernels | None = None,
    ):
        """With `kernels` it is a part of something larger, whose kernels it shares."""
        self.is_part = kernels is not None
        self.op = op
        self.prefix = prefix
        self.upper = prefix.upper()
        self.alignment = alignment
        self.kernels = Kernels(prefix, self.upper) if kernels is None else kernels
        self.buffers = {buffer.sym_name.data: buffer for buffer in op.buffers()}
        ends = op.buffers(Role.INPUT, Role.OUTPUT)
        arguments = LocalScope(prefix, STEP_LOCALS)
        names = {buffer: arguments[buffer.sym_name.data] for buffer in ends}
        counts = {
            buffer: arguments.local(f"{names[buffer].rstrip('_')}_count")
            for buffer in op.buffers(Role.INPUT)
        }
        terminals = {b: self._terminal(b, names[b], counts.get(b, "")) for b in ends}
        self.inputs = [terminals[b] for b in op.buffers(Role.INPUT)]
        self.outputs = [terminals[b] for b in op.buffers(Role.OUTPUT)]
        self.stage_names = LocalScope(prefix)
        self.symbols = SymbolScope()
        self.constant_buffers = op.buffers(Role.CONST)
        self._constants = {
            name: f"{prefix}_{self.symbols.fresh(name)}"
            for name in (buffer.sym_name.data for buffer in self.constant_buffers)
        }
        self._members: dict[str, str] = {}
        self.state = self._lay_out()
        self.arrays = offsets(self.state)

    def _terminal(self, buffer: kernel.BufferOp, symbol: str, count: str) -> Terminal:
        scale = buffer.attributes.get("scale")
        return Terminal(
            buffer.known_as,
            buffer.sym_name.data,
            symbol,
            count,
            stored_type(buffer),
            buffer.model_shape,
            buffer.spikes is not None,
            scale.value.data if isinstance(scale, FloatAttr) and buffer.whole is None else None,
            buffer.has_rows,
            buffer.kind,
            () if buffer.order is None else buffer.order.get_values(),
            () if buffer.order is None else buffer.shape,
            _whole_of(buffer),
        )

    def _lay_out(self) -> Group:
        """The members of the state struct, in order of the program's buffers."""
        scope = LocalScope(self.prefix, ("stream", "work", "staged", "magic"))
        streams, work = Group("stream", "struct"), Group("work", "union")
        stages: dict[str, tuple[Group, Scope]] = {}
        stream_scope = LocalScope(self.prefix)
        members: list[Array | Group] = []
        for name, buffer in self.buffers.items():
            role = buffer.role.data
            type, count = stored_type(buffer), prod(buffer.shape)
            if role is Role.STATE:
                members.append(Array(scope[name], type, count))
                self._members[name] = scope[name]
            elif role is Role.STREAM:
                streams.members.append(Array(stream_scope[name], type, count))
                self._members[name] = f"stream.{stream_scope[name]}"
            elif role is Role.WORK:
                assert buffer.stage is not None
                stage = buffer.stage.data
                if stage not in stages:
                    group = Group(self.stage_names[stage], "struct")
                    stages[stage] = (group, LocalScope(self.prefix))
                group, inner = stages[stage]
                group.members.append(Array(inner[name], type, count))
                self._members[name] = f"work.{group.name}.{inner[name]}"
        work.members.extend(group for group, _ in stages.values())
        staged = Group("staged", "struct")
        if not self.is_part:  # nobody hands events to a part
            staged.members.extend(Array(t.symbol, t.type, t.size) for t in self.inputs)
        magic = Array("magic", c_type_of_magic(), 1)
        state = Group("state", "struct", [*members, streams, work, staged, magic])
        state.place(0, self.alignment)
        return state

    def member(self, buffer: str) -> str:
        """The path of a buffer in the state struct."""
        return self._members[buffer]

    def constant(self, buffer: str) -> str:
        """The symbol of a constant."""
        return self._constants[buffer]

    def stage(self, name: str) -> str:
        """The symbol of a stage's function."""
        return f"{self.prefix}_stage_{self.stage_names[name]}"

    @property
    def terminals(self) -> tuple[Terminal, ...]:
        return (*self.inputs, *self.outputs)

    @property
    def takes_whole_numbers(self) -> bool:
        """Whether a caller can go without floats: the network is one of integers."""
        floats = [t for t in self.inputs if t.whole is None and not is_integer(t.type)]
        return not (self.is_part or floats) and (self.converts or not self.computes_floats)

    @property
    def converts(self) -> bool:
        """Whether callers with floats have functions of their own, which convert them."""
        floats = [t for t in self.inputs if t.whole is None and not is_integer(t.type)]
        whole = any(t.whole is not None for t in self.terminals)
        return whole and not (floats or self.is_part)

    def takes_events(self, *, whole: bool) -> bool:
        """Whether spikes and counts can be handed in: they are in the unit of the model."""
        return not (whole and any(t.whole is not None for t in self.inputs))

    @property
    def computes_floats(self) -> bool:
        """Whether floats are computed behind those of the caller and in front of those it gets."""
        return any(
            _is_float(result.type)
            for stage in self.op.stages
            if not (self.converts and stage.converts is not None)
            for op in stage.walk()
            for result in op.results
        )

    @property
    def reads_whole_words(self) -> bool:
        """Whether the planes of all packed constants are, one behind the other, whole words."""
        packed = [b for b in self.constant_buffers if b.packing is not None]
        planes = [b.packing.plane(b.shape[-1]) for b in packed if b.packing is not None]
        return not self.is_part and not any(plane % WORD for plane in planes)

    @property
    def keeps_apart(self) -> bool:
        """Whether loops over populations are not inlined: what trains keeps sums and tapes."""
        return self.is_part or any(t.kind != STREAM for t in self.outputs)

    @property
    def state_bytes(self) -> int:
        return self.state.size

    @property
    def state_alignment(self) -> int:
        return self.state.alignment(self.alignment)

    @property
    def work_bytes(self) -> int:
        """Of the state, what is not kept from step to step."""
        kept = [m for m in self.state.members if isinstance(m, Array)]
        return self.state.size - sum(member.size for member in kept)

    @property
    def magic(self) -> int:
        """What marks an initialised state: a number made of the network's name."""
        value = 0x811C9DC5  # FNV-1a
        for byte in f"{self.prefix}:{self.state_bytes}".encode():
            value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
        return value or 1


@dataclass(frozen=True)
class Unit:
    """What the files of a package are named by, and the kernels that they share."""

    prefix: str
    kernels: Kernels
    alignment: int = ALIGNMENT

    @property
    def upper(self) -> str:
        return self.prefix.upper()


def c_type_of_magic() -> CType:
    return CType("uint32_t", "u32", 4)
