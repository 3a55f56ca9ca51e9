"""
Networks that five libraries exported, from every form of file, against their own outputs.

A step is started from the library's states and gets torch's own sums: then neurons are
equal bit for bit. A whole sequence is equal but for spikes that the order of a sum flips.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from tests.tools import REPOSITORY

CORPUS = REPOSITORY.parent / "shared" / "corpus"

LOST = {
    # written in place, which neither exporter of ONNX keeps
    "pt_buffer_inplace/step.onnx": "SNC-I001",
    "pt_buffer_inplace/step_legacy.onnx": "SNC-I001",
    # one tensor was the example of two states, which torch.export takes for one
    "no_conv_lif_li/step.pt2": "SNC-I024",
    "pt_alif_bellec/step.pt2": "SNC-I024",
    "pt_residual/step.pt2": "SNC-I024",
    "pt_spytorch/step.pt2": "SNC-I024",
    "pt_spytorch/step.onnx": "SNC-I024",
    "pt_spytorch_rec/step.pt2": "SNC-I024",
}
"""Files that do not carry their states, and the code that says so."""

ROUNDED = {
    "pt_detach_trick": "its spike of s - s.detach() + s is 0.99999994; here it is one",
    "pt_spytorch": "its sum is an einsum, whose order is not that of torch's linear",
    "sn_cnn_bn_maxpool/step_legacy.onnx": "the exporter folded the batch norm into the weights",
}
"""Where forced sums do not give the library's bits, and why; values are within 3e-7."""


def files(form: str) -> list[str]:
    found = [*CORPUS.glob(f"*/{form}*.pt2"), *CORPUS.glob(f"*/{form}*.onnx")]
    return sorted(f"{path.parent.name}/{path.name}" for path in found)


def case_of(file: str) -> tuple[Path, dict[str, Any], Any]:
    path = CORPUS / file
    meta = json.loads((path.parent / "meta.json").read_text())
    return path, meta, np.load(path.parent / "io.npz")


Record = Callable[[str, object], None]


def test_the_corpus_is_there() -> None:
    if not os.environ.get("CI") and not CORPUS.is_dir():
        pytest.skip("../shared/corpus is not there")
    assert len(files("step")) + len(files("seq")) == 150


@pytest.mark.parametrize("file", files("step"))
def test_steps(file: str, record_property: Record) -> None:
    path, meta, io = case_of(file)
    names = meta["state_names"]
    if file in LOST:
        with pytest.raises(SnnccError) as refused:
            snncc.load(path, states=names)
        assert refused.value.code == LOST[file]
        record_property("corpus", (file, f"not carried: {LOST[file]}"))
        return
    net = snncc.load(path, states=names)
    worst, flips = teacher_forced(net, meta, io) if names else (free_running(net, meta, io), 0)
    assert worst <= 1e-6
    assert flips == 0
    forced = bits_with_forced_sums(net, meta, io)
    reason = ROUNDED.get(file) or ROUNDED.get(path.parent.name)
    assert forced is None or reason or forced == 0
    text = f"within {worst:.0e}" if worst else "equal"
    bits = "equal bit for bit" if not forced else f"{forced} bits: {reason}"
    record_property(
        "corpus", (file, text + ("" if forced is None else f", with forced sums {bits}"))
    )


def teacher_forced(net: snncc.Network, meta: dict[str, Any], io: Any) -> tuple[float, int]:
    """The largest difference of any output or state, and how many spikes differ."""
    states = {name: io[f"state0/{name}"] for name in meta["state_names"]}
    worst, flips = 0.0, 0
    for t in range(io["x"].shape[0]):
        result = net.run(io["x"][t : t + 1], state0=states, trace=True)
        for name, output in zip(net.outputs, meta["step_outputs"], strict=True):
            wanted = io[f"step/{output}"][t]
            difference = np.abs(result[name][0].astype(np.float64) - wanted)
            flips += int((difference > 0.5).sum())
            worst = max(worst, float(difference.max()))
        for name in meta["state_names"]:
            states[name] = io[f"state/{name}"][t]
            difference = np.abs(result["final"][name].astype(np.float64) - states[name])
            worst = max(worst, float(difference.max()))
    return worst, flips


def free_running(net: snncc.Network, meta: dict[str, Any], io: Any) -> float:
    (name,) = net.outputs
    (output,) = meta["step_outputs"]
    return float(np.abs(net.run(io["x"])[name] - io[f"step/{output}"]).max())


def bits_with_forced_sums(net: snncc.Network, meta: dict[str, Any], io: Any) -> int | None:
    """Differing values where torch computes the sums; None where torch is not installed."""
    try:
        from tests.forcing import Forced
    except ModuleNotFoundError:
        return None
    forced = Forced(net)
    names = meta["state_names"]
    if not names:
        return None
    states = {name: io[f"state0/{name}"] for name in names}
    different = 0
    for t in range(io["x"].shape[0]):
        outputs, final = forced.step({next(iter(net.inputs)): io["x"][t]}, states)
        for name, output in zip(net.outputs, meta["step_outputs"], strict=True):
            wanted = io[f"step/{output}"][t]
            if set(np.unique(wanted)) <= {0.0, 1.0}:
                different += int((outputs[name] != wanted).sum())
            elif np.abs(outputs[name] - wanted).max() > 1e-6:
                different += 1
        for name in names:
            wanted = io[f"state/{name}"][t]
            different += int((final[name].astype(np.float32) != wanted).sum())
            states[name] = wanted
    return different


@pytest.mark.parametrize("file", files("seq"))
def test_sequences(file: str, record_property: Record) -> None:
    path, meta, io = case_of(file)
    axis = meta["time_axis"] or 0
    net = snncc.load(path, time_axis=axis)
    result = net.run(np.moveaxis(io["x"], axis, 0))
    flips, worst = 0, 0.0
    for name, output in zip(net.outputs, meta["seq_outputs"], strict=True):
        wanted = np.moveaxis(io[f"seq/{output}"], axis, 0)
        difference = np.abs(result[name].astype(np.float64) - wanted)
        flips += int((difference > 0.5).sum())
        worst = max(worst, float(difference[difference <= 0.5].max(initial=0.0)))
    assert worst <= 1e-6
    assert flips == 0  # none of the cases comes so near to a threshold
    kind = "T fixed" if "sequence" in net.op.attributes else "a loop"
    record_property("corpus", (file, f"{kind}, {f'within {worst:.0e}' if worst else 'equal'}"))


@pytest.mark.parametrize("file", [f for f in files("seq") if "sj_psn" not in f])
def test_a_loop_runs_any_number_of_steps(file: str) -> None:
    """What was unrolled for some steps runs twice as many: a prefix is what it was."""
    path, meta, io = case_of(file)
    axis = meta["time_axis"] or 0
    net = snncc.load(path, time_axis=axis)
    x: Array = np.moveaxis(io["x"], axis, 0)
    longer = net.run(np.concatenate([x, x]))
    for name, array in net.run(x).items():
        np.testing.assert_array_equal(longer[name][: len(x)], array)
