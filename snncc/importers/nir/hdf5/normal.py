"""Any HDF5 file in the default form, by the HDF5 library in a process of its own."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

from snncc.errors import SnnccError, error

SECONDS = 3
"""CPU time to start and to read a small file."""
BYTES_PER_SECOND = 20e6
PATIENCE = 5
"""By how much the clock may run ahead of the CPU time: other programs run too."""
WORKER = Path(__file__).with_name("worker.py")


def rewrite(path: Path, target: Path, max_bytes: int) -> None:
    """
    Writes the graph of the file at `path` to `target`.

    The library may crash or never end on a damaged file: then, and where the file has
    what NIR has not, raises SnnccError.
    """
    seconds = SECONDS + math.ceil(path.stat().st_size / BYTES_PER_SECOND)
    arguments = [WORKER, path.absolute(), target, max_bytes, seconds]
    try:
        ended = subprocess.run(
            [sys.executable, "-P", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PATIENCE * seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise _stopped(path, "does not end") from None
    except OSError as fault:
        raise error(
            "SNC-I010",
            f"{path.name}: this form of HDF5 needs the library in its own process, which "
            f"cannot start ({fault.strerror or fault})",
            remedy="write the file again with h5py's default options",
        ) from None
    if ended.returncode == 0:
        return
    try:
        problem = json.loads(ended.stdout)
    except ValueError:
        raise _stopped(path, f"stops with status {ended.returncode}") from None
    message = f"{path.name}: {problem['message']}"
    raise error(problem["code"], message, node=problem["node"])


def _stopped(path: Path, what: str) -> SnnccError:
    return error(
        "SNC-I010",
        f"{path.name}: not a readable HDF5 file (the HDF5 library {what})",
        remedy="fetch the file again: it is damaged",
    )
