"""A network as chips see it: populations with a normal form of their dynamics, and projections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.legalization.sparse import Sparse

Reset: TypeAlias = Literal["subtract", "zero", "none"]


@dataclass(frozen=True)
class Dynamics:
    """
    The normal form of a neuron, in numbers for each neuron ([n]), float64:

        J_k[t] = current[k] J_k[t-1] + what arrives at receptor k + current_bias[k]
        u[t]   = decay v[t-1] + sum over k of J_k[t] + bias
        z[t]   = u > threshold, or u >= threshold where `reaches`
        v[t]   = u - z amount,  or 0 where z  ("zero"),  or u  ("none")

    With a `leak` decay v[t-1] is moved towards 0 by it. With a `floor` a neuron that does not fire
    and has u < -floor gets v = 0 ("zero"), or v = u + floor.

    `threshold` None: a readout, whose output is u. `most` spikes are taken in one step; then
    z = min(floor(u / threshold), most).
    """

    decay: Array
    bias: Array
    currents: tuple[Array, ...] = ()
    """Without any, and where one is 0, what arrives is gone after its step."""
    current_biases: tuple[Array, ...] = ()
    threshold: Array | None = None
    reaches: bool = False
    reset: Reset = "none"
    amount: Array | None = None
    most: int = 1
    leak: Array | None = None
    floor: Array | None = None

    @property
    def size(self) -> int:
        return len(self.decay)

    @property
    def receptors(self) -> int:
        return max(1, len(self.currents))

    def changed(self, **values: object) -> Dynamics:
        return replace(self, **values)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Population:
    """Neurons of one layer."""

    name: str
    shape: tuple[int, ...]
    dynamics: Dynamics

    @property
    def size(self) -> int:
        return self.dynamics.size


@dataclass(frozen=True)
class Projection:
    """Connections to one receptor: spikes arrive `delay` steps after they were fired."""

    source: str
    target: str
    receptor: int
    delay: int
    weights: Sparse
    """[neurons, sources]"""


@dataclass(frozen=True)
class Output:
    """What a population gives; `lag` steps later than the network it was made of."""

    source: str
    lag: int = 0


@dataclass(frozen=True)
class SpikingGraph:
    """Inputs (name -> shape), populations, projections and outputs, each by name."""

    name: str
    inputs: dict[str, tuple[int, ...]]
    populations: dict[str, Population]
    projections: tuple[Projection, ...]
    outputs: dict[str, Output]
    renamed: dict[str, str] = field(default_factory=dict)
    always: frozenset[str] = frozenset()
    """Inputs that spike at every step, which the host adds by itself."""
    pools: frozenset[str] = frozenset()
    """Populations that fire when any of their sources does."""

    def size_of(self, name: str) -> int:
        """Of an input or a population."""
        if name in self.populations:
            return self.populations[name].size
        return int(np.prod(self.inputs[name], dtype=np.int64))

    @property
    def sizes(self) -> dict[str, int]:
        """Of inputs and populations."""
        return {name: self.size_of(name) for name in (*self.inputs, *self.populations)}

    def into(self, name: str) -> list[Projection]:
        return [p for p in self.projections if p.target == name]

    def out_of(self, name: str) -> list[Projection]:
        return [p for p in self.projections if p.source == name]

    @property
    def constants(self) -> frozenset[str]:
        """Inputs that are always on, and populations that hear nothing else."""
        found = set(self.always)
        for name in self.populations:
            sources = {p.source for p in self.into(name)}
            if sources and sources <= self.always:
                found.add(name)
        return frozenset(found)

    def with_populations(self, populations: Sequence[Population]) -> SpikingGraph:
        """The same graph where populations of these names are others."""
        changed = {p.name: p for p in populations}
        return replace(
            self, populations={name: changed.get(name, p) for name, p in self.populations.items()}
        )
