"""The frame of a schedule: buffers, places of values, stages and their loops."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence

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
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.operands import memref_shape, memref_type
from snncc.dialects.snn.attributes import BlobAttr
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import STREAM
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.bodies import constant_body
from snncc.passes.scheduling.ends import find_ends, note_ends
from snncc.passes.scheduling.fixed import read_fixed
from snncc.passes.scheduling.layout import Place
from snncc.passes.scheduling.learned import Learned
from snncc.passes.scheduling.operations import lower, write_delay
from snncc.passes.scheduling.outputs import keep, place_outputs, write_copies
from snncc.passes.scheduling.packing import Pack, packings
from snncc.passes.scheduling.products import feeds_a_product
from snncc.passes.scheduling.projections import projections
from snncc.passes.scheduling.samples import open_samples, restart
from snncc.passes.scheduling.stages import Stage, form_stages
from snncc.passes.scheduling.tape import place_on_tape, unpack_tape

INLINE_ELEMENTS = 4


class Scheduler:
    """The lowering of one network."""

    def __init__(
        self,
        network: snn.NetworkOp,
        block: int,
        *,
        trace: bool = False,
        learned: Learned | None = None,
        held: Container[str] = (),
        tape: Container[str] = (),
        sample: int | None = None,
        sampled: Container[str] = (),
        fused: bool = False,
        pack: Pack = "auto",
    ):
        """
        `learned` are the parameters that are no constants; `held` the inputs that are the
        same at every step; `tape` the inputs and outputs that only another program sees: they
        lie as they are stored, spikes as bits. A block holds whole samples of `sample` steps,
        where that is given; inputs that are `sampled` are held for the steps of one, outputs
        that are sums or last values are so of one. Sums of learned weights that lie transposed
        are `fused`: products are not rounded. `pack`: which weights are packed.
        """
        self.fused = fused
        self.sample_steps = sample
        self.sampled = sampled
        self.tape = tape
        self.learned = learned
        self.held_inputs = held
        self.network = network
        self.block = block
        self.reverse = network.is_reverse
        self.trace = trace
        self.names = StateNames(network)
        self.signs = Signs(network)
        self.traced_names = frozenset(self.names.known if trace else ())
        self.program = kernel.ProgramOp(
            network.sym_name.data, block, reverse=network.is_reverse, sample=sample
        )
        self.blocks = projections(self)
        # a trace shows every stream as it is, and a training is no firmware's to call
        self.ends = find_ends(network) if learned is None and not trace else []
        self.stages = form_stages(network, self.blocks, self.ends)
        self.stage_of = {op: stage for stage in self.stages for op in stage.operations}
        self.places: dict[SSAValue, Place] = {}
        self.buffers: dict[str, kernel.BufferOp] = {}
        self.packed = packings(network, pack, self.known)
        self.constants: dict[tuple[bytes, str, tuple[int, ...], bool, int | None], str] = {}
        """(bytes, dtype, shape, signed, packed) -> the buffer with that content."""
        self.lines: dict[snn.DelayOp, tuple[str, str]] = {}
        self.products: dict[snn.OuterOp, str] = {}
        """Products that are only summed over time, and the outputs that hold the sums."""
        self.held: dict[str, str] = {}
        """What is learned, by its name -> the input that holds it."""
        self.outputs: list[tuple[str, SSAValue]] = []
        """The caller's buffers of streams, and what they hold."""
        self.kept: dict[Operation | None, list[tuple[str, str, SSAValue]]] = {}
        """(output, its kind, value) that are not streams, by who computes them."""
        # set while a stage is written
        self.builder: Builder
        self.outer: Builder
        """Around the loop over the steps."""
        self.steps: SSAValue
        self.step: SSAValue
        self.stage: Stage
        self.row: SSAValue
        """The step of the block as a row of the caller's arrays."""
        self.sample: SSAValue
        """The sample of the block, where there are samples."""
        self.start: Builder
        """In front of a sample's steps."""
        self.after: list[Callable[[], None]] = []
        """What the stage does when the steps of the block are done."""
        self.refs: dict[tuple[str, tuple[int, ...]], SSAValue] = {}
        self.lists: dict[SSAValue, tuple[SSAValue, SSAValue]] = {}

    def run(self) -> kernel.ProgramOp:
        taped: list[tuple[str, SSAValue]] = []
        for name, value in self.network.inputs.items():
            if name in self.tape:
                taped += place_on_tape(self, name, value)
                continue
            held = name in self.held_inputs
            sampled = held and name in self.sampled
            rows = not held or sampled
            shape = (DYNAMIC_INDEX, *shape_of(value)) if rows else shape_of(value)
            buffer = self.declare(
                Role.INPUT, name, shape, value, known=True, held=not rows, sampled=sampled
            )
            self.places[value] = Place(buffer, rows=rows, logical=True)
        copied = place_outputs(self)
        stages = [unpack_tape(self, taped)] if taped else []
        stages += [self._write(stage) for stage in self.stages]
        noted = note_ends(self)
        for stage in stages:
            if stage.converts is not None and stage.stage_name.data not in noted:
                del stage.properties["converts"]
        made = [pair for pair in copied if self.buffers[pair[0]].whole is not None]
        copied = [pair for pair in copied if pair not in made]
        if copied or None in self.kept:
            stages.append(write_copies(self, copied))
        if made:
            stages.append(write_copies(self, made, converts=True))
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
        kind: str = STREAM,
        order: Sequence[int] | None = None,
        sizes: Sequence[int] | None = None,
        held: bool = False,
        sampled: bool = False,
        bits: bool = False,
        packed: int | None = None,
        start: str | None = None,
    ) -> str:
        """
        A new buffer: gives its symbol, near to `name`. `known`: it is users' name for it.
        Integers are signed where the value is, or where `signed` says so; `kind`, `order`
        and `sizes` are those of an output; an input may be `held`, and hold
        `bits`; both may be `sampled`; a constant may be `packed` in some bits.
        """
        signed = signed or (isinstance(value, SSAValue) and self.signs.is_signed(value))
        shared = known and self.learned is not None and self.learned.is_signed(name)
        signed = signed or (shared and isinstance(value, SSAValue))
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
            spikes=role in (Role.INPUT, Role.OUTPUT) and element == i1,
            signed=signed,
            kind=kind,
            order=order,
            sizes=sizes,
            held=held,
            sampled=sampled,
            bits=bits,
            packed=packed,
            start=start,
        )
        return name

    def note_scale(self, buffer: str, op: Operation, name: str) -> None:
        """Keeps what one whole number of a result or state is worth, where an operation says."""
        scales = op.attributes.get("scales")
        scale = scales.data.get(name) if isinstance(scales, DictionaryAttr) else None
        if isinstance(scale, FloatAttr):
            self.buffers[buffer].attributes["scale"] = scale

    def known(self, value: SSAValue) -> Array | None:
        """The content of what is fixed when the program is made; None for what is learned."""
        if self.learned is not None and self.learned.depends(value):
            return None
        return constant_of(value)

    def work(self, name: str, shape: Sequence[int], value: SSAValue | Attribute) -> SSAValue:
        """For a value, or of an element type."""
        buffer = self.declare(Role.WORK, name, shape, value)
        return self.ref(buffer, shape)

    def symbol(self, ref: SSAValue) -> str:
        """The buffer of a reference."""
        assert isinstance(ref.owner, kernel.RefOp)
        return ref.owner.symbol

    def one(self) -> SSAValue:
        """A block of one step."""
        return self.builder.insert(arith.ConstantOp(IntegerAttr(1, IndexType()))).result

    # values

    def crosses(self, value: SSAValue) -> bool:
        """
        Whether a value is read outside of the stage that computes it, or for a whole block of
        steps, or kept for a trace.
        """
        if self.is_traced(value):
            return True
        home = self.stage_of[_owner(value)]
        kinds = list(self.network.kinds.values())
        for use in value.uses:
            if use.operation is self.network.yield_op:
                if kinds[use.index] == STREAM:
                    return True
            elif self.stage_of[use.operation] is not home or use.operation in self.blocks:
                return True
        return feeds_a_product(self, value)

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
            declared = self.buffers[buffer]
            type = layout.memref(tuple(shape), declared.type.element_type)
            caller = declared.role.data in (Role.INPUT, Role.OUTPUT)
            step = self.row if caller else self.step
            if declared.sampled is not None:
                step, rows = self.sample, True
            ref = kernel.RefOp(buffer, type, step if rows else None)
            self.refs[key] = self.builder.insert(ref).result
        return self.refs[key]

    def read(self, value: SSAValue, *, signed: bool = False) -> SSAValue:
        """A stream value as its stored buffer; `signed`: how a constant is read."""
        shape = layout.physical(shape_of(value))
        fixed = read_fixed(self, value, layout.stored, signed=signed)
        if fixed is not None:
            return fixed
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

    def fill(self, target: SSAValue, element: Attribute, value: float) -> None:
        """One value for all elements of a buffer; `element` is that of the stream."""
        rank = len(memref_shape(target))
        body = constant_body(element, value)
        self.generic([], [target], [AffineMap.identity(rank)], body, "fill")

    def generic(
        self,
        inputs: Sequence[SSAValue],
        outputs: Sequence[SSAValue],
        maps: Sequence[AffineMap],
        body: Region,
        doc: str,
        *,
        reductions: int = 0,
    ) -> None:
        """A loop nest over elements; the first `reductions` loops add to the same outputs."""
        rank = maps[0].num_dims
        kinds = [linalg.attrs.IteratorTypeAttr.reduction()] * reductions
        kinds += [linalg.attrs.IteratorTypeAttr.parallel()] * (rank - reductions)
        self.builder.insert(
            linalg.ops.GenericOp(
                inputs,
                outputs,
                body,
                [AffineMapAttr(m) for m in maps],
                kinds,
                doc=StringAttr(doc),
            )
        )

    # stages

    def open_stage(self, stage: Stage) -> kernel.StageOp:
        """Starts a stage; operations go into its loop over the steps of the block."""
        self.stage = stage
        self.refs = {}
        self.lists = {}
        op = kernel.StageOp(
            stage.name, stage.nodes, recurrent=stage.recurrent, converts=stage.converts
        )
        self.after = []
        self.steps = op.steps
        outer = self.outer = Builder(InsertPoint.at_end(op.body.block))
        zero = outer.insert(arith.ConstantOp(IntegerAttr(0, IndexType()))).result
        if self.block == 1:
            self.builder, self.step, self.row = outer, zero, zero
            return op
        one = outer.insert(arith.ConstantOp(IntegerAttr(1, IndexType()))).result
        if self.sample_steps is not None:
            open_samples(self, op, zero, one, self.sample_steps)
            return op
        last = outer.insert(arith.SubiOp(op.steps, one)).result if self.reverse else zero
        body = Region(Block(arg_types=[IndexType()]))
        outer.insert(scf.ForOp(zero, op.steps, one, [], body))
        self.builder = Builder(InsertPoint.at_end(body.block))
        self.step = self.row = body.block.args[0]
        if self.reverse:  # the first step of a block takes its last row
            self.row = self.builder.insert(arith.SubiOp(last, self.step)).result
        return op

    def close_stage(self) -> None:
        if self.block != 1:
            self.builder.insert(scf.YieldOp())
        self.builder = self.outer
        self.refs, self.lists = {}, {}
        for finish in self.after:
            finish()

    def _write(self, stage: Stage) -> kernel.StageOp:
        op = self.open_stage(stage)
        delays = [d for d in stage.operations if isinstance(d, snn.DelayOp)]
        for operation in stage.operations:
            lower(self, operation)
        for operation in stage.operations:
            keep(self, operation)
        for delay in delays:
            write_delay(self, delay)
        if self.sample_steps is not None:
            restart(self, op)
        self.close_stage()
        return op


def _content(array: Array) -> BlobAttr | DenseIntOrFPElementsAttr:
    """Small or uniform content in the text, the rest as a blob."""
    if array.size <= INLINE_ELEMENTS or is_uniform(array):
        return dense_of(array)
    return blob_of(array)


def _owner(value: SSAValue) -> Operation:
    assert isinstance(value.owner, Operation)
    return value.owner
