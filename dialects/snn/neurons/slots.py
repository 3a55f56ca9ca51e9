"""The sources of a population one after the other, where the order in which they add shows."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn.places import NOWHERE, Indices


def slots(weights: Array) -> tuple[Indices, Array]:
    """
    The sources of each neuron, ascending, and their weights, both [slots, neurons]: the order
    in which a neuron adds does not depend on sources that do not reach it. Of a neuron with
    fewer sources the last slots are empty (NOWHERE, weight 0).
    """
    reached = weights != 0
    # the sources that reach a neuron first, each group in its order
    order = np.argsort(~reached, axis=0, kind="stable")[: reached.sum(axis=0).max()]
    used = np.take_along_axis(weights, order, axis=0)
    return np.where(used != 0, order, NOWHERE), used
