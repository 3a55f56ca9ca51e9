"""An assignment of vertices to cores, with what a move would change, kept up to date."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from snncc.passes.mapping.hypergraph import Hypergraph
from snncc.passes.mapping.problem import Floats, Integers, Limits

RESOURCES = ("neurons", "axons", "synapses")


class State:
    """
    `core` [n] of each vertex, the cost sum rate x distance(own core, core) over the distinct
    cores of each net, and the loads [3, K] of the cores in the order of `RESOURCES`.

    `pins[net, core]` counts pins; `enter[net, core]` is what a first pin there would cost.
    """

    def __init__(self, graph: Hypergraph, distances: Floats, limits: Limits, core: Integers):
        self.graph = graph
        self.limits = limits
        self.k = distances.shape[1]
        self.core = core.astype(np.int64)
        given = (limits.neurons, limits.axons, limits.synapses)
        self.capacity = np.array([[np.inf if limit is None else limit] for limit in given])
        self.rooms = self.capacity[:, 0].tolist()
        self.limited = np.isfinite(self.capacity[:, 0])
        places = graph.net_of_pin() * self.k + self.core[graph.pins]
        self.pins = np.bincount(places, minlength=graph.m * self.k).reshape(graph.m, self.k)
        self.pins = self.pins.astype(np.int32)
        self._flat_pins = self.pins.reshape(-1)
        self.loads = np.zeros((3, self.k))
        self.loads[0] = np.bincount(self.core, graph.neurons, self.k)
        self.loads[2] = np.bincount(self.core, graph.synapses, self.k)
        self.row = np.where(graph.home >= 0, self.core[graph.home], graph.fixed)
        if self.limited[1]:
            self.loads[1] = self._axons()
        self.nets = np.split(graph.nets, graph.nets_ptr[1:-1])
        self.out = np.split(graph.out, graph.out_ptr[1:-1])
        self._rows = np.split(graph.pins, graph.ptr[1:-1])
        self.touched = np.ones(graph.n, bool)
        """[n] whether `deltas` may have changed since the mark was taken off"""
        self.set_distances(distances)

    def set_distances(self, distances: Floats) -> None:
        """Other distances for the same assignment."""
        self.distances = distances
        self.touched[:] = True
        self._between = np.ascontiguousarray(distances[: self.k])
        full = self.graph.rate[:, None] * distances[self.row]
        self.cost = float(full[self.pins > 0].sum())
        full[self.pins > 0] = 0.0
        self.enter = full
        self._flat_enter = self.enter.reshape(-1)

    def _axons(self) -> Floats:
        graph, k = self.graph, self.k
        present = self.pins > 0
        homes = np.flatnonzero(graph.home >= 0)
        at = (homes, self.row[homes])
        present[at] = (present[at] | (graph.loops[homes] > 0)) & self.limits.own_axons
        loads = graph.axons @ present
        if self.limits.own_axons:
            loads = loads + np.bincount(self.core, graph.resident, k)
        return np.asarray(loads, np.float64)

    # --- What a move would change

    def deltas(self, v: int) -> Floats:
        """[K] the change of the cost if the vertex went to each core."""
        graph, a = self.graph, self.core[v]
        nets, out = self.nets[v], self.out[v]
        delta: Floats = np.add.reduce(self.enter.take(nets, axis=0), axis=0)
        last = nets[self._flat_pins.take(nets * self.k + a) == 1]
        if last.size:
            delta -= graph.rate.take(last) @ self.distances[:, a].take(self.row.take(last))
        if out.size:
            reached = graph.rate.take(out) @ (self.pins.take(out, axis=0) > 0)
            own = self._between @ reached
            delta += own
            delta -= own[a]
        delta[a] = 0.0
        return delta

    def _axon_changes(self, v: int) -> tuple[Floats, float]:
        """[K] axons more in each core if the vertex came, and how many fewer in its own."""
        graph, a, own = self.graph, self.core[v], self.limits.own_axons
        nets, out = self.nets[v], self.out[v]
        axons, row = graph.axons.take(nets), self.row.take(nets)
        absent = self.pins.take(nets, axis=0) == 0
        come = (axons @ absent).astype(np.float64)
        # a source at home takes no axon there, or has one already
        quiet = graph.loops.take(nets) > 0 if own else np.ones(nets.size, bool)
        at_home = np.flatnonzero((row < self.k) & quiet)
        at_home = at_home[absent[at_home, row[at_home]]]
        come -= np.bincount(row[at_home], axons[at_home], self.k)
        last = self._flat_pins.take(nets * self.k + a) == 1
        go = float(axons[last & ((row != a) | ~quiet)].sum())
        if out.size:
            there = self.pins.take(out, axis=0) > 0
            weight = graph.axons.take(out)
            if own:
                looped = (weight * graph.loops.take(out)) @ ~there
                come += looped
                go += float(looped[a])
            else:
                inside = weight @ there
                come -= inside
                go -= float(inside[a])
        if own:
            come += graph.resident[v]
            go += float(graph.resident[v])
        return come, go

    def changes(self, v: int) -> tuple[Floats, Floats]:
        """[3, K] load that the vertex would bring to each core; [3] what its own would lose."""
        come = np.zeros((3, self.k))
        go = np.zeros(3)
        come[0] = go[0] = self.graph.neurons[v]
        come[2] = go[2] = self.graph.synapses[v]
        if self.limited[1]:
            come[1], go[1] = self._axon_changes(v)
        return come, go

    def overload(self) -> Floats:
        """[3, K] load above the capacity, as a part of the capacity."""
        return np.asarray(np.maximum(self.loads / self.capacity - 1.0, 0.0))

    def _touch(self, nets: Integers) -> None:
        """Mark what may see other changes now."""
        for net in nets:
            self.touched[self._rows[net]] = True
        home = self.graph.home[nets]
        self.touched[home[home >= 0]] = True

    def traffic(self) -> Floats:
        """[R, K] packets from each start (`Problem.distances`) to each core."""
        traffic = np.zeros(self.distances.shape)
        np.add.at(traffic, self.row, self.graph.rate[:, None] * (self.pins > 0))
        traffic[np.arange(self.k), np.arange(self.k)] = 0.0
        return traffic

    @property
    def over(self) -> NDArray[np.bool_]:
        """[K] where a limit is broken"""
        return np.asarray((self.loads > self.capacity).any(axis=0))

    def over_at(self, core: int) -> bool:
        """`over` of one core"""
        return any(
            load > room for load, room in zip(self.loads[:, core].tolist(), self.rooms, strict=True)
        )

    def price_changes(self, v: int) -> Floats:
        """[K] the change of the sum of `overload` if the vertex went to each core."""
        a = self.core[v]
        come, go = self.changes(v)
        now = self.overload().sum(axis=0)
        then = np.maximum((self.loads + come) / self.capacity - 1.0, 0.0).sum(axis=0)
        left = np.maximum((self.loads[:, a] - go) / self.capacity[:, 0] - 1.0, 0.0).sum()
        change = then - now + left - now[a]
        change[a] = 0.0
        return np.asarray(change)

    # --- Moves

    def move(self, v: int, b: int, delta: float) -> None:
        """The vertex goes to core b; `delta` is what `deltas` says of it."""
        graph, a, k = self.graph, int(self.core[v]), self.k
        if a == b:
            return
        nets, out = self.nets[v], self.out[v]
        self.loads[0, a] -= graph.neurons[v]
        self.loads[0, b] += graph.neurons[v]
        self.loads[2, a] -= graph.synapses[v]
        self.loads[2, b] += graph.synapses[v]
        if self.limited[1]:
            axons, fewer = self._axon_changes(v)
            self.loads[1, a] -= fewer
            self.loads[1, b] += axons[b]
        from_a, to_b = nets * k + a, nets * k + b
        left = self._flat_pins.take(from_a) - 1
        come = self._flat_pins.take(to_b) + 1
        self._flat_pins[from_a] = left
        self._flat_pins[to_b] = come
        self._touch(nets[(left <= 1) | (come == 1)])
        self._touch(out)
        gone = np.flatnonzero(left == 0)
        last = nets[gone]
        self._flat_enter[from_a[gone]] = graph.rate[last] * self.distances[self.row[last], a]
        self._flat_enter[to_b] = 0.0
        if out.size:
            self.row[out] = b
            full = graph.rate[out][:, None] * self.distances[b]
            full[self.pins[out] > 0] = 0.0
            self.enter[out] = full
        self.core[v] = b
        self.cost += delta
