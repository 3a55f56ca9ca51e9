"""A plain dense C loop over a network: built with the C compiler, run through ctypes."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.dense_source import DenseSource, LoopOrder
from benchmarks.timing import cpu_seconds
from snncc.dialects.arrays import Array
from snncc.network import Network

FLAGS = ("-std=c11", "-O3", "-march=native", "-ffp-contract=off")
NAMES = {"dot": "dense C", "plane": "dense C, outputs inside"}


def compiler() -> str | None:
    """The C compiler: $CC, or gcc or cc; None where there is none."""
    given = os.environ.get("CC")
    return shutil.which(given) if given else shutil.which("gcc") or shutil.which("cc")


class DenseC:
    """
    The loop as a shared library. Raises RuntimeError where no compiler is found,
    subprocess.CalledProcessError where it fails.
    """

    exact = True

    def __init__(self, network: Network, order: LoopOrder = "dot"):
        self.name = NAMES[order]
        self.source = DenseSource(network.op, order).text()
        (self.shape,) = network.outputs.values()
        found = compiler()
        if found is None:
            raise RuntimeError("no C compiler: set CC, or install gcc")
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder, "dense.c"), Path(folder, "dense.so")
            source.write_text(self.source)
            command = [found, *FLAGS, "-shared", "-fPIC", "-o", str(library), str(source)]
            subprocess.run(command, check=True)
            self._run = ctypes.CDLL(str(library)).run
        floats = np.ctypeslib.ndpointer(np.float32, flags="C_CONTIGUOUS")
        self._run.argtypes = [ctypes.c_long, floats, floats]
        self._run.restype = None

    def run(self, x: Array) -> Array:
        y = np.empty((x.shape[0], *self.shape), np.float32)
        self._run(x.shape[0], np.ascontiguousarray(x, np.float32), y)
        return y

    def time(self, x: Array, repeats: int) -> float:
        return cpu_seconds(lambda: self.run(x), repeats)
