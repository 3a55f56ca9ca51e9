"""A plain dense C loop over a network: built with the C compiler, run through ctypes."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from benchmarks.dense_source import DenseSource, LoopOrder
from benchmarks.timing import cpu_seconds
from snncc.dialects.arrays import Array
from snncc.network import Network
from snncc.runtime.toolchain import EXACT, FAST, find_compiler

NAMES: dict[LoopOrder, str] = {"dot": "dense C", "plane": "dense C, outputs inside"}


class DenseC:
    """
    The loop as a shared library, built with the compiler and flags of snncc's own code.

    Raises SnnccError (SNC-C002) where no compiler is found, subprocess.CalledProcessError
    where it fails.
    """

    exact = True

    def __init__(self, network: Network, order: LoopOrder = "dot"):
        self.name = NAMES[order]
        self.source = DenseSource(network.op, order).text()
        (self.shape,) = network.outputs.values()
        with tempfile.TemporaryDirectory() as folder:
            source, library = Path(folder, "dense.c"), Path(folder, "dense.so")
            source.write_text(self.source)
            command = [*find_compiler(), *EXACT, *FAST, "-shared", "-fPIC"]
            subprocess.run([*command, "-o", str(library), str(source)], check=True)
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
