"""
A network on Xylo: inputs, recurrent hidden neurons with aliases, output neurons.

    x[t] --clip--> hidden[t] --aliases--> n[t] --late (1 step)--+--> readout[t] --> y[t]
                      ^                                         |
                      +-----------------------------------------+

Input spikes act in their step, recurrent spikes and those to the outputs one step later.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
from xdsl.dialects.builtin import ModuleOp, TensorType, i8, i16, i32
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.linear import LinearOp
from snncc.dialects.snn.neuron import NeuronOp
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.neurons.slots import slots
from snncc.dialects.snn.neurons.xylo import (
    XYLO,
    Arithmetic,
    Event,
    clipped,
    integrate_and_fire,
    reset,
)
from snncc.dialects.snn.neurons.xylo_aliases import add_aliases, is_forward
from snncc.dialects.snn.neurons.xylo_configuration import Configuration, Matrix, Population
from snncc.dialects.snn.places import NOWHERE, Indices
from snncc.dialects.snn.shape import RearrangeOp

Accumulate: TypeAlias = Literal["source", "step"]
"""
When a current saturates: after each source, as on the chip, with a few operations for each of a
neuron's sources in the body; or after the weighted sum of a matrix, which is faster, and the
same where no current saturates within a step.
"""


def build_network(
    configuration: Configuration,
    *,
    arithmetic: Arithmetic = XYLO,
    accumulate: Accumulate = "source",
) -> ModuleOp:
    """
    The network: input "x" [inputs], counts as i8 (unsigned); output "y" [neurons], spikes.

    A trace has the currents and membranes as `hidden.i0`, `hidden.v`, `readout.i0`, ... Where
    spikes that are repeated leave a neuron less to fire, the membrane is the delay `v`, which a
    stateless body `reset` feeds: a neuron has to know what others fire before it is reset.
    """
    hidden, most = configuration.hidden, arithmetic.hidden_spikes
    inputs, size = configuration.input.weights.shape[1], hidden.size
    a = Assembly("xylo", {"x": TensorType(i8, [inputs])})
    late = a.delayed(TensorType(i8, [size]), "late")
    clip = build_neuron(
        clipped(arithmetic.largest_input),
        inputs={"n": a.inputs["x"]},
        states={},
        parameters={},
        population=(inputs,),
        node="clip",
    )
    writer = _PopulationWriter(a, arithmetic.state_bits, accumulate)
    drives = [
        _Drive("input", a.add(clip), configuration.input),
        _Drive("recurrent", late.result, configuration.recurrent),
    ]
    membrane: DelayOp | None = None
    if any(map(is_forward, configuration.aliases)):
        membrane = a.delayed(TensorType(i16, [size]), "v")
    neuron = writer.write("hidden", hidden, drives, most, membrane)
    emitted = add_aliases(a, neuron.outputs[0], configuration.aliases, most)
    a.close(late, emitted.spikes)
    if membrane is not None:
        assert emitted.received is not None
        (threshold,) = (p for p in neuron.parameter_ports if p.name == "threshold")
        after = build_neuron(
            reset(most),
            inputs={"u": neuron.outputs[1], "n": neuron.outputs[0], "repeated": emitted.received},
            states={},
            parameters={"threshold": threshold.operand},
            population=(size,),
            node="reset",
        )
        a.close(membrane, a.add(after))
    drives = [_Drive("output", late.result, configuration.output)]
    readout = writer.write("readout", configuration.readout, drives, arithmetic.output_spikes)
    return a.finish({"y": readout.outputs[0]})


@dataclass(frozen=True)
class _Drive:
    """Counts of spikes that reach a population through a matrix."""

    name: str
    stream: SSAValue
    matrix: Matrix


class _PopulationWriter:
    """Writes populations: parameters, sources or sums, the neuron."""

    def __init__(self, assembly: Assembly, bits: int, accumulate: Accumulate):
        self._a = assembly
        self._bits = bits
        self._accumulate = accumulate
        self._inputs: dict[str, SSAValue] = {}
        self._parameters: dict[str, SSAValue] = {}

    def write(
        self,
        node: str,
        population: Population,
        drives: Sequence[_Drive],
        most_spikes: int,
        membrane: DelayOp | None = None,
    ) -> NeuronOp:
        """The neuron; with `membrane`, one that does not reset itself."""
        self._inputs = {} if membrane is None else {"v": membrane.result}
        self._parameters = {}
        synapses = [
            [event for drive in drives for event in self._events(drive, k)]
            for k in range(len(population.dash_syn))
        ]
        zero = self._a.zero(TensorType(i16, []))
        states = {f"i{k}": zero for k in range(len(synapses))}
        if membrane is None:
            states["v"] = zero
        for k, dash in enumerate(population.dash_syn):
            self._parameter(f"dash_syn{k}", node, dash.astype(np.int8))
        self._parameter("dash_mem", node, population.dash_mem.astype(np.int8))
        self._parameter("threshold", node, population.threshold.astype(np.int16))
        has_bias = population.bias is not None
        if population.bias is not None:
            self._parameter("bias", node, population.bias.astype(np.int16))
        neuron = build_neuron(
            integrate_and_fire(
                synapses, most_spikes, self._bits, has_bias=has_bias, resets=membrane is None
            ),
            inputs=self._inputs,
            states=states,
            parameters=self._parameters,
            population=(population.size,),
            node=node,
        )
        self._a.add(neuron)
        return neuron

    def _parameter(self, port: str, node: str, values: Array) -> None:
        self._parameters[port] = self._a.parameter(f"{node}.{port}", values)

    def _events(self, drive: _Drive, synapse: int) -> list[Event]:
        weights = drive.matrix.weights[synapse].astype(np.int8)
        name, shift = f"{drive.name}{synapse}", drive.matrix.shift
        if not weights.any():
            return []
        if self._accumulate == "step":
            w = self._a.weight(f"{name}.weight", np.ascontiguousarray(weights.T))
            self._inputs[name] = self._a.add(LinearOp(drive.stream, w, element=i32, node=name))
            return [Event(name, None, shift)]
        return [
            self._event(drive, f"{name}_{index}", places, row)
            for index, (places, row) in enumerate(zip(*slots(weights), strict=True))
        ]

    def _event(self, drive: _Drive, name: str, places: Indices, weights: Array) -> Event:
        """One source of each neuron: its count, and its weight."""
        sources = set(places.tolist()) - {NOWHERE}
        if len(sources) == 1:
            # the same for all, and for both synapses
            (source,) = sources
            count = f"{drive.name}_from_{source}"
            if count not in self._inputs:
                self._inputs[count] = self._a.element(drive.stream, source)
        else:
            count = name
            self._inputs[count] = self._a.add(RearrangeOp(drive.stream, places))
        self._parameters[f"w_{name}"] = self._a.parameter(f"{name}.weight", weights)
        return Event(count, f"w_{name}", drive.matrix.shift)
