"""`legalize`: a network in the arithmetic of a chip, and what each step to it cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
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
from snncc.passes.legalization.biases import Biased, with_bias_inputs
from snncc.passes.legalization.capacity import expect_room
from snncc.passes.legalization.classes import Classes, classes_of
from snncc.passes.legalization.faults import Faults, Unfit
from snncc.passes.legalization.fits import fitted
from snncc.passes.legalization.forms import Formed, formed
from snncc.passes.legalization.graph import Dynamics, Output, SpikingGraph
from snncc.passes.legalization.integers import Activity, Integers, whole_numbers
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.pools import expect_pools
from snncc.passes.legalization.read import read_graph
from snncc.passes.legalization.stand_ins import span
from snncc.passes.legalization.taps import Tapped, with_taps
from snncc.passes.legalization.timing import Timed, expect_delays, timed
from snncc.pipelines import PipelineOptions, run_pipeline

TRIES = 5
"""Scales for registers that wrap, each smaller than the one before."""
LEAST_LEVELS = 2
"""Different weights of a neuron, below which nothing is tried where there is no place for more."""
LOUD = 0.1
"""The share of the spikes above which what stand-ins move is no matter of rounding any more."""
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
    warnings: tuple[Problem, ...] = ()
    """What the user is to know, with codes."""

    @property
    def program(self) -> ProgramOp:
        return _program(self.module)


def _program(module: ModuleOp) -> ProgramOp:
    return next(op for op in module.ops if isinstance(op, ProgramOp))


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
    given, faults = fused(network), Faults()
    try:
        plan = _planned(given, description, faults)
        if faults.found:  # and those that show in numbers
            whole_numbers(plan.timed, plan.formed, description, plan.classes, Activity(), faults)
            faults.stop()
        return _Legalization(given, plan, data, score).run()
    except Unfit as unfit:
        raise refused(unfit) from None


def problems_of(network: Network, description: Description) -> list[Problem]:
    """
    All that keeps a network from a chip, as far as it shows without data; and warnings of what
    would stand for what the chip has not.
    """
    faults = Faults()
    try:
        plan = _planned(fused(network), description, faults)
        whole_numbers(plan.timed, plan.formed, description, plan.classes, Activity(), faults)
        faults.stop()
    except Unfit as unfit:
        return list(refused(unfit).problems)
    told = "it is fitted to calibration data, and what it costs is measured there"
    return [
        _stands_for(name, wanted, plan, told, loud=False)
        for name, wanted in plan.formed.fitted.items()
    ]


@dataclass(frozen=True)
class _Plan:
    """What follows from the network and the chip alone."""

    graph: SpikingGraph
    description: Description
    classes: Classes
    timed: Timed
    formed: Formed
    biased: Biased
    tapped: Tapped
    shown: Mapping[str, Output]
    """The outputs of the network: which populations the chip gives in other words."""


def _planned(given: ModuleOp, description: Description, faults: Faults) -> _Plan:
    """
    Adds every fault. Raises Unfit with them where no plan follows: without a class for each layer.
    """
    graph = graph_of(given)
    tapped = with_taps(graph, description, classes_of(graph, description, Faults()), faults)
    first = classes_of(tapped.graph, description, Faults())
    biased = with_bias_inputs(tapped.graph, description, first)
    shown, graph = graph.outputs, biased.graph
    classes = classes_of(graph, description, faults)
    nowhere = bool(faults.found)
    graph = expect_pools(graph, description, classes, faults)
    expect_room(graph, description, classes, faults)
    placed = timed(graph, description, classes)
    expect_delays(placed, description, faults)
    form = formed(placed.graph, description, classes, faults)
    if nowhere:
        faults.stop()
    return _Plan(graph, description, classes, placed, form, biased, tapped, shown)


class _Legalization:
    def __init__(self, given: ModuleOp, plan: _Plan, data: Data, score: str | None):
        graph = plan.graph
        widest = max((p.size for p in graph.populations.values()), default=1)
        self.given = given
        self.plan = plan
        self.data = data.limited(widest)
        self.scored = None
        if data.labels is not None:
            self.scored = plan.shown[score or next(iter(plan.shown))].source
        self.steps: list[Step] = []
        self.warnings: list[Problem] = []
        self.reference: Trace | None = None

    def run(self) -> Legalized:
        plan = self.plan
        in_time = dict.fromkeys(plan.graph.populations, 0)
        in_lag = {name: plan.timed.lags[name] for name in plan.graph.populations}
        self.reference = run(Network(self.given), self.data, in_time)
        self._tell("network", (), self.reference)
        self._measure("normal form", (), plan.graph, in_time)
        ways = (*plan.biased.changes, *plan.tapped.changes)
        if ways:
            self._measure("biases and outputs", ways, plan.graph, in_time)
        changed = [str(arrival) for arrival in plan.timed.changed]
        self._measure("latencies", changed, plan.timed.graph, in_lag)
        form = plan.formed
        trace = self._measure("neurons", form.changes, form.plain, in_lag, states=True)
        self._warn_of_neurons(form)
        if form.fitted:
            form, trace = self._fitted(form, in_lag)
        activity, placed = trace.activity(self.data), None
        for levels in _levels(plan.description):
            whole, wraps = self._whole(form, activity, levels)
            model, trace, order = self._ordered(whole.module, in_lag)
            if not plan.description.grid.routed:
                break
            try:
                rates = trace.activity(self.data).rates
                placed = place_on_mesh(whole.module, plan.description, rates)
                break
            except Unfit:
                if levels == LEAST_LEVELS:
                    raise
        changes = [
            f"{levels} different weights a neuron instead of {most}: no place was found for more"
            for most in _levels(plan.description)[:1]
            if levels != most
        ]
        changes += [
            f"{name}: {count} weights are at the ends of the range"
            for name, count in whole.clipped.items()
        ]
        changes += [
            f"{name}: biases become 0, too small beside the weights" for name in whole.unbiased
        ]
        changes += [
            f"{name}: {count} neurons wrap on the calibration data, or hear one that does"
            for name, count in wraps.items()
        ]
        self._tell("whole numbers", changes + order, trace)
        module, lags = whole.module, in_lag
        if placed is not None:
            module = placed.module
            lags = {name: lag + placed.later[name] for name, lag in in_lag.items()}
            if placed.relayed:
                model = running(_program(module), plan.description)
                trace = run(model, self.data, lags)
            self._tell("cores", placed.changes, trace)
        return Legalized(
            module,
            model,
            plan.description,
            tuple(self.steps),
            lags,
            whole.scales,
            tuple(self.warnings),
        )

    def _fitted(self, form: Formed, lags: dict[str, int]) -> tuple[Formed, Trace]:
        """
        What stands for dynamics that the chip has not, fitted to the data; warns of what it costs.
        """
        plan = self.plan
        assert self.reference is not None
        given = {**self.data.arrays, **self.reference.given}
        fits = fitted(form, plan.timed, plan.description, plan.classes, given)
        before = self.steps[-1].cost
        trace = self._measure("stand-ins", fits.changes, fits.formed.graph, lags, states=True)
        after = self.steps[-1].cost
        assert before is not None
        assert after is not None
        loud = after.moved - before.moved > LOUD
        told = (
            f"{100 * after.moved:.1f} % of all spikes are moved with what stands for others, "
            f"{100 * before.moved:.1f} % without, on the calibration data"
        )
        for name, wanted in form.fitted.items():
            self.warnings.append(_stands_for(name, wanted, plan, told, loud=loud))
        return fits.formed, trace

    def _warn_of_neurons(self, form: Formed) -> None:
        before, after = (step.cost for step in self.steps[-2:])
        assert before is not None
        assert after is not None
        moved = after.moved - before.moved
        if moved > LOUD:
            self.warnings.append(
                Problem(
                    "SNC-W030",
                    f"neurons of {self.plan.description.name} move {100 * moved:.1f} % of all "
                    f"spikes on the calibration data: {'; '.join(form.changes)}",
                    remedy="train with the chip's neurons, or with the chip in the loop "
                    "(Configuration.trainer); look at the accuracy",
                    severity="warning",
                )
            )

    def _whole(
        self, form: Formed, activity: Activity, levels: int | None
    ) -> tuple[Integers, dict[str, int]]:
        """
        The program, and which registers wrap on the calibration data: where some do, scales are
        made smaller, which leaves them more room. `levels`: different weights of a neuron.
        """
        plan = self.plan
        chip = _with_levels(plan.description, levels)
        for attempt in range(TRIES):
            faults = Faults()
            whole = whole_numbers(plan.timed, form, chip, plan.classes, activity, faults)
            faults.stop()
            if not plan.description.grid.routed:  # sources are added in the order of their slots
                place_on_one_core(whole.module, plan.description)
            wraps = wrapped(whole.program, plan.description, self.data.arrays)
            if not wraps or attempt == TRIES - 1:
                break
            more = {name: ROOM * activity.before[name] for name in wraps if name in activity.before}
            activity = replace(activity, before={**activity.before, **more})
        return whole, wraps

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
        trace = run(Network(float_model(graph)), floats, lags, states=states)
        self._tell(name, changes, trace)
        return trace

    def _tell(self, name: str, changes: Sequence[str], trace: Trace) -> None:
        assert self.reference is not None
        self.steps.append(
            Step(name, tuple(changes), cost(self.reference, trace, self.data, self.scored))
        )


def _levels(description: Description) -> list[int | None]:
    """How many different weights of a neuron are tried, one after the other."""
    found = [edge.levels for edge in description.edges.values() if edge.levels is not None]
    if not found or min(found) <= LEAST_LEVELS or not description.grid.routed:
        return [min(found, default=None)]
    return list(range(min(found), LEAST_LEVELS - 1, -1))


def _with_levels(description: Description, levels: int | None) -> Description:
    edges = {
        name: edge if edge.levels is None else edge.model_copy(update={"levels": levels})
        for name, edge in description.edges.items()
    }
    return description.model_copy(update={"edges": edges})


def _stands_for(name: str, wanted: Dynamics, plan: _Plan, cost: str, *, loud: bool) -> Problem:
    """That a population's neurons stand for others, and what it costs."""
    a = plan.description.neurons[plan.classes.of[name]].approximates
    had = f"a decay of {span(wanted.decay)} a step, and a constant leak stands for it"
    remedy = "train with a constant leak, or without"
    if a.fitted.decay is None:
        had = "no synaptic current as long as the chip's, and the shortest one stands for it"
        remedy = "train with a synaptic current"
    if loud:
        remedy += ", or with the chip in the loop (Configuration.trainer); look at the accuracy"
    code = "SNC-W030" if loud else "SNC-W029"
    return Problem(code, f"{had}; {cost}", node=name, remedy=remedy, severity="warning")


__all__ = ["Legalized", "Step", "legalize", "problems_of"]
