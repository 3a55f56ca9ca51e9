"""
Writes a NIR file, reads it again, and lets it stand only where the network is the same.

NIR states no time step, reset or integrator. The network's own choices (`like`, `dt` and
others, kept from its import), or the caller's, are those by which the file will be read:
they decide which time constants give the network's coefficients.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from xdsl.dialects.builtin import FloatAttr, ModuleOp, StringAttr
from xdsl.ir import Operation

from snncc.dialects import snn
from snncc.dialects.arrays import array_of
from snncc.dialects.snn.graph import components
from snncc.dialects.snn.types import node_name
from snncc.errors import Problem, SnnccError, error
from snncc.exporters.nir.graph import ANYTHING, GraphWriter, is_step, live_operations
from snncc.exporters.nir.hdf5 import write_file
from snncc.exporters.nir.same import Comparison, described
from snncc.importers.hdf5.reader import MAX_BYTES
from snncc.importers.nir.importer import import_nir
from snncc.importers.nir.profiles import get_all_profiles
from snncc.importers.nir.profiles.base import CHOICES
from snncc.options import PROFILES, LoadOptions


def write_nir(
    module: ModuleOp, network: snn.NetworkOp, path: Path, options: LoadOptions
) -> list[Problem]:
    """
    Writes the file; gives what it does not say. Raises SNC-E001 where NIR, read with these
    choices, cannot say the network; OSError where the file cannot be written.
    """
    options = _choices(network, options)
    _expect_choices(network, options)
    profile = get_all_profiles()[options.like or "nir-ode"]()
    failure: SnnccError | None = None
    for implicit in _attempts(network):
        writer = GraphWriter(network, profile, options.choices(), implicit)
        try:
            with np.errstate(all="ignore"):
                writer.write()
            write_file(path, writer.nodes, writer.edges)
            _expect_same(module, network, path, options, writer)
        except SnnccError as found:
            failure = failure or found
            continue
        return _left_out(network)
    assert failure is not None
    raise failure


def _choices(network: snn.NetworkOp, options: LoadOptions) -> LoadOptions:
    """What the caller chose; else what the network was loaded with."""
    found: dict[str, object] = {}
    for name in ("like", "dt", *CHOICES):
        given = getattr(options, name)
        own = network.attributes.get(name)
        if given is None and isinstance(own, StringAttr):
            given = own.data
        elif given is None and isinstance(own, FloatAttr):
            given = own.value.data
        found[name] = given
    return LoadOptions(**found)  # type: ignore[arg-type]


def _expect_choices(network: snn.NetworkOp, options: LoadOptions) -> None:
    live = live_operations(network)
    neuron = next((op for op in live if isinstance(op, snn.NeuronOp)), None)
    if neuron is not None and options.like is None and options.dt is None:
        raise error(
            "SNC-E001",
            "NIR has neurons in seconds, without their resets: nothing says how the file is to "
            "be read",
            node=node_name(neuron),
            remedy=f"give like={'|'.join(PROFILES)} (--like), and dt=SECONDS (--dt) where that "
            "framework has none",
        )


def _attempts(network: snn.NetworkOp) -> Iterator[set[snn.DelayOp]]:
    """
    Which delays are no nodes: those that an importer put on edges that close loops, as their
    names tell; then all that may be such; then none.
    """
    live = live_operations(network)
    loops = [
        op
        for component in components(network)
        if component.recurrent
        for op in component.operations
        if isinstance(op, snn.DelayOp)
        and op in live
        and is_step(op)
        and isinstance(op.stream.owner, Operation)
        and not isinstance(op.stream.owner, snn.DelayOp)
    ]
    named = {op for op in loops if (node_name(op) or "").endswith(".delay")}
    tried: list[set[snn.DelayOp]] = []
    for attempt in (named, set(loops), set[snn.DelayOp]()):
        if attempt not in tried:
            tried.append(attempt)
            yield attempt


def _expect_same(
    module: ModuleOp,
    network: snn.NetworkOp,
    path: Path,
    options: LoadOptions,
    writer: GraphWriter,
) -> None:
    """Reads the file as its users will."""
    size = sum(
        array_of(op.value, op.type).nbytes for op in module.ops if isinstance(op, snn.ParameterOp)
    )
    try:
        again = import_nir(
            path, like=options.like, choices=options.choices(), max_bytes=MAX_BYTES + 4 * size
        )
    except SnnccError as found:
        first = found.problems[0]
        raise error(
            "SNC-E001",
            f"NIR cannot say it: the file would be refused ({first.code}: {first.message})",
            node=first.node,
            remedy=first.remedy or ANYTHING,
        ) from None
    read = next(op for op in again.module.ops if isinstance(op, snn.NetworkOp))
    names = {name: writer.inputs[value] for name, value in network.inputs.items()}
    comparison = Comparison(network, read, names)
    if set(names.values()) != set(read.inputs) or not all(
        comparison.same(value, read.outputs[writer.outputs[name]])
        for name, value in network.outputs.items()
    ):
        apart = comparison.apart
        raise error(
            "SNC-E001",
            f"NIR cannot say it: by like={options.like or 'nir-ode'} the file would be read as "
            f"another network, from {described(apart)} on",
            node=None if apart is None else node_name(apart),
            remedy=ANYTHING,
        )


def _left_out(network: snn.NetworkOp) -> list[Problem]:
    """What only training needs, and operations that reach no output."""
    problems: list[Problem] = []
    live = live_operations(network)
    blind = [
        op
        for op in live
        if "surrogate" in op.properties
        or any("surrogate" in inner.properties for r in op.regions for inner in r.block.ops)
    ]
    if blind:
        names = ", ".join(sorted(node_name(op) or op.name for op in blind))
        problems.append(
            Problem(
                "SNC-W012",
                "NIR has no surrogate gradients: they are left out",
                names,
                severity="warning",
            )
        )
    dead = [
        op
        for op in network.body.block.ops
        if op not in live and not isinstance(op, snn.UseOp | snn.ConstantOp | snn.YieldOp)
    ]
    if dead:
        problems.append(
            Problem(
                "SNC-W012",
                "no output depends on it: it is left out",
                ", ".join(node_name(op) or op.name for op in dead),
                severity="warning",
            )
        )
    return problems
