"""`compile`: from a model to a program for a target."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from xdsl.dialects.builtin import ModuleOp

from snncc.backends.c import CPackage, emit
from snncc.backends.c.names import identifier, is_prefix
from snncc.dialects import kernel
from snncc.dialects.arrays import Array
from snncc.dialects.snn.names import StateNames
from snncc.dialects.snn.types import integer_width, is_float, stream_type
from snncc.errors import error
from snncc.inputs import to_states, to_streams
from snncc.interpreters.network import Run
from snncc.network import Network, as_result, load
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.reports import Report, report_of
from snncc.runtime.library import NativeNetwork, write_files
from snncc.runtime.toolchain import FAST, Toolchain, find_compiler
from snncc.storage import context

TARGETS = ("c",)
DEFAULT_BLOCK = 1
MAX_BLOCK = 1 << 16


class Compiled:
    """
    A network compiled for a target.

    `network` is what was compiled; `report` says per layer what was chosen and what it
    costs; `package` holds the files.
    """

    def __init__(
        self,
        network: Network,
        options: PipelineOptions,
        prefix: str,
        weights: Any,
        toolchain: Toolchain,
    ):
        self.network = network
        self.options = options
        self.prefix = prefix
        self.toolchain = toolchain
        self._weights = weights
        self.program, self.package = self._emit(options)

    def _emit(
        self,
        options: PipelineOptions,
        after: Callable[[str, ModuleOp], None] | None = None,
    ) -> tuple[kernel.ProgramOp, CPackage]:
        module = run_pipeline(self.network.module, context(), options, after=after)
        program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
        names = StateNames(self.network.op)
        report = {"delay_lines": [n for (op, _), n in names.name_of.items() if names.is_delay(op)]}
        package = emit(
            program,
            prefix=self.prefix,
            title=self.network.name,
            weights=self._weights,
            report=report,
        )
        return program, package

    @cached_property
    def report(self) -> Report:
        """Shapes, kinds, memory and operations per layer."""
        return report_of(self.network, self.program, self.package)

    @cached_property
    def native(self) -> NativeNetwork:
        """The library of this build, compiled on first use."""
        return NativeNetwork(self.package, self.toolchain)

    @cached_property
    def _debug(self) -> NativeNetwork:
        """A build that keeps every neuron's output: for traces."""
        options = PipelineOptions(1, self.options.fold, trace=True)
        return NativeNetwork(self._emit(options)[1], self.toolchain)

    def run(
        self,
        x: Any,
        state0: Mapping[str, Any] | None = None,
        trace: bool = False,
        *,
        steps: int | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> dict[str, Any]:
        """
        Runs the compiled network on this machine; arguments and result as `Network.run`.

        The first call compiles the C. `trace` uses a debug build that goes step by step.
        Raises SNC-C002 where there is no C compiler or it fails.
        """
        network = self.network.op
        streams = to_streams(network, x, steps=steps)
        states = to_states(network, state0, streams.batch)
        execute = self.run_traced if trace else self.native.run
        run = execute(streams.arrays, state0=states, progress=progress)
        return as_result(run, batched=streams.batched, trace=trace)

    def run_traced(
        self,
        x: Mapping[str, Array],
        *,
        state0: Mapping[str, Array] | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> Run:
        """Runs [T, B, *shape] inputs step by step, with every neuron's spikes and states."""
        return self._debug.run(x, state0=state0, trace=self._traced(), progress=progress)

    def _traced(self) -> dict[str, str]:
        """What a trace reads: name -> stream or state."""
        names = StateNames(self.network.op)
        found: dict[str, str] = {}
        for op, node in names.node_of.items():
            if not names.is_delay(op):
                found[node] = "stream"
                found.update({f"{node}.out{i}": "stream" for i in range(1, len(op.results))})
        for (op, _), name in names.name_of.items():
            if not names.is_delay(op):
                found[name] = "state"
        return found

    def time(self, x: Any, *, steps: int | None = None, repeats: int = 10) -> list[float]:
        """Seconds of each of `repeats` runs of the first sample, in C alone."""
        streams = to_streams(self.network.op, x, steps=steps)
        return self.native.time(streams.arrays, repeats=repeats)

    def save(self, folder: str | Path) -> Path:
        """
        Writes the files to a folder, all or none: it is made beside its place and moved.
        Files of an earlier save are replaced. Raises SNC-C004 where that fails, or where
        the folder holds anything else.
        """
        target = Path(folder)
        _expect_own_folder(target)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
            try:
                write_files(self.package, made)
                made.chmod(0o755)
                if target.exists():
                    shutil.rmtree(target)
                os.replace(made, target)
            finally:
                if made.exists():
                    shutil.rmtree(made)
        except OSError as fault:
            raise error("SNC-C004", f"{target}: {fault.strerror or fault}") from None
        return target

    def __repr__(self) -> str:
        return f"Compiled({self.network.name} for c, prefix {self.prefix})"


def _expect_own_folder(target: Path) -> None:
    """A folder that is not there, is empty, or holds an emitted network and nothing else."""
    if not target.exists():
        return
    if not target.is_dir():
        raise error("SNC-C004", f"{target}: is a file")
    held = {path.relative_to(target).as_posix() for path in target.rglob("*") if path.is_file()}
    foreign = sorted(held - _listed_files(target))
    if foreign:
        raise error(
            "SNC-C004",
            f"{target}: holds files that snncc did not write: {', '.join(foreign[:3])}",
            remedy="name an empty folder, or one that is not there",
        )


def _listed_files(target: Path) -> set[str]:
    """The files that the manifests in a folder name, and those manifests."""
    listed: set[str] = set()
    for path in target.glob("*.json"):
        try:
            listed |= {path.name, *json.loads(path.read_text(encoding="utf-8"))["files"]}
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return listed


def compile(
    model: Network | str | Path,
    target: str = "c",
    *,
    prefix: str | None = None,
    time_block: int = DEFAULT_BLOCK,
    fold: Literal["exact", "all", "none"] = "exact",
    weights: Literal["auto", "c", "bin"] = "auto",
    cc: str | None = None,
    cflags: tuple[str, ...] | list[str] | None = None,
    **load_options: Any,
) -> Compiled:
    """
    Compiles a network, or a model file with the options of `load`.

    `prefix` starts every symbol of the C (default: the network's name); `time_block` is
    how many steps `run` takes through a layer before the next; `fold` says which scales
    and batch norms go into weights (`exact`: those that change no bit); `weights` where
    constants stand; `cc` and `cflags` are the compiler of `Compiled.run` and its flags.

    Raises SnnccError.
    """
    if target not in TARGETS:
        raise error("SNC-C003", f"target: expected one of {', '.join(TARGETS)}, got {target!r}")
    for name, value, known in (
        ("fold", fold, ("exact", "all", "none")),
        ("weights", weights, ("auto", "c", "bin")),
    ):
        if value not in known:
            raise error("SNC-C003", f"{name}: expected one of {', '.join(known)}, got {value!r}")
    if (
        isinstance(time_block, bool)
        or not isinstance(time_block, int)
        or not 1 <= time_block <= MAX_BLOCK
    ):
        raise error("SNC-C003", f"time_block: expected 1 to {MAX_BLOCK}, got {time_block!r}")
    if isinstance(model, Network):
        if load_options:
            raise error(
                "SNC-C003",
                f"{', '.join(load_options)}: options of loading, and the network is loaded",
            )
        network = model
    else:
        network = load(model, **load_options)
    prefix = identifier(network.name) if prefix is None else prefix
    if not is_prefix(prefix):
        raise error(
            "SNC-C003",
            f"prefix: expected letters, digits and _, a letter first, got {prefix!r}",
        )
    _expect_supported(network)
    toolchain = Toolchain(
        find_compiler(cc) if cc is not None else _default_compiler(),
        FAST if cflags is None else tuple(cflags),
    )
    return Compiled(network, PipelineOptions(time_block, fold), prefix, weights, toolchain)


def _default_compiler() -> str:
    """Emitting needs no compiler: its absence is an error only when the code is to run."""
    try:
        return find_compiler()
    except Exception:
        return "cc"


def _expect_supported(network: Network) -> None:
    for name, value in network.op.inputs.items():
        element = stream_type(value).element_type
        if not is_float(element) and integer_width(element) not in (1, 8, 16, 32):
            raise error("SNC-C001", f"input {name!r}: C has no type for {element}")
