"""Rearrangements that leave every element where it lies: the result is the operand, as it is."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING

import numpy as np

from snncc.dialects import snn
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.types import shape_of
from snncc.passes.scheduling import layout
from snncc.passes.scheduling.layout import Place

if TYPE_CHECKING:
    from snncc.passes.scheduling.scheduler import Scheduler


def place_again(s: Scheduler, op: snn.RearrangeOp) -> bool:
    """
    Gives the result the place of the operand, where both have the same elements in the same
    order of memory: a parameter that is stored as a kernel reads it, in the model's shape.
    """
    shape = shape_of(op.input)
    place = s.places.get(op.input)
    if place is None or prod(shape) != prod(shape_of(op.result)):
        return False
    places = layout.stored_places(op.indices, shape, logical=place.logical)
    if not np.array_equal(places, np.arange(places.size)):
        return False
    stays = place.rows or s.buffers[place.buffer].role.data is Role.INPUT
    if not stays and s.crosses(op.result):
        return False  # it outlives a buffer of one step
    s.places[op.result] = Place(place.buffer, place.rows)
    return True
