"""The frame of a schedule: buffers, places of values, stages and their loops."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from math import prod

import numpy as np
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
    i8,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import InsertPoint
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, dtype_of, is_uniform
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.operands import memref_shape, memref_type
from snncc.dialects.snn.attributes import BlobAttr
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.network import LAST, STREAM, SUM
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import describe, shape_of, stream_type
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.bodies import added, constant_body
from snncc.passes.scheduling.ends import find_ends, note_ends
from snncc.passes.scheduling.layout import Place
from snncc.passes.scheduling.learned import Learned
from snncc.passes.scheduling.operations import lower, symbol_of, write_delay
from snncc.passes.scheduling.packing import Pack, packings
from snncc.passes.scheduling.products import feeds_a_product, summed_product
from snncc.passes.scheduling.projections import projections
from snncc.passes.scheduling.samples import open_samples, restart
from snncc.passes.scheduling.stages import Stage, form_stages

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
        self._constants: dict[tuple[bytes, str, tuple[int, ...], bool, int | None], str] = {}
        self.lines: dict[snn.DelayOp, tuple[str, str]] = {}
        self.products: dict[snn.OuterOp, str] = {}
        """Products that are only summed over time, and the outputs that hold the sums."""
        self._held: dict[str, str] = {}
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
                taped += self._place_tape(name, value)
                continue
            held = name in self.held_inputs
            sampled = held and name in self.sampled
            rows = not held or sampled
            shape = (DYNAMIC_INDEX, *shape_of(value)) if rows else shape_of(value)
            buffer = self.declare(
                Role.INPUT, name, shape, value, known=True, held=not rows, sampled=sampled
            )
            self.places[value] = Place(buffer, rows=rows, logical=True)
        copied = self._place_outputs()
        stages = [self._unpack(taped)] if taped else []
        stages += [self._write(stage) for stage in self.stages]
        noted = note_ends(self)
        for stage in stages:
            if stage.converts is not None and stage.stage_name.data not in noted:
                del stage.properties["converts"]
        made = [pair for pair in copied if self.buffers[pair[0]].whole is not None]
        copied = [pair for pair in copied if pair not in made]
        if copied or None in self.kept:
            stages.append(self._write_copies(copied))
        if made:
            stages.append(self._write_copies(made, converts=True))
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

    def constant(
        self, name: str, array: Array, *, signed: bool = False, packed: int | None = None
    ) -> SSAValue:
        """A constant buffer, one for equal content. Integers may be `signed`, and `packed`."""
        signed = signed and array.dtype.kind != "f"
        key = (array.tobytes(), str(array.dtype), array.shape, signed, packed)
        if key not in self._constants:
            element = dense_of(array.ravel()[:1]).type.element_type
            self._constants[key] = self.declare(
                Role.CONST, name, array.shape, element, array, signed=signed, packed=packed
            )
        buffer = self._constants[key]
        return self.ref(buffer, self.buffers[buffer].shape)

    def known(self, value: SSAValue) -> Array | None:
        """The content of what is fixed when the program is made; None for what is learned."""
        if self.learned is not None and self.learned.depends(value):
            return None
        return constant_of(value)

    def fixed(
        self,
        value: SSAValue,
        arrange: Callable[[Array], Array],
        *,
        signed: bool = False,
        packed: int | None = None,
    ) -> SSAValue | None:
        """
        What is the same at every step, its elements arranged in another order or shape: a
        constant, which may be `packed`, or what is learned; None for a stream.
        """
        content = self.known(value)
        if content is not None:
            array = np.asarray(arrange(content), order="C")
            return self.constant(symbol_of(value), array, signed=signed, packed=packed)
        held = self._hold(value, arrange)
        return None if held is None else self.ref(*held)

    def _hold(
        self, value: SSAValue, arrange: Callable[[Array], Array]
    ) -> tuple[str, tuple[int, ...]] | None:
        """The input that holds what is learned, and the shape that it was arranged in."""
        if self.learned is None or not self.learned.depends(value):
            return None
        shape = shape_of(value)
        places = arrange(np.arange(prod(shape)).reshape(shape))
        name = self.learned.request(value, places).name
        if name not in self._held:
            size = (places.size,)
            self._held[name] = self.declare(Role.INPUT, name, size, value, known=True, held=True)
        return self._held[name], places.shape

    def first_values(
        self, op: Operation, value: SSAValue, arrange: Callable[[Array], Array]
    ) -> tuple[Array, str | None]:
        """(content of a state, the input that it starts from), of an operand that says it."""
        content = self.known(value)
        if content is not None:
            return np.asarray(arrange(content), order="C"), None
        held = self._hold(value, arrange)
        if held is None:
            raise PassFailedException(f"snn-schedule: {describe(op)} starts from a stream")
        buffer, shape = held
        element = stream_type(value).element_type
        return np.zeros(shape, dtype_of(layout.stored_element(element))), buffer

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

    def _place_outputs(self) -> list[tuple[str, SSAValue]]:
        """
        Gives every output a caller's buffer. A value that only its own stage reads is
        computed there; what remains is copied at the end.
        """
        copied: list[tuple[str, SSAValue]] = []
        for name, value in self.network.outputs.items():
            if self.network.kinds[name] != STREAM:
                self._place_result(name, value)
                continue
            taped = name in self.tape
            if taped:
                buffer = self._declare_tape(Role.OUTPUT, name, value)
            else:
                shape = (DYNAMIC_INDEX, *shape_of(value))
                buffer = self.declare(Role.OUTPUT, name, shape, value, known=True)
            self.outputs.append((buffer, value))
            producer = value.owner
            if isinstance(producer, Operation):
                self.note_scale(buffer, producer, _result_name(value))
            direct = (
                isinstance(producer, snn.NeuronOp)
                and not self.trace
                and value not in self.places
                and (taped or layout.is_trivial(shape_of(value)))
                and self.buffers[buffer].bits is None
                and all(
                    use.operation is self.network.yield_op
                    or self.stage_of[use.operation] is self.stage_of[producer]
                    for use in value.uses
                )
            )
            if direct:
                self.places[value] = Place(buffer, rows=True, logical=not taped)
            else:
                copied.append((buffer, value))
        return copied

    def _declare_tape(self, role: Role, name: str, value: SSAValue) -> str:
        """The caller's buffer of a tape: as the value is stored, spikes as bits."""
        shape = layout.physical(shape_of(value))
        element = stream_type(value).element_type
        if element == i1:
            size = (DYNAMIC_INDEX, kernel.bytes_of(prod(shape)))
            return self.declare(role, name, size, i8, known=True, bits=True)
        return self.declare(
            role, name, (DYNAMIC_INDEX, *shape), value, channel_last=len(shape) > 1, known=True
        )

    def _place_tape(self, name: str, value: SSAValue) -> list[tuple[str, SSAValue]]:
        """Where an input of the tape lies; gives it with its buffer where that holds bits."""
        buffer = self._declare_tape(Role.INPUT, name, value)
        if self.buffers[buffer].bits is None:
            self.places[value] = Place(buffer, rows=True)
            return []
        shape = layout.physical(shape_of(value))
        spikes = self.declare(Role.STREAM, f"{name}.spikes", (self.block, *shape), value)
        self.places[value] = Place(spikes, rows=True)
        return [(buffer, value)]

    def _unpack(self, taped: Sequence[tuple[str, SSAValue]]) -> kernel.StageOp:
        op = self._open(Stage("tape", []))
        for buffer, value in taped:
            bits = self.ref(buffer, self.buffers[buffer].shape[1:], rows=True)
            self.builder.insert(kernel.UnpackOp(bits, self.read(value)))
        self._close()
        return op

    def _place_result(self, name: str, value: SSAValue) -> None:
        """Gives an output that is a sum over time or a last value a caller's buffer."""
        kind, shape = self.network.kinds[name], shape_of(value)
        product = summed_product(value) if kind == SUM else None
        if product is not None and product not in self.products:
            groups, columns, rows = shape_of(product.result)
            self.products[product] = self.declare(
                Role.OUTPUT,
                name,
                (groups, rows, columns),
                value,
                known=True,
                kind=kind,
                order=(0, 2, 1),
                sizes=shape,
            )
            return
        sampled = name in self.sampled
        if self.learned is not None and not sampled and not layout.is_trivial(shape):
            # as parameters lie
            order, sizes = layout.stored_axes(len(shape)), layout.physical(shape)
            buffer = self.declare(
                Role.OUTPUT, name, sizes, value, known=True, kind=kind, order=order, sizes=shape
            )
        else:
            sizes = (DYNAMIC_INDEX, *shape) if sampled else shape
            buffer = self.declare(
                Role.OUTPUT, name, sizes, value, known=True, kind=kind, sampled=sampled
            )
        # what a block gives at once is there when its stage has ended
        ends = value.owner in self.blocks
        producer = value.owner if value.owner in self.stage_of and not ends else None
        assert producer is None or isinstance(producer, Operation)
        self.kept.setdefault(producer, []).append((buffer, kind, value))

    def taken_result(self, op: snn.NeuronOp, value: SSAValue) -> SSAValue | None:
        """
        The caller's buffer of a sum or last value that nothing else reads, which lies as the
        neuron writes it: it is added to, or written, where it is computed.
        """
        kept = [entry for entry in self.kept.get(op, ()) if entry[2] is value]
        if len(kept) != 1 or not value.has_one_use() or self.is_traced(value):
            return None
        buffer, _, _ = kept[0]
        if self.buffers[buffer].order is None and not layout.is_trivial(shape_of(value)):
            return None
        self.kept[op].remove(kept[0])
        return self.ref(buffer, layout.physical(shape_of(value)))

    def is_sum(self, ref: SSAValue | None) -> bool:
        """Whether a reference is to an output that is a sum."""
        return ref is not None and self.buffers[self.symbol(ref)].summed is not None

    def row_place(self, value: SSAValue) -> str:
        """The buffer that holds a stream of one axis for all steps of a block, in their order."""
        place = self.places[value]
        if self.buffers[place.buffer].role.data is Role.STREAM:
            return place.buffer
        shape = shape_of(value)
        buffer = self.declare(Role.STREAM, f"{place.buffer}.rows", (self.block, *shape), value)
        identity = AffineMap.identity(len(shape))
        self.copy(self.read(value), self.ref(buffer, shape, rows=True), identity, identity)
        return buffer

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
        fixed = self.fixed(value, layout.stored, signed=signed)
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

    def _open(self, stage: Stage) -> kernel.StageOp:
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

    def _close(self) -> None:
        if self.block != 1:
            self.builder.insert(scf.YieldOp())
        self.builder = self.outer
        self.refs, self.lists = {}, {}
        for finish in self.after:
            finish()

    def _write(self, stage: Stage) -> kernel.StageOp:
        op = self._open(stage)
        delays = [d for d in stage.operations if isinstance(d, snn.DelayOp)]
        for operation in stage.operations:
            lower(self, operation)
        for operation in stage.operations:
            self._keep(operation)
        for delay in delays:
            write_delay(self, delay)
        if self.sample_steps is not None:
            restart(self, op)
        self._close()
        return op

    def _write_copies(
        self, copied: Sequence[tuple[str, SSAValue]], *, converts: bool = False
    ) -> kernel.StageOp:
        taken = {stage.name for stage in self.stages}
        base = "converted" if converts else "outputs"
        name = next(n for n in (base, *(f"{base}_{i}" for i in range(99))) if n not in taken)
        op = self._open(Stage(name, [], converts=converts))
        for buffer, value in copied:
            shape = shape_of(value)
            source = self.read(value)
            if self.buffers[buffer].bits is not None:
                bits = self.ref(buffer, self.buffers[buffer].shape[1:], rows=True)
                self.builder.insert(kernel.PackOp(source, bits))
                continue
            if self.buffers[buffer].channel_last is not None:
                identity = AffineMap.identity(len(shape))
                target = self.ref(buffer, layout.physical(shape), rows=True)
                self.copy(source, target, identity, identity)
                continue
            target = self.ref(buffer, shape, rows=True)
            rank = len(shape)
            self.copy(source, target, AffineMap.identity(rank), layout.transpose_map(rank))
        if not converts:
            self._keep(None)
        self._close()
        return op

    def _keep(self, operation: Operation | None) -> None:
        """Writes what an operation computes to the outputs that are sums or last values."""
        for buffer, kind, value in self.kept.get(operation, ()):
            declared = self.buffers[buffer]
            sizes = declared.shape if declared.sampled is None else declared.shape[1:]
            source, target = self.read(value), self.ref(buffer, sizes)
            rank = len(shape_of(value))
            reads = writes = AffineMap.identity(rank)
            if declared.order is None:
                writes = layout.transpose_map(rank)
            if kind == LAST:  # of those written, the last one stays
                self.copy(source, target, reads, writes)
                continue
            element = stream_type(value).element_type
            block = Block(arg_types=[element, element])
            builder = Builder(InsertPoint.at_end(block))
            total = added(builder, block.args[1], block.args[0])
            builder.insert(linalg.ops.YieldOp(total))
            for argument, hint in zip(block.args, ("x", "total"), strict=True):
                argument.name_hint = hint
            self.generic([source], [target], [reads, writes], Region(block), "sum")


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
