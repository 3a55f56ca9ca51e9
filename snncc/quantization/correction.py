"""The bias of a layer moved until its mean output is that of the float network."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.quantization.layer import Layer
from snncc.quantization.layers import parting
from snncc.quantization.model import FloatModel

CORRECTIONS = 3
"""Steps of the search for a bias."""
LARGEST_STEP = 0.05
"""Of a correction, in units of the current; thresholds are of the order of 1."""


def correct_bias(model: FloatModel, layer: Layer, wanted: Array) -> Array:
    """
    How far to shift the bias of each channel (secant steps): what brought its spikes closest,
    0 where nothing did. `model` is the layer's, with its rounded weights.
    """
    target = _channels(wanted.mean(axis=(0, 1), dtype=np.float64))

    def run(at: Array) -> tuple[Array, Array]:
        moved = model.clone()
        if np.any(at):
            moved.shift_bias(moved.sum_named(layer.name), at)
        got = layer.run(moved)
        return _channels(got.mean(axis=(0, 1), dtype=np.float64)), parting(got, wanted)

    at = np.zeros_like(target)
    level, error = run(at)
    best, least = at, error
    step = np.where(target > level, 1.0, -1.0) * 0.2 * LARGEST_STEP
    for _ in range(CORRECTIONS):
        before, level_before = at, level
        at = at + step
        level, error = run(at)
        better = error < least
        best, least = np.where(better, at, best), np.where(better, error, least)
        moved = at - before
        slope = (level - level_before) / np.where(moved == 0, 1.0, moved)
        step = np.clip((target - level) / np.maximum(slope, 0.05), -LARGEST_STEP, LARGEST_STEP)
    return best


def _channels(values: Array) -> Array:
    return np.asarray(values.reshape(values.shape[0], -1).mean(axis=1))
