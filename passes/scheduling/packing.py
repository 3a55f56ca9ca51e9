"""
Which weights are packed: those of few bits, as long as that saves more than its code takes.

Packed rows are read at about the speed of bytes, and faster where there are many (docs/
performance.md): so it is a question of memory. Each way to store needs kernels of its own, and
all weights of a network share them; the choice is made for the network as a whole.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Literal, TypeVar

from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.kernel.packing import PACKINGS, least_bits
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import integer_width, is_float, shape_of, stream_type

Pack = Literal["auto", "always", "never"]
"""Whether weights are packed: where it saves flash, wherever it saves a byte, or not at all."""
PACKS: tuple[Pack, ...] = ("auto", "always", "never")

KERNEL_BYTES = {4: 270, 3: 480, 2: 320}
"""Bits -> code of the kernel that sums packed rows, one copy (Cortex-M0, `gcc -Os`)."""
BYTES_CALL = 100
"""Code of the kernel that sums rows of bytes, at each place where it is called."""

Key = TypeVar("Key")


@dataclass(frozen=True)
class Weight:
    """An integer weight as the schedule lays it out, its rows the last axis."""

    shape: tuple[int, ...]
    width: int
    """Bits of its type."""
    bits: int | None
    """The fewest that hold its elements, where these can be packed."""

    def size(self, bits: int | None) -> int:
        """The bytes that it takes, packed in so many bits or (None) in its type."""
        if bits is not None:
            return PACKINGS[bits].size(self.shape)
        return prod(self.shape) * self.width // 8


def layout_of(op: WeightedSum) -> tuple[int, ...]:
    """The shape of the weight of a sum as its kernel reads it."""
    shape = shape_of(op.weight)
    if isinstance(op, snn.LinearOp):
        return shape[1], shape[0]
    groups: int = getattr(op, "group_count", 1)
    return shape[1] * groups, *shape[2:], shape[0] // groups


def weight_of(op: Operation, known: Callable[[SSAValue], Array | None]) -> Weight | None:
    """The weight of a sum of integers; None for other operations and for what is learned."""
    if not isinstance(op, WeightedSum) or is_float(stream_type(op.weight).element_type):
        return None
    content = known(op.weight)
    if content is None:
        return None
    width = integer_width(stream_type(op.weight).element_type)
    return Weight(layout_of(op), max(width, 8), least_bits(content))


def packings(
    network: snn.NetworkOp,
    pack: Pack = "auto",
    known: Callable[[SSAValue], Array | None] = constant_of,
) -> dict[Operation, int | None]:
    """The sums with constant integer weights, and the bits that these are packed in."""
    found = ((op, weight_of(op, known)) for op in network.body.block.ops)
    return chosen({op: weight for op, weight in found if weight is not None}, pack)


def chosen(weights: Mapping[Key, Weight], pack: Pack = "auto") -> dict[Key, int | None]:
    """
    The bits that each weight is packed in: as many as it needs, or more where rows are short
    or other weights have the kernel already; None where bytes are kept.
    """
    if pack == "never":
        return dict.fromkeys(weights)
    least: tuple[int, dict[Key, int | None]] | None = None
    for count in range(len(PACKINGS) + 1):
        for given in combinations(PACKINGS, count):
            made = {key: _smallest(weight, given) for key, weight in weights.items()}
            size = sum(weight.size(made[key]) for key, weight in weights.items())
            if pack == "auto":
                ways = list(made.values())
                size += sum(KERNEL_BYTES[bits] for bits in set(ways) if bits is not None)
                size += BYTES_CALL * ways.count(None)
            if least is None or size < least[0]:
                least = size, made
    assert least is not None
    return least[1]


def _smallest(weight: Weight, given: Sequence[int]) -> int | None:
    """The way to store a weight in the fewest bytes, of those that are given."""
    needed = weight.bits
    ways: list[int | None] = [None]
    if needed is not None:
        ways += [bits for bits in given if bits >= needed]
    return min(ways, key=weight.size)
