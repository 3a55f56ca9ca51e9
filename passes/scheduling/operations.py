"""How each operation of a network is lowered: a table of rules, used inside a stage."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np
from xdsl.dialects.builtin import IntegerType, i1, i32
from xdsl.ir import Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array, constant_of, is_uniform
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.operands import memref_type
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.signs import Signs
from snncc.dialects.snn.types import describe, is_float, node_name, shape_of, stream_type
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.aliases import place_again
from snncc.passes.scheduling.bodies import generic_body, lowest_of, reduction_body
from snncc.passes.scheduling.fixed import constant, first_values, read_fixed
from snncc.passes.scheduling.layout import Place, stored_axes
from snncc.passes.scheduling.outputs import is_sum, taken_result
from snncc.passes.scheduling.products import is_read_through, write_product
from snncc.passes.scheduling.projections import write_projection

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def lower(s: Scheduler, op: Operation) -> None:
    """Lowers one operation into the stage that `s` is writing."""
    rule = RULES.get(type(op))
    if rule is None:
        raise PassFailedException(
            f"snn-schedule: no lowering for {describe(op)}; run snn-fuse-elementwise first"
        )
    rule(s, op)


def _active(s: Scheduler, value: SSAValue) -> tuple[SSAValue, SSAValue, SSAValue | None]:
    """(list, count, values) of the elements of a value that are not zero."""
    source = s.read(value)
    if value not in s.lists:
        size = prod(shape_of(value))
        element = IntegerType(16) if size <= 1 << 16 else IntegerType(32)
        name = f"{_value_name(value)}.active"
        listed = s.work(name, (size,), element)
        compress = kernel.CompressOp(_flat(s, value, source), listed)
        s.lists[value] = (listed, s.builder.insert(compress).count)
    listed, count = s.lists[value]
    weighted = stream_type(value).element_type != i1
    return listed, count, _flat(s, value, source) if weighted else None


def _flat(s: Scheduler, value: SSAValue, source: SSAValue) -> SSAValue:
    """The same buffer with one axis."""
    shape = memref_type(source).get_shape()
    if len(shape) == 1:
        return source
    ref = source.owner
    assert isinstance(ref, kernel.RefOp)
    return s.ref(ref.symbol, (prod(shape),), rows=ref.step is not None)


def first_bias(s: Scheduler, op: snn.LinearOp | snn.Conv1dOp | snn.Conv2dOp) -> SSAValue | None:
    if op.bias is None:
        return None
    if not op.adds_bias_first:
        raise PassFailedException(
            f"snn-schedule: {describe(op)} has a final bias; run snn-fuse-elementwise first"
        )
    return s.read(op.bias, signed=True)


def _linear(s: Scheduler, op: snn.LinearOp) -> None:
    if op in s.blocks:
        write_projection(s, op)
        return
    weight = weight_of(s, op, op.weight, np.transpose)
    out = s.place(op.result, node_name(op) or "linear")
    init = first_bias(s, op)
    if is_sparse(op.input, s.signs):
        listed, count, values = _active(s, op.input)
        s.builder.insert(kernel.GatherOp(weight, listed, count, out, values, init))
    else:
        x = s.read(op.input)
        s.builder.insert(kernel.DenseOp(weight, x, out, init))


def _convolution(s: Scheduler, op: snn.Conv1dOp | snn.Conv2dOp) -> None:
    """conv1d is a conv2d of height one."""
    flat = isinstance(op, snn.Conv1dOp)
    groups = op.group_count

    def as_taps(weight: Array) -> Array:
        if flat:
            weight = weight[:, :, None]
        outputs, per_group = weight.shape[0] // groups, weight.shape[1]
        taps = weight.reshape(groups, outputs, per_group, *weight.shape[2:])
        taps = taps.transpose(0, 2, 3, 4, 1)
        return taps.reshape(groups * per_group, *weight.shape[2:], outputs)

    height, width = (1, *shape_of(op.input)[1:]) if flat else shape_of(op.input)[1:]
    front = [before for before, _ in op.paddings]
    out = s.place(op.result, node_name(op) or "conv")
    init = first_bias(s, op)
    listed, count, values = _active(s, op.input)
    ones = (1,) if flat else ()
    s.builder.insert(
        kernel.ScatterOp(
            weight_of(s, op, op.weight, as_taps),
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


def _pool(s: Scheduler, op: snn.Pool2dOp) -> None:
    out = s.place(op.result, node_name(op) or "pool")
    (top, _), (left, _) = op.paddings
    s.builder.insert(
        kernel.PoolOp(
            op.pool.data,
            s.read(op.input),
            out,
            kernel=op.kernels,
            stride=op.strides,
            padding=(top, left),
            exclude_padding=op.excludes_padding,
        )
    )


def _reshape(s: Scheduler, op: snn.ReshapeOp) -> None:
    """The same order of elements in memory where both sides have it; else copies."""
    if is_read_through(s, op):
        return
    source, target = shape_of(op.input), shape_of(op.result)
    place = s.places.get(op.input)
    straight = (place is not None and place.logical) or layout.is_trivial(source)
    if place is not None and straight and layout.is_trivial(target) and not _moves(s, op):
        s.places[op.result] = place
        return
    name = node_name(op) or "reshape"
    if place is not None and straight:
        logical = s.at(place, target)
    else:
        stored_source = s.read(op.input)
        if layout.is_trivial(target):
            logical_target = s.place(op.result, name)
            ref = logical_target.owner
            assert isinstance(ref, kernel.RefOp)
            view = s.ref(ref.symbol, source, rows=ref.step is not None)
            rank = len(source)
            s.copy(stored_source, view, AffineMap.identity(rank), layout.transpose_map(rank))
            return
        flat = s.work(f"{name}.flat", (prod(source),), op.result)
        ref = flat.owner
        assert isinstance(ref, kernel.RefOp)
        view = s.ref(ref.symbol, source)
        rank = len(source)
        s.copy(stored_source, view, AffineMap.identity(rank), layout.transpose_map(rank))
        logical = s.ref(ref.symbol, target)
    out = s.place(op.result, name)
    rank = len(target)
    s.copy(logical, out, layout.transpose_map(rank), AffineMap.identity(rank))


def _moves(s: Scheduler, op: snn.ReshapeOp) -> bool:
    """Whether the result must lie elsewhere: it outlives a buffer of one step."""
    place = s.places[op.input]
    return not place.rows and s.crosses(op.result)


def _rearrange(s: Scheduler, op: snn.RearrangeOp) -> None:
    """A table of where each run of neighbours starts; what the caller holds is read as it lies."""
    if place_again(s, op):
        return
    shape = shape_of(op.input)
    place = s.places.get(op.input)
    logical = place is not None and place.logical
    source = s.at(place, shape) if place is not None and logical else s.read(op.input)
    name = node_name(op) or "rearrange"
    out = s.place(op.result, name)
    places = layout.stored_places(op.indices, shape, logical=logical)
    starts = places[:: layout.longest_run(places)]
    zeros = bool((starts < 0).any())
    table = np.where(starts < 0, prod(shape), starts)
    table = table.astype(np.min_scalar_type(table.max()))
    s.builder.insert(
        kernel.RearrangeOp(source, constant(s, f"{name}.places", table), out, zeros=zeros)
    )


def _concat(s: Scheduler, op: snn.ConcatOp) -> None:
    out = s.place(op.result, node_name(op) or "concat")
    rank = len(shape_of(op.result))
    axis = op.axis.value.data
    stored_axis = rank - 1 if axis == 0 else axis - 1
    offset = 0
    for value in op.inputs:
        offsets = [0] * rank
        offsets[stored_axis] = offset
        s.builder.insert(kernel.InsertOp(s.read(value), out, offsets))
        offset += shape_of(value)[axis]


def _reduce(s: Scheduler, op: snn.ReduceOp) -> None:
    """The loops over what is reduced stand outside, in C order; the others as they are stored."""
    shape, kept = shape_of(op.input), shape_of(op.result)
    element = stream_type(op.result).element_type
    source, out = s.read(op.input), s.place(op.result, node_name(op) or "reduce")
    largest = op.pool.data is Pool.MAX
    loops = [*op.axes, *(axis for axis in stored_axes(len(shape)) if axis not in op.axes)]
    loop_of = {axis: AffineDimExpr(place) for place, axis in enumerate(loops)}
    reads = AffineMap(len(shape), 0, tuple(loop_of[axis] for axis in stored_axes(len(shape))))
    leading = len(shape) - len(kept)
    results = tuple(
        AffineConstantExpr(0) if axis + leading in op.axes else loop_of[axis + leading]
        for axis in stored_axes(len(kept))
    )
    s.fill(out, element, lowest_of(element) if largest else 0.0)
    body = reduction_body(stream_type(op.input).element_type, element, largest=largest)
    writes = AffineMap(len(shape), 0, results)
    s.generic([source], [out], [reads, writes], body, "reduce", reductions=len(op.axes))


def _delay_line(s: Scheduler, op: snn.DelayOp) -> tuple[str, str]:
    """The names of a delay's line and position; a line of one step has no position."""
    if op not in s.lines:
        name = s.names.name_of[op, 0]
        shape = shape_of(op.stream)

        def line_of(init: Array) -> Array:
            full = layout.stored(np.broadcast_to(init, shape))
            return np.broadcast_to(full, (op.depth, *full.shape))

        content, start = first_values(s, op, op.init, line_of)
        line = s.declare(
            Role.STATE,
            name,
            content.shape,
            op.stream,
            content,
            channel_last=len(shape) > 1,
            known=True,
            start=start,
        )
        position = ""
        if op.depth > 1:
            zero = np.zeros(1, np.uint32)
            position = s.declare(Role.STATE, f"{name}.position", (1,), i32, zero)
        s.lines[op] = line, position
    return s.lines[op]


