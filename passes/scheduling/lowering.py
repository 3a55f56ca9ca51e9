"""Lowers a network, stage by stage, to buffers, loops and kernels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith, linalg, scf
from xdsl.dialects.builtin import (
    DYNAMIC_INDEX,
    AffineMapAttr,
    DenseIntOrFPElementsAttr,
    IndexType,
    IntegerAttr,
    IntegerType,
    StringAttr,
    i1,
    i32,
)
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import InsertPoint
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array, blob_of, constant_of, dense_of, is_uniform
from snncc.dialects.kernel.program import MemRef, Role
from snncc.dialects.snn.attributes import BlobAttr
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import (
    describe,
    is_float,
    node_name,
    shape_of,
    stream_type,
)
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.bodies import generic_body
from snncc.passes.scheduling.stages import Stage, form_stages

INLINE_ELEMENTS = 4


@dataclass(frozen=True)
class Place:
    """Where a stream value lies: a buffer, and whether it has a row for each step."""

    buffer: str
    rows: bool
    logical: bool = False
    """In the order of the model's axes: the caller's buffers."""


class Scheduler:
    """The lowering of one network."""

    def __init__(self, network: snn.NetworkOp, block: int, *, trace: bool = False):
        self.network = network
        self.block = block
        self.trace = trace
        self.names = StateNames(network)
        self.program = kernel.ProgramOp(network.sym_name.data, block)
        self.stages = form_stages(network)
        self.stage_of = {op: stage for stage in self.stages for op in stage.operations}
        self.places: dict[SSAValue, Place] = {}
        self.buffers: dict[str, kernel.BufferOp] = {}
        self._constants: dict[tuple[bytes, str, tuple[int, ...]], str] = {}
        self._lines: dict[snn.DelayOp, tuple[str, str]] = {}
        # set while a stage is written
        self.builder: Builder
        self.step: SSAValue
        self.stage: Stage
        self._refs: dict[tuple[str, tuple[int, ...]], SSAValue] = {}
        self._lists: dict[SSAValue, tuple[SSAValue, SSAValue]] = {}

    def run(self) -> kernel.ProgramOp:
        for name, value in self.network.inputs.items():
            buffer = self._declare(Role.INPUT, name, (DYNAMIC_INDEX, *shape_of(value)), value)
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

    def _unique(self, name: str) -> str:
        candidate, number = name, 0
        while candidate in self.buffers:
            number += 1
            candidate = f"{name}_{number}"
        return candidate

    def _declare(
        self,
        role: Role,
        name: str,
        shape: Sequence[int],
        value: SSAValue | Attribute,
        content: Array | None = None,
        *,
        channel_last: bool = False,
    ) -> str:
        element = value if isinstance(value, Attribute) else stream_type(value).element_type
        wanted, name = name, self._unique(name)
        self.buffers[name] = kernel.BufferOp(
            role,
            name,
            layout.memref(shape, layout.stored_element(element)),
            None if content is None else _content(content),
            channel_last=channel_last,
            stage=self.stage.name if role is Role.WORK else None,
            model_name=wanted
            if name != wanted and role in (Role.INPUT, Role.OUTPUT, Role.STATE)
            else None,
        )
        return name

    def _constant(self, name: str, array: Array) -> SSAValue:
        """A constant buffer, one for equal content."""
        key = (array.tobytes(), str(array.dtype), array.shape)
        if key not in self._constants:
            element = dense_of(array.ravel()[:1]).type.element_type
            self._constants[key] = self._declare(Role.CONST, name, array.shape, element, array)
        buffer = self._constants[key]
        return self._ref(buffer, self.buffers[buffer].shape)

    def _work(self, name: str, shape: Sequence[int], element: Attribute) -> SSAValue:
        buffer = self._declare(Role.WORK, name, shape, element)
        return self._ref(buffer, shape)

    # values

    def _place_outputs(self) -> list[tuple[str, SSAValue]]:
        """
        Gives every output a caller's buffer. A value that only its own stage reads is
        computed there; what remains is copied at the end.
        """
        copied: list[tuple[str, SSAValue]] = []
        for name, value in self.network.outputs.items():
            buffer = self._declare(Role.OUTPUT, name, (DYNAMIC_INDEX, *shape_of(value)), value)
            producer = value.owner
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

    def _crosses(self, value: SSAValue) -> bool:
        """Whether a value is read outside of the stage that computes it, or kept for a trace."""
        if self.trace and isinstance(value.owner, snn.NeuronOp):
            return True
        home = self.stage_of[_owner(value)]
        return any(
            use.operation is self.network.yield_op or self.stage_of[use.operation] is not home
            for use in value.uses
        )

    def _place(self, value: SSAValue, name: str) -> SSAValue:
        """A buffer for a value that this stage computes."""
        shape = layout.physical(shape_of(value))
        if value not in self.places:
            channel_last = len(shape) > 1
            if self._crosses(value):
                buffer = self._declare(
                    Role.STREAM, name, (self.block, *shape), value, channel_last=channel_last
                )
                self.places[value] = Place(buffer, rows=True)
            else:
                buffer = self._declare(Role.WORK, name, shape, value, channel_last=channel_last)
                self.places[value] = Place(buffer, rows=False)
        return self._at(self.places[value], shape)

    def _at(self, place: Place, shape: Sequence[int]) -> SSAValue:
        return self._ref(place.buffer, shape, rows=place.rows)

    def _ref(self, buffer: str, shape: Sequence[int], *, rows: bool = False) -> SSAValue:
        key = (buffer, tuple(shape))
        if key not in self._refs:
            type = layout.memref(shape, self.buffers[buffer].type.element_type)
            ref = kernel.RefOp(buffer, type, self.step if rows else None)
            self._refs[key] = self.builder.insert(ref).result
        return self._refs[key]

    def _read(self, value: SSAValue) -> SSAValue:
        """A stream value as its stored buffer."""
        shape = layout.physical(shape_of(value))
        fixed = constant_of(value)
        if fixed is not None:
            return self._constant(_symbol(value), layout.stored(fixed))
        place = self.places[value]
        if not place.logical or layout.is_trivial(shape_of(value)):
            return self._at(place, shape)
        # the caller's order of axes: taken over into the stored order, once a stage
        key = (f"{place.buffer}.stored", tuple(shape))
        if key not in self._refs:
            element = stream_type(value).element_type
            target = self._work(f"{place.buffer}.stored", shape, element)
            source = self._at(place, shape_of(value))
            rank = len(shape)
            self._copy(source, target, layout.transpose_map(rank), AffineMap.identity(rank))
            self._refs[key] = target
        return self._refs[key]

    def _copy(
        self, source: SSAValue, target: SSAValue, reads: AffineMap, writes: AffineMap
    ) -> None:
        type = _memref(source)
        block = Block(arg_types=[type.element_type, _memref(target).element_type])
        block.add_op(linalg.ops.YieldOp(block.args[0]))
        self._generic([source], [target], [reads, writes], Region(block), "copy")

    def _generic(
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
        self._refs = {}
        self._lists = {}
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
            self._lower(operation)
        for delay in delays:
            self._write_delay(delay)
        self._close()
        return op

    def _write_copies(self, copied: Sequence[tuple[str, SSAValue]]) -> kernel.StageOp:
        taken = {stage.name for stage in self.stages}
        name = next(n for n in ("outputs", *(f"outputs_{i}" for i in range(99))) if n not in taken)
        op = self._open(Stage(name, []))
        for buffer, value in copied:
            shape = shape_of(value)
            source = self._read(value)
            target = self._ref(buffer, shape, rows=True)
            rank = len(shape)
            self._copy(source, target, AffineMap.identity(rank), layout.transpose_map(rank))
        self._close()
        return op

    # operations

    def _lower(self, op: Operation) -> None:
        match op:
            case snn.LinearOp():
                self._linear(op)
            case snn.Conv1dOp() | snn.Conv2dOp():
                self._convolution(op)
            case snn.Pool2dOp():
                self._pool(op)
            case snn.ReshapeOp():
                self._reshape(op)
            case snn.ConcatOp():
                self._concat(op)
            case snn.DelayOp():
                self._read_delay(op)
            case snn.NeuronOp():
                self._neuron(op)
            case _:
                raise PassFailedException(
                    f"snn-schedule: no lowering for {describe(op)}; run snn-fuse-elementwise first"
                )

    def _active(self, value: SSAValue) -> tuple[SSAValue, SSAValue, SSAValue | None]:
        """(list, count, values) of the elements of a value that are not zero."""
        source = self._read(value)
        if value not in self._lists:
            size = prod(shape_of(value))
            element = IntegerType(16) if size <= 1 << 16 else IntegerType(32)
            name = f"{_value_name(value)}.active"
            listed = self._work(name, (size,), element)
            compress = kernel.CompressOp(self._flat(value, source), listed)
            self._lists[value] = (listed, self.builder.insert(compress).count)
        listed, count = self._lists[value]
        weighted = stream_type(value).element_type != i1
        return listed, count, self._flat(value, source) if weighted else None

    def _flat(self, value: SSAValue, source: SSAValue) -> SSAValue:
        """The same buffer with one axis."""
        shape = _memref(source).get_shape()
        if len(shape) == 1:
            return source
        ref = source.owner
        assert isinstance(ref, kernel.RefOp)
        return self._ref(ref.symbol, (prod(shape),), rows=ref.step is not None)

    def _init(self, op: snn.LinearOp | snn.Conv1dOp | snn.Conv2dOp) -> SSAValue | None:
        if op.bias is None:
            return None
        if not op.adds_bias_first:
            raise PassFailedException(
                f"snn-schedule: {describe(op)} has a final bias; run snn-fuse-elementwise first"
            )
        return self._read(op.bias)

    def _linear(self, op: snn.LinearOp) -> None:
        weight = self._constant(_symbol(op.weight), np.ascontiguousarray(_known(op, op.weight).T))
        out = self._place(op.result, node_name(op) or "linear")
        init = self._init(op)
        if is_sparse(op.input):
            listed, count, values = self._active(op.input)
            self.builder.insert(kernel.GatherOp(weight, listed, count, out, values, init))
        else:
            x = self._read(op.input)
            self.builder.insert(kernel.DenseOp(weight, x, out, init))

    def _convolution(self, op: snn.Conv1dOp | snn.Conv2dOp) -> None:
        """conv1d is a conv2d of height one."""
        flat = isinstance(op, snn.Conv1dOp)
        weight = _known(op, op.weight)
        if flat:
            weight = weight[:, :, None]
        groups = op.group_count
        outputs, per_group = weight.shape[0] // groups, weight.shape[1]
        taps = weight.reshape(groups, outputs, per_group, *weight.shape[2:])
        taps = taps.transpose(0, 2, 3, 4, 1).reshape(groups * per_group, *weight.shape[2:], outputs)
        height, width = (1, *shape_of(op.input)[1:]) if flat else shape_of(op.input)[1:]
        front = [before for before, _ in op.paddings]
        out = self._place(op.result, node_name(op) or "conv")
        init = self._init(op)
        listed, count, values = self._active(op.input)
        ones = (1,) if flat else ()
        self.builder.insert(
            kernel.ScatterOp(
                self._constant(_symbol(op.weight), np.ascontiguousarray(taps)),
                listed,
                count,
                out,
                values,
                init,
                input_shape=(height, width, shape_of(op.input)[0]),
                stride=(*ones, *op.strides),
                padding=(*(0 for _ in ones), *front),
                dilation=(*ones, *op.dilations),
                groups=groups,
            )
        )

    def _pool(self, op: snn.Pool2dOp) -> None:
        out = self._place(op.result, node_name(op) or "pool")
        (top, _), (left, _) = op.paddings
        self.builder.insert(
            kernel.PoolOp(
                op.pool.data,
                self._read(op.input),
                out,
                kernel=op.kernels,
                stride=op.strides,
                padding=(top, left),
                exclude_padding=op.excludes_padding,
            )
        )

    def _reshape(self, op: snn.ReshapeOp) -> None:
        """The same order of elements in memory where both sides have it; else copies."""
        source, target = shape_of(op.input), shape_of(op.result)
        place = self.places.get(op.input)
        straight = (place is not None and place.logical) or layout.is_trivial(source)
        if place is not None and straight and layout.is_trivial(target) and not self._moves(op):
            self.places[op.result] = place
            return
        element = stream_type(op.result).element_type
        name = node_name(op) or "reshape"
        if place is not None and straight:
            logical = self._at(place, target)
        else:
            stored_source = self._read(op.input)
            if layout.is_trivial(target):
                logical_target = self._place(op.result, name)
                ref = logical_target.owner
                assert isinstance(ref, kernel.RefOp)
                view = self._ref(ref.symbol, source, rows=ref.step is not None)
                rank = len(source)
                self._copy(
                    stored_source, view, AffineMap.identity(rank), layout.transpose_map(rank)
                )
                return
            flat = self._work(f"{name}.flat", (prod(source),), element)
            ref = flat.owner
            assert isinstance(ref, kernel.RefOp)
            view = self._ref(ref.symbol, source)
            rank = len(source)
            self._copy(stored_source, view, AffineMap.identity(rank), layout.transpose_map(rank))
            logical = self._ref(ref.symbol, target)
        out = self._place(op.result, name)
        rank = len(target)
        self._copy(logical, out, layout.transpose_map(rank), AffineMap.identity(rank))

    def _moves(self, op: snn.ReshapeOp) -> bool:
        """Whether the result must lie elsewhere: it outlives a buffer of one step."""
        place = self.places[op.input]
        return not place.rows and self._crosses(op.result)

    def _concat(self, op: snn.ConcatOp) -> None:
        out = self._place(op.result, node_name(op) or "concat")
        rank = len(shape_of(op.result))
        axis = op.axis.value.data
        stored_axis = rank - 1 if axis == 0 else axis - 1
        offset = 0
        for value in op.inputs:
            offsets = [0] * rank
            offsets[stored_axis] = offset
            self.builder.insert(kernel.InsertOp(self._read(value), out, offsets))
            offset += shape_of(value)[axis]

    def _delay_line(self, op: snn.DelayOp) -> tuple[str, str]:
        """The names of a delay's line and position; a line of one step has no position."""
        if op not in self._lines:
            name = self.names.node_of[op]
            init = constant_of(op.init)
            if init is None:
                raise PassFailedException(f"snn-schedule: {describe(op)} starts from a stream")
            shape = shape_of(op.stream)
            full = layout.stored(np.broadcast_to(init, shape))
            content = np.broadcast_to(full, (op.depth, *full.shape)).copy()
            line = self._declare(
                Role.STATE, name, content.shape, op.stream, content, channel_last=len(shape) > 1
            )
            position = ""
            if op.depth > 1:
                zero = np.zeros(1, np.uint32)
                position = self._declare(Role.STATE, f"{name}.position", (1,), i32, zero)
            self._lines[op] = line, position
        return self._lines[op]

    def _read_delay(self, op: snn.DelayOp) -> None:
        line, position = self._delay_line(op)
        shape = layout.physical(shape_of(op.stream))
        in_place = not self._crosses(op.result) and not _feeds_a_delay(op.result)
        if op.depth == 1 and not op.is_instantaneous and in_place:
            self.places[op.result] = Place(line, rows=False)
            return
        out = self._place(op.result, f"{line}.out")
        if op.depth == 1 and not op.is_instantaneous:
            rank = len(shape)
            identity = AffineMap.identity(rank)
            self._copy(self._ref(line, shape), out, identity, identity)
            return
        steps: Sequence[int] = op.steps_per_element
        if len(steps) > 1:
            steps = layout.stored(np.array(steps).reshape(shape_of(op.stream))).ravel().tolist()
        if op.depth == 1:  # some elements pass at once: a ring of one row
            where = self._constant("zero", np.zeros(1, np.uint32))
        else:
            where = self._ref(position, (1,))
        now = self._read(op.stream) if op.is_instantaneous else None
        ring = self._ref(line, (op.depth, *shape))
        self.builder.insert(kernel.DelayReadOp(ring, where, out, steps, now))

    def _write_delay(self, op: snn.DelayOp) -> None:
        line, position = self._delay_line(op)
        shape = layout.physical(shape_of(op.stream))
        source = self._read(op.stream)
        if op.depth == 1:
            identity = AffineMap.identity(len(shape))
            self._copy(source, self._ref(line, shape), identity, identity)
            return
        ring = self._ref(line, (op.depth, *shape))
        self.builder.insert(kernel.DelayWriteOp(source, ring, self._ref(position, (1,))))

    def _neuron(self, op: snn.NeuronOp) -> None:
        population = op.population
        node = self.names.node_of.get(op, "map")
        scalars: dict[SSAValue, Array] = {}
        streams: list[tuple[SSAValue, SSAValue, AffineMap]] = []
        for port in (*op.input_ports, *op.parameter_ports):
            fixed = constant_of(port.operand)
            if fixed is not None and is_uniform(fixed):
                scalars[port.argument] = fixed
                continue
            read = self._read(port.operand)
            reads = layout.operand_map(shape_of(port.operand), population)
            streams.append((port.argument, read, reads))
        identity = AffineMap.identity(len(population))
        outputs = [
            self._place(result, node if index == 0 else f"{node}.out{index}")
            for index, result in enumerate(op.outputs)
        ]
        states: list[SSAValue] = []
        shape = layout.physical(population)
        for index, port in enumerate(op.state_ports):
            init = constant_of(port.operand)
            if init is None:
                raise PassFailedException(f"snn-schedule: {describe(op)} starts from a stream")
            content = layout.stored(np.broadcast_to(init, population)).copy()
            name = self._declare(
                Role.STATE,
                self.names.name_of[op, index],
                shape,
                port.operand,
                content,
                channel_last=len(shape) > 1,
            )
            states.append(self._ref(name, shape))
        for port in (*op.input_ports, *op.state_ports, *op.parameter_ports):
            port.argument.name_hint = port.name
        body = generic_body(
            op,
            [argument for argument, _, _ in streams],
            scalars,
            list(op.terminator.outputs),
            [port.argument for port in op.state_ports],
        )
        self._generic(
            [read for _, read, _ in streams],
            [*outputs, *states],
            [*(reads for _, _, reads in streams), *[identity] * (len(outputs) + len(states))],
            body,
            node,
        )


