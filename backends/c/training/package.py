"""
The C of a training: programs that share parameters in RAM, and the functions around them.

One sample is a whole sequence: forward with its tape, then backward; the gradients of the
samples of a batch add up until they are applied. All memory is in one struct of the caller.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from snncc.backends.c.api import internal_header, kernels_header
from snncc.backends.c.guides import cmake
from snncc.backends.c.kernels import Kernels
from snncc.backends.c.package import CPackage, Weights
from snncc.backends.c.program import Unit
from snncc.backends.c.training.guide import joined, readme
from snncc.backends.c.training.header import header_text
from snncc.backends.c.training.layout import (
    APPLY,
    Layout,
    Training,
)
from snncc.backends.c.training.manifest import manifest_of, memory_of
from snncc.backends.c.training.source import source_text
from snncc.backends.c.weights import (
    C_LIMIT,
    Constant,
    constants_of,
    total_bytes,
    weights_binary,
    weights_c,
)
from snncc.dialects.kernel.buffers import Role


def emit_training(
    training: Training,
    *,
    prefix: str,
    title: str,
    weights: Weights = "auto",
    report: Mapping[str, Any] | None = None,
) -> CPackage:
    """
    The C of a training; its files begin with PREFIX_train. Raises SNC-C001 for an operation
    that has no rule in C.
    """
    name = f"{prefix}_train"
    unit = Unit(name, Kernels(name, name.upper()))
    layout = Layout(training, prefix, unit)
    constants = [c for program in layout.programs.values() for c in constants_of(program)]
    starts = _initial_parameters(layout)
    constants += starts.values()
    size = total_bytes(constants)
    text = source_text(layout, starts)  # asks for kernels: they are printed after it
    files: dict[str, bytes] = {
        f"include/{name}.h": header_text(layout, title, size).encode(),
        f"src/{name}.c": text.encode(),
        f"src/{name}_internal.h": internal_header(unit, constants).encode(),
        f"src/{name}_kernels.h": kernels_header(unit).encode(),
    }
    if constants and (weights == "bin" or (weights == "auto" and size > C_LIMIT)):
        data, assembly = weights_binary(unit, constants)
        files[f"src/{name}_weights.S"] = assembly.encode()
        files[f"src/{name}_weights.bin"] = data
    elif constants:
        files[f"src/{name}_weights.c"] = weights_c(unit, constants).encode()
    files["CMakeLists.txt"] = cmake(unit, files).encode()
    files["README.md"] = readme(layout, title, memory_of(layout), size).encode()
    manifest = manifest_of(layout, title, size, files, report or {})
    files[f"{name}.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    return CPackage(prefix, files, manifest)


def _initial_parameters(layout: Layout) -> dict[str, Constant]:
    """What parameters hold at first, as constants."""
    program = layout.programs[APPLY]
    found: dict[str, Constant] = {}
    for buffer in program.op.buffers(Role.STATE):
        array = layout.training.parameters.get(buffer.known_as)
        if array is not None:
            member = program.member(buffer.sym_name.data)
            symbol = f"{layout.unit.prefix}_first_{member}"
            found[buffer.sym_name.data] = Constant(symbol, buffer, np.ascontiguousarray(array))
    return found


def with_inference(training: CPackage, inference: CPackage) -> CPackage:
    """The files of both, which are what they are alone; one library of them."""
    files = {**training.files, **inference.files}
    unit = Unit(inference.prefix, Kernels(inference.prefix, inference.prefix.upper()))
    shared = {
        "CMakeLists.txt": cmake(unit, files).encode(),
        "README.md": joined(training.files["README.md"], inference.files["README.md"]),
    }
    files.update(shared)
    manifests = {f"{unit.prefix}.json": inference.manifest}
    manifests[f"{unit.prefix}_train.json"] = training.manifest
    entries = {
        name: {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
        for name, text in shared.items()
    }
    for name, manifest in manifests.items():
        known = {**manifest, "files": {**manifest["files"], **entries}}
        files[name] = (json.dumps(known, indent=1) + "\n").encode()
    return CPackage(inference.prefix, files, inference.manifest)
