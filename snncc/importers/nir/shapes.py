"""
Shapes of every stream of a flat graph: our own inference.

The file's own shapes of terminals may hold batch and time axes, and pools hold none;
parameters are what is certain. Shapes spread from parameters and terminals along the
edges until nothing changes; what then disagrees is an error at the node where it shows.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from snncc.dialects.snn.linear import output_size
from snncc.dialects.snn.types import broadcasts_to, shape_text
from snncc.errors import Problem, SnnccError
from snncc.importers.nir.model import IDENTITY, NODE_CLASSES, FlatGraph, Node

Shape = tuple[int, ...]

MAX_ELEMENTS = 1 << 26
"""The largest stream: a claim beyond it is refused before anything is allocated."""
MAX_RANK = 8


class ShapeMismatch(Exception):
    """Why a node's input does not fit; the caller adds the node."""


def population_shape(node: Node) -> Shape:
    """What a node's per-neuron parameters broadcast to; () where all are scalars."""
    shapes = [
        np.shape(node.fields[f]) for f in NODE_CLASSES[node.type].population if f in node.fields
    ]
    try:
        return np.broadcast_shapes(*shapes)
    except ValueError:
        raise ShapeMismatch(
            f"parameters of different shapes: {', '.join(map(shape_text, shapes))}"
        ) from None


def _pair(node: Node, field: str, default: int, rank: int) -> tuple[int, ...]:
    if field not in node.fields:
        return (default,) * rank
    values = node.integers(field)
    if len(values) == 1:
        return values * rank
    if len(values) != rank:
        raise ShapeMismatch(f"{field}: expected {rank} numbers, got {len(values)}")
    return values


