"""Phases: named, printable, each from `snncc-opt`; a failing pass leaves a reproducer."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import IntegerAttr, ModuleOp, i64
from xdsl.passes import ModulePass
from xdsl.utils.exceptions import PassFailedException

import snncc
from snncc import pipelines
from snncc.dialects import snn
from snncc.pipelines import PHASES, PipelineOptions, run_pipeline
from snncc.storage import context
from tests.small_networks import RECURRENT, network
from tests.tools import REPOSITORY, require_tool


def test_phases_are_seen_in_order(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    before = net.mlir()
    seen: list[str] = []
    run_pipeline(
        net.module, context(), PipelineOptions(), after=lambda phase, _: seen.append(phase)
    )
    assert tuple(seen) == PHASES
    assert net.mlir() == before  # the pipeline works on a copy


@pytest.mark.parametrize("phase", PHASES)
def test_each_phase_is_a_command(tmp_path: Path, phase: str) -> None:
    """The passes of a phase give the same text from `snncc-opt` as in the pipeline."""
    tool = require_tool("snncc-opt")
    net = snncc.load(
        REPOSITORY / "examples" / "digits" / "mlp_lif_digits.nir",
        like="snntorch",
        dt=1e-4,
        reset="subtract",
        reset_timing="next",
    )
    net.save(tmp_path / "net.mlir")
    steps = [f'snn-load-parameters{{file="{tmp_path / "net.safetensors"}"}}']
    options = PipelineOptions(time_block=3)
    for name, passes in pipelines.phases(options).items():
        if PHASES.index(name) <= PHASES.index(phase):
            steps += [str(step.spec()) for step in passes]
    done = subprocess.run(
        [tool, tmp_path / "net.mlir", "-p", ",".join(steps)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    wanted = run_pipeline(net.module, context(), options, until=phase)
    assert done.stdout.strip() == str(wanted).strip()


@dataclass(frozen=True)
class FailingPass(ModulePass):
    name = "snn-fuse-elementwise"  # the command in the reproducer names a pass that exists

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        raise PassFailedException("a reason that a user can read")


def test_a_failing_pass_leaves_a_reproducer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool = require_tool("snncc-opt")
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    net = network(RECURRENT, tmp_path)
    monkeypatch.setattr(pipelines, "phases", lambda options: {"fuse": [FailingPass()]})
    with pytest.raises(snncc.SnnccError, match="SNC-P001 pass snn-fuse-elementwise failed"):
        run_pipeline(net.module, context(), PipelineOptions())
    (file,) = tmp_path.glob("snncc-reproducer-*/reproducer.mlir")
    command = file.read_text().splitlines()[0]
    assert command.startswith("// snncc-opt reproducer.mlir -p '")
    arguments = command.split("'")[1]
    done = subprocess.run(
        [tool, file.name, "-p", arguments],
        cwd=file.parent,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "snn.neuron" in done.stdout


@dataclass(frozen=True)
class BreakingPass(ModulePass):
    """Leaves IR that does not verify; what runs behind it is not to blame."""

    name = "snn-fold-affine"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for inner in op.walk():
            if isinstance(inner, snn.DelayOp):
                inner.steps = IntegerAttr(0, i64)


@dataclass(frozen=True)
class QuietPass(ModulePass):
    name = "snn-fuse-elementwise"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        pass


def test_the_pass_that_broke_the_ir_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The IR is checked once a phase; where it does not verify, pass by pass."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    net = network(RECURRENT, tmp_path)
    steps = [QuietPass(), BreakingPass(), QuietPass()]
    monkeypatch.setattr(pipelines, "phases", lambda options: {"fuse": steps})
    with pytest.raises(
        snncc.SnnccError, match="SNC-P001 pass snn-fold-affine failed: by: expected"
    ):
        run_pipeline(net.module, context(), PipelineOptions())
    (file,) = tmp_path.glob("snncc-reproducer-*/reproducer.mlir")
    text = file.read_text()
    assert "snn-fold-affine" in text.splitlines()[0]
    assert "snn.delay %s by 3" in text  # the IR before that pass


def test_unknown_phase(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    with pytest.raises(snncc.SnnccError, match="phase: expected one of load, canonicalize"):
        run_pipeline(net.module, context(), PipelineOptions(), until="magic")
