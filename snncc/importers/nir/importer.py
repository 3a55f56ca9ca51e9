"""The road of a NIR file into the `snn` dialect."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import FloatAttr, ModuleOp, StringAttr, f64
from xdsl.ir import Attribute

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError, error
from snncc.importers.hdf5.reader import MAX_BYTES
from snncc.importers.nir.build import NetworkBuilder
from snncc.importers.nir.cycles import loops_of
from snncc.importers.nir.flatten import flatten
from snncc.importers.nir.model import (
    IDENTITY,
    NEURON_CLASSES,
    NODE_CLASSES,
    FlatGraph,
    Node,
    shortened,
)
from snncc.importers.nir.profiles import get_all_profiles
from snncc.importers.nir.profiles.base import (
    CHOICES,
    Choices,
    MissingChoice,
    NeuronSpec,
    Profile,
)
from snncc.importers.nir.profiles.nir_ode import NirOde
from snncc.importers.nir.reader import read_nir
from snncc.importers.nir.shapes import MAX_ELEMENTS, Shape, drop_leading_ones, infer_shapes

MAX_DELAYS = 1 << 20
"""Elements with a delay of their own: these numbers stand in the IR's text."""


@dataclass
class Imported:
    """A module with one network, and what is to be known of how it was read."""

    module: ModuleOp
    warnings: list[Problem]


def import_nir(
    path: Path,
    *,
    like: str | None = None,
    choices: Choices | None = None,
    max_bytes: int = MAX_BYTES,
) -> Imported:
    """
    The `snn` module of a NIR file, as `like`'s importer reads it.

    Without `like`, the equations of NIR with every choice made by the caller. Raises
    SnnccError with all problems of the stage that found them.
    """
    try:
        # what overflows float32 is refused with the node's name, not by NumPy's warning
        with np.errstate(all="ignore"):
            return _import(path, like, choices or Choices(), max_bytes)
    except MemoryError:
        raise error("SNC-I017", f"{path}: takes more memory than there is") from None


def _import(path: Path, like: str | None, choices: Choices, max_bytes: int) -> Imported:
    profile = _profile(like)
    warnings: list[Problem] = []
    flat = flatten(read_nir(path, max_bytes=max_bytes), warnings)
    _drop_unused(flat, warnings)
    if profile.pools_by_power:
        _drop_pool_padding(flat, profile, warnings)
    shapes = infer_shapes(flat, warnings)
    specs = _neuron_specs(flat, profile, like, choices)
    delays = _delay_steps(flat, shapes, like, choices, warnings)
    lacking = _lacking(flat, profile)
    if profile.recurrent_bias == "never":
        _drop_recurrent_bias(flat, loops_of(flat), profile, warnings)
    network_name = "".join(c if c.isalnum() else "_" for c in path.stem)
    module = NetworkBuilder(flat, shapes, specs, delays, profile, warnings).build(
        network_name, _provenance(path, like, choices)
    )
    warnings.extend(_departures(specs))
    warnings.extend(lacking)
    warnings.extend(_unfit_steps(flat, profile, choices))
    return Imported(module, warnings)


def _provenance(path: Path, like: str | None, choices: Choices) -> dict[str, Attribute]:
    """Where the network came from and what was chosen, kept on the network."""
    found: dict[str, Attribute] = {"source": StringAttr(path.name)}
    if like is not None:
        found["like"] = StringAttr(like)
    if choices.dt is not None:
        found["dt"] = FloatAttr(choices.dt, f64)
    for name in CHOICES:
        if getattr(choices, name) is not None:
            found[name] = StringAttr(getattr(choices, name))
    return found


def _profile(like: str | None) -> Profile:
    if like is None:
        return NirOde()
    profiles = get_all_profiles()
    if like not in profiles:
        raise error("SNC-C003", f"like: expected one of {', '.join(profiles)}, got {like!r}")
    return profiles[like]()


