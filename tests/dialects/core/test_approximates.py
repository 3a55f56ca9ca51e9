"""What a description says its equations approximate is what they approximate."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.ir import Operation

from snncc.cores.chips import chip_named, known_chips
from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core.description import INPUT, Description, Edge, Neuron
from snncc.dialects.core.program import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.snn.parameters import ParameterOp
from snncc.network import Network
from snncc.passes.chip_model import model_of
from snncc.passes.legalization.decays import decay_of
from snncc.passes.legalization.graph import (
    Dynamics,
    Output,
    Population,
    Projection,
    SpikingGraph,
)
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.sparse import Sparse

SIZE, STEPS = 24, 40
CASES = [
    (chip, name)
    for chip in known_chips()
    if chip_named(chip).execution == "timestep"
    for name in chip_named(chip).neurons
]


def parameters_of(neuron: Neuron, rng: np.random.Generator, threshold: float) -> dict[str, Array]:
    """Decays of .5 to .9, no bias, a threshold that is a share of the largest one."""
    a = neuron.approximates
    found = {}
    for name, p in neuron.parameters.items():
        shape = (neuron.receptors, SIZE) if p.per == "receptor" else (SIZE,)
        value = np.full(shape, p.default if p.default is not None else max(p.low, 0))
        decays = [a.membrane] + ([a.current.decay] if a.current else [])
        decay = next((d for d in decays if d.parameter == name), None)
        if decay is not None:
            every = np.arange(p.low, p.high + 1)
            kept = decay_of(decay, every)
            choices = every[(kept >= 0.5) & (kept <= 0.9)]
            value = rng.choice(choices, SIZE if p.per != "class" else 1) + 0 * value
        if name == a.threshold:
            value = np.full(shape, int(threshold))
        found[name] = np.broadcast_to(value, shape)
    return found


def reachable(description: Description, name: str) -> Description:
    """The chip with inputs that reach the class directly."""
    edge = Edge(source=INPUT, target=name, low=-128, high=127, latency=0)
    return description.model_copy(update={"edges": {"e": edge}})


def fires_or_not(chip: str, name: str) -> tuple[bool, ...]:
    """A readout never does."""
    is_readout = chip_named(chip).neurons[name].approximates.threshold is None
    return (False,) if is_readout else (False, True)


@pytest.mark.parametrize(
    ("chip", "name", "fires"), [(*case, f) for case in CASES for f in fires_or_not(*case)]
)
def test_equations(chip: str, name: str, fires: bool) -> None:
    description = reachable(chip_named(chip), name)
    neuron = description.neurons[name]
    a = neuron.approximates
    rng = np.random.default_rng(sum(map(ord, chip + name)))
    # weights of a few parts of a register: nothing saturates, and rounding is small beside them
    room = 2.0 ** (min(16, neuron.states[neuron.membrane].bits) - 1)
    top = neuron.parameters[a.threshold].high if a.threshold else 0
    threshold = min(top, room / 4) / 2.0**a.threshold_shift if fires else top
    largest = min(100, max(2, int(room / 40))) if fires else min(100, max(2, int(room / 200)))
    weights = rng.integers(-largest // 3, largest + 1, (4, SIZE))
    if fires:
        weights = np.maximum(np.abs(weights), 1)
        unit = 2.0 ** (neuron.arrivals.shift - a.threshold_shift)
        threshold = max(2, min(threshold, 3 * largest * unit))
    numbers = parameters_of(neuron, rng, threshold)
    kinds: list[str | None] = list(a.reset.kinds) if a.reset and fires else [None]
    for kind in kinds:
        if kind is not None and a.reset is not None and a.reset.select in numbers:
            numbers[a.reset.select] = np.full(SIZE, a.reset.kinds[kind])
        settings = dict.fromkeys(description.settings, 0)
        if kind is not None and a.reset is not None and a.reset.select in settings:
            settings[a.reset.select] = a.reset.kinds[kind]
        x = (rng.random((STEPS, 4)) < 0.4).astype(np.uint8)
        op = program(description, name, numbers, weights, settings)
        trace = Network(model_of(op, description)).run(x, trace=True)
        ideal = Network(float_model(graph(neuron, numbers, weights, kind, threshold)))
        wanted = ideal.run(x.astype(np.float64), trace=True)
        got, real = trace[f"n.{neuron.membrane}"], wanted["n.v"]
        if fires:
            assert trace["n"].any()
            # a spike that comes a step later counts twice; a wrong reset moves a third of them
            assert (trace["n"] != wanted["n"]).mean() <= 0.1
        else:
            # a step rounds at most three times by 1, and a decay of .9 forgets it: 3 / (1 - .9);
            # so does a current, whose error the membrane adds up
            assert np.abs(got - real).max() <= 30 + 100 * (a.current is not None)
            assert np.abs(real).max() > 20


def program(
    description: Description,
    name: str,
    numbers: dict[str, Array],
    weights: Array,
    settings: dict[str, int],
) -> ProgramOp:
    parameters: list[Operation] = []

    def parameter(symbol: str, values: Array) -> str:
        parameters.append(ParameterOp(symbol, type_of(values), blob_of(values)))
        return symbol

    symbols = {k: parameter(f"n.{k}", v.astype(np.int32)) for k, v in numbers.items()}
    sources, targets = np.nonzero(weights)
    arrays = (
        parameter("s", sources.astype(np.int32)),
        parameter("t", targets.astype(np.int32)),
        parameter("w", weights[sources, targets].astype(np.int16)),
    )
    op = ProgramOp(
        "net",
        description.name,
        settings,
        [
            InputOp("x", [4]),
            PopulationOp("n", name, [SIZE], symbols),
            SynapsesOp("e0", "x", "n", "e", 0, 0, arrays),
            OutputOp("y", "n", 0),
        ],
    )
    ModuleOp([*parameters, op]).verify()
    return op


def graph(
    neuron: Neuron, numbers: dict[str, Array], weights: Array, kind: str | None, threshold: float
) -> SpikingGraph:
    a = neuron.approximates
    decay = decay_of(a.membrane, numbers[a.membrane.parameter]) if a.membrane.parameter else 1.0
    decay = np.broadcast_to(decay, (SIZE,))
    gain, currents = np.full(SIZE, 2.0**neuron.arrivals.shift), ()
    if a.current is not None:
        row = numbers[a.current.decay.parameter or ""].reshape(-1, SIZE)[0]
        alpha = decay_of(a.current.decay, row)
        currents = (alpha,)
        gain = gain * (alpha if a.current.gain == "decay" else 1.0)
    theta = np.full(SIZE, int(threshold) * 2.0**a.threshold_shift)
    amount = theta / decay if a.reset and a.reset.after == "decay" else theta
    d = Dynamics(
        decay,
        np.zeros(SIZE),
        currents,
        threshold=theta if a.threshold else None,
        reaches=a.compare == "ge",
        reset="none" if kind is None else kind,  # type: ignore[arg-type]
        amount=amount,
        most=neuron.most,
    )
    matrix = Sparse.of_dense(weights.T * gain[:, None])
    return SpikingGraph(
        "net",
        {"x": (4,)},
        {"n": Population("n", (SIZE,), d)},
        (Projection("x", "n", 0, 0, matrix),),
        {"y": Output("n")},
    )
