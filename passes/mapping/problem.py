"""What is to be mapped: who sends to whom, how often, and what a core holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Limits:
    """What one core holds; None is no limit."""

    neurons: int | None = None
    axons: int | None = None
    """Distinct sources that have targets in the core."""
    synapses: int | None = None
    own_axons: bool = True
    """Whether a neuron of the core takes an axon of it when it has targets there."""

    def __post_init__(self) -> None:
        for name in ("neurons", "axons", "synapses"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"limit of {name}: expected at least 1, got {value}")


@dataclass(frozen=True, eq=False)
class Problem:
    """
    Neurons 0 .. neurons - 1 are to be placed; sources are the neurons and, from `neurons` on,
    the inputs, which are not.

    A spike of a source is one packet to each other core that holds targets of it.
    """

    neurons: int
    source: Integers
    """[E] the source of each synapse"""
    target: Integers
    """[E] the neuron of each synapse; equal pairs are synapses of one axon"""
    rate: Floats
    """[neurons + inputs] spikes of each source in some unit of time, or a count of them"""
    cores: int
    mesh: tuple[int, int]
    """(width, height); at least as many places as cores"""
    limits: Limits = field(default_factory=Limits)
    groups: Sequence[Any] = ()
    """Neurons that must share a core: sequences of neurons, without overlap."""
    ports: Sequence[tuple[int, int]] = ()
    """Places (x, y) at which inputs enter the mesh; they may lie outside of it."""
    port: Integers | None = None
    """[inputs] the port of each input. None and -1: not placed, one hop from every core."""

    def __post_init__(self) -> None:
        for name in ("source", "target"):
            given = np.asarray(getattr(self, name))
            if given.ndim != 1 or (given.size and given.dtype.kind not in "iu"):
                raise ValueError(
                    f"{name}: expected integers [E], got {given.dtype} {list(given.shape)}"
                )
            object.__setattr__(self, name, given.astype(np.int64))
        object.__setattr__(self, "rate", np.asarray(self.rate, np.float64))
        if self.rate.ndim != 1 or self.rate.size < self.neurons:
            raise ValueError(
                f"rate: expected [neurons + inputs] with {self.neurons} neurons, "
                f"got {list(self.rate.shape)}"
            )
        if not (np.isfinite(self.rate).all() and (self.rate >= 0).all()):
            raise ValueError("rate: expected finite numbers that are not negative")
        if self.source.shape != self.target.shape:
            raise ValueError(
                f"expected as many sources as targets, got {self.source.size} and "
                f"{self.target.size}"
            )
        for name, size in (("source", self.sources), ("target", self.neurons)):
            ends = getattr(self, name)
            if ends.size and (ends.min() < 0 or ends.max() >= size):
                raise ValueError(
                    f"{name}: expected 0 .. {size - 1}, got {ends.min()} .. {ends.max()}"
                )
        width, height = self.mesh
        if self.cores < 1 or width < 1 or height < 1 or self.cores > width * height:
            raise ValueError(
                f"expected 1 .. {width * height} cores on a mesh of {width} x {height}, "
                f"got {self.cores}"
            )
        object.__setattr__(self, "port", self._ports())
        self._check_groups()

    @property
    def sources(self) -> int:
        return int(self.rate.size)

    @property
    def inputs(self) -> int:
        return self.sources - self.neurons

    def _ports(self) -> Integers:
        if self.port is None:
            return np.full(self.inputs, -1, np.int64)
        port = np.asarray(self.port, np.int64)
        if port.shape != (self.inputs,):
            raise ValueError(f"port: expected [{self.inputs}], got {list(port.shape)}")
        if port.size and (port.min() < -1 or port.max() >= len(self.ports)):
            raise ValueError(
                f"port: expected -1 .. {len(self.ports) - 1}, got {port.min()} .. {port.max()}"
            )
        return port

    def _check_groups(self) -> None:
        members = [np.asarray(group, np.int64).ravel() for group in self.groups]
        every = np.concatenate(members) if members else np.zeros(0, np.int64)
        if every.size and (every.min() < 0 or every.max() >= self.neurons):
            raise ValueError(f"groups: expected neurons 0 .. {self.neurons - 1}")
        if np.unique(every).size != every.size:
            raise ValueError("groups: a neuron stands twice; join the groups that share it")

    def places(self) -> Integers:
        """[width * height, 2] (x, y) in row-major order."""
        width, height = self.mesh
        number = np.arange(width * height)
        return np.stack([number % width, number // width], axis=1)

    def distances(self, place: Integers) -> Floats:
        """
        [cores + ports + 1, cores] hops of the XY route from each core, each port and from
        outside to each core, for cores at `place` [cores, 2].
        """
        starts = np.concatenate([place, np.asarray(self.ports, np.int64).reshape(-1, 2)])
        hops = np.abs(starts[:, None] - place[None]).sum(axis=2)
        return np.concatenate([hops, np.ones((1, self.cores), np.int64)]).astype(np.float64)

    def steps(self) -> Floats:
        """As `distances`, with one hop to wherever a packet must be sent at all."""
        starts = self.cores + len(self.ports) + 1
        ones = np.ones((starts, self.cores))
        ones[np.arange(self.cores), np.arange(self.cores)] = 0.0
        return ones

    def fixed(self) -> Integers:
        """[sources] the row of `distances` of an input; -1 for neurons."""
        assert self.port is not None
        row = np.where(self.port >= 0, self.cores + self.port, self.cores + len(self.ports))
        return np.concatenate([np.full(self.neurons, -1, np.int64), row])

    def vertices(self) -> Integers:
        """[neurons] numbers of what moves as one, in the order of the first neurons."""
        first = np.arange(self.neurons)
        for group in self.groups:
            members = np.asarray(group, np.int64).ravel()
            if members.size:
                first[members] = members.min()
        return np.unique(first, return_inverse=True)[1]
