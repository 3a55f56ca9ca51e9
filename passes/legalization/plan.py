"""
Legalization from end to end: which step follows which, and what each of them gives.

    graph = read_graph(network)       normal form      populations and projections
            classes_of, expect_room                    which neurons of the chip they are
            timed, expect_delays      latencies        the chip's delays
            formed                    neurons          the chip's decays, resets and biases
            whole_numbers             whole numbers    a core.program

The first three are float networks, which run and are measured; what calibration data do in the
last of them, the activity, is what whole numbers are chosen by.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snncc.dialects import snn
from snncc.dialects.core.description import Description
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.capacity import expect_room
from snncc.passes.legalization.classes import Classes, classes_of
from snncc.passes.legalization.faults import Fault, Faults, Unfit
from snncc.passes.legalization.forms import Formed, formed
from snncc.passes.legalization.graph import SpikingGraph
from snncc.passes.legalization.integers import Integers, whole_numbers
from snncc.passes.legalization.read import read_graph
from snncc.passes.legalization.timing import Timed, expect_delays, timed

NORMAL_FORM, LATENCIES, NEURONS = "normal form", "latencies", "neurons"
STAGES = (NORMAL_FORM, LATENCIES, NEURONS)
"""In the order in which each is made of the one before."""


@dataclass(frozen=True)
class Stage:
    """A step of legalization in real numbers: what the network is behind it."""

    name: str
    changes: tuple[str, ...]
    """For people."""
    graph: SpikingGraph
    lags: Mapping[str, int]
    """Population -> steps by which it is behind the network that was given."""


@dataclass(frozen=True)
class Plan:
    """What follows from the network and the chip alone."""

    description: Description
    graph: SpikingGraph
    classes: Classes
    timed: Timed
    formed: Formed

    @property
    def lags(self) -> dict[str, int]:
        """Population -> steps by which it is behind the network that was given."""
        return {name: self.timed.lags[name] for name in self.graph.populations}

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Those of `STAGES`."""
        changed = tuple(str(arrival) for arrival in self.timed.changed)
        return (
            Stage(NORMAL_FORM, (), self.graph, dict.fromkeys(self.graph.populations, 0)),
            Stage(LATENCIES, changed, self.timed.graph, self.lags),
            Stage(NEURONS, self.formed.changes, self.formed.graph, self.lags),
        )

    def integers(self, activity: Activity) -> Integers:
        """The program that has whole numbers for this activity. Raises Unfit."""
        faults = Faults()
        found = self._whole(activity, faults)
        faults.stop()
        return found

    def _whole(self, activity: Activity, faults: Faults) -> Integers:
        return whole_numbers(
            self.timed, self.formed, self.description, self.classes, activity, faults
        )


def planned(network: snn.NetworkOp, description: Description) -> Plan:
    """
    For a network whose parameters are folded and whose elementwise operations are fused. Raises
    Unfit with everything that does not fit, where something does not: that of whole numbers too.
    """
    faults = Faults()
    plan = _planned(network, description, faults)
    if faults.found:
        plan._whole(Activity(), faults)
        faults.stop()
    return plan


def faults_of(network: snn.NetworkOp, description: Description) -> list[Fault]:
    """All that keeps a network from a chip, as far as it shows without data."""
    try:
        planned(network, description).integers(Activity())
    except Unfit as unfit:
        return unfit.faults
    return []


def _planned(network: snn.NetworkOp, description: Description, faults: Faults) -> Plan:
    """
    Adds every fault. Raises Unfit with them where no plan follows: without a class for each layer.
    """
    graph = read_graph(network)
    classes = classes_of(graph, description, faults)
    nowhere = bool(faults.found)
    expect_room(graph, description, classes, faults)
    placed = timed(graph, description, classes)
    expect_delays(placed, description, faults)
    form = formed(placed.graph, description, classes, faults)
    if nowhere:
        faults.stop()
    return Plan(description, graph, classes, placed, form)


__all__ = ["NEURONS", "STAGES", "Plan", "Stage", "faults_of", "planned"]
