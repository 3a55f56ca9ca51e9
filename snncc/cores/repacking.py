"""
New weights for a configuration: the same network, places and scales, other whole numbers.

Arrays come by the names of the program: SOURCE.to.TARGET.N for a table of synapses, dense
[sources, targets] or [synapses] in the order of the table (by source, then target), and
POPULATION.PARAMETER for what neurons are configured with. Whole numbers are the chip's; floats
are in the units of the network that was compiled, and are rounded with the scales that the program
keeps. Nothing is held at an end: what the chip cannot represent is an error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, SymbolRefAttr
from xdsl.rewriter import Rewriter

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, dense_of, type_of
from snncc.dialects.core.conformance import departures, synapse_counts
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.snn.neurons.assembly import INLINE_ELEMENTS
from snncc.errors import Problem, SnnccError, error
from snncc.passes.chip_model.units import parameter_factor, weight_factor

NOT_ON_CHIP = "SNC-N006"
TYPES = (np.int8, np.int16, np.int32)


@dataclass(frozen=True)
class Repacked:
    module: ModuleOp
    changes: tuple[str, ...]
    """What changed, a line for each array."""


def repacked(module: ModuleOp, description: Description, weights: Mapping[str, Any]) -> Repacked:
    """
    The module with other numbers. Raises SnnccError with every fault: SNC-C003 for names that are
    none, SNC-R001 for arrays of other shapes or what are no numbers, SNC-N006 for numbers and
    connections that the chip does not have.
    """
    return _Repacking(module, description).run(weights)


class _Repacking:
    def __init__(self, module: ModuleOp, description: Description):
        self.module = module.clone()
        self.description = description
        self.program = next(op for op in self.module.ops if isinstance(op, ProgramOp))
        self.problems: list[Problem] = []
        self.changes: list[str] = []

    def run(self, weights: Mapping[str, Any]) -> Repacked:
        tables = {
            op.sym_name.data: op for op in self.program.synapses if isinstance(op, SynapsesOp)
        }
        parameters = {
            f"{name}.{key}": (op, key)
            for name, op in self.program.populations.items()
            for key in self.description.neurons[op.neuron_class.data].parameters
        }
        for name, given in weights.items():
            try:
                if name in tables:
                    self._table(tables[name], np.asarray(given))
                elif name in parameters:
                    self._parameter(*parameters[name], np.asarray(given))
                else:
                    known = ", ".join([*tables, *parameters])
                    raise error("SNC-C003", f"{name}: expected one of {known}")
            except SnnccError as fault:
                self.problems += fault.problems
        if not self.problems:
            self._expect_on_chip()
        if self.problems:
            raise SnnccError(self.problems)
        self.module.verify()
        return Repacked(self.module, tuple(self.changes))

    def _expect_on_chip(self) -> None:
        for fault in departures(self.program, self.description):
            self._not_on_chip(None, fault, "change what is named, or compile the network again")
        for edge, count in synapse_counts(self.program).items():
            room = self.description.edges[edge].synapses
            if room is not None and count > room:
                self._not_on_chip(
                    None,
                    f"{count} {edge} synapses; {self.description.name} has {room}",
                    "leave out weights that are 0 and had no synapse before",
                )

    def _not_on_chip(self, node: str | None, message: str, remedy: str) -> None:
        self.problems.append(Problem(NOT_ON_CHIP, message, node=node, remedy=remedy))

    # --- synapses

    def _table(self, op: SynapsesOp, given: Array) -> None:
        name, edge = op.sym_name.data, self.description.edges[op.edge.data]
        shape = (
            self.program.endings[op.source_name].size,
            self.program.endings[op.target_name].size,
        )
        sources, targets, before = op.table()
        nearest = op.nearest_array
        if given.shape == shape:
            exists = np.zeros(shape, bool)
            exists[sources, targets] = True
            held = np.zeros((2, *shape), np.int64)
            held[:, sources, targets] = before, nearest
            more = (given != 0) & ~exists
            if more.any() and not self._may_connect(op, more):
                return
            sources, targets = np.nonzero(exists | more)
            (before, nearest), values = held[:, sources, targets], given[sources, targets]
        elif given.shape == before.shape:
            values = given
        else:
            raise error(
                "SNC-R001",
                f"{name}: expected {list(shape)} (sources, targets) or [{len(before)}] (synapses), "
                f"got {list(given.shape)}",
            )
        factor = weight_factor(op, self.program, self.description)
        whole = _whole(name, values, None if factor is None else factor[targets])
        # floats that are still nearest to the same number are rounded as they were
        same = whole == (nearest if given.dtype.kind == "f" else before)
        whole, nearest = np.where(same, before, whole), np.where(same, nearest, whole)
        self._expect_range(name, whole, edge.low, edge.high, sources, targets)
        if edge.levels is not None:
            self._expect_levels(name, whole, targets, edge.levels)
        self._tell(name, before, whole)
        if len(sources) != len(op.table()[0]):
            self._put(op, "sources", sources)
            self._put(op, "targets", targets)
        self._put(op, "weights", whole)
        if op.nearest is not None:
            self._put(op, "nearest", nearest)

    def _may_connect(self, op: SynapsesOp, more: Array) -> bool:
        """Whether weights may stand where there was no synapse."""
        name, grid = op.sym_name.data, self.description.grid
        source, target = np.argwhere(more)[0].tolist()
        where = f"{int(more.sum())} weights where there was no synapse, the first from {source} to"
        if grid.fan_out is not None or grid.axon_types is not None:
            self._not_on_chip(
                name,
                f"{where} {target}; {self.description.name} routes spikes",
                "compile the network again",
            )
            return False
        edge = self.description.edges[op.edge.data]
        itself = op.source_name == op.target_name and np.diagonal(more).any()
        if itself and not edge.self_connections:
            self._not_on_chip(
                name,
                f"{where} {target}; a neuron of {self.description.name} does not reach itself",
                "leave the diagonal at 0",
            )
            return False
        return True

    def _expect_range(
        self, name: str, whole: Array, low: int, high: int, sources: Array, targets: Array
    ) -> None:
        beyond = np.flatnonzero((whole < low) | (whole > high))
        if beyond.size:
            first = beyond[np.abs(whole[beyond]).argmax()]
            self._not_on_chip(
                name,
                f"{beyond.size} weights are beyond {low} to {high}: {whole[first]} from "
                f"{sources[first]} to {targets[first]}",
                "hold them at the ends, or compile the network again: scales are chosen anew",
            )

    def _expect_levels(self, name: str, whole: Array, targets: Array, levels: int) -> None:
        pairs = np.unique(np.stack([targets, whole])[:, whole != 0], axis=1)
        different = np.bincount(pairs[0].astype(np.int64)) if pairs.size else np.zeros(1, int)
        if different.max() > levels:
            self._not_on_chip(
                name,
                f"neuron {different.argmax()} has {different.max()} different weights; "
                f"{self.description.name} has {levels}",
                "take those that the neuron has, or compile the network again",
            )

    # --- neurons

    def _parameter(self, op: PopulationOp, key: str, given: Array) -> None:
        node = op.sym_name.data
        name = f"{node}.{key}"
        neuron = self.description.neurons[op.neuron_class.data]
        p = neuron.parameters[key]
        shape: tuple[int, ...] = (op.size,)
        if p.per == "receptor":
            shape = (neuron.receptors, op.size)
        if given.shape != shape:
            raise error("SNC-R001", f"{name}: expected {list(shape)}, got {list(given.shape)}")
        whole = _whole(name, given, parameter_factor(op, key, self.description))
        beyond = (whole < p.low) | (whole > p.high)
        if beyond.any():
            self._not_on_chip(
                name,
                f"{int(beyond.sum())} numbers are beyond {p.low} to {p.high}: "
                f"{whole.min()} to {whole.max()}",
                "hold them at the ends, or compile the network again: scales are chosen anew",
            )
            return
        if key in op.parameters.data:
            before = np.broadcast_to(op.numbers(key), whole.shape)
        else:
            before = np.full(whole.shape, p.default)
        self._tell(name, before, whole)
        self._put_parameter(op, key, whole)

    # --- the module

    def _tell(self, name: str, before: Array, after: Array) -> None:
        moved = np.abs(after - before)
        if moved.any():
            self.changes.append(
                f"{name}: {int((moved > 0).sum())} of {moved.size} numbers, "
                f"by {moved[moved > 0].mean():.1f} on average"
            )

    def _put(self, op: SynapsesOp, key: str, values: Array) -> None:
        reference = op.properties[key]
        assert isinstance(reference, SymbolRefAttr)
        op.properties[key] = SymbolRefAttr(self._declare(reference.root_reference.data, values))

    def _put_parameter(self, op: PopulationOp, key: str, values: Array) -> None:
        held = dict(op.parameters.data)
        reference = held.get(key)
        wanted = f"{op.sym_name.data}.{key}"
        if isinstance(reference, SymbolRefAttr):
            wanted = reference.root_reference.data
        held[key] = SymbolRefAttr(self._declare(wanted, values))
        op.parameters = DictionaryAttr(held)

    def _declare(self, name: str, values: Array) -> str:
        """A parameter with these numbers: in the place of that of the name, where one reads it."""
        narrow = next(t for t in TYPES if np.array_equal(values.astype(t), values))
        array = np.ascontiguousarray(values.astype(narrow))
        value = dense_of(array) if array.size <= INLINE_ELEMENTS else blob_of(array)
        declared = {
            op.sym_name.data: op for op in self.module.ops if isinstance(op, snn.ParameterOp)
        }
        if name in declared and self._readers(name) > 1:
            while name in declared:
                name += "'"
        new = snn.ParameterOp(name, type_of(array), value)
        if name in declared:
            Rewriter.replace_op(declared[name], new, [])
        else:
            self.module.body.block.insert_op_before(new, self.program)
        return name

    def _readers(self, name: str) -> int:
        count = 0
        for op in self.program.body.block.ops:
            for attribute in op.properties.values():
                held = (
                    attribute.data.values()
                    if isinstance(attribute, DictionaryAttr)
                    else [attribute]
                )
                count += sum(
                    isinstance(a, SymbolRefAttr) and a.root_reference.data == name for a in held
                )
        return count


def _whole(name: str, given: Array, factor: Array | None) -> Array:
    """The chip's whole numbers, int64."""
    if given.dtype.kind in "iu":
        if not ((given > -(1 << 31)) & (given < 1 << 31)).all():
            raise error("SNC-R001", f"{name}: has numbers beyond 32 bits, no number of a chip")
        return given.astype(np.int64)
    if given.dtype.kind != "f":
        raise error("SNC-R001", f"{name}: expected numbers, got {given.dtype}")
    if factor is None:
        raise error(
            "SNC-C003",
            f"{name}: floats, and the configuration knows no scale for them",
            remedy="give the chip's whole numbers",
        )
    scaled = np.rint(given.astype(np.float64) * factor)
    if not (np.abs(scaled) < 2.0**31).all():
        raise error("SNC-R001", f"{name}: has numbers that are not finite, or no number of a chip")
    return np.asarray(scaled.astype(np.int64))
