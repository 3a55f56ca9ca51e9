"""Writes a neuron: the arithmetic that some outputs and next states follow from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from xdsl.ir import SSAValue

from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.errors import error
from snncc.importers.graph.bodies import BodyWriter, spike_of
from snncc.importers.graph.streams import StreamEmitter
from snncc.importers.graph.values import Shape, Value


class Ports:
    """Names of a neuron's ports: identifiers, each once."""

    def __init__(self) -> None:
        self.taken: set[str] = set()

    def free(self, wanted: str) -> str:
        base = re.sub(r"\W", "_", wanted, flags=re.ASCII) or "p"
        if base[0].isdigit():
            base = f"_{base}"
        name, number = base, 1
        while name in self.taken:
            name = f"{base}{number}"
            number += 1
        self.taken.add(name)
        return name


def write_neuron(
    e: StreamEmitter,
    node: str | None,
    shape: Shape,
    ports: Ports,
    inputs: Sequence[Value],
    states: Mapping[Value, str],
    initial: Mapping[str, SSAValue],
    outputs: Sequence[Value],
    after: Sequence[Value],
) -> Sequence[SSAValue]:
    """
    The neuron that gives `outputs` and the next states `after`, of the population `shape`.

    `states` are the ports of the states, `initial` what they start from. The results stand
    for the outputs in their order.
    """
    named_inputs = {ports.free("x"): value for value in dict.fromkeys(spike_of(v) for v in inputs)}
    writer = BodyWriter(outputs, after, {*named_inputs.values(), *states})
    parameters: dict[str, SSAValue] = {}
    held: dict[Value, str] = {}
    for value in writer.parameters:
        name = value.name or next(iter(sorted(value.sources)), "c")
        port = ports.free(name.rpartition(".")[2])
        held[value] = port
        parameters[port] = e.fixed_value(value, port, node, rank=len(shape))

    def equations(b: Body, /, **scalars: Scalar) -> Outputs:
        bound = {value: scalars[port] for port, value in named_inputs.items()}
        bound |= {value: scalars[port] for value, port in states.items()}
        bound |= {value: scalars[port] for value, port in held.items()}
        return writer.write(b, bound)

    neuron = build_neuron(
        equations,
        inputs={port: e.stream(value) for port, value in named_inputs.items()},
        states=initial,
        parameters=parameters,
        population=shape,
        float_type=e.element,
        node=node,
    )
    for value in outputs:
        if value.shape != shape:
            raise error(
                "SNC-I025",
                f"a population of shape {list(shape)} gives a value of {list(value.shape)}",
                node=node,
            )
    e.add(neuron)
    e.surrogates |= writer.surrogates
    return neuron.outputs
