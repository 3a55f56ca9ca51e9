"""Whether the neurons, axons and routes of a placed program are ones that the chip's cores have."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.placement import is_placed
from snncc.dialects.core.program import ProgramOp
from snncc.dialects.core.wiring import Unwired, Wiring


def wiring_departures(program: ProgramOp, description: Description) -> Iterator[str]:
    """
    What the cores do not have, and synapses that nothing carries; of a program that is placed on a
    chip of several cores.
    """
    wiring = Wiring(program)
    if not description.grid.routed or not is_placed(program):
        return
    missing = [name for name in program.populations if name not in wiring.neurons]
    if missing:
        yield f"{missing[0]}: lies nowhere"
        return
    yield from _cores(wiring, description)
    yield from _axons(wiring, description)
    yield from _senders(wiring, description)
    yield from _outputs(wiring, description)
    try:
        wiring.connections()
    except Unwired as fault:
        yield str(fault)


def _cores(wiring: Wiring, description: Description) -> Iterator[str]:
    grid = description.grid
    if len(wiring.cores) > grid.places:
        yield f"{len(wiring.cores)} cores, and {description.name} has {grid.places}"
    for name, neurons in wiring.neurons.items():
        kind = wiring.program.populations[name].neuron_class.data
        most = description.neurons[kind].count
        if neurons.slot.size and neurons.slot.max() >= most:
            yield f"{name}: slot {neurons.slot.max()}, and a core has {most} for {kind}"
    classes = {op.neuron_class.data for op in wiring.program.populations.values()}
    for kind in sorted(classes):
        members = [wiring.neurons[op.sym_name.data] for op in wiring.program.members(kind)]
        places = np.concatenate([np.stack([n.core, n.slot]) for n in members], axis=1)
        if len(np.unique(places, axis=1).T) != places.shape[1]:
            yield f"two of {kind} at one place"


def _axons(wiring: Wiring, description: Description) -> Iterator[str]:
    grid = description.grid
    edges = description.edges.values()
    routes = np.concatenate([*wiring.routes.values()])
    limits = (
        ("axon", 2, grid.axons),
        ("type", 3, grid.axon_types or 1),
        ("delay", 4, max((edge.delay for edge in edges), default=0) + 1),
    )
    for what, column, limit in limits:
        if limit is not None and routes.size and routes[:, column].max() >= limit:
            yield f"{what} {routes[:, column].max()}, and {description.name} has {limit}"
    if len(np.unique(routes[:, 1:3], axis=0)) != len(routes):
        yield "two sources at one axon"
    low, high = min(edge.low for edge in edges), max(edge.high for edge in edges)
    for name, table in wiring.tables.items():
        if len(table) != grid.axon_types:
            yield f"{name}: {len(table)} weights, and axons have {grid.axon_types} types"
        if table.size and not low <= table.min() <= table.max() <= high:
            yield f"{name}: weights: expected {low} to {high}, got {table.min()} to {table.max()}"


def _senders(wiring: Wiring, description: Description) -> Iterator[str]:
    """Each neuron reaches as many axons and lines as it may."""
    most = description.grid.fan_out
    for name, neurons in wiring.neurons.items():
        senders = np.concatenate([wiring.routes[name][:, 0], wiring.lines[name][:, 0]])
        counts = np.bincount(senders, minlength=len(neurons.element))
        if most is not None and counts.max(initial=0) > most:
            yield (
                f"{name}: a neuron with {counts.max()} destinations, and {description.name} has "
                f"{most}"
            )


def _outputs(wiring: Wiring, description: Description) -> Iterator[str]:
    lines: list[Array] = [rows[:, 1] for rows in wiring.lines.values()]
    together = np.concatenate(lines) if lines else np.zeros(0, np.int64)
    if len(np.unique(together)) != len(together):
        yield "two neurons on one line of the output bus"
    if description.grid.bus is None:
        if together.size:
            yield f"an output bus, and {description.name} has none"
        return
    if wiring.outputs > description.grid.bus:
        yield f"{wiring.outputs} outputs, and {description.name} has {description.grid.bus}"
    x, y = wiring.bus or (0, 0)
    if not (0 <= x < description.grid.width and 0 <= y < description.grid.height):
        yield f"an output bus at ({x}, {y}), beyond the mesh"
    for output in wiring.program.outputs.values():
        name = output.source.root_reference.data
        reached = np.unique(wiring.neurons[name].element[wiring.lines[name][:, 0]])
        if len(reached) != wiring.program.populations[name].size:
            yield f"{name}: is an output, and not all of it reaches the bus"
