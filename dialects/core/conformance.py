"""Whether a program is one of a chip: every number in its range, every connection one it has."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from snncc.dialects.core.description import INPUT, Description
from snncc.dialects.core.placement import cores_of, places_of
from snncc.dialects.core.program import ConnectionsOp, PopulationOp, ProgramOp
from snncc.dialects.core.wiring_conformance import wiring_departures


def departures(program: ProgramOp, description: Description) -> list[str]:
    """What the chip does not have, for people; nothing for a program that it runs."""
    if program.chip.data != description.name:
        return [f"the program is for {program.chip.data}, not for {description.name}"]
    found = list(_settings(program, description))
    for population in program.populations.values():
        found += _population(population, program, description)
    for synapses in program.synapses:
        found += _synapses(synapses, program, description)
    found += _places(program, description)
    # arrays of a program that is wrong already may not fit together
    return found or [*_fan_outs(program, description), *wiring_departures(program, description)]


def _settings(program: ProgramOp, description: Description) -> Iterator[str]:
    known = {
        edge.shift.setting: (edge.shift.low, edge.shift.high)
        for edge in description.edges.values()
        if edge.shift is not None
    } | {name: (p.low, p.high) for name, p in description.settings.items()}
    for name, value in program.setting.items():
        if name not in known:
            yield f"setting {name}: {description.name} has none of this name"
        elif not known[name][0] <= value <= known[name][1]:
            yield f"setting {name}: expected {known[name][0]} to {known[name][1]}, got {value}"


def _population(op: PopulationOp, program: ProgramOp, description: Description) -> Iterator[str]:
    name = op.sym_name.data
    driven = {d.parameter.data for d in program.drives.values() if d.target_name == name}
    neuron = description.neurons.get(op.neuron_class.data)
    if neuron is None:
        yield f"{name}: {description.name} has no neurons {op.neuron_class.data}"
        return
    for key, parameter in neuron.parameters.items():
        if key not in op.parameters.data:
            if key in driven and not parameter.driven:
                yield f"{name}: {key}: {description.name} has no way to write it at every step"
            elif parameter.default is None and key not in driven:
                yield f"{name}: {key} is missing"
            continue
        values = op.numbers(key)
        if values.ndim == 2 and (parameter.per != "receptor" or len(values) != neuron.receptors):
            yield f"{name}: {key}: expected one row for each of {neuron.receptors} receptors"
        low, high = values.min(initial=parameter.low), values.max(initial=parameter.high)
        if low < parameter.low or high > parameter.high:
            yield (
                f"{name}: {key}: expected {parameter.low} to {parameter.high}, "
                f"got {values.min()} to {values.max()}"
            )
    for key in sorted({*op.parameters.data, *driven} - set(neuron.parameters)):
        yield f"{name}: {key}: {op.neuron_class.data} neurons have no such parameter"


def _synapses(op: ConnectionsOp, program: ProgramOp, description: Description) -> Iterator[str]:
    name = op.sym_name.data
    edge = description.edges.get(op.edge.data)
    if edge is None:
        yield f"{name}: {description.name} has no edges {op.edge.data}"
        return
    source = program.populations.get(op.source_name)
    source_class = INPUT if source is None else source.neuron_class.data
    target_class = program.populations[op.target_name].neuron_class.data
    if (source_class, target_class) != (edge.source, edge.target):
        yield f"{name}: edges {op.edge.data} go from {edge.source} to {edge.target}"
    receptor, delay = op.receptor.value.data, op.delay.value.data
    if not 0 <= receptor < edge.receptors:
        yield f"{name}: receptor: expected 0 to {edge.receptors - 1}, got {receptor}"
    if not 0 <= delay <= edge.delay:
        yield f"{name}: delay: expected 0 to {edge.delay}, got {delay}"
    weights = op.weight_array
    if weights.size and not edge.low <= weights.min() <= weights.max() <= edge.high:
        yield (
            f"{name}: weights: expected {edge.low} to {edge.high}, "
            f"got {weights.min()} to {weights.max()}"
        )
    if op.source_name == op.target_name and not edge.self_connections:
        sources, targets, _ = op.table()
        if (sources == targets).any():
            yield f"{name}: a neuron that reaches itself"


def _fan_outs(program: ProgramOp, description: Description) -> Iterator[str]:
    limits = {name: edge.fan_out for name, edge in description.edges.items() if edge.fan_out}
    for edge, (source, count) in fan_outs(program).items() if limits else ():
        limit = limits.get(edge, count)
        if count > limit:
            yield f"{source}: a neuron reaches {count} by edges {edge}, expected up to {limit}"


def _places(program: ProgramOp, description: Description) -> Iterator[str]:
    grid = description.grid
    for x, y in cores_of(program):
        if not (0 <= x < grid.width and 0 <= y < grid.height):
            yield f"a core at ({x}, {y}), beyond the mesh of {grid.width} x {grid.height}"
    taken: dict[str, set[tuple[int, int]]] = {}
    for name, (cores, slots) in places_of(program).items():
        op = program.endings[name]
        kind = op.neuron_class.data if isinstance(op, PopulationOp) else INPUT
        limit = description.inputs.count if kind == INPUT else description.neurons[kind].count
        shared = description.shared
        if shared is not None and kind in shared.of:
            limit, space = shared.places, ""
        else:
            space = kind
        if slots.size and slots.max() >= limit:
            yield f"{name}: slot {slots.max()}, and a core has {limit} for {kind}"
        pairs = set(zip(cores.tolist(), slots.tolist(), strict=True))
        others = taken.setdefault(space, set())
        if len(pairs) != len(cores) or pairs & others:
            yield f"{name}: two of {kind} at one place"
        others |= pairs
    yield from _sharing(program, description)


def _sharing(program: ProgramOp, description: Description) -> Iterator[str]:
    """Neurons of one group, or class, of a core that are configured differently."""
    places = places_of(program)
    for kind, neuron in description.neurons.items():
        for key, p in neuron.parameters.items():
            if p.per not in ("group", "class"):
                continue
            found: dict[tuple[int, int], int] = {}
            for op in program.members(kind):
                name = op.sym_name.data
                if name not in places or key not in op.parameters.data:
                    continue
                cores, slots = places[name]
                groups = slots // neuron.group if p.per == "group" else np.zeros_like(slots)
                for place, value in zip(
                    zip(cores.tolist(), groups.tolist(), strict=True),
                    op.numbers(key).tolist(),
                    strict=True,
                ):
                    if found.setdefault(place, value) != value:
                        both = f"{found[place]} and {value}"
                        yield f"{name}: {key}: neurons that share it have {both}"
                        return


def sizes(program: ProgramOp) -> dict[str, int]:
    """Inputs and each class of neurons: how many there are."""
    found = {INPUT: sum(op.size for op in program.inputs.values())}
    for op in program.populations.values():
        key = op.neuron_class.data
        found[key] = found.get(key, 0) + op.size
    return found


def synapse_counts(program: ProgramOp) -> dict[str, int]:
    """Class of edges -> connections; two receptors of one pair are one place of a fan-out table."""
    return {edge: pairs.shape[1] for edge, pairs in _connected(program).items()}


def fan_outs(program: ProgramOp) -> dict[str, tuple[str, int]]:
    """Class of edges -> the input or population with the neuron that reaches most, and how many."""
    names, found = list(program.endings), {}
    for edge, pairs in _connected(program).items():
        sources, counts = np.unique(pairs[[0, 2]], axis=1, return_counts=True)
        if counts.size:
            found[edge] = (names[sources[0, counts.argmax()]], int(counts.max()))
    return found


def _connected(program: ProgramOp) -> dict[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]:
    """Class of edges -> [4, pairs]: source and target by number, the neurons of both."""
    found: dict[str, list[np.ndarray[tuple[int, ...], np.dtype[np.int64]]]] = {}
    endings = {name: index for index, name in enumerate(program.endings)}
    for op in program.synapses:
        sources, targets, _ = op.table()
        ends = [np.full(len(sources), endings[name]) for name in (op.source_name, op.target_name)]
        found.setdefault(op.edge.data, []).append(np.stack([*ends, sources, targets]))
    return {edge: np.unique(np.concatenate(parts, axis=1), axis=1) for edge, parts in found.items()}
