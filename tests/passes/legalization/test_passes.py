"""The passes of the road to a chip make what its driver makes, and their last network runs."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import PassPipeline

from snncc.cores.chips import chip_named
from snncc.cores.events import running
from snncc.cores.legalize import Legalized, legalize
from snncc.cores.measure import Data
from snncc.dialects.arrays import Array
from snncc.dialects.core.order import OrderOp
from snncc.dialects.core.program import ProgramOp
from snncc.network import Network
from snncc.passes import get_all_passes
from snncc.passes.legalization.activity import USUAL_RATE
from snncc.passes.legalization.assumed import DEVIATIONS, assumed
from snncc.passes.legalization.graph import Dynamics, Output, Population, Projection, SpikingGraph
from snncc.passes.legalization.sparse import Sparse
from tests.cores.networks import small as with_currents
from tests.spiking_graphs import network_of, small

NETWORKS = {
    "xylo": lambda: with_currents(hidden=12),
    "reckon": lambda: network_of(small("reckon")),
    "tinyodin": lambda: network_of(small("tinyodin")),
    "ranc": lambda: network_of(small("tinyodin")),
}


def run_passes(module: ModuleOp, pipeline: str) -> ModuleOp:
    """A copy of a module behind passes, which verifies after each."""
    found = module.clone()
    passes = PassPipeline.parse_spec(get_all_passes(), pipeline, lambda *_: found.verify())
    passes.apply(Context(), found)
    return found


def data_for(network: Network) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    return {
        name: (rng.random((16, 4, *shape)) < 0.3).astype(np.uint8)
        for name, shape in network.inputs.items()
    }


@pytest.fixture(scope="module", params=sorted(NETWORKS))
def road(request: pytest.FixtureRequest) -> tuple[Network, Legalized, dict[str, Array]]:
    network = NETWORKS[request.param]()
    x = data_for(network)
    return network, legalize(network, chip_named(request.param), Data(x)), x


def place(legal: Legalized) -> str:
    return "core-route" if legal.description.grid.routed else "core-place"


def test_driver_and_passes_make_the_same_program(road) -> None:
    _, legal, _ = road
    chip = legal.description.name
    reordered = any(isinstance(op, OrderOp) for op in legal.program.body.block.ops)
    steps = [f"snn-legalize{{chip={chip}}}", place(legal), "core-verify"]
    made = run_passes(legal.calibrated, ",".join([*steps, *["core-order"] * reordered]))
    assert str(made) == str(legal.module)


def test_the_normal_form_is_its_own(road) -> None:
    """Its text has all of a graph: what is read of it is what was read of the network."""
    _, legal, _ = road
    once = run_passes(legal.calibrated, "snn-normal-form")
    assert str(run_passes(once, "snn-normal-form")) == str(once)


def test_the_model_of_the_passes_is_the_chip_without_data(road) -> None:
    network, legal, x = road
    chip, description = legal.description.name, legal.description
    program = run_passes(network.module, f"snn-legalize{{chip={chip}}},{place(legal)},core-verify")
    if description.execution == "events":  # a step of whose model is an event
        assert run_passes(program, "core-to-snn").ops.first is not None
        return
    got = Network(run_passes(program, "core-to-snn")).run(x)
    (op,) = (op for op in program.ops if isinstance(op, ProgramOp))
    wanted = running(op, description).run(x)
    assert wanted.keys() == got.keys()
    for name, array in wanted.items():
        assert array.any()
        np.testing.assert_array_equal(got[name], array)


def test_what_is_assumed_is_what_random_spikes_do() -> None:
    """
    Means and deviations of 4000 independent samples, long after the start: an estimate of a mean
    is off by 5 / sqrt(4000) = .08 deviations at most (but for one in 1.7 million), one of a
    deviation by 5 / sqrt(8000) = .056 of it.
    """
    samples, steps = 4000, 80
    rng = np.random.default_rng(0)
    weights = rng.normal(0.1, 0.5, (3, 40))
    alpha, decay = np.array([0.0, 0.5, 0.75]), np.array([0.875, 0.75, 0.75])
    bias = np.array([0.0, 0.25, -0.5])
    d = Dynamics(decay, bias, currents=(alpha,))
    graph = SpikingGraph(
        "g",
        {"x": (40,)},
        {"y": Population("y", (3,), d)},
        (Projection("x", "y", 0, 0, Sparse.of_dense(weights)),),
        {"out": Output("y")},
    )
    found = assumed(graph)
    current, membrane = np.zeros((samples, 3)), np.zeros((samples, 3))
    for _ in range(steps):
        fired = rng.random((samples, 40)) < USUAL_RATE
        current = alpha * current + fired @ weights.T
        membrane = decay * membrane + current + bias
    for values, room in ((current, found.currents["y"][0]), (membrane, found.largest["y"])):
        mean, deviation = values.mean(axis=0), values.std(axis=0)
        # a source fires once in a step or not at all: r (1 - r), where r is taken
        taken = deviation / np.sqrt(1 - USUAL_RATE)
        off = np.abs(room - (np.abs(mean) + DEVIATIONS * taken))
        assert (off <= (0.08 + DEVIATIONS * 0.056) * deviation).all()
