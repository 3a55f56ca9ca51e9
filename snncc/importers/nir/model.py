"""A NIR graph as plain data, and what each node class carries."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from snncc.importers.hdf5.graph import Graph as Graph
from snncc.importers.hdf5.graph import Node as Node
from snncc.importers.hdf5.graph import Value as Value

NAMED = 12
"""How many names a message lists."""


def shortened(names: Iterable[str], between: str = ", ") -> str:
    """Names in a message, the middle of many left out."""
    listed = list(names)
    if len(listed) > NAMED:
        half = NAMED // 2
        listed = [*listed[:half], f"... {len(listed) - NAMED} more ...", *listed[-half:]]
    return between.join(listed)


@dataclass
class FlatGraph:
    """Nodes by full name and edges between them; terminals of sub-graphs are `Identity`."""

    nodes: dict[str, Node]
    edges: list[tuple[str, str]]

    def predecessors(self) -> dict[str, list[str]]:
        """Node -> the sources of its edges, in the order of the edges."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[target].append(source)
        return found

    def successors(self) -> dict[str, list[str]]:
        """Node -> the targets of its edges, in the order of the edges."""
        found: dict[str, list[str]] = {name: [] for name in self.nodes}
        for source, target in self.edges:
            found[source].append(target)
        return found


@dataclass(frozen=True)
class NodeClass:
    """The fields of a node class: those it must have, those with a default."""

    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    population: tuple[str, ...] = ()
    """The fields that have one value for each neuron (or one for all)."""
    positive: tuple[str, ...] = ()
    """Fields whose values must be above zero: time constants."""
    texts: tuple[str, ...] = ()
    """Fields that may be text instead of numbers."""


NODE_CLASSES: dict[str, NodeClass] = {
    "Input": NodeClass(optional=("shape", "input_type")),
    "Output": NodeClass(optional=("shape", "output_type")),
    "Affine": NodeClass(("weight", "bias")),
    "Linear": NodeClass(("weight",)),
    "Scale": NodeClass(("scale",)),
    "Conv1d": NodeClass(
        ("weight",),
        ("bias", "input_shape", "stride", "padding", "dilation", "groups"),
        texts=("padding",),
    ),
    "Conv2d": NodeClass(
        ("weight",),
        ("bias", "input_shape", "stride", "padding", "dilation", "groups"),
        texts=("padding",),
    ),
    "SumPool2d": NodeClass(("kernel_size",), ("stride", "padding")),
    "AvgPool2d": NodeClass(("kernel_size",), ("stride", "padding")),
    "Flatten": NodeClass((), ("start_dim", "end_dim", "input_type")),
    "Delay": NodeClass(("delay",), population=("delay",)),
    "Threshold": NodeClass(("threshold",), population=("threshold",)),
    "I": NodeClass(("r",), population=("r",)),
    "IF": NodeClass(("r", "v_threshold"), ("v_reset",), population=("r", "v_threshold", "v_reset")),
    "LI": NodeClass(("tau", "r", "v_leak"), population=("tau", "r", "v_leak"), positive=("tau",)),
    "LIF": NodeClass(
        ("tau", "r", "v_leak", "v_threshold"),
        ("v_reset",),
        population=("tau", "r", "v_leak", "v_threshold", "v_reset"),
        positive=("tau",),
    ),
    "CubaLI": NodeClass(
        ("tau_syn", "tau_mem", "r", "v_leak"),
        ("w_in",),
        population=("tau_syn", "tau_mem", "r", "v_leak", "w_in"),
        positive=("tau_syn", "tau_mem"),
    ),
    "CubaLIF": NodeClass(
        ("tau_syn", "tau_mem", "r", "v_leak", "v_threshold"),
        ("v_reset", "w_in"),
        population=("tau_syn", "tau_mem", "r", "v_leak", "v_threshold", "v_reset", "w_in"),
        positive=("tau_syn", "tau_mem"),
    ),
}
"""The 18 node classes that are not graphs; NIRGraph is the nineteenth."""

WHOLE_NUMBERS = (
    "shape",
    "input_type",
    "output_type",
    "input_shape",
    "kernel_size",
    "stride",
    "padding",
    "dilation",
    "groups",
    "start_dim",
    "end_dim",
)
"""The fields that hold one or a few whole numbers."""

IDENTITY = "Identity"
"""The class of a sub-graph's terminal in a flat graph: it passes its input on."""

NEURON_CLASSES = ("I", "IF", "LI", "LIF", "CubaLI", "CubaLIF")
"""Classes with state: where a recurrent edge may wait for the next step."""

SPIKING_CLASSES = ("IF", "LIF", "CubaLIF")
