"""The frame of a schedule: buffers, places of values, stages and their loops."""

from __future__ import annotations

from collections.abc import Container, Sequence

from xdsl.builder import Builder
from xdsl.dialects import arith, linalg, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    FloatAttr,
    IndexType,
    IntegerAttr,
    StringAttr,
    i1,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import InsertPoint

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, is_uniform
from snncc.dialects.kernel.kernels import memref_type
from snncc.dialects.kernel.program import Role
from snncc.dialects.snn.attributes import BlobAttr
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.layout import Place
from snncc.passes.scheduling.operations import lower, symbol_of, write_delay
from snncc.passes.scheduling.stages import Stage, form_stages

INLINE_ELEMENTS = 4


class Scheduler:
    """The lowering of one network."""

    def __init__(self, network: snn.NetworkOp, block: int, *, trace: bool = False):
        self.network = network
        self.block = block
        self.trace = trace
        self.names = StateNames(network)
        self.signs = Signs(network)
        self.traced_names = frozenset(self.names.known if trace else ())
        self.program = kernel.ProgramOp(network.sym_name.data, block)
        self.stages = form_stages(network)
        self.stage_of = {op: stage for stage in self.stages for op in stage.operations}
        self.places: dict[SSAValue, Place] = {}
        self.buffers: dict[str, kernel.BufferOp] = {}
        self._constants: dict[tuple[bytes, str, tuple[int, ...], bool], str] = {}
        self.lines: dict[snn.DelayOp, tuple[str, str]] = {}
        # set while a stage is written
        self.builder: Builder
        self.step: SSAValue
        self.stage: Stage
        self.refs: dict[tuple[str, tuple[int, ...]], SSAValue] = {}
        self.lists: dict[SSAValue, tuple[SSAValue, SSAValue]] = {}

    def run(self) -> kernel.ProgramOp:
        for name, value in self.network.inputs.items():
            shape = (DYNAMIC_INDEX, *shape_of(value))
            buffer = self.declare(Role.INPUT, name, shape, value, known=True)
            self.places[value] = Place(buffer, rows=True, logical=True)
        copied = self._place_outputs()
        stages = [self._write(stage) for stage in self.stages]
        if copied:
            stages.append(self._write_copies(copied))
        block = self.program.body.block
        order = list(Role)
        buffers = sorted(self.buffers.values(), key=lambda b: order.index(b.role.data))
        block.add_ops(buffers)
        block.add_ops(stages)
        return self.program

    # buffers

    def _unique(self, name: str, reserved: Container[str]) -> str:
        candidate, number = name, 0
        while candidate in self.buffers or candidate in reserved:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    def declare(
        self,
        role: Role,
        name: str,
        shape: Sequence[int],
        value: SSAValue | Attribute,
        content: Array | None = None,
        *,
        channel_last: bool = False,
        known: bool = False,
        signed: bool = False,
    ) -> str:
        """
        A new buffer: gives its symbol, near to `name`. `known`: it is users' name for it.
        Integers are signed where the value is, or where `signed` says so.
        """
        signed = signed or (isinstance(value, SSAValue) and self.signs.is_signed(value))
        element = value if isinstance(value, Attribute) else stream_type(value).element_type
        reserved = self.traced_names if role is Role.STREAM and not known else ()
        wanted, name = name, self._unique(name, reserved)
        self.buffers[name] = kernel.BufferOp(
            role,
            name,
            layout.memref(tuple(shape), layout.stored_element(element)),
            None if content is None else _content(content),
            channel_last=channel_last,
            stage=self.stage.name if role is Role.WORK else None,
            model_name=wanted if known and name != wanted else None,
            spikes=role is Role.INPUT and element == i1,
            signed=signed,
        )
        return name

    def note_scale(self, buffer: str, op: Operation, name: str) -> None:
        """Keeps what one whole number of a result or state is worth, where an operation says."""
        scales = op.attributes.get("scales")
        scale = scales.data.get(name) if isinstance(scales, DictionaryAttr) else None
        if isinstance(scale, FloatAttr):
            self.buffers[buffer].attributes["scale"] = scale

    def constant(self, name: str, array: Array, *, signed: bool = False) -> SSAValue:
        """A constant buffer, one for equal content. Integers may be `signed`."""
        signed = signed and array.dtype.kind != "f"
        key = (array.tobytes(), str(array.dtype), array.shape, signed)
        if key not in self._constants:
            element = dense_of(array.ravel()[:1]).type.element_type
            self._constants[key] = self.declare(
                Role.CONST, name, array.shape, element, array, signed=signed
            )
        buffer = self._constants[key]
        return self.ref(buffer, self.buffers[buffer].shape)

    def work(self, name: str, shape: Sequence[int], value: SSAValue | Attribute) -> SSAValue:
        """For a value, or of an element type."""
        buffer = self.declare(Role.WORK, name, shape, value)
        return self.ref(buffer, shape)

    # values

    def _place_outputs(self) -> list[tuple[str, SSAValue]]:
        """
        Gives every output a caller's buffer. A value that only its own stage reads is
        computed there; what remains is copied at the end.
        """
        copied: list[tuple[str, SSAValue]] = []
        for name, value in self.network.outputs.items():
            shape = (DYNAMIC_INDEX, *shape_of(value))
            buffer = self.declare(Role.OUTPUT, name, shape, value, known=True)
            producer = value.owner
            if isinstance(producer, Operation):
                self.note_scale(buffer, producer, _result_name(value))
            direct = (
                isinstance(producer, snn.NeuronOp)
                and not self.trace
                and value not in self.places
                and layout.is_trivial(shape_of(value))
                and all(
                    use.operation is self.network.yield_op
                    or self.stage_of[use.operation] is self.stage_of[producer]
                    for use in value.uses
                )
            )
            if direct:
                self.places[value] = Place(buffer, rows=True, logical=True)
            else:
                copied.append((buffer, value))
        return copied

    def crosses(self, value: SSAValue) -> bool:
        """Whether a value is read outside of the stage that computes it, or kept for a trace."""
        if self.is_traced(value):
            return True
        home = self.stage_of[_owner(value)]
        return any(
            use.operation is self.network.yield_op or self.stage_of[use.operation] is not home
            for use in value.uses
        )

    def is_traced(self, value: SSAValue) -> bool:
        """Whether a trace shows a value, which is an output of a neuron then."""
        return self.trace and value.owner in self.names.outputs_of

    def place(self, value: SSAValue, name: str) -> SSAValue:
        """A buffer for a value that this stage computes."""
        shape = layout.physical(shape_of(value))
        if value not in self.places:
            channel_last = len(shape) > 1
            if self.crosses(value):
                buffer = self.declare(
                    Role.STREAM,
                    name,
                    (self.block, *shape),
                    value,
                    channel_last=channel_last,
                    known=self.is_traced(value),
                )
                self.places[value] = Place(buffer, rows=True)
            else:
                buffer = self.declare(Role.WORK, name, shape, value, channel_last=channel_last)
                self.places[value] = Place(buffer, rows=False)
        return self.at(self.places[value], shape)

    def at(self, place: Place, shape: Sequence[int]) -> SSAValue:
        return self.ref(place.buffer, shape, rows=place.rows)

    def ref(self, buffer: str, shape: Sequence[int], *, rows: bool = False) -> SSAValue:
        key = (buffer, tuple(shape))
        if key not in self.refs:
            type = layout.memref(tuple(shape), self.buffers[buffer].type.element_type)
            ref = kernel.RefOp(buffer, type, self.step if rows else None)
            self.refs[key] = self.builder.insert(ref).result
        return self.refs[key]

    def read(self, value: SSAValue, *, signed: bool = False) -> SSAValue:
        """A stream value as its stored buffer; `signed`: how a constant is read."""
        shape = layout.physical(shape_of(value))
        fixed = constant_of(value)
        if fixed is not None:
            return self.constant(symbol_of(value), layout.stored(fixed), signed=signed)
        place = self.places[value]
        if not place.logical or layout.is_trivial(shape_of(value)):
            return self.at(place, shape)
        # the caller's order of axes: taken over into the stored order, once a stage
        key = (f"{place.buffer}.stored", tuple(shape))
        if key not in self.refs:
            target = self.work(f"{place.buffer}.stored", shape, value)
            source = self.at(place, shape_of(value))
            rank = len(shape)
            self.copy(source, target, layout.transpose_map(rank), AffineMap.identity(rank))
            self.refs[key] = target
        return self.refs[key]

    def copy(self, source: SSAValue, target: SSAValue, reads: AffineMap, writes: AffineMap) -> None:
        type = memref_type(source)
        block = Block(arg_types=[type.element_type, memref_type(target).element_type])
        block.add_op(linalg.ops.YieldOp(block.args[0]))
        self.generic([source], [target], [reads, writes], Region(block), "copy")

    def generic(
        self,
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        maps: Sequence[AffineMap],
        body: Region,
        doc: str,
    ) -> None:
        rank = maps[0].num_dims
        self.builder.insert(
            linalg.ops.GenericOp(
                inputs,
                outputs,
                body,
                [AffineMapAttr(m) for m in maps],
                [linalg.attrs.IteratorTypeAttr.parallel()] * rank,
                doc=StringAttr(doc),
            )
        )

    # stages

    def _open(self, stage: Stage) -> kernel.StageOp:
        """Starts a stage; operations go into its loop over the steps of the block."""
        self.stage = stage
        self.refs = {}
        self.lists = {}
        op = kernel.StageOp(stage.name, stage.nodes, recurrent=stage.recurrent)
        outer = Builder(InsertPoint.at_end(op.body.block))
        zero = outer.insert(arith.ConstantOp(IntegerAttr(0, IndexType()))).result
        if self.block == 1:
            self.builder, self.step = outer, zero
            return op
        one = outer.insert(arith.ConstantOp(IntegerAttr(1, IndexType()))).result
        body = Region(Block(arg_types=[IndexType()]))
        outer.insert(scf.ForOp(zero, op.steps, one, [], body))
        self.builder = Builder(InsertPoint.at_end(body.block))
        self.step = body.block.args[0]
        return op

    def _close(self) -> None:
        if self.block != 1:
            self.builder.insert(scf.YieldOp())

    def _write(self, stage: Stage) -> kernel.StageOp:
        op = self._open(stage)
        delays = [d for d in stage.operations if isinstance(d, snn.DelayOp)]
        for operation in stage.operations:
            lower(self, operation)
        for delay in delays:
            write_delay(self, delay)
        self._close()
        return op

    def _write_copies(self, copied: Sequence[tuple[str, SSAValue]]) -> kernel.StageOp:
        taken = {stage.name for stage in self.stages}
        name = next(n for n in ("outputs", *(f"outputs_{i}" for i in range(99))) if n not in taken)
        op = self._open(Stage(name, []))
        for buffer, value in copied:
            shape = shape_of(value)
            source = self.read(value)
            target = self.ref(buffer, shape, rows=True)
            rank = len(shape)
            self.copy(source, target, AffineMap.identity(rank), layout.transpose_map(rank))
        self._close()
        return op


def _content(array: Array) -> BlobAttr | DenseIntOrFPElementsAttr:
    """Small or uniform content in the text, the rest as a blob."""
    if array.size <= INLINE_ELEMENTS or is_uniform(array):
        return dense_of(array)
    return blob_of(array)


def _result_name(value: SSAValue) -> str:
    """How the scales of an operation name a result."""
    if not isinstance(value.owner, snn.NeuronOp):
        return "result"
    index = value.owner.outputs.index(value)
    return f"output{index or ''}"


def _owner(value: SSAValue) -> Operation:
    assert isinstance(value.owner, Operation)
    return value.owner