def _read_delay(s: Scheduler, op: snn.DelayOp) -> None:
    line, position = _delay_line(s, op)
    shape = layout.physical(shape_of(op.stream))
    in_place = not s.crosses(op.result) and not _feeds_a_delay(op.result)
    if op.depth == 1 and not op.is_instantaneous and in_place:
        s.places[op.result] = Place(line, rows=False)
        return
    out = s.place(op.result, f"{line}.out")
    if op.depth == 1 and not op.is_instantaneous:
        rank = len(shape)
        identity = AffineMap.identity(rank)
        s.copy(s.ref(line, shape), out, identity, identity)
        return
    steps: Sequence[int] = op.steps_per_element
    if len(steps) > 1:
        steps = layout.stored(np.array(steps).reshape(shape_of(op.stream))).ravel().tolist()
    # where some elements pass at once, a depth of one is a ring of one row
    one_row = op.depth == 1
    where = constant(s, "zero", np.zeros(1, np.uint32)) if one_row else s.ref(position, (1,))
    now = s.read(op.stream) if op.is_instantaneous else None
    ring = s.ref(line, (op.depth, *shape))
    s.builder.insert(kernel.DelayReadOp(ring, where, out, steps, now))


def write_delay(s: Scheduler, op: snn.DelayOp) -> None:
    line, position = _delay_line(s, op)
    shape = layout.physical(shape_of(op.stream))
    source = s.read(op.stream)
    if op.depth == 1:
        identity = AffineMap.identity(len(shape))
        s.copy(source, s.ref(line, shape), identity, identity)
        return
    ring = s.ref(line, (op.depth, *shape))
    s.builder.insert(kernel.DelayWriteOp(source, ring, s.ref(position, (1,))))


