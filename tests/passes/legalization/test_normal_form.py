"""The normal form of a network computes what the network does."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snncc.cores.legalize import fused, network_of
from snncc.network import Network, load
from snncc.passes.legalization.faults import Unfit
from snncc.passes.legalization.graph import SpikingGraph
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.read import read_graph
from tests.passes.legalization.networks import (
    counting,
    cuba,
    layered,
    lif,
    lif_late,
    lif_scaled,
    readout,
    resting,
)
from tests.tools import shared_file

STEPS = 60


def graph(network: Network) -> SpikingGraph:
    return read_graph(network_of(fused(network)))


def expect_same(network: Network, seed: int = 0, *, most: float = 0.0) -> SpikingGraph:
    """Spikes are equal but for `most` of them, membranes to rounding; something fires."""
    found = graph(network)
    rng = np.random.default_rng(seed)
    x = {
        name: (rng.random((STEPS, 8, *shape)) < 0.3).astype(np.float32)
        for name, shape in network.inputs.items()
    }
    wanted = network.run(x)
    got = Network(float_model(found)).run({n: v.astype(np.float64) for n, v in x.items()})
    for name, array in wanted.items():
        assert array.any()
        if array.dtype.kind == "f":
            np.testing.assert_allclose(got[name], array, rtol=1e-4, atol=1e-4)
        else:
            assert (got[name] != array).mean() <= most * (array != 0).mean()
    return found


LIF = {"beta": 0.875, "theta": 1.0}
WRITTEN: dict[str, tuple[Any, tuple[str, ...], dict[str, float]]] = {
    "subtract": (lif("subtract", "ge"), ("v",), LIF),
    "zero": (lif("zero", "gt"), ("v",), LIF),
    "no reset": (lif("none", "ge"), ("v",), {"beta": 0.5, "theta": 1.0}),
    "late": (lif_late, ("v",), LIF),
    "scaled": (lif_scaled, ("v",), {"beta": 0.75, "theta": 2.0}),
    "resting": (resting, ("v",), {"beta": 0.75, "theta": -1.0}),
    "counts": (counting, ("v",), LIF),
    "new current": (cuba(False), ("i", "v"), {"alpha": 0.75, **LIF}),
    "old current": (cuba(True), ("i", "v"), {"alpha": 0.75, **LIF}),
    "readout": (readout, ("v",), {"beta": 0.9}),
}


NO_SPIKES = ("readout", "counts")
"""Ways whose output cannot be fed back as a spike."""


@pytest.mark.parametrize(
    ("name", "recurrent"),
    [(n, r) for n in WRITTEN for r in (False, True) if not (r and n in NO_SPIKES)],
)
def test_ways_to_write_a_neuron(name: str, recurrent: bool) -> None:
    equations, states, parameters = WRITTEN[name]
    rng = np.random.default_rng(len(name))
    # multiples of 1/64: no sum is rounded, and so no spike depends on an order
    weight = rng.integers(-20, 60, (12, 6)) / 64
    loop = rng.integers(-24, 24, (12, 12)) / 64 if recurrent else None
    # a bias of an old current arrives a step after the start, which the normal form leaves out
    bias = None if name == "old current" else rng.integers(-4, 5, 12) / 64
    found = expect_same(
        layered(
            equations,
            weight,
            states,
            parameters,
            recurrent=loop,
            bias=bias,
            late=2,
            start=-2.0 if name == "resting" else 0.0,
        )
    )
    dynamics = found.populations["n"].dynamics
    np.testing.assert_allclose(dynamics.decay, parameters["beta"], rtol=1e-6)
    delays = {p.delay for p in found.projections if p.source == "x"}
    assert delays == {3 if name == "old current" else 2}


def test_reset_after_the_decay_takes_more() -> None:
    found = graph(layered(lif_late, np.eye(3), ("v",), LIF))
    np.testing.assert_allclose(found.populations["n"].dynamics.amount, 1.0 / 0.875, rtol=1e-6)


@pytest.mark.parametrize(
    "path",
    [
        "nets/mlp_lif_digits/library.pt2",
        "corpus/no_lif_rec/seq.pt2",
        "corpus/sn_synaptic_sub/seq.pt2",
        "corpus/sn_rleaky_full/seq.pt2",
        "corpus/pt_conv_sumpool_readout/seq.pt2",
        "corpus/pt_residual/seq.pt2",
    ],
)
def test_trained_networks(path: str) -> None:
    network = load(shared_file(path))
    if any(name.startswith("held") for name in network.op.attributes):
        network.op.attributes.pop("held")  # the same network, driven step by step
    expect_same(network, most=0.02)


def test_what_has_no_form_is_named() -> None:
    """A maximum of spikes, a quadratic neuron, a graded spike: each with its node."""
    with pytest.raises(Unfit) as caught:
        graph(load(shared_file("corpus/sn_cnn_bn_maxpool/seq.pt2")))
    assert any("a maximum of weighted sums" in fault.message for fault in caught.value.faults)
    with pytest.raises(Unfit) as caught:
        graph(load(shared_file("corpus/sj_izhikevich/seq.pt2")))
    assert all(f.code == "SNC-N004" and f.node and f.remedy for f in caught.value.faults)
