"""The files of an emitted network: what goes where, and the manifest that says so."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Literal

from snncc.backends.c.api import float_source, internal_header, kernels_header, source
from snncc.backends.c.guides import cmake, readme
from snncc.backends.c.header import header
from snncc.backends.c.program import CProgram, Whole
from snncc.backends.c.weights import (
    C_LIMIT,
    Constant,
    constants_of,
    total_bytes,
    weights_binary,
    weights_c,
)
from snncc.dialects import kernel
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.lines import delay_lines
from snncc.dialects.snn.network import STREAM

Weights = Literal["auto", "c", "bin"]


@dataclass(frozen=True)
class CPackage:
    """An emitted network: path -> bytes, and what a program that loads it needs to know."""

    prefix: str
    files: dict[str, bytes]
    manifest: dict[str, Any] = field(default_factory=dict[str, Any])

    @property
    def sources(self) -> list[str]:
        """The files to compile, in order."""
        return [name for name in self.files if name.endswith((".c", ".S"))]


def emit(
    program_op: kernel.ProgramOp,
    *,
    prefix: str,
    title: str,
    weights: Weights = "auto",
    report: dict[str, Any] | None = None,
) -> CPackage:
    """
    The C of a scheduled program. `weights` says whether constants stand in C or in a
    binary file; `auto` takes C up to C_LIMIT bytes. The same program gives the same bytes.

    Raises SNC-C001 for an operation that has no rule in C.
    """
    program = CProgram(program_op, prefix)
    constants = constants_of(program)
    size = total_bytes(constants)
    text = source(program)  # asks for kernels: they are printed after it
    floats = float_source(program) if program.converts else None
    files: dict[str, bytes] = {
        f"include/{prefix}.h": header(program, title, size).encode(),
        f"src/{prefix}.c": text.encode(),
        **({} if floats is None else {f"src/{prefix}_float.c": floats.encode()}),
        f"src/{prefix}_internal.h": internal_header(program, constants).encode(),
        f"src/{prefix}_kernels.h": kernels_header(program).encode(),
    }
    binary = weights == "bin" or (weights == "auto" and size > C_LIMIT)
    if constants and binary:
        data, assembly = weights_binary(program, constants)
        files[f"src/{prefix}_weights.S"] = assembly.encode()
        files[f"src/{prefix}_weights.bin"] = data
    elif constants:
        files[f"src/{prefix}_weights.c"] = weights_c(program, constants).encode()
    files["CMakeLists.txt"] = cmake(program, files).encode()
    files["README.md"] = readme(program, title, size, files).encode()
    manifest = _manifest(program, title, constants, files, report or {})
    files[f"{prefix}.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    return CPackage(prefix, files, manifest)


def _whole(whole: Whole) -> dict[str, Any]:
    """What the manifest says of the whole numbers that a float input or output stands for."""
    facts: dict[str, Any] = {"type": whole.type.name, "scales": list(whole.scales)}
    if whole.within is not None:
        facts["low"], facts["high"] = whole.within
    return {"whole": facts}


def _manifest(
    program: CProgram,
    title: str,
    constants: list[Constant],
    files: dict[str, bytes],
    report: dict[str, Any],
) -> dict[str, Any]:
    def terminals(which: str) -> list[dict[str, Any]]:
        found = program.inputs if which == "inputs" else program.outputs
        return [
            {
                "name": t.name,
                "symbol": t.symbol,
                "type": t.type.name,
                "shape": list(t.shape),
                **({} if t.kind == STREAM else {"kind": t.kind}),
                **({"stored": list(t.stored), "order": list(t.order)} if t.order else {}),
                **(_whole(t.whole) if program.converts and t.whole is not None else {}),
            }
            for t in found
        ]

    lines = delay_lines(program.op)
    line_of = {position: line for line, position in lines.items() if position is not None}
    roles = {**dict.fromkeys(lines, "line"), **dict.fromkeys(line_of, "position")}
    states: list[dict[str, Any]] = []
    for buffer in program.op.buffers(Role.STATE, Role.STREAM):
        symbol = buffer.sym_name.data
        member = program.member(symbol)
        array = program.arrays[member]
        states.append(
            {
                "name": program.buffers[line_of.get(symbol, symbol)].known_as,
                "role": roles.get(symbol, buffer.role.data.value),
                "member": member,
                "type": array.type.name,
                "offset": array.offset,
                "shape": list(buffer.shape),
                "channel_last": buffer.channel_last is not None,
            }
        )
    return {
        "schema": 1,
        "model": title,
        "prefix": program.prefix,
        "block_steps": program.op.block_steps,
        **({"reverse": True} if program.op.is_reverse else {}),
        "state_bytes": program.state_bytes,
        "state_alignment": program.state_alignment,
        "work_bytes": program.work_bytes,
        "const_bytes": total_bytes(constants),
        "inputs": terminals("inputs"),
        "outputs": terminals("outputs"),
        "states": states,
        "constants": [constant.facts for constant in constants],
        **report,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        },
    }