def _neuron(s: Scheduler, op: snn.NeuronOp) -> None:
    population = op.population
    node = node_name(op) or "map"
    names = s.names.outputs_of.get(op) or [
        f"{node}.out{index}" if index else node for index in range(len(op.outputs))
    ]
    scalars: dict[SSAValue, Array] = {}
    streams: list[tuple[SSAValue, SSAValue, AffineMap]] = []
    for port in (*op.input_ports, *op.parameter_ports):
        fixed = s.known(port.operand)
        if fixed is not None and is_uniform(fixed):
            scalars[port.argument] = fixed
            continue
        read = s.read(port.operand, signed=s.signs.is_signed(port.argument))
        reads = layout.operand_map(shape_of(port.operand), population)
        streams.append((port.argument, read, reads))
    identity = AffineMap.identity(len(population))
    # a neuron may be there for its states alone: a parameter that is updated
    written = [
        index
        for index, result in enumerate(op.outputs)
        if s.learned is None or result.first_use is not None
    ]
    kept = {index: taken_result(s, op, op.outputs[index]) for index in written}
    outputs = [kept[index] or s.place(op.outputs[index], names[index]) for index in written]
    summed = [p for p, index in enumerate(written) if is_sum(s, kept[index])]
    states: list[SSAValue] = []
    shape = layout.physical(population)
    for index, port in enumerate(op.state_ports):
        content, start = first_values(
            s, op, port.operand, lambda init: layout.stored(np.broadcast_to(init, population))
        )
        name = s.declare(
            Role.STATE,
            s.names.name_of[op, index],
            shape,
            port.operand,
            content,
            channel_last=len(shape) > 1,
            known=True,
            signed=s.signs.is_signed(port.argument),
            start=start,
        )
        s.note_scale(name, op, port.name)
        states.append(s.ref(name, shape))
    for port in (*op.input_ports, *op.state_ports, *op.parameter_ports):
        port.argument.name_hint = port.name
    body = generic_body(
        op,
        [argument for argument, _, _ in streams],
        scalars,
        [op.terminator.outputs[index] for index in written],
        [port.argument for port in op.state_ports],
        summed,
    )
    s.generic(
        [read for _, read, _ in streams],
        [*outputs, *states],
        [*(reads for _, _, reads in streams), *[identity] * (len(outputs) + len(states))],
        body,
        names[0],
    )


