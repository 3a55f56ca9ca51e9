"""
Floats behind the whole numbers of a chip, for training on its model.

    whole = clip(round(shadow / step), low, high)        d whole / d shadow = 1 / step

The shadow is in the units of the network that was compiled, the step is what one whole number is
worth there. The gradient passes straight through rounding and ends. Where the chip has no synapse
there is none in training either. A neuron that has few different weights keeps those that it
has: its whole numbers are the nearest of these, and 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects.builtin import f32
from xdsl.ir import SSAValue

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description, Edge
from snncc.dialects.core.program import PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.passes.chip_model.units import configured, parameter_factor, weight_factor


@dataclass(frozen=True)
class Learning:
    """What of a program is learned, and with which surrogate of its spikes."""

    surrogate: SurrogateAttr | None
    """A function of the membrane above the threshold, in the units of the network."""
    tables: frozenset[str]
    """Of synapses, by name."""
    biases: frozenset[str]
    """Populations whose biases are learned."""


@dataclass(frozen=True)
class Shadow:
    """Float32 behind whole numbers: a table's [targets, sources], or a bias' [neurons]."""

    start: Array
    step: Array
    """[targets, 1] or [neurons], float32."""
    low: int
    high: int
    exists: Array | None = None
    """Where there is a synapse; None: everywhere."""
    levels: Sequence[Array] = field(default=())
    """What a neuron may have beside 0, [targets, 1] each; none: all whole numbers."""

    def whole(self, shadow: Array) -> Array:
        """The whole numbers of a shadow, int64: what the network computes with."""
        scaled = shadow.astype(np.float32) / self.step
        held = np.clip(np.rint(scaled), np.float32(self.low), np.float32(self.high))
        if self.levels:
            held = np.zeros_like(scaled)
            for level in self.levels:
                nearer = np.abs(scaled - level) < np.abs(scaled - held)
                held = np.where(nearer, level, held)
        if self.exists is not None:
            held = np.where(self.exists, held, 0)
        return np.asarray(held.astype(np.int64))

    def written(self, a: Assembly, name: str) -> SSAValue:
        """The whole numbers in a network in which the shadow is a learnable parameter."""
        low, high = min(self.low, 0), max(self.high, 0)
        width = next(w for w in (8, 16, 32) if -(1 << w - 1) <= low and high < 1 << w - 1)

        def rounded(b: Body, **ports: Scalar) -> Outputs:
            scaled = ports["shadow"] / ports["step"]
            held = b.clamp(b.round_even(scaled), float(self.low), float(self.high))
            if self.levels:
                held = b.constant(0.0)
                for k in range(len(self.levels)):
                    level = ports[f"level{k}"]
                    nearer = b.compare("lt", b.absolute(scaled - level), b.absolute(scaled - held))
                    held = b.select(nearer, level, held)
            if "exists" in ports:
                zero = b.constant(0.0)
                held = b.select(ports["exists"], held, zero)
                scaled = b.select(ports["exists"], scaled, zero)
            return [b.straight_through(b.to_integer(held, width), scaled)], []

        parameters = {
            "shadow": a.learnable(name, self.start),
            "step": a.parameter(f"{name}.step", self.step),
        }
        if self.exists is not None:
            parameters["exists"] = a.parameter(f"{name}.exists", self.exists)
        for k, level in enumerate(self.levels):
            parameters[f"level{k}"] = a.parameter(f"{name}.level{k}", level)
        made = build_neuron(
            rounded,
            inputs={},
            states={},
            parameters=parameters,
            population=self.start.shape,
            float_type=f32,
            node=f"{name}.rounded",
        )
        return a.add(made)


def shadows_of(
    program: ProgramOp, description: Description, learning: Learning
) -> dict[str, Shadow]:
    """By table, and POPULATION.BIAS. The program has scales."""
    found: dict[str, Shadow] = {}
    for op in program.synapses:
        if op.sym_name.data in learning.tables:
            assert isinstance(op, SynapsesOp), "a table"
            found[op.sym_name.data] = _of_table(op, program, description)
    for name in sorted(learning.biases):
        population = program.populations[name]
        key = description.neurons[population.neuron_class.data].approximates.bias
        assert key is not None, f"{name} has no bias"
        found[f"{name}.{key}"] = _of_bias(population, key, description)
    return found


def _of_table(op: SynapsesOp, program: ProgramOp, description: Description) -> Shadow:
    edge = description.edges[op.edge.data]
    factor = weight_factor(op, program, description)
    assert factor is not None, "a program with scales"
    step = (1.0 / factor).astype(np.float32)[:, None]
    sources, targets, weights = op.table()
    shape = (program.endings[op.target_name].size, program.endings[op.source_name].size)
    whole, exists = np.zeros(shape, np.float32), np.zeros(shape, np.bool_)
    whole[targets, sources], exists[targets, sources] = weights, True
    return Shadow(
        whole * step,
        step,
        edge.low,
        edge.high,
        None if exists.all() else exists,
        () if edge.levels is None else _levels(whole, edge),
    )


def _levels(whole: Array, edge: Edge) -> list[Array]:
    """The different weights of each neuron; 0 where it has fewer than the others."""
    rows = [np.unique(row[row != 0]) for row in whole]
    most = max((len(row) for row in rows), default=0)
    assert edge.levels is not None
    assert most <= edge.levels, "weights that the chip has"
    padded = np.zeros((most, len(rows), 1), np.float32)
    for target, row in enumerate(rows):
        padded[: len(row), target, 0] = row
    return list(padded)


def _of_bias(op: PopulationOp, key: str, description: Description) -> Shadow:
    factor = parameter_factor(op, key, description)
    assert factor is not None, "a program with scales"
    step = (1.0 / factor).astype(np.float32)
    p = description.neurons[op.neuron_class.data].parameters[key]
    whole = configured(op, key, description).astype(np.float32)
    return Shadow(whole * step, step, p.low, p.high)
