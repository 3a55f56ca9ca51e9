"""
The folder of a configuration: what the chip is given, and what it takes to trust and change it.

    manifest.json       chip, sizes, what each step cost, and every file with its digest
    README.md           what is where, and how it is used
    chip.yaml           the description that it was made from
    network.mlir        the network in the chip's numbers (`core` dialect), arrays in .safetensors
    address_map.csv     layer, neuron -> core, slot
    golden.npz          a sample: inputs, outputs, and every register at each step
    host/               where inputs are values: the encoder, in C
    config/             what the chip is configured with
    sanafe/             of a chip of several cores: the sample for SANA-FE, to count energy
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snncc.backends.cores.emitting import Golden, emitter_named
from snncc.backends.cores.sanafe.replay import emit_replay
from snncc.cores.chips import chip_named, description_text, known_chips
from snncc.cores.guide import readme
from snncc.cores.host import host_files, host_manifest, read_encoder, real_arrays
from snncc.cores.legalize import Step
from snncc.cores.measure import Cost
from snncc.dialects.arrays import Array
from snncc.dialects.core.conformance import departures, sizes, synapse_counts
from snncc.dialects.core.placement import cores_of, places_of
from snncc.dialects.core.program import PopulationOp, ProgramOp
from snncc.dialects.core.routing import copies_of, routes_of
from snncc.errors import error
from snncc.folders import MOST_MANIFEST, save_files
from snncc.inputs import entry, open_npz
from snncc.storage import load_module, save_module

if TYPE_CHECKING:
    from snncc.cores.configuration import Configuration

MANIFEST, DESCRIPTION, NETWORK = "manifest.json", "chip.yaml", "network.mlir"
GOLDEN, ADDRESSES, CONFIG = "golden.npz", "address_map.csv", "config"
SANAFE = "sanafe"
SCHEMA = "snncc.configuration/1"


def save(configuration: Configuration, folder: Path) -> Path:
    """Writes the folder, all of it or none. Raises SNC-C004."""
    return save_files(files_of(configuration), folder)


def files_of(configuration: Configuration) -> dict[str, bytes]:
    """Path -> bytes; the same configuration gives the same bytes."""
    description = configuration.description
    files: dict[str, bytes] = {
        DESCRIPTION: description_text(description).encode(),
        ADDRESSES: _addresses(configuration.program).encode(),
        GOLDEN: _golden_bytes(configuration.golden, configuration.real),
        **_module_files(configuration),
        **host_files(configuration),
    }
    if description.emitter is not None:
        emitted = _emitted(configuration, description.emitter)
        files |= {f"{CONFIG}/{path}": data for path, data in emitted.items()}
    if description.grid.routed:
        replay = emit_replay(configuration.program, description, configuration.golden)
        files |= {f"{SANAFE}/{path}": data for path, data in replay.items()}
    files["README.md"] = readme(configuration, sorted(files)).encode()
    manifest = _manifest(configuration, files)
    files[MANIFEST] = (json.dumps(manifest, indent=1) + "\n").encode()
    return files


def _emitted(configuration: Configuration, emitter: str) -> dict[str, bytes]:
    """What a chip is given. Raises SNC-N001 for another chip than the emitter's own."""
    description = configuration.description
    try:
        return emitter_named(emitter)(configuration.program, description, configuration.golden)
    except Exception as fault:
        if emitter in known_chips() and description == chip_named(emitter):
            raise
        raise error(
            "SNC-N001",
            f"emitter: {emitter} cannot write a configuration of {description.name} "
            f"({type(fault).__name__}: {fault})",
            remedy="leave it out: the model and the mapping need none",
        ) from fault


def is_configuration(path: Path) -> bool:
    """Whether a path is a folder that `save` could have written."""
    return path.is_dir() and (path / MANIFEST).is_file()


def load(folder: Path) -> Configuration:
    """Reads a folder. Raises SNC-N008 where it is none or was changed, SNC-I02x for its parts."""
    from snncc.cores.configuration import Configuration

    manifest = _read_manifest(folder)
    for name, facts in manifest["files"].items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise error("SNC-N008", f"{folder}: {name} is missing", remedy="compile it again")
        if hashlib.sha256(path.read_bytes()).hexdigest() != facts["sha256"]:
            raise error(
                "SNC-N008",
                f"{path}: is not what the manifest says",
                remedy="compile it again; weights are changed with `snncc repack`",
            )
    description = chip_named(folder / DESCRIPTION)
    module = load_module(folder / NETWORK, ProgramOp)
    program = next(op for op in module.ops if isinstance(op, ProgramOp))
    found = departures(program, description)
    if found:
        raise error("SNC-N008", f"{folder / NETWORK}: {found[0]}", remedy="compile it again")
    golden, real = _read_golden(folder, program)
    encoder = read_encoder(manifest, program, description)
    return Configuration(module, description, _steps(manifest), golden, encoder, real)


