"""The phases of compilation: named, ordered, each runnable and printable."""

from __future__ import annotations

import tempfile
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.passes import ModulePass
from xdsl.transforms import get_all_passes as get_xdsl_passes
from xdsl.utils.exceptions import PassFailedException, VerifyException

from snncc.dialects.snn.parameters import ParameterOp
from snncc.errors import Problem, SnnccError, error
from snncc.passes import get_all_passes
from snncc.passes.scheduling.packing import Pack

Fold = Literal["exact", "all", "none"]
PHASES = ("load", "canonicalize", "fold", "fuse", "schedule")
"""`load` is the imported network; each other phase ends in the state that it names."""


@dataclass(frozen=True)
class PipelineOptions:
    """What the phases can be told."""

    time_block: int = 1
    fold: Fold = "exact"
    trace: bool = False
    pack: Pack = "auto"


def phases(options: PipelineOptions) -> dict[str, list[ModulePass]]:
    """Phase -> its passes, in order."""
    ours, xdsl = get_all_passes(), get_xdsl_passes()

    def make(name: str, **arguments: object) -> ModulePass:
        factory = ours.get(name) or xdsl[name]
        return factory()(**arguments)

    if options.trace:  # nothing is left out, even what reaches no output
        return {
            "fuse": [
                make("snn-record-names"),
                make("snn-fold-parameters"),
                make("snn-fuse-elementwise", inline=False),
            ],
            "schedule": [
                make("snn-schedule", time_block=options.time_block, trace=True, pack=options.pack),
                make("kernel-verify-order"),
            ],
        }
    fold = (
        []
        if options.fold == "none"
        else [
            make("snn-fold-affine", exact=options.fold == "exact"),
            make("dce"),
        ]
    )
    return {
        "canonicalize": [
            make("snn-record-names"),
            make("snn-fold-parameters"),
            make("canonicalize"),
            make("cse"),
            make("dce"),
        ],
        "fold": fold,
        "fuse": [make("snn-fuse-elementwise"), make("canonicalize"), make("cse"), make("dce")],
        "schedule": [
            make("snn-schedule", time_block=options.time_block, pack=options.pack),
            make("canonicalize"),
            make("kernel-verify-order"),
        ],
    }


def for_inference(module: ModuleOp) -> ModuleOp:
    """
    What a file of another format gets: a copy without marks of training, in which what is
    computed of parameters alone is computed; the module itself where nothing is marked.
    """
    parameters = [op for op in module.ops if isinstance(op, ParameterOp)]
    if all(op.training is None for op in parameters):
        return module
    folded = module.clone()
    get_all_passes()["snn-fold-parameters"]()().apply(Context(), folded)
    folded.verify()
    return folded


def run_pipeline(
    module: ModuleOp,
    ctx: Context,
    options: PipelineOptions,
    *,
    until: str = PHASES[-1],
    after: Callable[[str, ModuleOp], None] | None = None,
) -> ModuleOp:
    """
    Runs the phases up to `until` on a copy. `after` sees the module after each phase
    (first after `load`).

    A pass that fails raises SNC-P001 and leaves a reproducer: the module before the pass
    and the command that runs it.
    """
    if until not in PHASES:
        raise error("SNC-C003", f"phase: expected one of {', '.join(PHASES)}, got {until!r}")
    given, module = module, module.clone()
    if after is not None:
        after("load", module)
    if until == "load":
        return module
    run: list[ModulePass] = []
    for name, passes in phases(options).items():
        run += passes
        try:
            for step in passes:
                step.apply(ctx, module)
            module.verify()
        except SnnccError:
            raise
        except Exception as fault:
            raise _failure(given, ctx, run, fault) from fault
        if after is not None:
            after(name, module)
        if name == until:
            break
    return module


def _failure(
    given: ModuleOp, ctx: Context, run: Sequence[ModulePass], fault: Exception
) -> SnnccError:
    """
    The problem of a pass that fails: the passes run again, now with a copy and a check of
    the module around each.
    """
    before, module, failed = given, given.clone(), run[-1]
    for step in run:
        before = module.clone()
        try:
            step.apply(ctx, module)
            module.verify()
        except Exception as again:
            failed, fault = step, again
            break
    path = _write_reproducer(before, failed, fault)
    reason = next((t for t in str(fault).splitlines() if t.strip()), type(fault).__name__)
    if not isinstance(fault, PassFailedException | VerifyException):
        reason = f"internal error: {type(fault).__name__}: {reason}"
    return SnnccError(
        Problem(
            "SNC-P001",
            f"pass {failed.name} failed: {reason[:300]}",
            remedy=f"reproducer: {path}",
        )
    )


def _write_reproducer(module: ModuleOp, step: ModulePass, fault: Exception) -> Path:
    """The module before the failing pass, with the command in its first line."""
    from snncc.storage import save_module

    folder = Path(tempfile.mkdtemp(prefix="snncc-reproducer-"))
    path = folder / "reproducer.mlir"
    save_module(module, path)
    trace: Sequence[str] = traceback.format_exception(fault)
    load = f'snn-load-parameters{{file="{path.with_suffix(".safetensors").name}"}}'
    command = f"// snncc-opt {path.name} -p '{load},{step.spec()}'\n"
    notes = "".join(f"// {line}\n" for text in trace for line in text.splitlines())
    path.write_text(command + path.read_text(encoding="utf-8") + notes, encoding="utf-8")
    return path
