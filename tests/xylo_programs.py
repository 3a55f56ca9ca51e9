"""Networks on Xylo (`tests.xylo_networks`) as programs of the `core` dialect."""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import (
    InputOp,
    OutputOp,
    PopulationOp,
    ProgramOp,
    SynapsesOp,
)
from snncc.dialects.snn.neurons.xylo_configuration import Configuration, Population
from snncc.dialects.snn.parameters import ParameterOp


def program_of(configuration: Configuration, description: Description) -> ModuleOp:
    """The program, with input "x" and output "y"; aliases are left out."""
    parameters: list[Operation] = []

    def parameter(name: str, values: Array) -> str:
        parameters.append(ParameterOp(name, type_of(values), blob_of(values)))
        return name

    def population(name: str, p: Population) -> PopulationOp:
        receptors = description.neurons[name].receptors
        dash_syn = np.zeros((receptors, p.size), np.int16)
        dash_syn[: len(p.dash_syn)] = p.dash_syn
        arrays = {"threshold": p.threshold, "dash_mem": p.dash_mem, "dash_syn": dash_syn}
        arrays |= {} if p.bias is None else {"bias": p.bias}
        symbols = {
            key: parameter(f"{name}.{key}", array.astype(np.int16)) for key, array in arrays.items()
        }
        return PopulationOp(name, name, [p.size], symbols)

    c = configuration
    operations: list[Operation] = [InputOp("x", [c.input.weights.shape[1]])]
    operations += [population("hidden", c.hidden), population("readout", c.readout)]
    for edge, matrix, source, target in (
        ("input", c.input, "x", "hidden"),
        ("recurrent", c.recurrent, "hidden", "hidden"),
        ("output", c.output, "hidden", "readout"),
    ):
        for k, weights in enumerate(matrix.weights):
            sources, targets = np.nonzero(weights)
            name = f"{edge}{k}"
            arrays = (
                parameter(f"{name}.sources", sources.astype(np.int32)),
                parameter(f"{name}.targets", targets.astype(np.int32)),
                parameter(f"{name}.weights", weights[sources, targets].astype(np.int8)),
            )
            if len(sources):
                operations.append(SynapsesOp(name, source, target, edge, k, 0, arrays))
    operations.append(OutputOp("y", "readout", 1))
    shifts = {"IWBS": c.input.shift, "RWBS": c.recurrent.shift, "OWBS": c.output.shift}
    return ModuleOp([*parameters, ProgramOp("net", "xylo", shifts, operations)])


def core_program(module: ModuleOp) -> ProgramOp:
    return next(op for op in module.ops if isinstance(op, ProgramOp))
