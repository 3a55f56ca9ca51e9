"""The C compiler of this machine, and the flags that keep the bits."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from snncc.errors import SnnccError, error

EXACT = ("-std=c11", "-ffp-contract=off", "-fno-trapping-math", "-fno-math-errno")
"""
Without contraction of a * b + c every compiler and level gives the same bits; without
trapping math (no result depends on it) gcc vectorizes comparisons and conversions; without
errno a square root is the instruction of the target.
"""
FAST = ("-O3", "-march=native")
COMPILERS = ("cc", "gcc", "clang")
"""What is looked for where nobody names a compiler."""
TIMEOUT = 600


@dataclass(frozen=True)
class Toolchain:
    """A compiler and its optimisation flags."""

    command: tuple[str, ...]
    """The compiler's path, and what stands behind it in every call (`gcc -m32`)."""
    flags: tuple[str, ...] = FAST


def find_compiler(wanted: str | None = None) -> tuple[str, ...]:
    """The command of `wanted`, of $CC, or of the first of cc, gcc, clang. Raises SNC-C002."""
    for source, text in (("cc", wanted), ("CC", os.environ.get("CC"))):
        if text:
            command = _command(text)
            if command is None:
                raise _not_found(f"{source}={text!r}")
            return command
    for name in COMPILERS:
        path = shutil.which(name)
        if path is not None:
            return (path,)
    raise _not_found(", ".join(COMPILERS))


def _command(text: str) -> tuple[str, ...] | None:
    """A compiler's name or path, which may have spaces, or a name and arguments."""
    path = shutil.which(text)
    if path is not None:
        return (path,)
    try:
        name, *arguments = shlex.split(text)
    except ValueError:  # no word, or a quote that does not end
        return None
    path = shutil.which(name)
    return None if path is None else (path, *arguments)


def _not_found(names: str) -> SnnccError:
    return error(
        "SNC-C002",
        f"no C compiler found ({names})",
        remedy="install gcc or clang, or name one with cc= or the variable CC; the interpreter "
        "needs none (--engine interpreter, Network.run)",
    )


FMA = {"__FP_FAST_FMAF", "__FMA__", "__ARM_FEATURE_FMA"}
"""What compilers define where a * b + c of floats, rounded once, is an instruction."""


@cache
def has_fast_fma(command: tuple[str, ...] | None, flags: tuple[str, ...]) -> bool:
    """
    Whether a compiler (the one that is found, where it is None) makes one instruction of a * b + c
    with these flags. False where there is none to ask.
    """
    try:
        done = subprocess.run(
            [*(command or find_compiler()), *flags, "-dM", "-E", "-x", "c", os.devnull],
            capture_output=True,
            text=True,
            timeout=TIMEOUT,
            check=False,
        )
    except (SnnccError, OSError, subprocess.TimeoutExpired):
        return False
    return any(line.split()[1:2] and line.split()[1] in FMA for line in done.stdout.splitlines())


def build_library(folder: Path, sources: Sequence[str], output: Path, toolchain: Toolchain) -> None:
    """Compiles the sources of an emitted folder into a shared library. Raises SNC-C002."""
    command = [
        *toolchain.command,
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
    name = Path(toolchain.command[0]).name
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise error("SNC-C002", f"{name}: {fault}") from None
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if "error" in line]
        reason = (lines or done.stderr.splitlines() or ["no message"])[0]
        raise error("SNC-C002", f"{name} failed: {reason[:300]}")
    if not output.is_file():
        raise error("SNC-C002", f"{toolchain.command[0]}: wrote no library: is it a C compiler?")