def window(node: Node) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """(kernel, stride, padding [before, after per axis], dilation) of a conv or pool."""
    if node.type.startswith("Conv"):
        rank = 1 if node.type == "Conv1d" else 2
        kernel = np.shape(node.array("weight"))[2:]
        if len(kernel) != rank:
            raise ShapeMismatch(
                f"weight: expected {rank + 2} axes, "
                f"got shape {shape_text(np.shape(node.array('weight')))}"
            )
        stride = _pair(node, "stride", 1, rank)
    else:
        rank = 2
        kernel = _pair(node, "kernel_size", 1, rank)
        stride = _pair(node, "stride", 1, rank) if "stride" in node.fields else kernel
    dilation = _pair(node, "dilation", 1, rank)
    for what, values in (("kernel", kernel), ("stride", stride), ("dilation", dilation)):
        if min(values) < 1 or max(values) > MAX_ELEMENTS:
            raise ShapeMismatch(f"{what}: expected numbers of at least 1, got {list(values)}")
    padding = node.fields.get("padding")
    if isinstance(padding, str):
        if padding == "valid":
            return kernel, stride, (0,) * (2 * rank), dilation
        if padding != "same":
            raise ShapeMismatch(f"padding: expected numbers, 'same' or 'valid', got {padding!r}")
        if max(stride) != 1:
            raise ShapeMismatch("padding 'same' is defined for stride 1 only")
        # as in PyTorch: the odd element stands after
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return kernel, stride, tuple(p for t in totals for p in (t // 2, t - t // 2)), dilation
    pads = _pair(node, "padding", 0, rank)
    if min(pads) < 0 or max(pads) > MAX_ELEMENTS:
        raise ShapeMismatch(f"padding: expected numbers of at least 0, got {list(pads)}")
    if node.type in _POOLS and any(2 * p > k for p, k in zip(pads, kernel, strict=True)):
        raise ShapeMismatch(  # as in PyTorch: a window could hold nothing but padding
            f"padding: expected at most half of the kernel {list(kernel)}, got {list(pads)}"
        )
    return kernel, stride, tuple(p for pad in pads for p in (pad, pad)), dilation


def required_input(node: Node) -> tuple[int | None, ...] | None:
    """
    The input shape that a node's parameters ask for, None for a free axis; None where
    they ask for nothing.
    """
    if node.type in ("Affine", "Linear"):
        weight = np.shape(node.array("weight"))
        if len(weight) < 2:
            raise ShapeMismatch(f"weight: expected at least 2 axes, got shape {shape_text(weight)}")
        return (*weight[:-2], weight[-1])
    if node.type in ("Conv1d", "Conv2d"):
        kernel, *_ = window(node)
        (groups,) = _pair(node, "groups", 1, 1)
        channels = np.shape(node.array("weight"))[1] * groups
        spatial: Sequence[int | None] = (None,) * len(kernel)
        if "input_shape" in node.fields and isinstance(node.fields["input_shape"], np.ndarray):
            given = node.integers("input_shape")
            if len(given) == len(kernel) and min(given) > 0:
                spatial = given
        return (channels, *spatial)
    if node.type in _POOLS:
        return (None, None, None)
    if node.type == "Flatten" and "input_type" in node.fields:
        given = node.integers("input_type")
        return given if min(given) > 0 else None
    if node.type == "Scale":
        shape = np.shape(node.array("scale"))
        return shape if prod(shape) > 1 else None
    if NODE_CLASSES.get(node.type) is not None and NODE_CLASSES[node.type].population:
        shape = population_shape(node)
        return shape if prod(shape) > 1 else None
    return None


def _expect(given: Shape, wanted: Sequence[int | None]) -> None:
    fits = len(given) == len(wanted) and all(
        w is None or g == w for g, w in zip(given, wanted, strict=False)
    )
    if not fits:
        text = "x".join("?" if size is None else str(size) for size in wanted)
        raise ShapeMismatch(f"expected an input of shape {text}, got {shape_text(given)}")


def output_shape(node: Node, given: Shape | None) -> Shape | None:
    """The shape that a node gives for an input shape, or None where it is not yet known."""
    wanted = required_input(node)
    if given is not None and wanted is not None and node.type not in ("Scale", *_POPULATIONS):
        _expect(given, wanted)
    if node.type in ("Affine", "Linear"):
        weight = np.shape(node.array("weight"))
        if node.type == "Affine":
            bias = np.shape(node.array("bias"))
            if not broadcasts_to(bias, weight[:-1]):
                raise ShapeMismatch(
                    f"bias: expected shape {shape_text(weight[:-1])}, got {shape_text(bias)}"
                )
        return weight[:-1]
    if node.type in ("Conv1d", "Conv2d"):
        return _convolution_shape(node, given, wanted)
    if node.type in _POOLS:
        if given is None:
            return None
        kernel, stride, padding, dilation = window(node)
        sizes = [
            output_size(
                given[1 + a], kernel[a], stride[a], padding[2 * a], padding[2 * a + 1], dilation[a]
            )
            for a in range(2)
        ]
        if min(sizes) < 1:
            raise ShapeMismatch(f"the window {shape_text(kernel)} is larger than the padded input")
        return (given[0], *sizes)
    if node.type == "Flatten":
        if given is None and wanted is not None:
            given = tuple(size for size in wanted if size is not None)
        return None if given is None else flatten_shape(node, given)
    if node.type in _POPULATIONS or node.type == "Scale":
        own = population_shape(node) if node.type in _POPULATIONS else np.shape(node.array("scale"))
        if given is None:  # an axis of size 1 may stand for any
            return own if own and 1 not in own else None
        own = drop_leading_ones(own, len(given))
        if not broadcasts_to(own, given) or (prod(own) > 1 and len(own) != len(given)):
            raise ShapeMismatch(
                f"parameters of shape {shape_text(own)} do not fit an input of {shape_text(given)}"
            )
        return given
    return given  # terminals


_POPULATIONS = tuple(name for name, known in NODE_CLASSES.items() if known.population)
_POOLS = ("SumPool2d", "AvgPool2d")


def drop_leading_ones(shape: Shape, rank: int) -> Shape:
    """A parameter's shape without the batch axes of size 1 that some exporters leave in."""
    while len(shape) > rank and shape[0] == 1:
        shape = shape[1:]
    return shape


def _convolution_shape(
    node: Node, given: Shape | None, wanted: Sequence[int | None] | None
) -> Shape | None:
    kernel, stride, padding, dilation = window(node)
    weight = np.shape(node.array("weight"))
    (groups,) = _pair(node, "groups", 1, 1)
    if groups < 1 or weight[0] % groups:
        raise ShapeMismatch(f"groups: expected a divisor of {weight[0]} outputs, got {groups}")
    if "bias" in node.fields and np.shape(node.array("bias")) not in ((weight[0],), ()):
        raise ShapeMismatch(
            f"bias: expected shape {weight[0]}, got {shape_text(np.shape(node.array('bias')))}"
        )
    if given is None:
        if wanted is None or None in wanted:
            return None
        given = tuple(size for size in wanted if size is not None)
    sizes = [
        output_size(
            given[1 + a], kernel[a], stride[a], padding[2 * a], padding[2 * a + 1], dilation[a]
        )
        for a in range(len(kernel))
    ]
    if min(sizes) < 1:
        raise ShapeMismatch(f"the window {shape_text(kernel)} is larger than the padded input")
    return (weight[0], *sizes)


def flatten_shape(node: Node, given: Shape) -> Shape:
    """
    Flatten's dims count without the batch. A default of 1 means the first axis after the
    batch, as in PyTorch: files that leave it out flatten everything.
    """
    (start,) = _pair(node, "start_dim", 0, 1)
    (end,) = _pair(node, "end_dim", -1, 1)
    rank = len(given)
    first, last = (d + rank if d < 0 else d for d in (start, end))
    if rank == 0 or not 0 <= first <= last < rank:
        raise ShapeMismatch(
            f"start_dim {start} and end_dim {end} do not fit an input of {shape_text(given)}"
        )
    return (*given[:first], prod(given[first : last + 1]), *given[last + 1 :])


def terminal_shape(node: Node) -> Shape | None:
    """The shape that the file states for a terminal, as it stands there."""
    for field in ("shape", "input_type", "output_type"):
        if isinstance(node.fields.get(field), np.ndarray):
            return node.integers(field)
    return None


def infer_shapes(graph: FlatGraph, warnings: list[Problem]) -> dict[str, Shape]:
    """
    The shape of every node's output, without batch and time.

    Raises SNC-I014 where shapes disagree or cannot be known, SNC-I017 where one is larger
    than MAX_ELEMENTS.
    """
    shapes: dict[str, Shape] = {}
    problems: dict[str, Problem] = {}
    predecessors = graph.predecessors()
    successors = graph.successors()
    for name, node in graph.nodes.items():
        if node.type == "Input":
            try:
                shape = _input_shape(graph, name, node, successors, warnings)
            except ShapeMismatch as fault:
                problems[name] = Problem("SNC-I014", str(fault), name)
                continue
            if shape is not None:
                shapes[name] = shape

    pending = dict.fromkeys(graph.nodes)  # an ordered set
    budget = 64 * len(pending)  # a shape that keeps changing around a loop never settles
    while pending and budget:
        budget -= 1
        name = next(iter(pending))
        del pending[name]
        node = graph.nodes[name]
        if name in problems:
            continue
        try:
            found = _node_shape(node, [shapes[p] for p in predecessors[name] if p in shapes])
            if node.type == "Input":
                found = shapes.get(name)
            if found is not None:
                _check_size(found)
        except ShapeMismatch as fault:
            code = "SNC-I017" if isinstance(fault, _TooLarge) else "SNC-I014"
            problems[name] = Problem(code, f"{node.type}: {fault}", name)
            continue
        if found is not None and shapes.get(name) != found:
            shapes[name] = found
            pending.update(dict.fromkeys(successors[name]))
    for name in graph.nodes:
        if name not in shapes and name not in problems:
            problems[name] = Problem(
                "SNC-I014",
                f"{graph.nodes[name].type}: its shape cannot be known from the file",
                name,
                "state the Input's shape in the file",
            )
    if problems:
        # what follows from a failed node is not a problem of its own
        known = [p for p in problems.values() if "cannot be known" not in p.message]
        raise SnnccError(known or list(problems.values()))
    for name, node in graph.nodes.items():
        if node.type in ("Output", IDENTITY):
            _check_terminal(name, node, shapes[name], warnings)
    return shapes


class _TooLarge(ShapeMismatch):
    pass


def _check_size(shape: Shape) -> None:
    if any(size < 1 for size in shape) or len(shape) > MAX_RANK:
        raise ShapeMismatch(f"not a shape: {list(shape)}")
    if prod(shape) > MAX_ELEMENTS:
        raise _TooLarge(f"a stream of {shape_text(shape)} has more than {MAX_ELEMENTS} elements")


def _node_shape(node: Node, inputs: list[Shape]) -> Shape | None:
    if len(set(inputs)) > 1:
        # a shape that broadcasts in fan-in is refused: no framework defines it
        raise ShapeMismatch(f"inputs of different shapes: {', '.join(map(shape_text, inputs))}")
    return output_shape(node, inputs[0] if inputs else None)


def _input_shape(
    graph: FlatGraph,
    name: str,
    node: Node,
    successors: dict[str, list[str]],
    warnings: list[Problem],
) -> Shape | None:
    """The stated shape without the batch axes that its consumers do not take."""
    stated = terminal_shape(node)
    wanted, parameters = _wanted_by_consumers(graph, name, successors)
    if stated is None:
        if wanted is not None and None not in wanted:
            return tuple(size for size in wanted if size is not None)
        return parameters if wanted is None or _ends_in(parameters, wanted) else None
    asked = parameters if wanted is None else wanted
    if asked is None or len(stated) <= len(asked) or not _ends_in(stated, asked):
        return stated
    kept = stated[len(stated) - len(asked) :]
    warnings.append(_left_out(name, stated, kept))
    return kept


def _ends_in(shape: Shape | None, wanted: Sequence[int | None]) -> bool:
    """Whether the last axes of a shape are those that are wanted."""
    if shape is None or len(shape) < len(wanted):
        return False
    tail = shape[len(shape) - len(wanted) :]
    return all(w is None or size == w for size, w in zip(tail, wanted, strict=True))


def _left_out(name: str, stated: Shape, kept: Shape) -> Problem:
    return Problem(
        "SNC-W002",
        f"states shape {shape_text(stated)}; the leading axes are taken as batch, "
        f"{shape_text(kept)} remains",
        name,
        severity="warning",
    )


def _wanted_by_consumers(
    graph: FlatGraph, name: str, successors: dict[str, list[str]]
) -> tuple[tuple[int | None, ...] | None, Shape | None]:
    """
    What the nodes behind a terminal ask for, looking through nodes that keep shapes; and the
    shape of the parameters of the first of these. Such parameters may have a batch axis, or
    channels of which there is one: only what other nodes ask for tells.
    """
    parameters: Shape | None = None
    seen = {name}
    pending = list(successors[name])
    while pending:
        current = pending.pop(0)
        if current in seen:
            continue
        seen.add(current)
        node = graph.nodes[current]
        keeps_shape = node.type in (*_POPULATIONS, "Scale", IDENTITY)
        try:
            wanted = required_input(node)
        except ShapeMismatch:  # reported where its node is looked at
            continue
        if wanted is not None and not keeps_shape:
            return wanted, parameters
        if wanted is not None and parameters is None:
            parameters = tuple(size for size in wanted if size is not None)
        if keeps_shape:
            pending.extend(successors[current])
    return None, parameters


def _check_terminal(name: str, node: Node, shape: Shape, warnings: list[Problem]) -> None:
    stated = terminal_shape(node)
    if stated is None or stated == shape:
        return
    if len(stated) > len(shape) and stated[len(stated) - len(shape) :] == shape:
        if node.type == "Output":
            warnings.append(_left_out(name, stated, shape))
        return
    raise SnnccError(
        Problem(
            "SNC-I014",
            f"{node.type} states shape {shape_text(stated)}, the graph gives {shape_text(shape)}",
            name,
        )
    )
