"""
A graph as a network of streams in float64: what a step of legalization computes, to be measured.

The chip's own numbers come later (`snncc.passes.chip_model`).
"""

from __future__ import annotations

import numpy as np
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, f64, i1
from xdsl.ir import Attribute, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Equations, Outputs, Scalar, build_neuron
from snncc.dialects.snn.delay import DelayOp
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.types import Stream, shape_of, stream_type
from snncc.passes.legalization.biases import folded
from snncc.passes.legalization.graph import Dynamics, Population, SpikingGraph


def float_model(graph: SpikingGraph, *, before: bool = False) -> ModuleOp:
    """
    The network. Inputs are f64 of their shapes, outputs spikes, counts or membranes (f64); a
    trace has each population by its name, with currents as j0, j1, ... and the membrane as v;
    with `before` that before the reset too, as u.
    """
    return _Writer(folded(graph), before).write()


class _Writer:
    def __init__(self, graph: SpikingGraph, before: bool):
        self.graph = graph
        self._before = ("u",) if before else ()
        self._a = Assembly(
            graph.name, {name: TensorType(f64, shape) for name, shape in graph.inputs.items()}
        )
        self._flat: dict[str, SSAValue] = {}
        self._streams: dict[str, SSAValue] = {}
        self._late: dict[tuple[str, int], DelayOp] = {}

    def write(self) -> ModuleOp:
        a = self._a
        for name, given in a.inputs.items():
            size = self.graph.size_of(name)
            flat: SSAValue = given
            if shape_of(given) != (size,):
                flat = a.add(snn.ReshapeOp(given, [size], node=f"{name}.flat"))
            self._flat[name] = flat
        for name in in_step_order(self.graph):
            self._streams[name] = self._population(self.graph.populations[name])
        for (name, _), delay in self._late.items():
            a.close(delay, (self._streams | self._flat)[name])
        outputs = {}
        for name, output in self.graph.outputs.items():
            stream = self._streams[output.source]
            shape = self.graph.populations[output.source].shape
            if shape_of(stream) != shape:
                stream = a.add(snn.ReshapeOp(stream, shape))
            outputs[name] = stream
        return a.finish(outputs)

    def _type(self, name: str) -> Stream:
        if name in self._flat:
            return stream_type(self._flat[name])
        d = self.graph.populations[name].dynamics
        return TensorType(element_of(d), [d.size])

    def _source(self, name: str, late: int) -> SSAValue:
        if not late:
            return self._flat[name] if name in self._flat else self._streams[name]
        if (name, late) not in self._late:
            delay = self._a.delayed(self._type(name), f"{name}.late{late}", late)
            self._late[name, late] = delay
        return self._late[name, late].result

    def _population(self, population: Population) -> SSAValue:
        a, d = self._a, population.dynamics
        inputs: dict[str, SSAValue] = {}
        arriving: list[list[str]] = [[] for _ in range(d.receptors)]
        for index, p in enumerate(self.graph.into(population.name)):
            weight = a.weight(f"{population.name}.w{index}", p.weights.dense())
            stream = self._source(p.source, p.delay)
            sums = snn.LinearOp(stream, weight, element=f64, node=f"{population.name}.sum{index}")
            inputs[f"x{index}"] = a.add(sums)
            arriving[p.receptor].append(f"x{index}")
        parameters: dict[str, SSAValue] = {}

        def parameter(name: str, values: object) -> None:
            array = np.asarray(values, np.float64)
            parameters[name] = a.parameter(f"{population.name}.{name}", array)

        parameter("decay", d.decay)
        parameter("bias", d.bias)
        for k, current in enumerate(d.currents):
            parameter(f"current{k}", current)
            if d.current_biases:
                parameter(f"current_bias{k}", d.current_biases[k])
        if d.threshold is not None:
            parameter("threshold", d.threshold)
        if d.reset == "subtract":
            parameter("amount", d.amount)
        if d.leak is not None:
            parameter("leak", d.leak)
        if d.floor is not None:
            parameter("floor", d.floor)
        zero = a.zero(TensorType(f64, []))
        states = [*(f"j{k}" for k in range(len(d.currents))), "v", *self._before]
        neuron = build_neuron(
            equations_of(d, arriving, before=bool(self._before)),
            inputs=inputs,
            states=dict.fromkeys(states, zero),
            parameters=parameters,
            population=(d.size,),
            float_type=f64,
            node=population.name,
        )
        return a.add(neuron)


def element_of(d: Dynamics) -> Attribute:
    """The element type of what leaves a neuron."""
    if d.threshold is None:
        return f64
    return i1 if d.most == 1 else IntegerType(count_bits(d.most))


def count_bits(most: int) -> int:
    """Of the narrowest type that holds a count."""
    return next(bits for bits in (8, 16, 32) if most < 1 << bits)


def equations_of(d: Dynamics, arriving: list[list[str]], *, before: bool) -> Equations:
    """The equations of `Dynamics`, for inputs by receptor; u is a state where `before`."""

    def equations(b: Body, **p: Scalar) -> Outputs:
        drive = p["bias"]
        currents: list[Scalar] = []
        for k, names in enumerate(arriving):
            total: Scalar | None = p[f"current{k}"] * p[f"j{k}"] if d.currents else None
            if d.current_biases and total is not None:
                total = total + p[f"current_bias{k}"]
            for name in names:
                total = p[name] if total is None else total + p[name]
            if d.currents:
                assert total is not None
                currents.append(total)
            if total is not None:
                drive = drive + total
        left = p["decay"] * p["v"]
        if d.leak is not None:  # towards 0
            up, down = left + p["leak"], left - p["leak"]
            left = b.maximum(down, 0.0) + b.minimum(up, 0.0)
        u = left + drive
        if d.threshold is None:
            return [u], [*currents, u, *([u] if before else [])]
        if d.most > 1:
            spikes = b.count(u / p["threshold"], d.most, count_bits(d.most))
        else:
            spikes = b.spike(u - p["threshold"], "ge" if d.reaches else "gt")
        fired = b.to_float(spikes)
        if d.reset == "subtract":
            after = u - fired * p["amount"]
        elif d.reset == "zero":
            after = u - fired * u if d.most > 1 else b.select(spikes, b.constant(0.0, f64), u)
        else:
            after = u
        if d.floor is not None:
            lifted = u + p["floor"] if d.reset == "subtract" else b.constant(0.0, f64)
            below = b.select(b.compare("lt", u + p["floor"], 0.0), lifted, u)
            after = b.select(spikes, after, below)
        return [spikes], [*currents, after, *([u] if before else [])]

    return equations


def in_step_order(graph: SpikingGraph) -> list[str]:
    """Populations, those first whose spikes arrive in the same step."""
    before = {
        name: {p.source for p in graph.into(name) if not p.delay and p.source in graph.populations}
        for name in graph.populations
    }
    ordered: list[str] = []
    while before:
        name = next(name for name, needed in before.items() if not needed - set(ordered))
        ordered.append(name)
        del before[name]
    return ordered
