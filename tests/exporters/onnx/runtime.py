"""Runs exported models in onnxruntime, its optimisations switched off."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnxruntime
from onnx import ModelProto, ValueInfoProto

from snncc.dialects.arrays import Array
from snncc.exporters.onnx.model import onnx_model
from snncc.network import Network

QUIET = 3
"""Of onnxruntime's levels: without its notes on states that have a default."""


class Session:
    """A model in onnxruntime; `also` are values inside of it that it gives too."""

    def __init__(self, model: ModelProto, also: Iterable[str] = ()):
        given = {output.name for output in model.graph.output}
        for name in also:
            if name not in given:
                model.graph.output.append(ValueInfoProto(name=name))
        options = onnxruntime.SessionOptions()
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = QUIET
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            model.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        self.names = [output.name for output in self.session.get_outputs()]

    def __call__(self, feed: Mapping[str, Array]) -> dict[str, Array]:
        results = self.session.run(None, dict(feed))
        return dict(zip(self.names, results, strict=True))


def next_states(model: ModelProto) -> dict[str, str]:
    """Input -> output of each state, by the model's metadata."""
    return dict(
        entry.value.split("|")
        for entry in model.metadata_props
        if entry.key.startswith("snncc.state.")
    )


def run_steps(network: Network, x: Mapping[str, Array]) -> dict[str, Array]:
    """The step model over time: the first states are the model's defaults."""
    model = onnx_model(network.module, network.op)
    session, states = Session(model), next_states(model)
    steps = next(iter(x.values())).shape[0]
    outputs: dict[str, list[Array]] = {name: [] for name in network.outputs}
    carried: dict[str, Array] = {}
    for t in range(steps):
        found = session({**{name: array[t] for name, array in x.items()}, **carried})
        carried = {before: found[after] for before, after in states.items()}
        for name, parts in outputs.items():
            parts.append(found[name])
    return {name: np.stack(parts) for name, parts in outputs.items()}


def run_scan(network: Network, x: Mapping[str, Array]) -> dict[str, Array]:
    """The sequence model."""
    found = Session(onnx_model(network.module, network.op, scan=True))(x)
    return {name: found[name] for name in network.outputs}
