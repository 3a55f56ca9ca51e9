"""Whether the registers and memories of a description hold every number that it speaks of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from snncc.dialects.core.memories import Memory, Misplaced

if TYPE_CHECKING:
    from snncc.dialects.core.description import Description


def check_memories(chip: Description) -> None:
    """
    Whether every number that neurons, edges and settings may have has bits that hold it. Raises
    Misplaced.
    """
    held: set[tuple[str, str]] = set()
    for index, memory in enumerate(chip.memories):
        _check_memory(chip, memory, ("memories", index), held)
    names, addresses = set(), set()
    for index, register in enumerate(chip.registers):
        place = ("registers", index)
        if register.name in names or register.address in addresses:
            raise Misplaced(place, f"{register.name}: stands twice, or its address does")
        names.add(register.name)
        addresses.add(register.address)
        if register.parameter is not None:
            kind, _, key = register.parameter.partition(".")
            if kind not in chip.neurons or key not in chip.neurons[kind].parameters:
                raise Misplaced((*place, "parameter"), f"{register.parameter} is no parameter")
            p = chip.neurons[kind].parameters[key]
            _check_ends((*place, "bits"), register.encode, register.name, (p.low, p.high))
            held.add((kind, key))
    if not chip.registers and not chip.memories:
        return
    for memory in chip.memories:
        own = memory.neurons
        for key in chip.neurons[own].parameters if own is not None else ():
            if (own, key) not in held:
                raise Misplaced(
                    ("neurons", str(own), "parameters", key), "no memory and no register holds it"
                )
    settings = {name: (p.low, p.high) for name, p in chip.settings.items()}
    settings |= {
        edge.shift.setting: (edge.shift.low, edge.shift.high)
        for edge in chip.edges.values()
        if edge.shift
    }
    for name, ends in settings.items():
        if name not in names:
            raise Misplaced(("registers",), f"no register is named as the setting {name}")
        _check_ends(("registers",), chip.register(name).encode, name, ends)


def _check_memory(
    chip: Description, memory: Memory, place: tuple[str | int, ...], held: set[tuple[str, str]]
) -> None:
    if chip.bus is not None:
        if memory.code is None:
            raise Misplaced(place, f"{memory.name}: code: is missing, and there is a bus")
        parts = -(-memory.width // chip.bus.bits)
        last = (memory.words - 1 << memory.addresses.word) + (parts - 1 << memory.addresses.part)
        if last >> chip.bus.address["address"].bits:
            raise Misplaced(place, f"{memory.name}: addresses up to {last} are beyond the bus'")
    if memory.neurons is not None:
        if memory.neurons not in chip.neurons:
            raise Misplaced((*place, "neurons"), f"{memory.neurons} is no class of neurons")
        neuron = chip.neurons[memory.neurons]
        if memory.words * memory.lanes < neuron.count:
            raise Misplaced((*place, "words"), f"{neuron.count} neurons do not fit")
        for i, field in enumerate(memory.fields):
            p = neuron.parameters.get(field.name)
            if p is None:
                continue
            held.add((memory.neurons, field.name))
            wanted = neuron.group if p.per == "group" else 1
            if memory.lanes != field.lanes * wanted:
                raise Misplaced(
                    (*place, "fields", i), f"{field.name}: another number of lanes is shared"
                )
            _check_ends((*place, "fields", i), field.encode, field.name, (p.low, p.high))
    for i, name in enumerate(memory.synapses):
        if name not in chip.edges:
            raise Misplaced((*place, "synapses", i), f"{name} is no class of edges")
        edge, field = chip.edges[name], memory.fields[0]
        _check_ends((*place, "fields", 0), field.encode, field.name, (edge.low, edge.high))
        if memory.row * field.lanes < chip.neurons[edge.target].count:
            raise Misplaced((*place, "row"), "the targets of a source do not fit")


def _check_ends(
    place: tuple[str | int, ...], encode: Callable[[int], int], name: str, ends: tuple[int, int]
) -> None:
    for end in ends:
        try:
            encode(end)
        except ValueError as fault:
            raise Misplaced(place, str(fault)) from None
