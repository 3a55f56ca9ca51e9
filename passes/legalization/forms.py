"""The chip's neuron instead of the network's: its decays, its reset, its biases."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Decay, Description, Neuron
from snncc.passes.legalization.classes import Classes
from snncc.passes.legalization.decays import decay_of, nearest
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.graph import Dynamics, Population, SpikingGraph
from snncc.passes.legalization.sharing import shared
from snncc.passes.legalization.sparse import Sparse
from snncc.passes.legalization.stand_ins import initial, span, with_gains
from snncc.passes.legalization.stand_ins import number as number_text

NO_NEURON, NO_DECAY = "SNC-N004", "SNC-N005"
MOST_FACTOR = 1.5
"""
A leak 1 - a that is wrong by more than this is another neuron, and an error; decays by shifts are
off by the square root of 2 at most, between the longest and the shortest.
"""

LITTLE = 2.0**-12
"""A leak below this is none: a hundred steps take a fortieth of a membrane."""


@dataclass(frozen=True)
class Form:
    """What a population is configured with apart from scales: [n] each."""

    decay: Array | None
    """The membrane's parameter; None: the chip has none."""
    currents: tuple[Array, ...]
    """By receptor."""
    reset: str | None
    stands_for: Dynamics | None = None
    """What the network has where the chip has no such decay or current: to be fitted to data."""


@dataclass(frozen=True)
class Formed:
    graph: SpikingGraph
    forms: dict[str, Form]
    groups: Mapping[str, Array]
    """Population -> the number of each neuron's group: those that share parameters."""
    changes: tuple[str, ...]
    """What became another neuron, for people."""
    plain: SpikingGraph
    """The graph with decays and currents of the network where others stand for them."""

    @property
    def fitted(self) -> dict[str, Dynamics]:
        """Populations whose dynamics stand for others, and these."""
        found = {name: form.stands_for for name, form in self.forms.items()}
        return {name: d for name, d in found.items() if d is not None}


def formed(
    graph: SpikingGraph, description: Description, classes: Classes, faults: Faults
) -> Formed:
    forms: dict[str, Form] = {}
    populations: list[Population] = []
    changes: list[str] = []
    graph = _without_self_connections(graph, description, classes, changes)
    sharing = shared(graph, description, classes)
    for name, population in graph.populations.items():
        neuron = description.neurons[classes.of[name]]
        target = sharing.decays[name]
        writer = _Writer(population, neuron, target, description, faults, changes.append)
        dynamics, form = writer.run()
        populations.append(replace(population, dynamics=dynamics))
        forms[name] = form
    graph = graph.with_populations(populations)
    plain = [
        replace(p, dynamics=p.dynamics.changed(
            decay=wanted.decay, bias=wanted.bias, currents=wanted.currents, leak=None
        ))
        for p in populations if (wanted := forms[p.name].stands_for) is not None
    ]  # fmt: skip
    found = Formed(graph, forms, sharing.groups, tuple(changes), graph.with_populations(plain))
    return replace(found, graph=with_gains(graph, found.fitted))


def _without_self_connections(
    graph: SpikingGraph, description: Description, classes: Classes, changes: list[str]
) -> SpikingGraph:
    """The chip's edges where it has none from a neuron to itself."""
    projections = []
    for index, p in enumerate(graph.projections):
        w = p.weights
        own = w.rows == w.columns
        refused = p.source == p.target and not classes.edge(description, index).self_connections
        if refused and own.any():
            changes.append(f"{p.target}: {int(own.sum())} neurons no longer reach themselves")
            w = Sparse.of(w.shape, w.rows[~own], w.columns[~own], w.values[~own])
        projections.append(replace(p, weights=w))
    return replace(graph, projections=tuple(projections))


