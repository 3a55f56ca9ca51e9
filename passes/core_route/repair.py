"""
Moves single neurons until copies fit.

The mapper counts packets, and one neuron that lies away from the others that hear the same sources
costs few. But it costs each of these sources a copy, and cores are full: so a mapping is repaired
in what it means for copies.
"""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.passes.core_route.nets import Nets

PASSES = 60


def repaired(nets: Nets, core: Array, cores: int, capacity: int, axons: int | None) -> Array:
    """
    The core of each neuron, [neurons], with less that is too much in neurons, copies included, and
    axons: descent in their sum, the steepest moves first. Neurons have one destination each.
    """
    return _Repair(nets, core.copy(), cores, capacity, axons or 1 << 30).run()


class _Repair:
    def __init__(self, nets: Nets, core: Array, cores: int, capacity: int, axons: int):
        self.nets = nets
        self.core = core
        self.cores = cores
        self.capacity = capacity
        self.axons = axons
        order = np.argsort(nets.target, kind="stable")
        self.into = nets.net[order]
        self.first = np.searchsorted(nets.target[order], np.arange(nets.neurons + 1))
        self.is_neuron = nets.source < nets.neurons
        self.count()

    def count(self) -> None:
        """Targets of each net in each core, and what cores hold."""
        nets, cores = self.nets, self.cores
        key = nets.net * cores + self.core[nets.target]
        self.reach = np.bincount(key, minlength=nets.count * cores).reshape(-1, cores)
        reached, at = np.nonzero(self.reach)
        self.size = np.maximum(1, nets.destinations(reached))
        self.held = np.bincount(self.core, self.size, minlength=cores)
        self.heard = np.bincount(at, minlength=cores)

    def excess(self, held: Array, heard: Array) -> Array:
        """Over the last axis."""
        over = np.maximum(held - self.capacity, 0) + np.maximum(heard - self.axons, 0)
        return np.asarray(over.sum(axis=-1))

    def run(self) -> Array:
        for _ in range(PASSES):
            if not self.excess(self.held, self.heard):
                break
            moves = [(self.gain(int(neuron))[0], int(neuron)) for neuron in self.candidates()]
            most = max((gain for gain, _ in moves), default=0)
            if most <= 0:
                break
            for gain, neuron in sorted(moves, key=lambda move: (-move[0], move[1])):
                if 2 * gain < most:
                    break
                self.move(neuron, most)
        return self.core

    def candidates(self) -> Array:
        """Neurons in cores that hold too much, and those that hear sources there."""
        full = (self.held > self.capacity) | (self.heard > self.axons)
        found = full[self.core]
        sent = self.is_neuron.copy()
        sent[sent] = full[self.core[self.nets.source[sent]]]
        found[self.nets.target[sent[self.nets.net]]] = True
        return np.flatnonzero(found)

    def gain(self, neuron: int) -> tuple[int, int]:
        """By how much the excess falls where a neuron moves to the best core, and that core."""
        start, every = int(self.core[neuron]), np.arange(self.cores)
        nets = self.into[self.first[neuron] : self.first[neuron + 1]]
        reach = self.reach[nets]
        lost = reach[:, start] == 1
        gained = reach == 0
        senders = self.is_neuron[nets]
        home = self.core[self.nets.source[nets[senders]]]
        change = gained[senders].astype(np.int64) - lost[senders, None]
        held = np.tile(self.held, (self.cores, 1))
        held += ((home[None] == every[:, None]).astype(np.int64) @ change).T
        held[:, start] -= self.size[neuron]
        held[every, every] += self.size[neuron]
        heard = np.tile(self.heard, (self.cores, 1))
        heard[:, start] -= lost.sum()
        heard[every, every] += gained.sum(axis=0)
        excess = self.excess(held, heard)
        now = self.excess(self.held, self.heard)
        excess[start] = now
        best = int(excess.argmin())
        return int(now - excess[best]), best

    def move(self, neuron: int, most: int) -> None:
        """Where that still gains half of the `most` that one move gained."""
        gain, best = self.gain(neuron)
        if gain > 0 and 2 * gain >= most:
            self.core[neuron] = best
            self.count()
