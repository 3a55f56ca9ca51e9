"""Random `core.program`s of a chip: what an emitter and the chip's model get, without a network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.backends.cores.emitting import Golden
from snncc.cores.configuration import Configuration
from snncc.cores.events import EventChip
from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core.conformance import departures
from snncc.dialects.core.description import INPUT, Description
from snncc.dialects.core.program import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.snn.parameters import ParameterOp
from snncc.network import Network
from snncc.passes.chip_model import model_of
from snncc.passes.core_place import place_on_one_core


@dataclass
class Builder:
    """A program that grows; `finish` places it."""

    chip: Description
    parameters: list[ParameterOp] = field(default_factory=list)
    operations: list[object] = field(default_factory=list)
    kinds: dict[str, str] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)

    def parameter(self, name: str, values: Array, dtype: type = np.int32) -> str:
        array = np.asarray(values).astype(dtype)
        self.parameters.append(ParameterOp(name, type_of(array), blob_of(array)))
        return name

    def input(self, name: str, size: int) -> None:
        self.operations.append(InputOp(name, [size]))
        self.kinds[name], self.sizes[name] = INPUT, size

    def population(self, name: str, kind: str, **numbers: Array) -> None:
        size = len(next(iter(numbers.values())))
        named = {key: self.parameter(f"{name}.{key}", v) for key, v in numbers.items()}
        self.operations.append(PopulationOp(name, kind, [size], named))
        self.kinds[name], self.sizes[name] = kind, size

    def connect(self, source: str, target: str, weights: Array) -> None:
        """Weights [sources, targets]; those that are 0 are no synapses."""
        edge = next(
            name
            for name, edge in self.chip.edges.items()
            if (edge.source, edge.target) == (self.kinds[source], self.kinds[target])
        )
        if source == target and not self.chip.edges[edge].self_connections:
            weights = np.where(np.eye(len(weights), dtype=bool), 0, weights)
        rows, columns = np.nonzero(weights)
        if not len(rows):
            return
        name = f"{source}.to.{target}"
        arrays = tuple(
            self.parameter(f"{name}.{key}", values)
            for key, values in (
                ("sources", rows),
                ("targets", columns),
                ("weights", weights[rows, columns]),
            )
        )
        self.operations.append(SynapsesOp(name, source, target, edge, 0, 0, arrays))

    def finish(
        self, outputs: Sequence[str], settings: Mapping[str, int], x: Mapping[str, Array]
    ) -> Configuration:
        """A configuration whose golden sample is `x`, name -> [T, n]."""
        ops = [*self.operations, *(OutputOp(f"{name}_out", name, 0) for name in outputs)]
        program = ProgramOp("random", self.chip.name, settings, ops)
        module = ModuleOp([*self.parameters, program])
        place_on_one_core(module, self.chip)
        assert departures(program, self.chip) == []
        if self.chip.execution == "timestep":  # without the search for a shorter model
            trace = Network(model_of(program, self.chip, "events")).run(x, trace=True)
            del trace["final"]
            return Configuration(module, self.chip, (), Golden(x, trace))
        trace, order = EventChip(program, self.chip).ordered(x)
        return Configuration(module, self.chip, (), Golden(x, trace, order))