def _module_files(configuration: Configuration) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, NETWORK)
        save_module(configuration.module, path)
        return {file.name: file.read_bytes() for file in sorted(Path(folder).iterdir())}


def _addresses(program: ProgramOp) -> str:
    """
    layer, neuron, class, core, x, y, slot. A neuron that has copies stands once for each. Inputs
    that enter by axons of cores have these as their slots.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["layer", "neuron", "class", "core", "x", "y", "slot"])
    cores = cores_of(program)
    places, copies, routes = places_of(program), copies_of(program), routes_of(program)
    for name, op in program.endings.items():
        kind = op.neuron_class.data if isinstance(op, PopulationOp) else "input"
        rows = np.zeros((0, 3), np.int64)
        if name in places:
            rows = np.stack([np.arange(op.size), *places[name]], axis=1)
            rows = np.concatenate([rows, copies.get(name, rows[:0])])
        elif name in routes:
            rows = routes[name][:, :3]
        for neuron, c, s in rows[np.argsort(rows[:, 0], kind="stable")].tolist():
            writer.writerow([name, neuron, kind, c, *cores[c], s])
    return text.getvalue()


def _golden_bytes(golden: Golden, real: Mapping[str, Array]) -> bytes:
    """An .npz whose bytes do not depend on the clock."""
    data = io.BytesIO()
    arrays = real_arrays(real)
    arrays |= {f"input/{name}": array for name, array in golden.inputs.items()}
    arrays |= {f"trace/{name}": array for name, array in golden.trace.items()}
    if golden.order is not None:
        arrays["order"] = golden.order
    np.savez_compressed(data, allow_pickle=False, **arrays)
    return data.getvalue()


def _read_golden(folder: Path, program: ProgramOp) -> tuple[Golden, dict[str, Array]]:
    """The sample, and its values where inputs are encoded."""
    path = folder / GOLDEN
    with open_npz(path, "SNC-N008") as file:
        arrays = {name: entry(file, name, path, "SNC-N008") for name in file.files}

    def part(prefix: str) -> dict[str, Array]:
        found = {k: a for k, a in arrays.items() if k.startswith(prefix)}
        return {key.removeprefix(prefix): array for key, array in found.items()}

    golden = Golden(part("input/"), part("trace/"), arrays.get("order"))
    steps = next((len(a) for a in golden.inputs.values() if a.ndim), 0)
    wanted = {f"input/{name}": op.shape.get_values() for name, op in program.inputs.items()}
    wanted |= {f"trace/{name}": (op.size,) for name, op in program.populations.items()}
    for name, shape in wanted.items():
        found = arrays.get(name)
        if found is None or found.dtype.kind not in "biu" or found.shape != (steps, *shape):
            got = "nothing" if found is None else f"{found.dtype} {list(found.shape)}"
            raise error(
                "SNC-N008",
                f"{path}: {name}: expected whole numbers {[steps, *shape]}, got {got}",
                remedy="compile it again",
            )
    return golden, part("real/")


def _manifest(configuration: Configuration, files: dict[str, bytes]) -> dict[str, Any]:
    program = configuration.program
    return {
        "schema": SCHEMA,
        "network": configuration.name,
        "chip": configuration.description.name,
        "title": configuration.description.title,
        "repacked": configuration.is_repacked,
        "settings": program.setting,
        "cores": [list(place) for place in cores_of(program)],
        "used": sizes(program),
        "synapses": synapse_counts(program),
        **host_manifest(configuration),
        "inputs": {name: list(op.shape.get_values()) for name, op in program.inputs.items()},
        "outputs": {
            name: {"population": op.source.root_reference.data, "lag": int(op.lag.value.data)}
            for name, op in program.outputs.items()
        },
        "steps": [asdict(step) for step in configuration.steps],
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        },
    }


def manifest_of(folder: Path) -> dict[str, Any]:
    """What the folder's manifest says. Raises SNC-N008."""
    return _read_manifest(folder)


def _read_manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        if path.stat().st_size > MOST_MANIFEST:
            raise ValueError("is larger than any manifest")
        found = json.loads(path.read_text(encoding="utf-8"))
        if found["schema"] != SCHEMA:
            raise ValueError(f"schema: expected {SCHEMA}")
        for facts in found["files"].values():
            str(facts["sha256"])
        _steps(found)
    except OSError as fault:
        told = f"{path}: {(fault.strerror or str(fault)).lower()}"
        raise error(
            "SNC-N008", told, remedy="name a folder that `snncc compile --target` wrote"
        ) from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise error("SNC-N008", f"{path}: no manifest of a configuration ({fault})") from None
    return dict(found)


def _steps(manifest: dict[str, Any]) -> tuple[Step, ...]:
    found = []
    for step in manifest["steps"]:
        cost = step["cost"]
        found.append(
            Step(
                str(step["name"]),
                tuple(map(str, step["changes"])),
                None if cost is None else Cost(**cost),
            )
        )
    return tuple(found)