def _drop_unused(graph: FlatGraph, warnings: list[Problem]) -> None:
    """Leaves out nodes that reach no output; names nodes that nothing feeds."""
    inputs = [name for name, node in graph.nodes.items() if node.type == "Input"]
    outputs = [name for name, node in graph.nodes.items() if node.type == "Output"]
    problems: list[Problem] = []
    if not inputs:
        problems.append(Problem("SNC-I019", "the graph has no Input node"))
    if not outputs:
        problems.append(Problem("SNC-I019", "the graph has no Output node"))
    predecessors = graph.predecessors()
    for name in inputs:
        if predecessors[name]:
            problems.append(Problem("SNC-I011", "an edge leads into this Input", name))
    live: set[str] = set()
    pending = list(outputs)
    while pending:
        name = pending.pop()
        if name not in live:
            live.add(name)
            pending.extend(predecessors[name])
    for name in graph.nodes:
        if name in live and graph.nodes[name].type != "Input" and not predecessors[name]:
            problems.append(
                Problem(
                    "SNC-I019",
                    f"{_kind(graph.nodes[name])}: nothing feeds this node",
                    name,
                    "connect it, or remove it from the file",
                )
            )
    if problems:
        raise SnnccError(problems)
    unused = [
        name for name in graph.nodes if name not in live and graph.nodes[name].type != "Input"
    ]
    for name in unused:
        warnings.append(
            Problem(
                "SNC-W004",
                f"{_kind(graph.nodes[name])}: reaches no output; left out",
                name,
                severity="warning",
            )
        )
        del graph.nodes[name]
    graph.edges = [(s, t) for s, t in graph.edges if s in graph.nodes and t in graph.nodes]


def _kind(node: Node) -> str:
    return "terminal of a sub-graph" if node.type == IDENTITY else node.type


def _drop_pool_padding(graph: FlatGraph, profile: Profile, warnings: list[Problem]) -> None:
    for name, node in graph.nodes.items():
        if node.type == "SumPool2d" and "padding" in node.fields:
            padding = node.fields["padding"]
            if not isinstance(padding, str) and np.any(padding != 0):
                node.fields["padding"] = np.zeros(2, np.int64)
                warnings.append(
                    Problem(
                        "SNC-W001",
                        f"{profile.name} drops the padding of SumPool2d",
                        name,
                        severity="warning",
                    )
                )


def _neuron_specs(
    graph: FlatGraph, profile: Profile, like: str | None, choices: Choices
) -> dict[str, NeuronSpec]:
    specs: dict[str, NeuronSpec] = {}
    problems: list[Problem] = []
    for name, node in graph.nodes.items():
        if node.type not in NEURON_CLASSES:
            continue
        missing = _open_choices(node, like, choices)
        try:
            if missing:
                raise MissingChoice(missing[0])
            specs[name] = profile.neuron(node, choices)
        except MissingChoice as choice:
            problems.append(_missing(name, node, missing or [choice.choice], profile, like))
        except SnnccError as refused:
            problems.extend(refused.problems)
    if problems:
        raise SnnccError(problems)
    return specs


def _open_choices(node: Node, like: str | None, choices: Choices) -> list[str]:
    """Without a profile, every choice that the node's class asks for."""
    if like is not None:
        return []
    wanted = ["dt"]
    if node.type not in ("I", "IF"):
        wanted.append("integrator")
    if node.type.endswith("IF"):
        wanted.append("reset")
        if choices.reset not in ("none",):
            wanted.append("reset_timing")
    return [name for name in wanted if getattr(choices, name) is None]


def _missing(
    name: str, node: Node, missing: Sequence[str], profile: Profile, like: str | None
) -> Problem:
    options = [
        f"{choice}=SECONDS" if choice == "dt" else f"{choice}={'|'.join(CHOICES[choice])}"
        for choice in missing
    ]
    remedy = f"give {', '.join(options)}"
    if like is None:
        remedy = f"choose like={'|'.join(get_all_profiles())}, or {remedy}"
    what = "the file does not state" if like is None else f"{profile.name} does not state"
    return Problem("SNC-I005", f"{node.type}: {what} {', '.join(missing)}", name, remedy)


