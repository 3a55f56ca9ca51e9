"""The C compiler of this machine, and the flags that keep the bits."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snncc.errors import error

EXACT = ("-std=c11", "-ffp-contract=off", "-fno-trapping-math")
"""
Without contraction of a * b + c every compiler and level gives the same bits; without
trapping math (no result depends on it) gcc vectorizes comparisons and conversions.
"""
FAST = ("-O3", "-march=native")
TIMEOUT = 600


@dataclass(frozen=True)
class Toolchain:
    """A compiler and its optimisation flags."""

    compiler: str
    flags: tuple[str, ...] = FAST


def find_compiler(wanted: str | None = None) -> str:
    """The path of `wanted`, of $CC, or of the first of cc, gcc, clang. Raises SNC-C002."""
    candidates = [wanted] if wanted else [os.environ.get("CC"), "cc", "gcc", "clang"]
    for name in candidates:
        found = shutil.which(name) if name else None
        if found is not None:
            return found
    raise error(
        "SNC-C002",
        f"no C compiler found ({', '.join(n for n in candidates if n)})",
        remedy="install gcc or clang, or name one with cc=",
    )


def build_library(folder: Path, sources: Sequence[str], output: Path, toolchain: Toolchain) -> None:
    """Compiles the sources of an emitted folder into a shared library. Raises SNC-C002."""
    command = [
        toolchain.compiler,
        *EXACT,
        *toolchain.flags,
        "-shared",
        "-fPIC",
        f"-I{folder / 'include'}",
        f"-I{folder / 'src'}",
        *(str(folder / name) for name in sources),
        "-o",
        str(output),
    ]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise error("SNC-C002", f"{toolchain.compiler}: {fault}") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        reason = (lines or done.stderr.splitlines() or ["no message"])[0]
        raise error("SNC-C002", f"{Path(toolchain.compiler).name} failed: {reason[:300]}")
