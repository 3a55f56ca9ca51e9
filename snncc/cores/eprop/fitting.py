"""
A learning description in the engine's numbers: the surrogate as a table, rates as shifts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from xdsl.dialects.builtin import TensorType, f32

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.surrogates import derivative
from snncc.network import Network

BINS = 512
"""Of membranes, over which a table is fitted."""


@dataclass(frozen=True)
class Table:
    thresholds: tuple[int, ...]
    levels: tuple[int, ...]
    scale: float
    """What a level of 1 is in the surrogate's slope."""
    error: float
    """Mean square of what the table misses, as a share of the mean square of the slope."""


def slope_of(surrogate: SurrogateAttr, above: Array) -> Array:
    """The surrogate's derivative at membranes above the threshold, [samples], float64."""

    def slope(b: Body, x: Scalar) -> Outputs:
        spike = snn.SpikeOp("ge", x.value, surrogate)
        (found,) = derivative(spike, b, [x])
        return [found], []

    size = len(above)
    a = Assembly("slope", {"x": TensorType(f32, [size])})
    found = a.add(build_neuron(slope, inputs=a.inputs, states={}, parameters={}, population=[size]))
    given = above.astype(np.float32)[None]
    return np.asarray(Network(a.finish({"y": found})).run(given)["y"][0].astype(np.float64))


def table_of(
    u: Array, slope: Array, segments: int, low: int, high: int, reach: tuple[int, int]
) -> Table:
    """
    The step function of u that is nearest to `slope` (both [samples]) in the mean square over the
    samples: segments by dynamic programming over bins of equal counts (Bellman, 1961), the levels
    are means, rounded in the scale in which the largest is the engine's largest. Thresholds are
    whole numbers of `reach`.
    """
    edges = np.unique(np.quantile(u, np.linspace(0, 1, BINS + 1)).astype(np.int64))
    place = np.clip(np.searchsorted(edges, u, side="right") - 1, 0, max(len(edges) - 2, 0))
    bins = max(len(edges) - 1, 1)
    count = np.bincount(place, minlength=bins).astype(np.float64)
    total = np.bincount(place, slope, minlength=bins)
    n, s = (np.concatenate([[0.0], np.cumsum(each)]) for each in (count, total))

    def gained(first: Array, last: int) -> Array:
        """What a mean of the bins [first, last) explains of the sum of squares."""
        many = n[last] - n[first]
        return np.where(many > 0, (s[last] - s[first]) ** 2 / np.maximum(many, 1), 0.0)

    best = np.full((segments + 1, bins + 1), -np.inf)
    cut = np.zeros((segments + 1, bins + 1), np.int64)
    best[0, 0] = 0.0
    for k in range(1, segments + 1):
        for last in range(bins + 1):
            tried = best[k - 1, : last + 1] + gained(np.arange(last + 1), last)
            cut[k, last] = tried.argmax()
            best[k, last] = tried.max()
    cuts, last = [], bins
    for k in range(segments, 0, -1):
        cuts.append(last)
        last = int(cut[k, last])
    bounds = [0, *reversed(cuts)]
    means = np.array(
        [(s[b] - s[a]) / (n[b] - n[a]) if n[b] > n[a] else 0.0 for a, b in pairwise(bounds)]
    )
    largest = np.abs(means).max()
    room = high if means.max() >= -means.min() else -low
    scale = largest / room if largest > 0 else 1.0
    levels = np.clip(np.rint(means / scale), low, high).astype(np.int64)
    thresholds = np.clip([edges[b] for b in bounds[1:-1]], *reach)
    given = levels[np.searchsorted(thresholds, u, side="right")] * scale
    square = float((slope**2).mean())
    error = float(((given - slope) ** 2).mean()) / square if square > 0 else 0.0
    return Table(tuple(map(int, thresholds)), tuple(map(int, levels)), scale, error)


def shift_of(factor: float, most: int) -> int:
    """The power of two that is nearest to a factor above 0, by its exponent, within +-most."""
    return int(np.clip(np.rint(np.log2(factor)), -most, most))


def largest_that(holds: Callable[[int], bool], most: int) -> int:
    """The largest of 0 to `most` for which something holds; 0 if it holds for none."""
    return max((k for k in range(most + 1) if holds(k)), default=0)