def _delay_steps(
    graph: FlatGraph,
    shapes: dict[str, Shape],
    like: str | None,
    choices: Choices,
    warnings: list[Problem],
) -> dict[str, list[int]]:
    """Node -> steps of a NIR Delay, one number where all elements wait equally long."""
    found: dict[str, list[int]] = {}
    problems: list[Problem] = []
    for name, node in graph.nodes.items():
        if node.type != "Delay":
            continue
        profile = _profile(like)
        try:
            dt = profile.dt(choices)
        except MissingChoice:
            problems.append(_missing(name, node, ["dt"], profile, like))
            continue
        seconds = np.asarray(node.array("delay"), np.float64)
        exact = seconds / dt
        steps = np.rint(exact)
        if np.any(seconds < 0):
            problems.append(Problem("SNC-I015", "delay: expected values of at least 0", name))
            continue
        size = prod(shapes[name])
        if steps.max() * size > MAX_ELEMENTS:
            problems.append(
                Problem(
                    "SNC-I017",
                    f"a delay of {steps.max():.0f} steps for {size} elements is over the limit "
                    f"of {MAX_ELEMENTS} values",
                    name,
                    "check dt: NIR gives delays in seconds",
                )
            )
            continue
        warnings.extend(_rounding(name, exact, steps))
        if (steps == steps.ravel()[0]).all():
            found[name] = [int(steps.ravel()[0])]
            continue
        steps = steps.reshape(drop_leading_ones(steps.shape, len(shapes[name])))
        if size > MAX_DELAYS:
            problems.append(Problem("SNC-I017", f"delay: at most {MAX_DELAYS} elements", name))
            continue
        found[name] = [int(v) for v in np.broadcast_to(steps, shapes[name]).ravel()]
    if problems:
        raise SnnccError(problems)
    return found


def _rounding(name: str, exact: Array, steps: Array) -> list[Problem]:
    """A warning that names what the delays of a node become, where that is something else."""
    rounded = np.abs(exact - steps) > 1e-3
    if not np.any(rounded):
        return []
    pairs = sorted(set(zip(exact[rounded].tolist(), steps[rounded].tolist(), strict=True)))
    became = shortened(f"{given:g} becomes {taken:.0f}" for given, taken in pairs)
    gone = "; a delay of 0 steps is none" if np.any(steps[rounded] == 0) else ""
    return [
        Problem(
            "SNC-W006",
            f"delays are rounded to whole steps: {became}{gone}",
            name,
            severity="warning",
        )
    ]


def _unfit_steps(graph: FlatGraph, profile: Profile, choices: Choices) -> list[Problem]:
    """Warnings where dt is far from a neuron's time constants: mostly a wrong unit."""
    try:
        dt = profile.dt(choices)
    except MissingChoice:
        return []  # the time constants count steps, or the step follows from them
    nodes: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        if node.type not in NEURON_CLASSES:
            continue
        for field in NODE_CLASSES[node.type].positive:
            tau = np.asarray(node.array(field), np.float64)
            least, largest = float(tau.min()), float(tau.max())
            if dt > least * (1 + 1e-6):  # a time constant is stored as float32
                text = f"above {field} = {least:g} s: a step overshoots or forgets the state"
            elif np.float32(1) - np.float32(dt / largest) == 1:
                text = f"too small for {field} = {largest:g} s: in float32 nothing decays"
            else:
                continue
            nodes.setdefault(f"{node.type}: dt = {dt:g} s is {text}", []).append(name)
    return [
        Problem(
            "SNC-W010",
            text,
            shortened(names),
            "dt and the time constants of NIR are in seconds",
            severity="warning",
        )
        for text, names in nodes.items()
    ]


def _drop_recurrent_bias(
    graph: FlatGraph, loops: dict[str, int], profile: Profile, warnings: list[Problem]
) -> None:
    for name, node in graph.nodes.items():
        if name in loops and node.type == "Affine":
            if np.any(node.array("bias") != 0):
                warnings.append(
                    Problem(
                        "SNC-W001",
                        f"{profile.name} drops the bias of a recurrent Affine",
                        name,
                        severity="warning",
                    )
                )
            graph.nodes[name] = Node(name, "Linear", {"weight": node.array("weight")})


def _departures(specs: dict[str, NeuronSpec]) -> list[Problem]:
    """One warning for each departure, with the nodes that it holds for."""
    nodes: dict[str, list[str]] = {}
    for name, spec in specs.items():
        for text in spec.departures:
            nodes.setdefault(text, []).append(name)
    return [
        Problem("SNC-W001", text, ", ".join(names), severity="warning")
        for text, names in nodes.items()
    ]


def _lacking(graph: FlatGraph, profile: Profile) -> list[Problem]:
    """One warning for each class that the framework's importer does not have."""
    nodes: dict[str, list[str]] = {}
    for name, node in graph.nodes.items():
        if node.type in profile.lacks:
            nodes.setdefault(node.type, []).append(name)
    return [
        Problem(
            "SNC-W001",
            f"the importer of {profile.name} has no {type}: taken as NIR defines it",
            ", ".join(names),
            severity="warning",
        )
        for type, names in nodes.items()
    ]
