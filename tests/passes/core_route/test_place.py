"""Types of axons, what does not fit, and what is wrong with a placed program."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core.conformance import departures
from snncc.dialects.core.wiring import Wire, Wiring
from snncc.dialects.snn.parameters import ParameterOp
from snncc.passes.core_route import place_on_mesh
from snncc.passes.core_route.types import kinds_of, tables_of
from snncc.passes.legalization.faults import Faults, Unfit
from tests.backends.cores.ranc_programs import Drawn, program_of, small_ranc


def wire(sources: list[int], targets: list[int], weights: list[int]) -> Wire:
    return Wire("x", "p", 0, np.array(sources), np.array(targets), np.array(weights))


def test_few_weights_have_the_same_type_everywhere() -> None:
    wires = [wire([0, 1, 0, 1], [0, 0, 1, 1], [1, -1, -1, -1])]
    tables = tables_of(wires, {"p": 2, "x": 2}, 4, Faults())
    assert tables["p"].T.tolist() == [[-1, 1, 0, 0], [-1, 1, 0, 0]]
    assert kinds_of(wires[0], tables).tolist() == [1, 0, 0, 0]


def test_types_follow_the_sources() -> None:
    # neuron 1 has other weights, and takes its sources by the axons that neuron 0 has given them
    wires = [wire([0, 1, 2, 0, 1, 2], [0, 0, 0, 1, 1, 1], [3, 5, 5, 9, 2, 2])]
    tables = tables_of(wires, {"p": 2, "x": 3}, 2, Faults())
    kinds = kinds_of(wires[0], tables)
    assert kinds[:3].tolist() == kinds[3:].tolist() == [0, 1, 1]
    assert tables["p"].T.tolist() == [[3, 5], [9, 2]]


def test_more_weights_than_types() -> None:
    faults = Faults()
    tables_of([wire([0, 1, 2], [0, 0, 0], [3, 5, 7])], {"p": 1, "x": 3}, 2, faults)
    (fault,) = faults.found
    assert (fault.code, fault.node) == ("SNC-N006", "p")
    assert fault.message == "3 different weights of one neuron; axons have 2 types: 1 too many"


def net(inputs: int, neurons: int, outputs: bool = True) -> Drawn:
    drawn = Drawn(0)
    drawn.input("x", inputs)
    drawn.population("p", neurons)
    drawn.connect("x", "p", 1.1)
    if outputs:
        drawn.output("y", "p")
    return drawn


REFUSED: list[tuple[Drawn, int, int, str]] = [
    (
        net(3, 60),
        8,
        64,
        r"neurons: the network on 5 cores x 8 needs 60; ranc has 40: 20 too many",
    ),
    (net(70, 3), 8, 64, r"axons: a neuron with its sources needs 70; ranc has 64: 6 too many"),
    (
        net(3, 300),
        256,
        64,
        r"300 outputs; the output bus of ranc has 256: 44 too many",
    ),
    (
        # neurons with random signs share few axons: two fit beside each other at most
        net(40, 12),
        8,
        48,
        r"axons: the fullest of . overloaded cores .* ranc has 48: \d+ too many",
    ),
]


@pytest.mark.parametrize(("drawn", "neurons", "axons", "message"), REFUSED)
def test_what_does_not_fit(drawn: Drawn, neurons: int, axons: int, message: str) -> None:
    with pytest.raises(Unfit, match=message) as refused:
        place_on_mesh(drawn.module(), small_ranc(neurons, axons, 3, 2), {})
    assert {fault.code for fault in refused.value.faults} == {"SNC-N002"}
    assert all(fault.remedy for fault in refused.value.faults)


def with_value(row: int, column: int, value: int) -> Callable[[Array], Array]:
    def change(table: Array) -> Array:
        table[row, column] = value
        return table

    return change


WRONG: list[tuple[str, Callable[[Array], Array], str]] = [
    ("p.routes", with_value(0, 2, 60), "axon 60, and ranc has 60"),
    ("p.routes", with_value(0, 3, 4), "type 4, and ranc has 4"),
    ("p.routes", with_value(0, 4, 15), "delay 15, and ranc has 15"),
    ("p.routes", with_value(0, 4, 1), "p to q: a synapse without an axon"),
    ("p.routes", with_value(1, 2, 0), "two sources at one axon"),
    ("p.routes", lambda table: table[1:], "p to q: a synapse without an axon"),
    ("p.routes", with_value(1, 0, 0), "p: a neuron with 2 destinations, and ranc has 1"),
    ("p.copies", with_value(0, 2, 30), "p: slot 30, and a core has 30 for neuron"),
    ("p.copies", with_value(0, 2, 0), "two of neuron at one place"),
    ("q.lines", lambda table: table[1:], "q: is an output, and not all of it reaches the bus"),
    ("q.lines", with_value(0, 1, 1), "two neurons on one line of the output bus"),
    ("q.table", with_value(0, 0, 300), "q: weights: expected -256 to 255, got -1 to 300"),
    ("q.table", with_value(0, 0, 5), "q: a weight that stands in no table"),
]


@pytest.mark.parametrize(("name", "change", "message"), WRONG)
def test_wrong_routes_are_found(name: str, change: Callable[[Array], Array], message: str) -> None:
    drawn = Drawn(1)
    drawn.input("x", 4)
    drawn.population("p", 8)
    drawn.population("q", 5)
    drawn.connect("x", "p", 0.9)
    drawn.connect("p", "q", 0.9)
    drawn.output("y", "q")
    chip = small_ranc(30, 60)
    module = place_on_mesh(drawn.module(), chip, {}).module
    assert departures(program_of(module), chip) == []
    ops = {op.sym_name.data: op for op in module.ops if isinstance(op, ParameterOp)}
    wiring = Wiring(program_of(module))
    tables = {"p.routes": wiring.routes["p"], "q.lines": wiring.lines["q"]}
    tables["q.table"] = wiring.tables["q"]
    neurons = wiring.neurons["p"]
    copies = np.stack([neurons.element, neurons.core, neurons.slot], axis=1)[8:]
    tables["p.copies"] = copies
    values = change(tables[name].copy()).astype(np.int32)
    ops[name].properties["value"] = blob_of(values)
    ops[name].properties["type"] = type_of(values)
    assert message in departures(program_of(module), chip)


def test_every_neuron_lies_somewhere() -> None:
    module = place_on_mesh(net(3, 4).module(), small_ranc(30, 60), {}).module
    program = program_of(module)
    place = next(op for op in program.body.block.ops if op.name == "core.place")
    lines = next(op for op in program.body.block.ops if op.name == "core.lines")
    for op in (lines, place):
        program.body.block.detach_op(op)
    assert departures(program, small_ranc(30, 60)) == ["p: lies nowhere"]


def test_a_mesh_whose_neurons_reach_any_number_of_axons() -> None:
    """No copies, no types, no bus: each synapse is one bit of one core, with its own weight."""
    drawn = Drawn(2)
    drawn.input("x", 6)
    for name, size in (("p", 20), ("q", 14)):
        drawn.population(name, size, levels=9)
    drawn.connect("x", "p", 0.7)
    drawn.connect("p", "q", 0.7, 3)
    drawn.connect("q", "p", 0.4, 1)
    drawn.output("y", "q")
    chip = small_ranc(8, 64)
    free = {"fan_out": None, "axon_types": None, "bus": None, "axons": None}
    chip = chip.model_copy(update={"grid": chip.grid.model_copy(update=free)})
    program = program_of(place_on_mesh(drawn.module(), chip, {}).module)
    assert departures(program, chip) == []
    wiring = Wiring(program)
    assert wiring.sizes().sum() == 34
    assert (wiring.sizes() <= 8).all()
    found = sorted(
        (core, int(slot), int(weight))
        for core, bits in enumerate(wiring.connections())
        for slot, weight in zip(bits.slot, bits.weight, strict=True)
    )
    wanted = []
    for op in program.synapses:
        _, targets, weights = op.table()
        at = wiring.neurons[op.target_name]
        wanted += zip(at.core[targets], at.slot[targets], weights, strict=True)
    assert found == sorted((int(c), int(s), int(w)) for c, s, w in wanted)
