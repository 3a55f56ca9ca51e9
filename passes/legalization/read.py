"""Reads a network of streams as a graph of populations and projections."""

from __future__ import annotations

import numpy as np
from xdsl.ir import SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.graph import stream_operations
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import shape_of
from snncc.passes.legalization.affine import Affine, Streams
from snncc.passes.legalization.dynamics import Gain, NoNormalForm, Normal, normal_form
from snncc.passes.legalization.faults import Faults, Unfit
from snncc.passes.legalization.graph import Output, Population, Projection, SpikingGraph
from snncc.passes.legalization.own_resets import with_own_resets
from snncc.passes.legalization.pools import pool_population, pool_projections
from snncc.passes.legalization.sparse import Sparse

NO_NEURON = "SNC-N004"


def read_graph(network: snn.NetworkOp) -> SpikingGraph:
    """
    The graph of a network whose parameters are folded and whose elementwise operations are fused.

    Raises Unfit with every neuron and connection that has no form on a chip.
    """
    faults = Faults()
    names = StateNames(network)
    normals: dict[str, Normal] = {}
    neurons: dict[str, snn.NeuronOp] = {}
    values: dict[SSAValue, str] = {}
    for op in stream_operations(network):
        if not isinstance(op, snn.NeuronOp):
            continue
        known = names.outputs_of.get(op, ())
        name = known[0] if known else (op.node.data if op.node else f"neuron{len(neurons)}")
        neurons[name] = op
        if name in network.inputs:
            faults.add(
                NO_NEURON,
                name,
                "a layer and an input have this name, by which chips' files tell them apart",
                "rename one of them",
            )
        for result in op.results:
            values[result] = name
        try:
            normals[name] = normal_form(op)
        except NoNormalForm as fault:
            faults.add(
                NO_NEURON,
                name,
                f"no neuron of a chip: {fault}",
                "chips have leaky integrators with a threshold and a reset; C has every neuron",
            )
    streams = Streams(network, values.get)
    projections: list[Projection] = []
    populations: dict[str, Population] = {}
    for name, normal in normals.items():
        bias = normal.dynamics.bias.copy()
        found: dict[tuple[str, int, int], Sparse] = {}
        for port in neurons[name].input_ports:
            try:
                drive = streams.of(port.operand)
            except Unfit as unfit:
                for one in unfit.faults:
                    faults.add(one.code, one.node or name, one.message, one.remedy)
                continue
            for gain in normal.gains:
                if gain.port == port.name:
                    bias = bias + _add(found, drive, gain)
        populations[name] = Population(
            name,
            shape_of(neurons[name].results[0]),
            normal.dynamics.changed(bias=bias),
        )
        projections += [
            Projection(source, name, receptor, delay, weights)
            for (source, receptor, delay), weights in found.items()
            if weights.values.size
        ]
    outputs: dict[str, Output] = {}
    for output, value in network.outputs.items():
        if value in values:
            outputs[output] = Output(values[value])
            continue
        source = _identity_of(streams, value)
        if source is None:
            faults.add(
                NO_NEURON,
                output,
                "an output that is no neuron's",
                "end the network with neurons: what a chip gives are spikes or membranes",
            )
        else:
            outputs[output] = Output(source)
    faults.stop()
    for name, shape in streams.pool_shapes.items():
        populations[name] = pool_population(name, shape)
    projections += pool_projections(streams.pools)
    graph = SpikingGraph(
        network.sym_name.data,
        {name: shape_of(value) for name, value in network.inputs.items()},
        populations,
        tuple(projections),
        outputs,
        pools=frozenset(streams.pools),
    )
    return with_own_resets(graph)


def _add(found: dict[tuple[str, int, int], Sparse], drive: Affine, gain: Gain) -> Array:
    """Adds the drive's terms times the gain; what it is where nothing fires."""
    for (source, delay), term in drive.terms.items():
        key = (source, gain.receptor, delay + gain.delay)
        scaled = term.scaled(gain.factor)
        found[key] = found[key] + scaled if key in found else scaled
    return np.asarray(drive.constant * gain.factor)


def _identity_of(streams: Streams, value: SSAValue) -> str | None:
    """The population that a value is in another shape."""
    try:
        found = streams.of(value)
    except Unfit:
        return None
    if len(found.terms) != 1 or np.any(found.constant):
        return None
    ((source, delay), matrix), size = next(iter(found.terms.items())), found.constant.size
    same = Sparse.identity(size)
    is_same = matrix.shape == same.shape and len(matrix.rows) == size
    is_same = is_same and (matrix.rows == same.rows).all() and (matrix.values == 1).all()
    return source if is_same and not delay else None
