"""
Legalization from end to end: which step follows which, and what each of them gives.

    graph = read_graph(network)       normal form        populations and projections
            with_taps, with_bias_inputs                  what the chip has other ways for
            classes_of, expect_room                      which neurons of the chip they are
            timed, expect_delays      latencies          the chip's delays
            formed                    neurons            the chip's decays, resets and biases
            whole_numbers             whole numbers      a core.program

All but the last are float networks, which run and are measured; what calibration data do in the
last of them, the activity, is what whole numbers are chosen by. Where neurons stand for others
(`stand_ins`), who has data fits them before (`fits`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snncc.dialects import snn
from snncc.dialects.core.description import Description
from snncc.passes.legalization.activity import Activity
from snncc.passes.legalization.biases import with_bias_inputs
from snncc.passes.legalization.capacity import expect_room
from snncc.passes.legalization.classes import Classes, classes_of
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.forms import Formed, formed
from snncc.passes.legalization.graph import Output, SpikingGraph
from snncc.passes.legalization.integers import Integers, whole_numbers
from snncc.passes.legalization.pools import expect_pools
from snncc.passes.legalization.read import read_graph
from snncc.passes.legalization.taps import with_taps
from snncc.passes.legalization.timing import Timed, expect_delays, timed

NORMAL_FORM, WAYS = "normal form", "biases and outputs"
LATENCIES, NEURONS = "latencies", "neurons"
STAGES = (NORMAL_FORM, LATENCIES, NEURONS)
"""In the order in which each is made of the one before."""
LEAST_LEVELS = 2
"""Different weights of a neuron, below which nothing is tried where there is no place for more."""


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
    ways: tuple[str, ...]
    """What biases and outputs go through, for people."""
    shown: Mapping[str, Output]
    """The outputs of the network: which populations the chip gives in other words."""

    @property
    def lags(self) -> dict[str, int]:
        """Population -> steps by which it is behind the network that was given."""
        return {name: self.timed.lags[name] for name in self.graph.populations}

    @property
    def stages(self) -> tuple[Stage, ...]:
        """Those of `STAGES`, and `WAYS` where there are some; of neurons without stand-ins."""
        changed = tuple(str(arrival) for arrival in self.timed.changed)
        in_time = dict.fromkeys(self.graph.populations, 0)
        found = [
            Stage(NORMAL_FORM, (), self.graph, in_time),
            Stage(WAYS, self.ways, self.graph, in_time),
            Stage(LATENCIES, changed, self.timed.graph, self.lags),
            Stage(NEURONS, self.formed.changes, self.formed.plain, self.lags),
        ]
        return tuple(stage for stage in found if stage.name != WAYS or stage.changes)

    @property
    def levels(self) -> list[int | None]:
        """How many different weights of a neuron are tried, one after the other."""
        edges = self.description.edges.values()
        found = [edge.levels for edge in edges if edge.levels is not None]
        if not found or min(found) <= LEAST_LEVELS or not self.description.grid.routed:
            return [min(found, default=None)]
        return list(range(min(found), LEAST_LEVELS - 1, -1))

    def integers(
        self, activity: Activity, formed: Formed | None = None, levels: int | None = None
    ) -> Integers:
        """
        The program that has whole numbers for this activity: of neurons that were fitted
        (`formed`), with so many different weights of a neuron at most. Raises Unfit.
        """
        faults = Faults()
        found = self._whole(activity, faults, formed, levels)
        faults.stop()
        return found

    def _whole(
        self,
        activity: Activity,
        faults: Faults,
        formed: Formed | None = None,
        levels: int | None = None,
    ) -> Integers:
        chip = _with_levels(self.description, levels)
        form = self.formed if formed is None else formed
        return whole_numbers(self.timed, form, chip, self.classes, activity, faults)


def _with_levels(description: Description, levels: int | None) -> Description:
    if levels is None:
        return description
    edges = {
        name: edge if edge.levels is None else edge.model_copy(update={"levels": levels})
        for name, edge in description.edges.items()
    }
    return description.model_copy(update={"edges": edges})


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


def _planned(network: snn.NetworkOp, description: Description, faults: Faults) -> Plan:
    """
    Adds every fault. Raises Unfit with them where no plan follows: without a class for each layer.
    """
    given = read_graph(network)
    tapped = with_taps(given, description, classes_of(given, description, Faults()), faults)
    first = classes_of(tapped.graph, description, Faults())
    biased = with_bias_inputs(tapped.graph, description, first)
    graph = biased.graph
    classes = classes_of(graph, description, faults)
    nowhere = bool(faults.found)
    graph = expect_pools(graph, description, classes, faults)
    expect_room(graph, description, classes, faults)
    placed = timed(graph, description, classes)
    expect_delays(placed, description, faults)
    form = formed(placed.graph, description, classes, faults)
    if nowhere:
        faults.stop()
    ways = (*biased.changes, *tapped.changes)
    return Plan(description, graph, classes, placed, form, ways, given.outputs)


__all__ = ["LEAST_LEVELS", "NEURONS", "STAGES", "Plan", "Stage", "planned"]
