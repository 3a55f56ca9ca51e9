"""
Neurons that pass spikes on, for populations whose copies do not fit.

A relay has one input, its source, and fires whenever that fires. Then the source needs one
destination, and it is the relay that is copied: which takes one axon, where a copy of the
source takes all of its inputs. It costs a step. Where the synapses' delays do not have it already,
populations behind it run later, and with them everything that meets there (retiming: Leiserson and
Saxe 1991); a network's loop cannot wait, so that a population in one may have no relay.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, SymbolRefAttr, i64
from xdsl.ir import Operation
from xdsl.rewriter import Rewriter

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description, Edge
from snncc.dialects.core.program import ConnectionsOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.snn.neurons.assembly import parameter_of


def relay_name(name: str) -> str:
    return f"{name}.relay"


def delayed(
    program: ProgramOp, description: Description, relayed: Sequence[str]
) -> dict[str, int] | None:
    """
    By how many steps each population has to run later for relays behind some of them. None where
    a loop or the longest delay does not allow it.
    """
    edges = []
    for op in program.synapses:
        edge = description.edges[op.edge.data]
        latency = (
            _relay_edge(program, description, op.source_name).latency
            if (op.source_name in relayed)
            else 0
        )
        edges.append((op.source_name, op.target_name, _delay(op), latency, edge.delay))
    later = dict.fromkeys(program.endings, 0)
    for _ in range(len(later) + 1):
        moved = False
        for source, target, delay, needed, _most in edges:
            least = later[source] + needed - delay
            if least > later[target]:
                later[target] = least
                moved = True
        if not moved:
            break
    else:
        return None
    for source, target, delay, needed, most in edges:
        if delay + later[target] - later[source] - needed > most:
            return None
    return {name: later[name] for name in program.populations}


def can_relay(program: ProgramOp, description: Description, name: str) -> bool:
    """Whether neurons of the population's class can pass a spike on and forget it."""
    kind = program.populations[name].neuron_class.data
    a = description.neurons[kind].approximates
    between = any(e.source == e.target == kind for e in description.edges.values())
    simple = a.current is None and a.threshold is not None and a.compare == "ge"
    return (
        between and simple and not (a.threshold_shift or description.neurons[kind].arrivals.shift)
    )


def with_relays(
    module: ModuleOp, description: Description, relayed: Sequence[str], later: Mapping[str, int]
) -> ModuleOp:
    """The program with relays behind some populations, and everything `later` than it was."""
    module = module.clone()
    program = next(op for op in module.ops if isinstance(op, ProgramOp))

    def parameter(name: str, values: Array) -> str:
        module.body.block.insert_op_before(parameter_of(name, values), program)
        return name

    relays: list[Operation] = []
    wires: list[Operation] = []
    for name in relayed:
        relay, wire = _relay(program, description, name, parameter)
        relays.append(relay)
        wires.append(wire)
    for op in program.synapses:
        delay = _delay(op) + later.get(op.target_name, 0) - later.get(op.source_name, 0)
        source = op.source_name
        if source in relayed:
            delay -= _relay_edge(program, description, source).latency
            source = relay_name(source)
        moved = op.clone()
        moved.properties |= {"source": SymbolRefAttr(source), "delay": IntegerAttr(delay, i64)}
        wires.append(moved)
    ends: list[Operation] = []
    for name, output in program.outputs.items():
        shown = output.source.root_reference.data
        ends.append(OutputOp(name, shown, int(output.lag.value.data) + later[shown]))
    block = program.body.block
    for old in [*program.synapses, *program.outputs.values()]:
        Rewriter.erase_op(old)
    block.add_ops([*relays, *wires, *ends])
    module.verify()
    return module


def _relay(
    program: ProgramOp, description: Description, name: str, parameter: object
) -> tuple[PopulationOp, SynapsesOp]:
    assert callable(parameter)
    op, relay = program.populations[name], relay_name(name)
    kind = op.neuron_class.data
    neuron = description.neurons[kind]
    a = neuron.approximates
    assert a.threshold is not None
    threshold = max(1, neuron.parameters[a.threshold].low)
    numbers = {a.threshold: np.full(op.size, threshold, np.int16)}
    for key, described in neuron.parameters.items():
        if key not in numbers and described.default is None:
            numbers[key] = np.full(op.size, min(max(0, described.low), described.high), np.int16)
    population = PopulationOp(
        relay,
        kind,
        op.shape.get_values(),
        {key: parameter(f"{relay}.{key}", values) for key, values in numbers.items()},
    )
    every = np.arange(op.size, dtype=np.int32)
    arrays = (
        parameter(f"{relay}.sources", every),
        parameter(f"{relay}.targets", every.copy()),
        parameter(f"{relay}.weights", np.full(op.size, threshold, np.int16)),
    )
    edge = _relay_edge_name(program, description, name)
    return population, SynapsesOp(f"{name}.to.{relay}", name, relay, edge, 0, 0, arrays)


def _relay_edge_name(program: ProgramOp, description: Description, name: str) -> str:
    kind = program.populations[name].neuron_class.data
    return next(key for key, e in description.edges.items() if e.source == e.target == kind)


def _relay_edge(program: ProgramOp, description: Description, name: str) -> Edge:
    return description.edges[_relay_edge_name(program, description, name)]


def _delay(op: ConnectionsOp) -> int:
    return int(op.delay.value.data)
