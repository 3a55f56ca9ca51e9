"""
Range analysis: what every stream, state and scalar may be, each bound proved.

    from snncc.passes.ranges import network_ranges, narrowest_width

    ranges = network_ranges(network, {"x": (0, 1)})     # a snn.NetworkOp; input -> (low, high)
    ranges.values[value].low                            # an array of the stream's shape
    ranges.states[neuron, 0].high                       # the initial value included
    ranges.populations[neuron].values[scalar]           # every scalar of a body: membranes, ...
    ranges.unbounded((neuron, 0))                       # (below, above): masks of elements
    ranges.doubts                                       # [Doubt]: where an integer may wrap
    narrowest_width(ranges.states[neuron, 0])           # 8, 16, 32 or None
    network_ranges(network, cells=64)                   # tighter where states go together
    proof_text(ranges)                                  # a table for people
    worst_inputs(ranges, neuron, (3,))                  # inputs that reach the bounds

Of integers the intervals are proofs; of floats they are estimates in float64 that take no
account of rounding, and choose formats. States without a bound are infinite as floats, and all
of their type as integers; `unbounded` tells them apart from states that are so wide.
"""

from snncc.passes.ranges.bodies import BodyRanges, Straight, body_ranges
from snncc.passes.ranges.intervals import Interval
from snncc.passes.ranges.network import Doubt, NetworkRanges, network_ranges
from snncc.passes.ranges.populations import PopulationRanges, population_ranges
from snncc.passes.ranges.report import Row, proof_rows, proof_text
from snncc.passes.ranges.widths import bits_of, narrowest_width
from snncc.passes.ranges.worst import NotConstructed, Worst, worst_inputs

__all__ = [
    "BodyRanges",
    "Doubt",
    "Interval",
    "NetworkRanges",
    "NotConstructed",
    "PopulationRanges",
    "Row",
    "Straight",
    "Worst",
    "bits_of",
    "body_ranges",
    "narrowest_width",
    "network_ranges",
    "population_ranges",
    "proof_rows",
    "proof_text",
    "worst_inputs",
]
