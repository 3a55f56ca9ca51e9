"""`legalize`: a network in the arithmetic of a chip, and what each step to it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from snncc.cores.measure import Cost, Data, Trace, cost, run
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.errors import Problem, SnnccError
from snncc.network import Network
from snncc.passes.chip_model import model_of
from snncc.passes.legalization.capacity import expect_room
from snncc.passes.legalization.classes import Classes, classes_of
from snncc.passes.legalization.faults import Faults, Unfit
from snncc.passes.legalization.forms import formed
from snncc.passes.legalization.graph import SpikingGraph
from snncc.passes.legalization.integers import whole_numbers
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.read import read_graph
from snncc.passes.legalization.timing import Timed, timed
from snncc.pipelines import PipelineOptions, run_pipeline


@dataclass(frozen=True)
class Step:
    """One step of legalization: what changed, and what it cost since the network was given."""

    name: str
    changes: tuple[str, ...]
    cost: Cost | None


@dataclass(frozen=True)
class Legalized:
    """A network in the numbers of a chip."""

    module: ModuleOp
    """Parameters and a `core.program`."""
    model: ModuleOp
    """The chip's bit-exact model."""
    description: Description
    steps: tuple[Step, ...]
    lags: dict[str, int]
    """Steps by which each population is behind the network."""
    scales: dict[str, Array]
    """Population -> what 1 of its membrane is on the chip, [n]."""

    @property
    def program(self) -> ProgramOp:
        return next(op for op in self.module.ops if isinstance(op, ProgramOp))


def fused(network: Network) -> ModuleOp:
    """The network as populations are read from it: parameters folded, arithmetic in bodies."""
    return run_pipeline(network.module, Context(), PipelineOptions(fold="all"), until="fuse")


def graph_of(module: ModuleOp) -> SpikingGraph:
    """The graph of populations of a `fused` network. Raises Unfit."""
    return read_graph(next(op for op in module.ops if isinstance(op, snn.NetworkOp)))


def refused(unfit: Unfit) -> SnnccError:
    """What does not fit as the errors that users see."""
    return SnnccError(
        [Problem(f.code, f.message, node=f.node, remedy=f.remedy) for f in unfit.faults]
    )


def legalize(
    network: Network, description: Description, data: Data, score: str | None = None
) -> Legalized:
    """
    `data` are spikes or counts as the chip is to take them. Raises SnnccError: everything that
    does not fit, with its node.
    """
    given = fused(network)
    try:
        return _Legalization(given, graph_of(given), description, data, score).run()
    except Unfit as unfit:
        raise refused(unfit) from None


class _Legalization:
    def __init__(
        self,
        given: ModuleOp,
        graph: SpikingGraph,
        description: Description,
        data: Data,
        score: str | None,
    ):
        self.given = given
        widest = max((p.size for p in graph.populations.values()), default=1)
        self.graph = graph
        self.description = description
        self.data = data.limited(widest)
        self.scored = None
        if data.labels is not None:
            self.scored = graph.outputs[score or next(iter(graph.outputs))].source
        self.steps: list[Step] = []
        self.reference: Trace | None = None

    def run(self) -> Legalized:
        faults = Faults()
        classes = classes_of(self.graph, self.description, faults)
        expect_room(self.graph, self.description, classes, faults)
        in_time = dict.fromkeys(self.graph.populations, 0)
        self.reference = run(self.given, self.data, in_time)
        self._tell("network", (), self.reference)
        self._measure("normal form", (), self.graph, in_time)
        placed = timed(self.graph, self.description, classes)
        in_lag = {name: placed.lags[name] for name in self.graph.populations}
        self._measure("latencies", [str(a) for a in placed.changed], placed.graph, in_lag)
        form = formed(placed.graph, self.description, classes, faults)
        faults.stop()
        trace = self._measure("neurons", form.changes, form.graph, in_lag, states=True)
        final = Timed(form.graph, placed.extra, placed.changed, placed.lags)
        whole = whole_numbers(
            final, form.forms, self.description, classes, trace.activity(self.data), faults
        )
        faults.stop()
        model = model_of(whole.program, self.description)
        changes = [
            f"{name}: {count} weights are at the ends of the range"
            for name, count in whole.clipped.items()
        ]
        found = run(model, self.data, in_lag)
        self._tell("whole numbers", changes, found)
        return Legalized(
            whole.module, model, self.description, tuple(self.steps), in_lag, whole.scales
        )

    def _measure(
        self,
        name: str,
        changes: Sequence[str],
        graph: SpikingGraph,
        lags: dict[str, int],
        *,
        states: bool = False,
    ) -> Trace:
        floats = Data(
            {key: array.astype(np.float64) for key, array in self.data.arrays.items()},
            self.data.labels,
        )
        trace = run(float_model(graph), floats, lags, states=states)
        self._tell(name, changes, trace)
        return trace

    def _tell(self, name: str, changes: Sequence[str], trace: Trace) -> None:
        assert self.reference is not None
        self.steps.append(
            Step(name, tuple(changes), cost(self.reference, trace, self.data, self.scored))
        )


__all__ = ["Classes", "Legalized", "Step", "graph_of", "legalize", "refused"]
