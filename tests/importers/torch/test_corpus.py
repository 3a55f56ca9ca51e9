"""Files that torch.export wrote of models of five libraries, against what the models gave."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

from snncc.dialects.arrays import Array
from snncc.importers.torch.pt2 import read_pt2
from tests.importers.graph.evaluate import evaluate
from tests.importers.torch.build import run
from tests.tools import REPOSITORY

F = np.float32
CORPUS = REPOSITORY.parent / "shared" / "corpus"

MERGED = {"no_conv_lif_li", "pt_alif_bellec", "pt_residual", "pt_spytorch", "pt_spytorch_rec"}
"""Exported with one tensor as the example of several states, which torch takes for one:
the files are right where the states are equal, which they are at the first step."""


def corpus(form: str) -> list[str]:
    return sorted(path.parent.name for path in CORPUS.glob(f"*/{form}.pt2"))


def test_the_corpus_is_there() -> None:
    if not os.environ.get("CI") and not CORPUS.is_dir():
        pytest.skip("../shared/corpus is not there")
    assert len(corpus("step")) + len(corpus("seq")) == 66


def close(got: Array, wanted: Array) -> None:
    """Sums of another order differ in the last place; spikes do not."""
    assert got.shape == wanted.shape
    np.testing.assert_allclose(got, wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("case", corpus("seq"))
def test_a_sequence_of_the_corpus(case: str) -> None:
    meta = json.loads((CORPUS / case / "meta.json").read_text())
    io = np.load(CORPUS / case / "io.npz")
    model = read_pt2(CORPUS / case / "seq.pt2")
    (name,) = model.inputs
    assert not model.states
    results = run(model, **{name: io["x"]})
    for got, output in zip(results, meta["seq_outputs"], strict=True):
        close(got, io[f"seq/{output}"])


@pytest.mark.parametrize("case", corpus("step"))
def test_the_steps_of_the_corpus(case: str) -> None:
    """Each step starts from the states that the library had."""
    meta = json.loads((CORPUS / case / "meta.json").read_text())
    io = np.load(CORPUS / case / "io.npz")
    model = read_pt2(CORPUS / case / "step.pt2")
    assert ("SNC-W004" in {w.code for w in model.warnings}) == (case in MERGED)
    names = meta["state_names"]
    before = [io[f"state0/{name}"] for name in names]
    kept = {s.name: np.zeros(s.before.shape, F) for s in model.states}
    for t, x in enumerate(np.moveaxis(io["x"], meta["time_axis"], 0)):
        arrays = dict(zip(model.inputs, [x, *before], strict=True)) | kept
        wanted = [io[f"step/{name}"][t] for name in meta["step_outputs"]]
        before = [io[f"state/{name}"][t] for name in names]
        values = [*model.outputs.values(), *(s.after for s in model.states)]
        results = evaluate(values, arrays)
        for got, want in zip(results, [*wanted, *before], strict=False):
            close(got, want)
        ends = results[len(model.outputs) :]
        kept = dict(zip(kept, ends, strict=True))
        if case in MERGED:
            break
