"""What a chip's decay parameters leave of a number, and which is nearest to a decay."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Decay


def decay_of(decay: Decay, parameter: Array) -> Array:
    """What a step leaves of 1, for whole numbers; 1 for constant leaks, which are no decay."""
    p = parameter.astype(np.float64)
    match decay.form:
        case "shift":
            return 1.0 - 2.0**-p
        case "fraction":
            return p / 2.0**decay.bits
        case "complement":
            return (2.0**decay.bits - decay.offset - p) / 2.0**decay.bits
        case _:
            return np.ones_like(p)


def nearest(decay: Decay, low: int, high: int, wanted: Array) -> Array:
    """The whole number of low to high whose decay is nearest to what is wanted, in its leak."""
    match decay.form:
        case "shift":
            choices = np.arange(low, high + 1)
            leak = np.log(np.maximum(1.0 - wanted, 2.0 ** -(high + 1)))
            given = np.log(1.0 - decay_of(decay, choices))
            found = np.abs(leak[:, None] - given[None, :]).argmin(axis=1)
            return np.asarray(choices[found])
        case "fraction":
            return np.clip(np.rint(wanted * 2.0**decay.bits), low, high).astype(np.int64)
        case "complement":
            parameter = 2.0**decay.bits * (1.0 - wanted) - decay.offset
            return np.clip(np.rint(parameter), low, high).astype(np.int64)
        case _:
            return np.zeros(len(wanted), np.int64)
