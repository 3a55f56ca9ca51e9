"""
How values lie in memory: the first axis (channels) innermost.

Windows then add whole vectors of channels, and elementwise work does not care.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod

import numpy as np
from xdsl.dialects.builtin import IntegerType, MemRefType, i8
from xdsl.ir import Attribute
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineExpr, AffineMap

from snncc.dialects.arrays import Array
from snncc.dialects.snn.places import NOWHERE, Indices


@dataclass(frozen=True)
class Place:
    """Where a stream value lies: a buffer, and whether it has a row for each step."""

    buffer: str
    rows: bool
    logical: bool = False
    """In the order of the model's axes: the caller's buffers."""


def is_trivial(shape: Sequence[int]) -> bool:
    """Whether channel-last is the same order of elements."""
    return len(shape) < 2 or shape[0] == 1 or prod(shape[1:]) == 1


def physical(shape: Sequence[int]) -> tuple[int, ...]:
    """The stored shape: [C, H, W] as [H, W, C]."""
    return (*shape[1:], *shape[:1])


def stored_axes(rank: int) -> tuple[int, ...]:
    """The model's axes in the order in which they are stored."""
    return (*range(1, rank), *range(min(rank, 1)))


def stored(array: Array) -> Array:
    """A constant in its stored order."""
    return np.ascontiguousarray(np.moveaxis(array, 0, -1)) if array.ndim > 1 else array


def stored_places(places: Indices, source: Sequence[int], *, logical: bool) -> Indices:
    """
    Places in a source of that shape, for elements in stored order: indices of the source as
    it is stored, or of its logical order where it lies so.
    """
    found = places
    if not logical:
        order = stored(np.arange(prod(source)).reshape(source)).ravel()
        where = np.empty_like(order)
        where[order] = np.arange(order.size)
        found = np.where(places < 0, NOWHERE, where[places])
    return stored(found).ravel()


def longest_run(places: Indices) -> int:
    """How many neighbours stay together everywhere: the largest number that divides them so."""
    # a run ends where the next element is neither the next in the source nor a zero behind one
    follows = np.where(places[1:] < 0, places[:-1] < 0, (places[1:] - places[:-1] == 1))
    follows &= (places[1:] < 0) | (places[:-1] >= 0)
    ends = np.flatnonzero(~follows) + 1
    return int(np.gcd.reduce(np.append(ends, places.size)))


def stored_element(element: Attribute) -> Attribute:
    """Spikes are stored as bytes."""
    return i8 if element == IntegerType(1) else element


@lru_cache(maxsize=4096)
def memref(shape: tuple[int, ...], element: Attribute) -> MemRefType[Attribute]:
    """Kept: xDSL takes longer to check the parameters of a type than to make it."""
    return MemRefType(element, shape)


def operand_map(shape: Sequence[int], population: Sequence[int]) -> AffineMap:
    """
    How an operand of logical `shape`, stored channel-last, is indexed while looping over
    the stored `population`: broadcast axes read element 0.
    """
    rank = len(population)
    offset = rank - len(shape)
    # logical axis of the population -> loop
    loop = {axis: (axis - 1 if axis else rank - 1) for axis in range(rank)}
    results: list[AffineExpr] = []
    axes = [*range(1, len(shape)), *([0] if shape else [])]
    for axis in axes:
        target = axis + offset
        if shape[axis] == 1 and population[target] != 1:
            results.append(AffineConstantExpr(0))
        else:
            results.append(AffineDimExpr(loop[target]))
    return AffineMap(rank, 0, tuple(results))


def transpose_map(rank: int) -> AffineMap:
    """Reads a logical [C, ...] operand while looping over its stored order [..., C]."""
    order = [rank - 1, *range(rank - 1)] if rank else []
    return AffineMap(rank, 0, tuple(AffineDimExpr(dim) for dim in order))
