"""
Mapping of neurons to cores and of cores to a 2-D mesh, with few packets x hops.

    from snncc.passes.mapping import Infeasible, Limits, Problem, map_network

    problem = Problem(neurons, source, target, rate, cores=16, mesh=(4, 4),
                      limits=Limits(neurons=256, axons=512))
    mapping = map_network(problem, seed=0)      # raises Infeasible
    mapping.core, mapping.place                 # [neurons], [cores, 2]
    mapping.packets, mapping.packets_hops
    mapping.traffic, mapping.utilisation
    measure(problem, core, place)               # the counts of any mapping
    sequential_mapping(problem)                 # the plain fill, to compare with

Arrays only: what a core is, and where rates come from, is the caller's.
"""

from snncc.passes.mapping.feasibility import Infeasible, Shortage
from snncc.passes.mapping.mapper import map_network
from snncc.passes.mapping.problem import Limits, Problem
from snncc.passes.mapping.result import Mapping, measure, sequential_mapping

__all__ = [
    "Infeasible",
    "Limits",
    "Mapping",
    "Problem",
    "Shortage",
    "map_network",
    "measure",
    "sequential_mapping",
]
