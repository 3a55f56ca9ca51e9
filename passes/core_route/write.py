"""Numbers slots, axons and lines of a partition, and writes them into the program."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.placement import CoresOp, PlaceOp
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.routing import BusOp, CopiesOp, LinesOp, RoutesOp, WeightsOp
from snncc.dialects.snn.neurons.assembly import parameter_of
from snncc.passes.core_route.nets import Nets, starts_of
from snncc.passes.core_route.partition import Partition, neurons_for


def write_placement(
    module: ModuleOp,
    program: ProgramOp,
    description: Description,
    nets: Nets,
    tables: Mapping[str, Array],
    found: Partition,
    rate: Array,
) -> None:
    """Adds the operations behind those of the program. `rate` is that of neurons and inputs."""
    used, core = np.unique(found.core, return_inverse=True)
    place = found.place[used]
    net, at = nets.reached(core, len(used))
    sent = nets.destinations(net)
    copies = neurons_for(sent, description)
    slot, extra = _slots(core, copies)
    axon = ranks(at)
    sender, line_sender = _senders(nets, net, sent, description)

    ops: list[Operation] = [CoresOp([(int(x), int(y)) for x, y in place])]
    if description.grid.bus is not None:
        at_bus = _bus_place(description, place, core, rate[: nets.neurons] * nets.lines)
        ops.append(BusOp(at_bus, int(nets.lines.sum())))

    def parameter(name: str, values: Array) -> str:
        kept = values.astype(np.int32)
        module.body.block.insert_op_before(parameter_of(name, kept), program)
        return name

    starts = starts_of(program)
    sources = nets.source[net]
    lines = np.cumsum(nets.lines) - nets.lines
    for name, op in program.endings.items():
        own = slice(starts[name], starts[name] + op.size)
        rows = (sources >= own.start) & (sources < own.stop)
        element = sources[rows] - own.start
        neuron = element
        if name in program.populations:
            ops.append(
                PlaceOp(
                    name,
                    parameter(f"{name}.cores", core[own]),
                    parameter(f"{name}.slots", slot[own]),
                )
            )
            of = (extra[:, 0] >= own.start) & (extra[:, 0] < own.stop)
            more = extra[of] - [own.start, 0, 0]
            if len(more):
                ops.append(CopiesOp(name, parameter(f"{name}.copies", more)))
            first = op.size + np.cumsum(copies[own] - 1) - (copies[own] - 1)
            neuron = _numbered(element, sender[rows], first)
            if name in tables:
                ops.append(WeightsOp(name, parameter(f"{name}.table", tables[name])))
            if description.grid.bus is not None and nets.lines[own].any():
                shown = np.arange(op.size)
                table = [_numbered(shown, line_sender[own], first), lines[own]]
                ops.append(LinesOp(name, parameter(f"{name}.lines", np.stack(table, axis=1))))
        if rows.any():
            columns = [neuron, at[rows], axon[rows], nets.type[net[rows]], nets.delay[net[rows]]]
            routes = np.stack(columns, axis=1)
            ops.append(RoutesOp(name, parameter(f"{name}.routes", routes)))
    program.body.block.add_ops(ops)
    module.verify()


def _numbered(element: Array, copy: Array, first: Array) -> Array:
    """The number of a neuron: that of the element, or of its k-th copy."""
    return np.where(copy == 0, element, first[element] + copy - 1)


def ranks(groups: Array) -> Array:
    """The number of each within its group, in the order in which they stand."""
    order = np.argsort(groups, kind="stable")
    counts = np.bincount(groups) if len(groups) else np.zeros(0, np.int64)
    found = np.empty(len(groups), np.int64)
    found[order] = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    return found


def _slots(core: Array, copies: Array) -> tuple[Array, Array]:
    """
    [neurons] the slot of each, and of the others of a neuron (neuron, core, slot), [more, 3]:
    neurons of a core in their order, copies behind the first.
    """
    owner = np.repeat(np.arange(len(core)), copies)
    slot = ranks(core[owner])
    first = np.cumsum(copies) - copies
    is_first = np.zeros(len(owner), bool)
    is_first[first] = True
    others = ~is_first
    return slot[first], np.stack([owner[others], core[owner[others]], slot[others]], axis=1)


def _senders(nets: Nets, net: Array, sent: Array, description: Description) -> tuple[Array, Array]:
    """Which of its copies sends to each axon, [axons], and to the output bus, [neurons]."""
    most = description.grid.fan_out
    if most is None:
        return np.zeros(len(net), np.int64), np.zeros(nets.neurons, np.int64)
    # a line is the last destination of a neuron
    return ranks(nets.source[net]) // most, np.maximum(sent - 1, 0) // most


def _bus_place(description: Description, place: Array, core: Array, rate: Array) -> tuple[int, int]:
    """The free place with the fewest hops from what outputs show."""
    taken = {(int(x), int(y)) for x, y in place}
    grid = description.grid
    free = [(x, y) for y in range(grid.height) for x in range(grid.width) if (x, y) not in taken]
    sent = np.bincount(core, rate, minlength=len(place)) if len(core) else np.zeros(len(place))

    def hops(at: tuple[int, int]) -> float:
        return float((sent * np.abs(place - np.array(at)).sum(axis=1)).sum())

    return min(free, key=hops)
