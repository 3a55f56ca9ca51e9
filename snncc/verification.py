"""Truth is differential: one network, every variant, the same bits."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from snncc.dialects import kernel, snn
from snncc.dialects.arrays import Array
from snncc.errors import SnnccError, error
from snncc.interpreters.network import NetworkInterpreter, Run
from snncc.network import Network
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.runtime.toolchain import find_compiler
from snncc.storage import context

LEVELS = (("-O0",), ("-O3", "-march=native"))
COMPILERS = ("gcc", "clang", "clang-19")


@dataclass(frozen=True)
class Check:
    """One variant against the reference."""

    name: str
    compared: int
    differing: int
    first: str | None = None
    """Where the two part first: the value's name and place."""


def differing_bits(reference: Array, other: Array) -> Array:
    """Where two arrays differ in a bit."""
    if reference.shape != other.shape or reference.dtype != other.dtype:
        return np.ones(reference.shape, bool)
    unsigned = f"u{reference.itemsize}"
    a = np.ascontiguousarray(reference).view(unsigned)
    b = np.ascontiguousarray(other).view(unsigned)
    differs: Array = a != b
    return differs


def compare(name: str, reference: Run, other: Run) -> Check:
    """Outputs, final states, and what both traced."""
    compared = differing = 0
    first: str | None = None
    for kind in ("trace", "outputs", "final"):
        wanted: Mapping[str, Array] = getattr(reference, kind)
        found: Mapping[str, Array] = getattr(other, kind)
        if kind == "trace" and not found:
            continue
        for key, array in wanted.items():
            if key not in found and kind == "final":
                continue  # a state that reaches no output is left out
            if key not in found:
                differing += array.size
                first = first or f"{key} is missing"
                continue
            differs = differing_bits(array, found[key])
            compared += array.size
            count = int(differs.sum())
            if count and first is None:
                place = tuple(int(i) for i in np.argwhere(differs)[0])
                first = f"{key} at {list(place)}: {array[place]!s} against {found[key][place]!s}"
            differing += count
    return Check(name, compared, differing, first)


def verify_network(
    network: Network,
    x: Mapping[str, Array],
    *,
    engine: Literal["c", "interpreter"] = "c",
    progress: Callable[[int, int], None] | None = None,
) -> list[Check]:
    """
    Compares every variant with the reference interpreter on [T, B, *shape] inputs; with
    `engine` interpreter the phases alone, without C. Raises SNC-C002 where C is to be
    compared and there is no compiler.
    """
    compilers = _compilers() if engine == "c" else []
    reference = NetworkInterpreter(network.module, network.op).run(x, trace=True)
    steps = next(iter(x.values())).shape[0]
    variants = list(_variants(network, steps, compilers))
    checks: list[Check] = []
    for index, (name, run) in enumerate(variants):
        if progress is not None:
            progress(index, len(variants))
        checks.append(compare(name, reference, run(x)))
    return checks


def _variants(
    network: Network, steps: int, compilers: Sequence[str]
) -> Iterator[tuple[str, Callable[[Mapping[str, Array]], Run]]]:
    from snncc.compiled import compile
    from snncc.interpreters.program import ProgramInterpreter

    blocks = sorted({1, min(3, steps), steps})
    for phase in ("canonicalize", "fold", "fuse"):

        def run_phase(x: Mapping[str, Array], phase: str = phase) -> Run:
            module = run_pipeline(network.module, context(), PipelineOptions(), until=phase)
            op = next(o for o in module.ops if isinstance(o, snn.NetworkOp))
            return NetworkInterpreter(module, op).run(x)

        yield f"interpreter after {phase}", run_phase
    for block in blocks:

        def run_program(x: Mapping[str, Array], block: int = block) -> Run:
            module = run_pipeline(network.module, context(), PipelineOptions(block))
            op = next(o for o in module.ops if isinstance(o, kernel.ProgramOp))
            return ProgramInterpreter(module, op).run(x)

        yield f"interpreter after schedule, time block {block}", run_program
    for compiler in compilers:
        for flags in LEVELS:
            for block in blocks:

                def run_native(
                    x: Mapping[str, Array],
                    compiler: str = compiler,
                    flags: tuple[str, ...] = flags,
                    block: int = block,
                ) -> Run:
                    program = compile(network, time_block=block, cc=compiler, cflags=flags)
                    return program.native.run(x)

                yield f"C, {compiler} {' '.join(flags)}, time block {block}", run_native

        def run_traced(x: Mapping[str, Array], compiler: str = compiler) -> Run:
            return compile(network, cc=compiler).run_traced(x)

        yield f"C, {compiler}, debug build, every neuron", run_traced


def _compilers() -> list[str]:
    """The compilers that are here, each once. One that $CC names is there, or is missed."""
    names = [name for name in COMPILERS if shutil.which(name) is not None]
    if os.environ.get("CC") or not names:
        try:
            names.append(shlex.join(find_compiler()))
        except SnnccError as missing:
            raise error(
                "SNC-C002",
                f"{missing.problems[0].message}: C was not compared",
                remedy="install gcc or clang; --engine interpreter compares the phases alone",
            ) from None
    found: dict[Path, str] = {}
    for name in names:
        found.setdefault(Path(shutil.which(name) or name).resolve(), name)
    return list(found.values())
