"""What a reader of a file hands on: a graph with its inputs, outputs and carried states."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snncc.dialects.arrays import Array
from snncc.errors import Problem
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value


@dataclass
class State:
    """
    A tensor that one step leaves to the next; `initial` broadcasts to its shape. `name` is
    the model's; None where it has none. `learned` is the constant that `initial` is the
    content of, where learnable parameters give it.
    """

    name: str | None
    before: Value
    after: Value
    initial: Array | None = None
    learned: Value | None = None


@dataclass
class Model:
    """
    A model as its file has it, with batch axes and all.

    `inputs` are what a caller passes, by name and in order; `outputs` what it gets.
    `states` are only those that the file itself carries from step to step (a buffer that is
    written, the carried values of a scan over single steps).
    """

    graph: Graph
    inputs: dict[str, Value]
    outputs: dict[str, Value]
    states: list[State] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    constants: Mapping[str, Array] = field(default_factory=dict)
    """Tensors that are read but are no parameters: where lost states hide."""
    names: dict[Value, str] = field(default_factory=dict)
    """What a live model keeps from step to step: values with the model's name for them."""
    live: bool = False
    """Whether it was recorded: what it keeps from call to call has been seen."""
    told: Mapping[str, str] = field(default_factory=dict)
    """The model's own names of outputs, where these are numbered."""
