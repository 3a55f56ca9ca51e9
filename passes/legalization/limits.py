"""Ends of a chip's parameters that scales are held to."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description, Neuron
from snncc.passes.legalization.faults import Faults


def largest_for_bias(bias: Array, neuron: Neuron) -> Array:
    """[n]: the scale above which a bias is beyond the ends of its register."""
    a = neuron.approximates
    if a.bias is None:
        return np.full(len(bias), np.inf)
    p = neuron.parameters[a.bias]
    end = np.where(bias < 0, -float(p.low), float(p.high)) * 2.0**a.bias_shift
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(bias != 0, end / np.abs(bias), np.inf))


def least_of(groups: Array, values: Array) -> Array:
    """[n]: the least of those of the same group."""
    least = np.full(groups.max() + 1, np.inf)
    np.minimum.at(least, groups, values)
    return np.asarray(least[groups])


class OfClasses:
    """What all neurons of a class have must be the same in each of its populations."""

    def __init__(self, description: Description, faults: Faults):
        self._chip = description
        self._faults = faults
        self._seen: dict[tuple[str, str], tuple[str, int]] = {}

    def expect(self, name: str, kind: str, numbers: Mapping[str, Array]) -> None:
        """`numbers`: parameter -> those of a population, [n]."""
        for key, values in numbers.items():
            p = self._chip.neurons[kind].parameters[key]
            if p.per != "class" or not values.size:
                continue
            number = int(values.flat[0])
            other, first = self._seen.setdefault((kind, key), (name, number))
            if number != first:
                self._faults.add(
                    "SNC-N006",
                    name,
                    f"{key}: {number}, and {first} for {other}: {self._chip.name} has one for all "
                    f"{kind} neurons",
                    "one layer of them, or layers whose weights and thresholds have one size",
                )