def weight_of(
    s: Scheduler, op: Operation, value: SSAValue, arrange: Callable[[Array], Array]
) -> SSAValue:
    fixed = read_fixed(s, value, arrange, signed=True, packed=s.packed.get(op))
    if fixed is None:
        raise PassFailedException(f"snn-schedule: the weight of {describe(op)} is not a constant")
    return fixed


def _value_name(value: SSAValue) -> str:
    owner = value.owner
    if isinstance(owner, Operation):
        return node_name(owner) or owner.name.removeprefix("snn.")
    return "input"


_KEEP_ZEROS = (snn.Pool2dOp, snn.ReshapeOp, snn.RearrangeOp, snn.ConcatOp, snn.DelayOp)


def is_sparse(value: SSAValue, signs: Signs) -> bool:
    """
    Whether a stream is mostly zero: spikes and counts, what keeps their zeros (pools,
    delays, reshapes, rearrangements, concatenations), and the network's inputs. Signed
    integers that a neuron gives are graded, as floats are.
    """
    seen: set[SSAValue] = set()
    pending = [value]
    while pending:
        current = pending.pop()
        graded = is_float(stream_type(current).element_type) or signs.is_signed(current)
        if current in seen or not graded:
            continue
        seen.add(current)
        owner = current.owner
        if not isinstance(owner, Operation):
            continue
        if not isinstance(owner, _KEEP_ZEROS):
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


RULES: dict[type[Operation], Callable[[Scheduler, Any], None]] = {
    snn.LinearOp: _linear,
    snn.Conv1dOp: _convolution,
    snn.Conv2dOp: _convolution,
    snn.Pool2dOp: _pool,
    snn.ReshapeOp: _reshape,
    snn.RearrangeOp: _rearrange,
    snn.ReduceOp: _reduce,
    snn.OuterOp: write_product,
    snn.ConcatOp: _concat,
    snn.DelayOp: _read_delay,
    snn.NeuronOp: _neuron,
}
"""Operation -> its lowering; everything elementwise is a neuron by now."""
