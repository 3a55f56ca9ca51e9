"""Where the outputs of a network lie, and who writes them: streams, sums over time, last values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from xdsl.builder import Builder
from xdsl.dialects import linalg
from xdsl.dialects.builtin import DYNAMIC_INDEX
from xdsl.ir import Block, Operation, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.rewriter import InsertPoint

from snncc.dialects import kernel, snn
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.network import LAST, STREAM, SUM
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.bodies import added
from snncc.passes.scheduling.layout import Place
from snncc.passes.scheduling.products import summed_product
from snncc.passes.scheduling.stages import Stage
from snncc.passes.scheduling.tape import declare_on_tape

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def place_outputs(s: Scheduler) -> list[tuple[str, SSAValue]]:
    """
    Gives every output a caller's buffer. A value that only its own stage reads is
    computed there; what remains is copied at the end.
    """
    copied: list[tuple[str, SSAValue]] = []
    for name, value in s.network.outputs.items():
        if s.network.kinds[name] != STREAM:
            _place_result(s, name, value)
            continue
        taped = name in s.tape
        if taped:
            buffer = declare_on_tape(s, Role.OUTPUT, name, value)
        else:
            shape = (DYNAMIC_INDEX, *shape_of(value))
            buffer = s.declare(Role.OUTPUT, name, shape, value, known=True)
        s.outputs.append((buffer, value))
        producer = value.owner
        if isinstance(producer, Operation):
            s.note_scale(buffer, producer, _result_name(value))
        direct = (
            isinstance(producer, snn.NeuronOp)
            and not s.trace
            and value not in s.places
            and (taped or layout.is_trivial(shape_of(value)))
            and s.buffers[buffer].bits is None
            and all(
                use.operation is s.network.yield_op
                or s.stage_of[use.operation] is s.stage_of[producer]
                for use in value.uses
            )
        )
        if direct:
            s.places[value] = Place(buffer, rows=True, logical=not taped)
        else:
            copied.append((buffer, value))
    return copied


def _place_result(s: Scheduler, name: str, value: SSAValue) -> None:
    """Gives an output that is a sum over time or a last value a caller's buffer."""
    kind, shape = s.network.kinds[name], shape_of(value)
    product = summed_product(value) if kind == SUM else None
    if product is not None and product not in s.products:
        groups, columns, rows = shape_of(product.result)
        s.products[product] = s.declare(
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
    sampled = name in s.sampled
    if s.learned is not None and not sampled and not layout.is_trivial(shape):
        # as parameters lie
        order, sizes = layout.stored_axes(len(shape)), layout.physical(shape)
        buffer = s.declare(
            Role.OUTPUT, name, sizes, value, known=True, kind=kind, order=order, sizes=shape
        )
    else:
        sizes = (DYNAMIC_INDEX, *shape) if sampled else shape
        buffer = s.declare(Role.OUTPUT, name, sizes, value, known=True, kind=kind, sampled=sampled)
    # what a block gives at once is there when its stage has ended
    ends = value.owner in s.blocks
    producer = value.owner if value.owner in s.stage_of and not ends else None
    assert producer is None or isinstance(producer, Operation)
    s.kept.setdefault(producer, []).append((buffer, kind, value))


def taken_result(s: Scheduler, op: snn.NeuronOp, value: SSAValue) -> SSAValue | None:
    """
    The caller's buffer of a sum or last value that nothing else reads, which lies as the
    neuron writes it: it is added to, or written, where it is computed.
    """
    kept = [entry for entry in s.kept.get(op, ()) if entry[2] is value]
    if len(kept) != 1 or not value.has_one_use() or s.is_traced(value):
        return None
    buffer, _, _ = kept[0]
    if s.buffers[buffer].order is None and not layout.is_trivial(shape_of(value)):
        return None
    s.kept[op].remove(kept[0])
    return s.ref(buffer, layout.physical(shape_of(value)))


def is_sum(s: Scheduler, ref: SSAValue | None) -> bool:
    """Whether a reference is to an output that is a sum."""
    return ref is not None and s.buffers[s.symbol(ref)].summed is not None


def write_copies(
    s: Scheduler, copied: Sequence[tuple[str, SSAValue]], *, converts: bool = False
) -> kernel.StageOp:
    """
    A last stage, which copies streams to the caller's buffers, or `converts` whole numbers
    on the way.
    """
    taken = {stage.name for stage in s.stages}
    base = "converted" if converts else "outputs"
    name = next(n for n in (base, *(f"{base}_{i}" for i in range(99))) if n not in taken)
    op = s.open_stage(Stage(name, [], converts=converts))
    for buffer, value in copied:
        shape = shape_of(value)
        source = s.read(value)
        if s.buffers[buffer].bits is not None:
            bits = s.ref(buffer, s.buffers[buffer].shape[1:], rows=True)
            s.builder.insert(kernel.PackOp(source, bits))
            continue
        if s.buffers[buffer].channel_last is not None:
            identity = AffineMap.identity(len(shape))
            target = s.ref(buffer, layout.physical(shape), rows=True)
            s.copy(source, target, identity, identity)
            continue
        target = s.ref(buffer, shape, rows=True)
        rank = len(shape)
        s.copy(source, target, AffineMap.identity(rank), layout.transpose_map(rank))
    if not converts:
        keep(s, None)
    s.close_stage()
    return op


def keep(s: Scheduler, operation: Operation | None) -> None:
    """Writes what an operation computes to the outputs that are sums or last values."""
    for buffer, kind, value in s.kept.get(operation, ()):
        declared = s.buffers[buffer]
        sizes = declared.shape if declared.sampled is None else declared.shape[1:]
        source, target = s.read(value), s.ref(buffer, sizes)
        rank = len(shape_of(value))
        reads = writes = AffineMap.identity(rank)
        if declared.order is None:
            writes = layout.transpose_map(rank)
        if kind == LAST:  # of those written, the last one stays
            s.copy(source, target, reads, writes)
            continue
        element = stream_type(value).element_type
        block = Block(arg_types=[element, element])
        builder = Builder(InsertPoint.at_end(block))
        total = added(builder, block.args[1], block.args[0])
        builder.insert(linalg.ops.YieldOp(total))
        for argument, hint in zip(block.args, ("x", "total"), strict=True):
            argument.name_hint = hint
        s.generic([source], [target], [reads, writes], Region(block), "sum")


def _result_name(value: SSAValue) -> str:
    """How the scales of an operation name a result."""
    if not isinstance(value.owner, snn.NeuronOp):
        return "result"
    index = value.owner.outputs.index(value)
    return f"output{index or ''}"
