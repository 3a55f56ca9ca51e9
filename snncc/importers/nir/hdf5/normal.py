"""Any HDF5 file in the default form, by the HDF5 library in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from snncc.errors import error

SECONDS = 4.0
"""For the process to start and for a small file."""
BYTES_PER_SECOND = 20e6
WORKER = Path(__file__).with_name("worker.py")


def rewrite(path: Path, target: Path, max_bytes: int) -> None:
    """
    Writes the graph of the file at `path` to `target`.

    The library may crash or never end on a damaged file: then, and where the file has
    what NIR has not, raises SnnccError.
    """
    seconds = SECONDS + path.stat().st_size / BYTES_PER_SECOND
    try:
        ended = subprocess.run(
            [sys.executable, "-P", str(WORKER), str(path), str(target), str(max_bytes)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise error(
            "SNC-I010", f"{path.name}: the HDF5 library did not end in {seconds:.0f} s: damaged"
        ) from None
    except OSError as fault:
        raise error(
            "SNC-I010",
            f"{path.name}: a form of HDF5 that needs the library in its own process, which "
            f"could not start ({fault.strerror or fault})",
            remedy="write the file again with h5py's default options",
        ) from None
    if ended.returncode == 0:
        return
    try:
        problem = json.loads(ended.stdout)
        code, message, node = problem["code"], problem["message"], problem["node"]
    except (ValueError, TypeError, KeyError):
        raise error(
            "SNC-I010",
            f"{path.name}: not a readable HDF5 file (the HDF5 library stopped with status "
            f"{ended.returncode})",
        ) from None
    raise error(code, f"{path.name}: {message}", node=node)
