"""Networks in the normal form that chips see, in numbers, and as files."""

from __future__ import annotations

import numpy as np

from snncc.network import Network
from snncc.passes.legalization.graph import Dynamics, Output, Population, Projection, SpikingGraph
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.sparse import Sparse


def dynamics(size: int, decay, reset: str = "none", threshold=None, bias=0.0) -> Dynamics:
    """Neurons that reach their threshold; `subtract` takes what ReckOn takes."""
    decay = np.broadcast_to(np.asarray(decay, np.float64), size).copy()
    theta = None
    if threshold is not None:
        theta = np.broadcast_to(np.asarray(threshold, np.float64), size).copy()
    amount = theta / decay if reset == "subtract" and theta is not None else None
    return Dynamics(
        decay,
        np.full(size, float(bias)),
        threshold=theta,
        reaches=True,
        reset=reset,  # type: ignore[arg-type]
        amount=amount,
    )


def graph(name: str, inputs: dict[str, int], layers: dict[str, Dynamics], edges) -> SpikingGraph:
    """`edges` are (source, target, delay, weights [targets, sources]); the last layer is given."""
    return SpikingGraph(
        name,
        {key: (size,) for key, size in inputs.items()},
        {key: Population(key, (d.size,), d) for key, d in layers.items()},
        tuple(Projection(s, t, 0, delay, Sparse.of_dense(w)) for s, t, delay, w in edges),
        {"out": Output(list(layers)[-1])},
    )


def small(chip: str, seed: int = 0, **other) -> SpikingGraph:
    """A network with one hidden layer that reckon or tinyodin runs; `other` go to that layer."""
    draw = np.random.default_rng(seed)
    n, i, o = 7, 4, 3
    w, y = draw.normal(0.3, 0.5, (n, i)), draw.normal(0.2, 0.4, (o, n))
    if chip == "tinyodin":
        hidden = dynamics(n, 1.0, "zero", 1.0) if not other else dynamics(n, **other)
        layers = {"h": hidden, "y": dynamics(o, 1.0, "zero", 1.0)}
        return graph(chip, {"x": i}, layers, [("x", "h", 0, w), ("h", "y", 0, y)])
    r = draw.normal(0, 0.3, (n, n)) * (1 - np.eye(n))
    hidden = dynamics(n, 0.9375, "subtract", 1.0) if not other else dynamics(n, **other)
    layers = {"h": hidden, "y": dynamics(o, 0.9375)}
    edges = [("x", "h", 0, w), ("h", "h", 1, r), ("h", "y", 1, y)]
    return graph(chip, {"x": i}, layers, edges)


def network_of(g: SpikingGraph) -> Network:
    return Network(float_model(g))