def _content(array: Array) -> BlobAttr | DenseIntOrFPElementsAttr:
    """Small or uniform content in the text, the rest as a blob."""
    if array.size <= INLINE_ELEMENTS or is_uniform(array):
        return dense_of(array)
    return blob_of(array)


def _owner(value: SSAValue) -> Operation:
    assert isinstance(value.owner, Operation)
    return value.owner


def _memref(value: SSAValue) -> MemRef:
    return kernel.kernels.memref_type(value)


def _known(op: Operation, value: SSAValue) -> Array:
    array = constant_of(value)
    if array is None:
        raise PassFailedException(f"snn-schedule: the weight of {describe(op)} is not a constant")
    return array


def _symbol(value: SSAValue) -> str:
    """The name of the parameter that a fixed value holds."""
    owner = value.owner
    while isinstance(owner, snn.ReshapeOp):
        owner = owner.input.owner
    return owner.symbol if isinstance(owner, snn.UseOp) else "constant"


def _value_name(value: SSAValue) -> str:
    owner = value.owner
    if isinstance(owner, Operation):
        return node_name(owner) or owner.name.removeprefix("snn.")
    return "input"


def is_sparse(value: SSAValue) -> bool:
    """
    Whether a stream is mostly zero: spikes and counts, what keeps their zeros (pools,
    delays, reshapes, concatenations), and the network's inputs.
    """
    seen: set[SSAValue] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        if current in seen or not is_float(stream_type(current).element_type):
            continue
        seen.add(current)
        owner = current.owner
        if not isinstance(owner, Operation):
            continue
        if not isinstance(owner, snn.Pool2dOp | snn.ReshapeOp | snn.ConcatOp | snn.DelayOp):
            return False
        pending.extend(v for v in owner.operands if constant_of(v) is None)
    return True


def _feeds_a_delay(value: SSAValue) -> bool:
    """Whether a delay reads the value, as it is or reshaped: its line may be written first."""
    for use in value.uses:
        user = use.operation
        if isinstance(user, snn.DelayOp):
            return True
        if isinstance(user, snn.ReshapeOp) and _feeds_a_delay(user.result):
            return True
    return False
