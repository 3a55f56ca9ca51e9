"""`legalize`: a network in the arithmetic of a chip, and what each step to it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from snncc.cores.events import ChipModel, running
from snncc.cores.measure import Cost, Data, Trace, cost, run
from snncc.cores.wraps import wrapped
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.errors import Problem, SnnccError
from snncc.network import Network
from snncc.passes.core_order import inhibition_first, set_order
from snncc.passes.core_place import place_on_one_core
from snncc.passes.core_route import place_on_mesh
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.faults import Fault, Unfit
from snncc.passes.legalization.integers import Integers
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.observed import write_activity
from snncc.passes.legalization.plan import NEURONS, Plan, faults_of, planned
from snncc.pipelines import PipelineOptions, run_pipeline

TRIES = 5
"""Scales for registers that wrap, each smaller than the one before."""
ROOM = 1.25
"""By how much."""


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
    """Parameters and a `core.program`, placed."""
    model: ChipModel
    """The chip's bit-exact model."""
    description: Description
    steps: tuple[Step, ...]
    lags: dict[str, int]
    """Steps by which each population is behind the network."""
    scales: dict[str, Array]
    """Population -> what 1 of its membrane is on the chip, [n]."""
    calibrated: ModuleOp
    """The network with what the data do in it: `snn-legalize` makes the same program of it."""

    @property
    def program(self) -> ProgramOp:
        return _program(self.module)


def _program(module: ModuleOp) -> ProgramOp:
    return next(op for op in module.ops if isinstance(op, ProgramOp))


def fused(network: Network) -> ModuleOp:
    """The network as populations are read from it: parameters folded, arithmetic in bodies."""
    return run_pipeline(network.module, Context(), PipelineOptions(fold="all"), until="fuse")


def network_of(module: ModuleOp) -> snn.NetworkOp:
    """The only network of a module."""
    return next(op for op in module.ops if isinstance(op, snn.NetworkOp))


def refused(faults: Sequence[Fault]) -> SnnccError:
    """What does not fit as the errors that users see."""
    return SnnccError([Problem(f.code, f.message, node=f.node, remedy=f.remedy) for f in faults])


def legalize(
    network: Network, description: Description, data: Data, score: str | None = None
) -> Legalized:
    """
    `data` are spikes or counts as the chip is to take them. Raises SnnccError: everything that
    does not fit, with its node.
    """
    given = fused(network)
    try:
        plan = planned(network_of(given), description)
        return _Legalization(given, plan, data, score).run()
    except Unfit as unfit:
        raise refused(unfit.faults) from None


def problems_of(network: Network, description: Description) -> list[Problem]:
    """All that keeps a network from a chip, as far as it shows without data."""
    found = faults_of(network_of(fused(network)), description)
    return list(refused(found).problems) if found else []


Candidate: TypeAlias = tuple[Integers, Activity, dict[str, int], tuple[ChipModel, Trace, list[str]]]
"""A program, what it was made for, what wraps, and its run."""


