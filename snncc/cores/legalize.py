"""`legalize`: a network in the arithmetic of a chip, and what each step to it cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp

from snncc.cores.events import ChipModel, running
from snncc.cores.measure import Cost, Data, Trace, cost, run, whole_spikes
from snncc.cores.wraps import wrapped
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.errors import Problem, SnnccError
from snncc.network import Network
from snncc.passes.core_order import inhibition_first, set_order
from snncc.passes.core_place import place_on_one_core
from snncc.passes.core_route import Placed, place_on_mesh
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.faults import Fault, Unfit
from snncc.passes.legalization.fits import fitted
from snncc.passes.legalization.forms import Formed
from snncc.passes.legalization.graph import Dynamics
from snncc.passes.legalization.integers import Integers
from snncc.passes.legalization.model import float_model
from snncc.passes.legalization.observed import write_activity
from snncc.passes.legalization.plan import LEAST_LEVELS, NEURONS, Plan, Stage, planned
from snncc.passes.legalization.stand_ins import span
from snncc.pipelines import PipelineOptions, run_pipeline

LOUD = 0.1
"""The share of the spikes above which what stand-ins move is no matter of rounding any more."""
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
    """
    The network with what the data do in it: `snn-legalize` makes the same program of it, where
    nothing was fitted to the data.
    """
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
    """
    All that keeps a network from a chip, as far as it shows without data; and warnings of what
    would stand for what the chip has not.
    """
    try:
        plan = planned(network_of(fused(network)), description)
        plan.integers(Activity())
    except Unfit as unfit:
        return list(refused(unfit.faults).problems)
    told = "it is fitted to calibration data, and what it costs is measured there"
    return [
        _stands_for(name, wanted, plan, told, loud=False)
        for name, wanted in plan.formed.fitted.items()
    ]


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
            self.scored = plan.shown[score or next(iter(plan.shown))].source
        self.spiking: list[str] = []
        """Populations of the network whose spikes count."""
        self.steps: list[Step] = []
        self.warnings: list[Problem] = []
        self.reference: Trace | None = None

    def run(self) -> Legalized:
        plan, lags = self.plan, self.plan.lags
        self.reference = run(Network(self.given), self.data, dict.fromkeys(lags, 0))
        self.spiking = [
            name
            for name, p in plan.graph.populations.items()
            if p.dynamics.threshold is not None and name in self.reference.given
        ]
        silent = [n for n in self.spiking if not whole_spikes(self.reference.given[n]).any()]
        never = [f"{name}: never fires on the calibration data" for name in silent]
        self._tell("network", never, self.reference)
        trace = self.reference
        for stage in plan.stages:
            seen = stage.name == NEURONS  # what scales follow from
            trace = self._measure(stage, states=seen)
        self._warn_of_neurons(plan.formed)
        form = plan.formed
        if form.fitted:
            form, trace = self._fitted()
        whole, activity, trace, chip, changes, placed = self._placed(form, trace)
        write_activity(self.given, network_of(self.given), activity)
        self._tell("whole numbers", changes, trace)
        module = whole.module
        if placed is not None:
            module = placed.module
            lags = {name: lag + placed.later[name] for name, lag in lags.items()}
            if placed.relayed:
                chip = running(_program(module), plan.description)
                trace = run(chip, self.data, lags)
            self._tell("cores", placed.changes, trace)
        return Legalized(
            module,
            chip,
            plan.description,
            tuple(self.steps),
            lags,
            whole.scales,
            self.given,
            tuple(self.warnings),
        )

    def _fitted(self) -> tuple[Formed, Trace]:
        """
        What stands for dynamics that the chip has not, fitted to the data; warns of what it costs.
        """
        plan, form = self.plan, self.plan.formed
        assert self.reference is not None
        given = {**self.data.arrays, **self.reference.given}
        fits = fitted(form, plan.timed, plan.description, plan.classes, given)
        before = self.steps[-1].cost
        stage = Stage("stand-ins", fits.changes, fits.formed.graph, plan.lags)
        trace = self._measure(stage, states=True)
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

    def _placed(
        self, form: Formed, trace: Trace
    ) -> tuple[Integers, Activity, Trace, ChipModel, list[str], Placed | None]:
        """
        Whole numbers, and places for them on a mesh: with fewer different weights of a neuron
        where there is no place for more.
        """
        plan, data = self.plan, trace.activity(self.data)
        for levels in plan.levels:
            whole, activity, wraps, (chip, trace, order) = self._better(form, data, levels)
            placed = None
            try:
                if plan.description.grid.routed:
                    rates = trace.activity(self.data).rates
                    placed = place_on_mesh(whole.module, plan.description, rates)
                break
            except Unfit:
                if levels == LEAST_LEVELS:
                    raise
        changes = [
            f"{levels} different weights a neuron instead of {most}: no place was found for more"
            for most in plan.levels[:1]
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
        return whole, activity, trace, chip, changes + order, placed

    def _better(self, form: Formed, activity: Activity, levels: int | None) -> Candidate:
        """
        Of weights whose errors cancel and the nearest ones, which need no spikes of single
        samples: what the labels say, and then what moves fewer spikes. Both are whole programs.
        """
        found: list[tuple[tuple[float, float], Candidate]] = []
        for tried in (activity, replace(activity, spikes={})):
            whole, used, wraps = self._whole(form, tried, levels)
            ran = self._ordered(whole.module, self.plan.lags)
            found.append((self._rank(ran[1]), (whole, used, wraps, ran)))
            if found[0][0][1] == 0.0:
                break  # nothing moves
        return min(found, key=lambda entry: entry[0])[1]

    def _rank(self, trace: Trace) -> tuple[float, float]:
        """Less is better."""
        found = self._cost(trace)
        return -(found.accuracy or 0.0), found.moved

    def _whole(
        self, form: Formed, activity: Activity, levels: int | None
    ) -> tuple[Integers, Activity, dict[str, int]]:
        """
        The program, what it was made for, and which registers wrap on the calibration data: where
        some do, scales are made smaller, which leaves them more room. `levels`: different weights
        of a neuron.
        """
        plan = self.plan
        for attempt in range(TRIES):
            whole = plan.integers(activity, form, levels)
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
        costs = [self._cost(t) for t in (trace, other)]
        ascending, sums = ((-(c.accuracy or 0.0), c.moved) for c in costs)
        if sums < ascending:
            less, more = (f"{100 * c.moved:.1f} %" for c in costs[::-1])
            told = (
                f"events of a step: by the sum of their weights, ascending ({less} of spikes move"
            )
            return model, other, [f"{told}; {more} in the order of the inputs)"]
        set_order(module, None)
        return model, trace, []

    def _measure(self, stage: Stage, *, states: bool = False) -> Trace:
        model = Network(float_model(stage.graph, before=states))
        trace = run(model, self.data.as_floats(), stage.lags, states=states)
        self._tell(stage.name, stage.changes, trace)
        return trace

    def _tell(self, name: str, changes: Sequence[str], trace: Trace) -> None:
        self.steps.append(Step(name, tuple(changes), self._cost(trace)))

    def _cost(self, trace: Trace) -> Cost:
        assert self.reference is not None
        return cost(self.reference, trace, self.data, self.scored, self.spiking)


def _stands_for(name: str, wanted: Dynamics, plan: Plan, cost: str, *, loud: bool) -> Problem:
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
