"""Learning signals, kept apart by the memory that lies between them and the loss."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.ir import SSAValue

from snncc.passes.online.filters import Filter
from snncc.passes.online.same_step import SameStep


@dataclass(frozen=True, eq=False)
class Chain:
    """
    Learning signals that meet the same memory: what multiplies them has to pass `filters`
    first, the nearest one first. `kind` is what becomes of the products: their sum over time, or
    the last one.
    """

    kind: str
    filters: tuple[Filter, ...]
    t: SameStep
    """What was given to the streams of the network."""


Flow: TypeAlias = "tuple[Chain, SSAValue]"
"""A learning signal on its way."""


class Chains:
    """All chains of a network; a new one is in use as soon as a signal is given to it."""

    def __init__(self, transposition: Callable[[], SameStep]):
        self._transposition = transposition
        self._known: dict[tuple[str, tuple[Filter, ...]], Chain] = {}

    def of(self, kind: str, filters: tuple[Filter, ...] = ()) -> Chain:
        key = (kind, filters)  # filters are compared by identity
        if key not in self._known:
            self._known[key] = Chain(kind, filters, self._transposition())
        return self._known[key]

    def behind(self, chain: Chain, memory: Filter) -> Chain:
        """What passes this memory and then meets the chain's."""
        return self.of(chain.kind, (memory, *chain.filters))

    def given(self, value: SSAValue) -> Iterator[Flow]:
        """The signals that reached a stream."""
        for chain in list(self._known.values()):
            signal = chain.t.total(value)
            if signal is not None:
                yield chain, signal