class _Legalization:
    def __init__(self, given: ModuleOp, plan: Plan, data: Data, score: str | None):
        graph = plan.graph
        widest = max((p.size for p in graph.populations.values()), default=1)
        self.given = given
        self.plan = plan
        self.data = data.limited(widest)
        self.scored = None
        if data.labels is not None:
            self.scored = graph.outputs[score or next(iter(graph.outputs))].source
        self.steps: list[Step] = []
        self.reference: Trace | None = None

    def run(self) -> Legalized:
        plan, lags = self.plan, self.plan.lags
        self.reference = run(Network(self.given), self.data, dict.fromkeys(lags, 0))
        self._tell("network", (), self.reference)
        trace = self.reference
        for stage in plan.stages:
            seen = stage.name == NEURONS  # what scales follow from
            model = Network(float_model(stage.graph, before=seen))
            trace = run(model, self.data.as_floats(), stage.lags, states=seen)
            self._tell(stage.name, stage.changes, trace)
        whole, activity, wraps, ran = self._better(trace.activity(self.data), lags)
        chip, trace, order = ran
        write_activity(self.given, network_of(self.given), activity)
        changes = [
            f"{name}: {count} weights are at the ends of the range"
            for name, count in whole.clipped.items()
        ]
        changes += [
            f"{name}: {count} neurons wrap on the calibration data, or hear one that does"
            for name, count in wraps.items()
        ]
        self._tell("whole numbers", changes + order, trace)
        module = whole.module
        if plan.description.grid.routed:
            placed = place_on_mesh(module, plan.description, trace.activity(self.data).rates)
            module = placed.module
            lags = {name: lag + placed.later[name] for name, lag in lags.items()}
            if placed.relayed:
                chip = running(_program(module), plan.description)
                trace = run(chip, self.data, lags)
            self._tell("cores", placed.changes, trace)
        steps = tuple(self.steps)
        return Legalized(module, chip, plan.description, steps, lags, whole.scales, self.given)

    def _better(self, activity: Activity, lags: dict[str, int]) -> Candidate:
        """
        Of weights whose errors cancel and the nearest ones, which need no spikes of single
        samples: what the labels say, and then what moves fewer spikes. Both are whole programs.
        """
        found: list[tuple[tuple[float, float], Candidate]] = []
        for tried in (activity, replace(activity, spikes={})):
            whole, used, wraps = self._whole(tried)
            ran = self._ordered(whole.module, lags)
            found.append((self._rank(ran[1]), (whole, used, wraps, ran)))
            if found[0][0][1] == 0.0:
                break  # nothing moves
        return min(found, key=lambda entry: entry[0])[1]

    def _rank(self, trace: Trace) -> tuple[float, float]:
        """Less is better."""
        assert self.reference is not None
        found = cost(self.reference, trace, self.data, self.scored)
        return -(found.accuracy or 0.0), found.moved

    def _whole(self, activity: Activity) -> tuple[Integers, Activity, dict[str, int]]:
        """
        The program, what it was made for, and which registers wrap on the calibration data: where
        some do, scales are made smaller, which leaves them more room.
        """
        plan = self.plan
        for attempt in range(TRIES):
            whole = plan.integers(activity)
            if not plan.description.grid.routed:  # sources are added in the order of their slots
                place_on_one_core(whole.module, plan.description)
            wraps = wrapped(whole.program, plan.description, self.data.arrays)
            if not wraps or attempt == TRIES - 1:
                break
            more = {name: ROOM * activity.before[name] for name in wraps if name in activity.before}
            activity = replace(activity, before={**activity.before, **more})
        return whole, activity, wraps

    def _ordered(
        self, module: ModuleOp, lags: dict[str, int]
    ) -> tuple[ChipModel, Trace, list[str]]:
        """
        The chip's model and its run. A chip of events is sent those of a step in the better of two
        orders, by accuracy and then by spikes that move; what is not the ascending one is told.
        """
        program = next(op for op in module.ops if isinstance(op, ProgramOp))
        model = running(program, self.plan.description)
        trace = run(model, self.data, lags)
        if self.plan.description.execution != "events":
            return model, trace, []
        assert self.reference is not None
        set_order(module, inhibition_first(program))
        other = run(model, self.data, lags)
        costs = [cost(self.reference, t, self.data, self.scored) for t in (trace, other)]
        ascending, sums = ((-(c.accuracy or 0.0), c.moved) for c in costs)
        if sums < ascending:
            less, more = (f"{100 * c.moved:.1f} %" for c in costs[::-1])
            told = (
                f"events of a step: by the sum of their weights, ascending ({less} of spikes move"
            )
            return model, other, [f"{told}; {more} in the order of the inputs)"]
        set_order(module, None)
        return model, trace, []

    def _tell(self, name: str, changes: Sequence[str], trace: Trace) -> None:
        assert self.reference is not None
        self.steps.append(
            Step(name, tuple(changes), cost(self.reference, trace, self.data, self.scored))
        )


__all__ = ["Legalized", "Step", "legalize", "problems_of"]
