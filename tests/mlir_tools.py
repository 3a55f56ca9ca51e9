"""Scheduled programs through the real MLIR and LLVM, as libraries that can be called."""

from __future__ import annotations

import ctypes
import io
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from xdsl.dialects.builtin import ModuleOp
from xdsl.printer import Printer

from snncc.dialects import kernel
from snncc.dialects.arrays import Array, dtype_of
from snncc.dialects.kernel.buffers import Role
from snncc.passes.kernel_to_standard import KernelToStandard
from snncc.passes.snn_fuse_elementwise import SnnFuseElementwise
from snncc.passes.snn_schedule import SnnSchedule
from snncc.storage import context
from tests.tools import require_tool

TO_LLVM = [
    "--convert-linalg-to-loops",
    "--lower-affine",
    "--convert-scf-to-cf",
    "--finalize-memref-to-llvm",
    "--convert-math-to-llvm",
    "--convert-func-to-llvm",
    "--convert-arith-to-llvm",
    "--convert-cf-to-llvm",
    "--reconcile-unrealized-casts",
]


@dataclass
class Compiled:
    """A library made by MLIR, and the program that it came from."""

    library: ctypes.CDLL
    name: str
    inputs: list[kernel.BufferOp]
    outputs: list[kernel.BufferOp]
    starts: frozenset[str | None] = frozenset()
    """The inputs that states start from, by their symbols."""
    sample: int = 1
    """The steps of a sample, where the program has samples."""

    def rows(self, buffer: kernel.BufferOp, steps: int) -> tuple[int, ...]:
        """The sizes of an output."""
        if buffer.sampled is not None:
            return (steps // self.sample, *buffer.shape[1:])
        return (steps, *buffer.shape[1:]) if buffer.has_rows else buffer.shape

    def run(self, x: dict[str, Array]) -> dict[str, Array]:
        """One sample, or several in a row: input name -> [T, *shape]."""
        steps = len(next(x[b.known_as] for b in self.inputs if b.has_rows))
        given = [
            np.ascontiguousarray(x[b.known_as], dtype_of(b.type.element_type)) for b in self.inputs
        ]
        taken = [np.zeros(self.rows(b, steps), dtype_of(b.type.element_type)) for b in self.outputs]
        function = getattr(self.library, f"_mlir_ciface_{self.name}_run")
        function.restype = None
        descriptors = [descriptor(array) for array in (*given, *taken)]
        function(*map(ctypes.byref, descriptors), ctypes.c_int64(steps))
        return {b.known_as: array for b, array in zip(self.outputs, taken, strict=True)}

    def reset(self, held: Mapping[str, Array] | None = None) -> None:
        """`held` are the inputs that states start from, among others."""
        function = getattr(self.library, f"_mlir_ciface_{self.name}_reset")
        function.restype = None
        given = [
            descriptor(np.ascontiguousarray(held[b.known_as], dtype_of(b.type.element_type)))
            for b in self.inputs
            if held is not None and b.sym_name.data in self.starts
        ]
        function(*map(ctypes.byref, given))


def descriptor(array: Array) -> ctypes.Structure:
    """A ranked memref's descriptor: pointers, offset, sizes, strides in elements."""

    class Descriptor(ctypes.Structure):
        _fields_ = [
            ("allocated", ctypes.c_void_p),
            ("aligned", ctypes.c_void_p),
            ("offset", ctypes.c_int64),
            ("sizes", ctypes.c_int64 * array.ndim),
            ("strides", ctypes.c_int64 * array.ndim),
        ]

    strides = [stride // array.itemsize for stride in array.strides]
    sizes = (ctypes.c_int64 * array.ndim)(*array.shape)
    pointer = array.ctypes.data
    return Descriptor(pointer, pointer, 0, sizes, (ctypes.c_int64 * array.ndim)(*strides))


def call(command: Sequence[Any]) -> None:
    done = subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-4000:]


def compile_with_mlir(module: ModuleOp, folder: Path, time_block: int) -> Compiled:
    ctx = context()
    module = module.clone()
    SnnFuseElementwise().apply(ctx, module)
    SnnSchedule(time_block=time_block).apply(ctx, module)
    return compile_scheduled(module, folder)


def compile_scheduled(module: ModuleOp, folder: Path) -> Compiled:
    """From a module with a scheduled program, which is replaced."""
    mlir_opt, mlir_translate, clang = map(
        require_tool, ("mlir-opt-19", "mlir-translate-19", "clang-19")
    )
    ctx = context()
    program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
    name = program.sym_name.data
    inputs, outputs = program.buffers(Role.INPUT), program.buffers(Role.OUTPUT)
    starts = frozenset(state.starts_from for state in program.buffers(Role.STATE))
    KernelToStandard().apply(ctx, module)
    module.verify()
    text = io.StringIO()
    Printer(text, print_generic_format=True).print_op(module)
    standard, lowered = folder / "standard.mlir", folder / "llvm.mlir"
    standard.write_text(text.getvalue(), encoding="utf-8")
    call([mlir_opt, standard, *TO_LLVM, "-o", lowered])
    call([mlir_translate, "--mlir-to-llvmir", lowered, "-o", folder / "code.ll"])
    library = folder / "code.so"
    # a product is rounded before it is added
    flags = ["-O1", "-ffp-contract=off", "-Wno-override-module", "-shared", "-fPIC"]
    call([clang, *flags, folder / "code.ll", "-o", library])
    sample = program.sample_steps or 1
    return Compiled(ctypes.CDLL(str(library)), name, inputs, outputs, starts, sample)
