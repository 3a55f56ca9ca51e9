"""Runs an emitted network in this process: one state struct, one sample at a time."""

from __future__ import annotations

import ctypes
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from snncc.backends.c import CPackage
from snncc.dialects.arrays import Array
from snncc.errors import error
from snncc.folders import write_files
from snncc.interpreters.network import Run
from snncc.runtime.toolchain import Toolchain, build_library

_DTYPES: dict[str, np.dtype[Any]] = {
    "float": np.dtype(np.float32),
    "double": np.dtype(np.float64),
    **{
        f"{sign}int{width}_t": np.dtype(f"u{width // 8}")
        for sign in ("", "u")
        for width in (8, 16, 32)
    },
}
"""As `dtype_of` has it: signed integers by their bits."""


@dataclass(frozen=True)
class _Field:
    """
    A member of the state struct. Its role: a `state` of a neuron, the `line` of a delay, the
    `position` in one, or a `stream` between stages.
    """

    name: str
    role: str
    offset: int
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    channel_last: bool

    def view(self, memory: Array) -> Array:
        size = prod(self.shape) * self.dtype.itemsize
        return memory[self.offset : self.offset + size].view(self.dtype).reshape(self.shape)


class NativeNetwork:
    """An emitted network compiled into a shared library and loaded."""

    def __init__(self, package: CPackage, toolchain: Toolchain):
        self.package = package
        manifest = package.manifest
        self._fields = {
            (entry["role"], entry["name"]): _Field(
                entry["name"],
                entry["role"],
                entry["offset"],
                tuple(entry["shape"]),
                _DTYPES[entry["type"]],
                entry["channel_last"],
            )
            for entry in manifest["states"]
        }
        self._inputs = manifest["inputs"]
        self._outputs = manifest["outputs"]
        with tempfile.TemporaryDirectory(prefix="snncc-") as folder:
            root = Path(folder)
            write_files(package.files, root)
            library = root / f"lib{package.prefix}.so"
            build_library(root, package.sources, library, toolchain)
            try:
                self._library = ctypes.CDLL(str(library))  # stays mapped when the file goes
            except OSError as fault:
                reason = str(fault).replace(f"{library}: ", "")
                name = Path(toolchain.command[0]).name
                raise error("SNC-C002", f"what {name} built does not run here: {reason}") from None
        size, alignment = manifest["state_bytes"], manifest["state_alignment"]
        raw = np.zeros(size + alignment, np.uint8)
        start = -raw.ctypes.data % alignment
        self._memory = raw[start : start + size]

    def _call(self, name: str, *arguments: Any) -> None:
        status = getattr(self._library, f"{self.package.prefix}_{name}")(
            ctypes.c_void_p(self._memory.ctypes.data), *arguments
        )
        if status != 0:
            raise error("SNC-X001", f"{self.package.prefix}_{name} returned {status}")

    def run(
        self,
        x: Mapping[str, Array],
        *,
        state0: Mapping[str, Array] | None = None,
        trace: Mapping[str, str] | None = None,
        progress: Callable[[int, int], None] | None = None,
        whole: bool = False,
    ) -> Run:
        """
        Runs [T, B, *shape] inputs, sample by sample; as the interpreter's `run`. With `whole`
        floats are the whole numbers that they stand for (NAME_run_q), signed ones by their bits.

        With `trace` (result name -> "stream" or "state" to read after each step) it goes
        step by step: the library must be a debug build.
        """
        first = next(iter(x.values()))
        steps, batch = first.shape[:2]
        ends = (self._inputs, self._outputs)
        taken, given = ([_in_whole(e) for e in side] for side in ends) if whole else ends
        outputs = {entry["name"]: np.stack([self._room(entry, steps)] * batch) for entry in given}
        finals: dict[str, list[Array]] = {}
        traced: dict[str, list[list[Array]]] = {name: [] for name in trace or {}}
        for sample in range(batch):
            self._call("init")
            for name, value in (state0 or {}).items():
                self._set_state(name, value, sample)
            rows = [
                np.ascontiguousarray(x[entry["name"]][:, sample], _DTYPES[entry["type"]])
                for entry in taken
            ]
            results = [outputs[entry["name"]][sample] for entry in given]
            if trace is None:
                name = "run_q" if whole else "run"
                self._call(
                    name, *map(_pointer, rows), ctypes.c_size_t(steps), *map(_pointer, results)
                )
            else:
                self._run_traced(rows, results, steps, trace, traced)
            for name, value in self._states().items():
                finals.setdefault(name, []).append(value)
            if progress is not None:
                progress(sample + 1, batch)
        return Run(
            {entry["name"]: _result(entry, outputs[entry["name"]]) for entry in given},
            {name: np.stack(values) for name, values in finals.items()},
            {name: np.stack([np.stack(s) for s in values], 1) for name, values in traced.items()},
        )

    def _run_traced(
        self,
        rows: list[Array],
        results: list[Array],
        steps: int,
        trace: Mapping[str, str],
        traced: dict[str, list[list[Array]]],
    ) -> None:
        sample: dict[str, list[Array]] = {name: [] for name in trace}
        streams = [True] * len(rows) + ["kind" not in entry for entry in self._outputs]
        reverse = "reverse" in self.package.manifest
        for t in reversed(range(steps)) if reverse else range(steps):
            # slices: one element of an array without further axes would be a copy
            arrays = [
                array[t : t + 1] if stream else array
                for array, stream in zip((*rows, *results), streams, strict=True)
            ]
            self._call("step_f32", *map(_pointer, arrays))
            for name, role in trace.items():
                field = self._fields[role, name]
                value = field.view(self._memory)
                if role == "stream":
                    value = value[0]
                sample[name].append(_logical(value, field.channel_last).copy())
        for name, values in sample.items():
            traced[name].append(values[::-1] if reverse else values)

    @staticmethod
    def _room(entry: Mapping[str, Any], steps: int) -> Array:
        """Zeros for an output of one sample, as it is stored."""
        shape = entry.get("stored", entry["shape"])
        leading = () if "kind" in entry else (steps,)
        return np.zeros((*leading, *shape), _DTYPES[entry["type"]])

    def _set_state(self, name: str, value: Array, sample: int) -> None:
        """Of one sample. A state that reaches no output may have been left out: it does nothing."""
        field = self._fields.get(("state", name)) or self._fields.get(("line", name))
        if field is None:
            if name not in self.package.manifest.get("left_out", ()):
                raise error("SNC-R002", f"no state is named {name!r}")
            return
        view = field.view(self._memory)
        row = value[sample] if value.ndim > len(field.shape) else value
        if field.channel_last:
            row = np.moveaxis(row, 1 if field.role == "line" else 0, -1)
        view[...] = row
        if ("position", name) in self._fields:
            self._fields["position", name].view(self._memory)[0] = 0  # the oldest row is the first

    def _states(self) -> dict[str, Array]:
        """The states as users know them: logical axes, delays oldest first."""
        found: dict[str, Array] = {}
        for (role, name), field in self._fields.items():
            if role not in ("state", "line"):
                continue
            value = field.view(self._memory)
            if ("position", name) in self._fields:
                position = self._fields["position", name].view(self._memory)
                value = np.roll(value, -int(position[0]), axis=0)
            if field.channel_last:
                value = np.moveaxis(value, -1, 1 if role == "line" else 0)
            found[name] = value.copy()
        return found

    def time(self, x: Mapping[str, Array], *, repeats: int = 10) -> list[float]:
        """Seconds of each of `repeats` calls of `run` on the first sample."""
        first = next(iter(x.values()))
        steps = first.shape[0]
        rows = [
            np.ascontiguousarray(x[entry["name"]][:, 0], _DTYPES[entry["type"]])
            for entry in self._inputs
        ]
        results = [self._room(entry, steps) for entry in self._outputs]
        arguments = [*map(_pointer, rows), ctypes.c_size_t(steps), *map(_pointer, results)]
        seconds: list[float] = []
        for _ in range(repeats):
            self._call("init")
            start = time.perf_counter()
            self._call("run", *arguments)
            seconds.append(time.perf_counter() - start)
        return seconds


def _in_whole(entry: Mapping[str, Any]) -> Mapping[str, Any]:
    """An input or output as callers with whole numbers have it."""
    return {**entry, **entry["whole"]} if "whole" in entry else entry


def _pointer(array: Array) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _result(entry: Mapping[str, Any], array: Array) -> Array:
    """An output of all samples as a run gives it: [T, B, *shape], or [B, *shape] of one value."""
    if "kind" not in entry:
        return np.swapaxes(array, 0, 1)
    if "order" in entry:
        array = array.transpose(0, *(1 + place for place in np.argsort(entry["order"])))
    return array.reshape(len(array), *entry["shape"])


def _logical(value: Array, channel_last: bool) -> Array:
    return np.moveaxis(value, -1, 0) if channel_last else value