class _Writer:
    def __init__(
        self,
        population: Population,
        neuron: Neuron,
        target: Array,
        description: Description,
        faults: Faults,
        tell: Callable[[str], None],
    ):
        self.name = population.name
        self.d = population.dynamics
        self.neuron = neuron
        self.target = target
        """The decay of the membrane, beside that of neurons that share it."""
        self.chip = description.name
        self.faults = faults
        self.tell = tell
        self.stands_for: Dynamics | None = None

    def run(self) -> tuple[Dynamics, Form]:
        a = self.neuron.approximates
        decay, parameter = self._decay("membrane", self.d.decay, a.membrane, self.target)
        d = self.d.changed(decay=decay)
        currents: list[Array] = []
        found: list[Array] = []
        if len(d.currents) > self.neuron.receptors:
            self._no(
                f"{len(d.currents)} synaptic currents, where {self.chip} has "
                f"{self.neuron.receptors}",
                "give all synapses of a neuron one time constant",
            )
        if a.current is not None:
            for k, wanted in enumerate(d.currents or (np.zeros(d.size),)):
                decays = a.current.gain == "decay"  # then nothing arrives where nothing is left
                alpha, number = self._decay(f"current {k}", wanted, a.current.decay, some=decays)
                currents.append(alpha)
                found.append(number if number is not None else np.zeros(d.size, np.int64))
        elif any(np.any(alpha) for alpha in d.currents):
            self._no_decay(
                f"a synaptic current, which neurons of {self.chip} do not have",
                "train with currents that last one step",
            )
        d = self._biases(d.changed(currents=tuple(currents)))
        d, reset = self._reset(d)
        if d.threshold is not None and d.most != self.neuron.most:
            self.tell(f"{self.name}: up to {self.neuron.most} spikes a step instead of {d.most}")
        if d.threshold is not None:
            d = d.changed(most=self.neuron.most)
        if self.stands_for is not None:
            self.stands_for = self.stands_for.changed(bias=d.bias)
            d = initial(self.stands_for, d, a.fitted)
        return d, Form(parameter, tuple(found), reset, self.stands_for)

    def _no(self, message: str, remedy: str) -> None:
        self.faults.add(NO_NEURON, self.name, message, remedy)

    def _no_decay(self, message: str, remedy: str) -> None:
        self.faults.add(NO_DECAY, self.name, message, remedy)

    def _decay(
        self,
        what: str,
        wanted: Array,
        decay: Decay,
        target: Array | None = None,
        *,
        some: bool = False,
    ) -> tuple[Array, Array | None]:
        """
        (the decay that there is, its parameter): nearest to a target, or to what is wanted;
        `some`: it must leave something.
        """
        if decay.parameter is None or decay.form == "closer":
            if np.abs(wanted - 1.0).max(initial=0) > 1e-6:
                if self.neuron.approximates.fitted.decay is not None and not some:
                    self.stands_for = self.d
                    number = None if decay.parameter is None else np.zeros(len(wanted), np.int64)
                    return np.ones_like(wanted), number
                self._no_decay(
                    f"{what}: a decay of {span(wanted)} a step, and neurons of {self.chip} "
                    + ("leak by a constant" if decay.form == "closer" else "do not leak"),
                    "train without leak",
                )
            number = None if decay.parameter is None else np.zeros(len(wanted), np.int64)
            return np.ones_like(wanted), number
        p = self.neuron.parameters[decay.parameter]
        low, high = p.low, p.high
        ends = sorted((low, high), key=lambda end: float(decay_of(decay, np.array([end]))[0]))
        if some and decay_of(decay, np.array([ends[0]]))[0] <= 0:
            low, high = (low + 1, high) if ends[0] == low else (low, high - 1)
        number = nearest(decay, low, high, wanted if target is None else target)
        found = decay_of(decay, number)
        if some and self.neuron.approximates.fitted.current is not None:
            least = min(decay_of(decay, np.array([low, high])))
            if (_is_another(wanted, found) <= (wanted < least)).all() and (wanted < least).any():
                self.stands_for = self.d
                return found, number
        wrong = _is_another(wanted, found)
        alone = _is_another(wanted, decay_of(decay, nearest(decay, low, high, wanted)))
        if wrong.any() and not alone.any():
            those = "all of a class" if p.per == "class" else f"{self.neuron.group} neighbours"
            self._no_decay(
                f"{what}: decays of {span(wanted)} a step; {self.chip} has one for {those}, which "
                f"is {span(found[wrong])} for {int(wrong.sum())} of {len(wanted)} neurons",
                "train with fewer different time constants",
            )
        elif wrong.any():
            wrong = alone
            least, most = sorted(float(d) for d in decay_of(decay, np.array([low, high])))
            self._no_decay(
                f"{what}: a decay of {span(wanted[wrong])} a step; {self.chip} has "
                f"{number_text(least)} to {number_text(most)}, and {span(found[wrong])} is nearest",
                "train with a time constant in that range",
            )
        change = np.abs(found - wanted).max(initial=0)
        given, had = span(found), span(wanted)
        if change > 1e-6:
            what = f"{self.name}: {what} decays by {given}"
            self.tell(what + (f" instead of {had}" if given != had else f", {change:.1g} off"))
        return found, number

    def _biases(self, d: Dynamics) -> Dynamics:
        a = self.neuron.approximates
        if d.current_biases and any(np.any(b) for b in d.current_biases):
            bias = d.bias
            for alpha, constant in zip(d.currents, d.current_biases, strict=False):
                bias = bias + constant / np.maximum(1.0 - alpha, 1e-9)
            d = d.changed(bias=bias)
            self.tell(f"{self.name}: the bias of a current becomes one of the membrane")
        d = d.changed(current_biases=())
        if a.bias is None and np.any(d.bias):
            self._no(
                f"a bias of {span(d.bias)} for {np.count_nonzero(d.bias)} of {d.size} neurons; "
                f"those of {self.chip} have none",
                "train without bias, or with an input that spikes at every step",
            )
        return d

    def _reset(self, d: Dynamics) -> tuple[Dynamics, str | None]:
        reset = self.neuron.approximates.reset
        if reset is None or d.threshold is None:
            return d, None
        kind = d.reset
        if kind not in reset.kinds:
            kind = next(iter(reset.kinds))
            self.tell(f"{self.name}: reset by {kind} instead of {d.reset}")
        if kind == "zero":
            return d.changed(reset="zero", amount=None), kind
        amount = d.threshold
        if reset.after == "decay":
            amount = amount / np.where(d.decay != 0, d.decay, 1.0)
        if d.amount is not None and np.abs(amount / d.amount - 1).max() > 1e-3:
            self.tell(
                f"{self.name}: a spike takes {span(amount)} from the membrane instead of "
                f"{span(d.amount)}"
            )
        return d.changed(reset="subtract", amount=amount), kind


def _is_another(wanted: Array, found: Array) -> Array:
    """Whether a leak is no longer the same neuron's, [n]."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(wanted == found, 1.0, (1.0 - found) / (1.0 - wanted))
        forgets_nothing = (np.abs(1.0 - wanted) < LITTLE) & (np.abs(1.0 - found) < LITTLE)
        ratio = np.where(forgets_nothing, 1.0, ratio)
    return np.asarray(~((ratio <= MOST_FACTOR) & (ratio >= 1 / MOST_FACTOR)))
