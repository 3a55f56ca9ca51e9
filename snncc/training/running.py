"""The C of a training as it runs: its library, and the memory that Python owns."""

from __future__ import annotations

import ctypes
import tempfile
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from snncc.backends.c.package import CPackage
from snncc.dialects.arrays import Array
from snncc.errors import error
from snncc.folders import write_files
from snncc.runtime.toolchain import Toolchain, build_library, find_compiler
from snncc.training.schedules import Programs

C_TYPES: dict[str, type[np.generic]] = {
    "float": np.float32,
    "double": np.float64,
    "uint8_t": np.uint8,
    "uint16_t": np.uint16,
    "int8_t": np.int8,
    "int16_t": np.int16,
    "uint32_t": np.uint32,
    "int32_t": np.int32,
}
"""The elements of arrays that the C and Python share."""


class Running:
    """
    A package and what it was made of. The library is compiled when something is called, with
    the compiler `command`, or the one that is found then.
    """

    def __init__(
        self,
        programs: Programs,
        package: CPackage,
        command: tuple[str, ...] | None,
        flags: tuple[str, ...],
    ):
        self.programs = programs
        self.package = package
        self._toolchain = (command, flags)

    @property
    def manifest(self) -> Mapping[str, Any]:
        return self.package.manifest

    @property
    def is_started(self) -> bool:
        """Whether anything was called: else all is as it was emitted."""
        return "_memory" in vars(self)

    @property
    def at_once(self) -> int:
        """The samples that run at once."""
        return int(self.manifest.get("samples_at_once", 1))

    @cached_property
    def _library(self) -> ctypes.CDLL:
        command, flags = self._toolchain
        with tempfile.TemporaryDirectory(prefix="snncc-") as folder:
            root = Path(folder)
            write_files(self.package.files, root)
            library = root / f"lib{self.package.prefix}_train.so"
            toolchain = Toolchain(command or find_compiler(), flags)
            build_library(root, self.package.sources, library, toolchain)
            return ctypes.CDLL(str(library))

    @cached_property
    def _memory(self) -> Array:
        """The struct, ready."""
        size, alignment = self.manifest["bytes"], self.manifest["alignment"]
        raw = np.zeros(size + alignment, np.uint8)
        start = -raw.ctypes.data % alignment
        memory = raw[start : start + size]
        _check(self._function("train_begin")(ctypes.c_void_p(memory.ctypes.data)))
        return memory

    def _function(self, name: str) -> Any:
        return getattr(self._library, f"{self.package.prefix}_{name}")

    def call(self, name: str, *arguments: Any) -> None:
        memory = ctypes.c_void_p(self._memory.ctypes.data)
        _check(self._function(name)(memory, *arguments))

    def word(self, name: str) -> int:
        """A number of the struct that the functions keep."""
        return int(self._word(name)[0])

    def _word(self, name: str) -> Array:
        start = self.manifest[name]["offset"]
        return self._memory[start : start + 4].view(np.uint32)

    def array(self, entry: Mapping[str, Any]) -> Array:
        """An array of the struct, from its entry in the manifest: a view."""
        dtype = np.dtype(C_TYPES[entry["type"]])
        size = entry["count"] * dtype.itemsize
        return self._memory[entry["offset"] : entry["offset"] + size].view(dtype)

    def go_on_from(self, other: Running) -> None:
        """
        Takes parameters, what the optimiser keeps, and sums of gradients from another package
        of the same training. They stand at the start of the struct, alike in both.
        """
        for key in ("parameters", "sums"):
            assert self.manifest[key] == other.manifest[key], key
        sums = self.manifest["sums"].values()
        end = max(
            [self.manifest["memory"]["apply"]]
            + [e["offset"] + e["count"] * np.dtype(C_TYPES[e["type"]]).itemsize for e in sums]
        )
        self._memory[:end] = other._memory[:end]
        self._word("samples")[0] = other.word("samples")
        self.call("train_refresh")


def _check(status: int) -> None:
    if status != 0:
        raise error("SNC-X001", f"the training returned {status}")
