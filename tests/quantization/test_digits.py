"""Accuracy of integers on the digits networks, calibrated on images that are not tested."""

from __future__ import annotations

import json

import numpy as np
import pytest

import snncc
from tests.tools import shared_file

OPTIONS = {
    "mlp_lif_digits": {
        "like": "snntorch",
        "dt": 1e-4,
        "reset": "subtract",
        "reset_timing": "next",
    },
    "conv_if_digits": {"like": "spikingjelly", "dt": 1e-4},
}
LOSS = {"int8": 0.002, "int4": 0.010, "int3": 0.020}
"""At most so much below the float network; and .002 below plain post-training rounding."""


@pytest.mark.slow
@pytest.mark.parametrize("weights", LOSS)
@pytest.mark.parametrize("name", OPTIONS)
def test_accuracy(name: str, weights: str) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    folder = shared_file(f"nets/{name}")
    meta = json.loads((folder / "meta.json").read_text())
    test = np.load(folder / "test.npz")
    network = snncc.load(folder / f"{name}.nir", **OPTIONS[name])
    (shape,) = network.inputs.values()
    images = (datasets.load_digits().data / 16).astype(np.float32)
    tested = {image.tobytes() for image in test["x"].reshape(-1, 64).astype(np.float32)}
    unseen = np.stack([image for image in images if image.tobytes() not in tested])
    integers = snncc.quantize(
        network, weights, calibration=unseen.reshape(-1, *shape), steps=meta["T"]
    )
    x = test["x"].reshape(-1, *shape).astype(np.float32)
    outputs = snncc.compile(integers, prefix="q").run(x, steps=meta["T"])
    (spikes,) = (values for key, values in outputs.items() if key != "final")
    accuracy = float((spikes.sum(axis=0, dtype=np.int64).argmax(axis=1) == test["y"]).mean())
    plain = min(meta["float_metric"], meta["ptq"][f"{weights}_per_channel"])
    assert accuracy >= meta["float_metric"] - LOSS[weights] - 1e-6
    assert accuracy >= plain - 0.002 - 1e-6
