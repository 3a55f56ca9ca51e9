"""
Random networks on Xylo, and what the vendor's simulator, `xylosim.v2`, makes of them.

The networks are drawn so that their layers are alive; some saturate, some do not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.neurons.xylo_configuration import Configuration, Matrix, Population
from tests.tools import require_module

RATES = (0.02, 0.90)
LARGEST = 32767


@dataclass(frozen=True)
class Simulated:
    """What the simulator records, [T, neurons]; currents [synapses, T, neurons]."""

    hidden_currents: Array
    hidden_membrane: Array
    hidden_spikes: Array
    """With what aliases add."""
    readout_currents: Array
    readout_membrane: Array
    readout_spikes: Array

    def rates(self) -> tuple[float, float]:
        return float((self.hidden_spikes > 0).mean()), float((self.readout_spikes > 0).mean())


def simulate(configuration: Configuration, x: Array) -> Simulated:
    """Runs the simulator on counts [T, inputs]."""
    v2 = require_module("xylosim.v2")

    def two(values: Array) -> Array:
        """The simulator always has two synapses: the second one without weights."""
        return np.concatenate([values, np.zeros_like(values)])[:2]

    def synapses(matrix: Matrix) -> list[list[object]]:
        return [
            [
                v2.XyloSynapse(target, k, int(weights[source, target]))
                for k, weights in enumerate(two(matrix.weights))
                for target in np.flatnonzero(weights[source])
            ]
            for source in range(matrix.weights.shape[1])
        ]

    hidden, readout = configuration.hidden, configuration.readout
    aliases: list[list[int]] = [[] for _ in range(hidden.size)]
    for source, target in configuration.aliases:
        aliases[source].append(target)
    # the layer keeps pointers to the synapses and does not own them: these names do
    inputs = synapses(configuration.input)
    recurrent = synapses(configuration.recurrent)
    outputs = synapses(configuration.output)
    layer = v2.XyloLayer(
        synapses_in=inputs,
        synapses_rec=recurrent,
        synapses_out=outputs,
        aliases=aliases,
        threshold=hidden.threshold.tolist(),
        threshold_out=readout.threshold.tolist(),
        has_bias=hidden.bias is not None,
        bias=_bias(hidden),
        bias_out=_bias(readout),
        weight_shift_inp=configuration.input.shift,
        weight_shift_rec=configuration.recurrent.shift,
        weight_shift_out=configuration.output.shift,
        dash_mem=hidden.dash_mem.tolist(),
        dash_mem_out=readout.dash_mem.tolist(),
        dash_syns=two(hidden.dash_syn).T.tolist(),
        dash_syns_out=two(readout.dash_syn).T.tolist(),
        name="layer",
    )
    y = np.array(layer.evolve(x.tolist()))
    result = Simulated(
        hidden_currents=_currents(hidden, layer.rec_i_syn, layer.rec_i_syn2),
        hidden_membrane=np.array(layer.rec_v_mem).T,
        hidden_spikes=np.array(layer.rec_recurrent_spikes),
        readout_currents=_currents(readout, layer.rec_i_syn_out, layer.rec_i_syn2_out),
        readout_membrane=np.array(layer.rec_v_mem_out).T,
        readout_spikes=y,
    )
    del layer, inputs, recurrent, outputs  # in this order
    return result


def _bias(population: Population) -> list[int]:
    if population.bias is None:
        return [0] * population.size
    return [int(value) for value in population.bias]


def _currents(population: Population, *records: list[list[int]]) -> Array:
    return np.array(records)[: len(population.dash_syn)].transpose(0, 2, 1)


def draw_alive(seed: int, steps: int) -> tuple[Configuration, Array]:
    """
    A network and counts [steps, inputs], alive in both layers.

    By seed: one synapse or two, feed-forward or recurrent, with biases, with aliases, and
    with shifts that saturate currents and membranes.
    """
    rng = np.random.default_rng(seed)
    for _ in range(50):
        configuration, x = _draw(rng, seed, steps)
        quiet = replace(configuration.readout, threshold=np.full(3, LARGEST))
        membrane = simulate(replace(configuration, readout=quiet), x).readout_membrane
        reached = np.quantile(membrane, rng.uniform(0.6, 0.95), axis=0, method="lower")
        readout = replace(quiet, threshold=np.clip(reached, 1, LARGEST).astype(np.int64))
        configuration = replace(configuration, readout=readout)
        if all(RATES[0] <= rate <= RATES[1] for rate in simulate(configuration, x).rates()):
            return configuration, x
    raise AssertionError(f"no network is alive with seed {seed}")


def _draw(rng: np.random.Generator, seed: int, steps: int) -> tuple[Configuration, Array]:
    inputs, neurons, outputs = int(rng.integers(3, 7)), int(rng.integers(6, 12)), 3
    synapses = 1 if seed % 4 == 3 else 2
    recurrent, has_bias, strong = seed % 3 != 2, seed % 4 != 1, seed % 5 < 2
    low, high = (3, 9) if strong else (0, 4)

    def matrix(layers: int, sources: int, targets: int, density: float) -> Matrix:
        shape = (layers, sources, targets)
        weights = rng.integers(-128, 128, shape) * (rng.random(shape) < density)
        return Matrix(weights, int(rng.integers(low, high)))

    def population(layers: int, size: int) -> Population:
        largest = 20000 if strong else 300
        return Population(
            threshold=np.minimum(rng.lognormal(6.5, 1.5, size).astype(np.int64) + 1, LARGEST),
            dash_mem=rng.integers(0, 10, size),
            dash_syn=rng.integers(0, 10, (layers, size)),
            bias=rng.integers(-largest, largest + 1, size) if has_bias else None,
        )

    aliases = [(s, int(t)) for s, t in enumerate(rng.permutation(neurons)) if s != t]
    configuration = Configuration(
        input=matrix(synapses, inputs, neurons, 0.7),
        recurrent=matrix(synapses, neurons, neurons, 0.4 if recurrent else 0.0),
        output=matrix(1, neurons, outputs, 0.7),
        hidden=population(synapses, neurons),
        readout=population(1, outputs),
        aliases=[pair for pair in aliases if rng.random() < 0.4] if seed % 2 == 0 else (),
    )
    counts = rng.integers(0, 20, (steps, inputs)) * (rng.random((steps, inputs)) < 0.4)
    return configuration, counts
