"""The loop over the layers: fit, correct, and keep what brings the spikes closest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from xdsl.dialects.builtin import AnyFloat

from snncc.dialects.arrays import Array
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import stream_type
from snncc.passes.quantization.attributes import read_grid
from snncc.passes.quantization.options import Options
from snncc.quantization.calibration import Data
from snncc.quantization.layers import (
    Fitted,
    fit,
    lies_on_grid,
    moments_of,
    parting,
    plain,
    read_by,
)
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.response import response_of
from snncc.quantization.rewriting import input_units

CORRECTIONS = 3
"""Steps of the search for a bias."""
LARGEST_STEP = 0.05
"""Of a correction, in units of the current; thresholds are of the order of 1."""
CORRECTED = 320
"""Samples that biases are corrected on."""


@dataclass(frozen=True)
class LayerChoice:
    """What was chosen for the weights of one sum."""

    name: str
    bits: int
    chosen: str
    """`spike-aware`, `plain`, or `as given`: the weights lay on a grid."""
    plain_error: float | None = None
    """The mean square by which sums of spikes of the held-out data part, with plain rounding."""
    error: float | None = None
    """The same with what was chosen."""


def calibrate_weights(
    model: FloatModel,
    options: Options,
    real: Data,
    rounded: Data,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[FloatModel, list[LayerChoice]]:
    """
    A copy of a float model whose weights lie on grids. `real` and `rounded` are the
    calibration data as they are and as integers read them.
    """
    fit_real, held_real = real.split()
    corrected = np.arange(fit_real.samples)[:CORRECTED]
    fit_own, held_own = rounded.split()
    made = model.clone()
    choices: list[LayerChoice] = []
    names = [name_of(op) for op in model.sums]
    units: dict[str, Array | None] | None = None
    for index, name in enumerate(names):
        if progress is not None:
            progress(index, len(names))
        op = model.sum_named(name)
        weight = model.weight_of(op)
        if weight is None:
            continue  # the rewriting says so, by name
        bits = options.bits_of(name)
        if units is None:
            units = input_units(made, options)
        unit = units[name]
        anchor = _anchor(made, name)
        simple = plain(op, weight, bits, options, unit, anchor)
        if lies_on_grid(weight, simple):
            _take(made, name, simple)
            choices.append(LayerChoice(name, bits, "as given"))
            continue
        own_op = made.sum_named(name)
        x, y = model.streams([op.input, read_by(op)], fit_real.arrays)
        (own,) = made.streams([own_op.input], fit_own.arrays)
        moments = moments_of(op, x, own, response_of(model, op, x.shape[0]), unit)
        fitted = fit(op, weight, moments, bits, options, unit, anchor)
        tried: list[tuple[float, str, FloatModel]] = []
        (wanted,) = model.streams([read_by(op)], held_real.arrays)
        for label, given in (("plain", simple), ("spike-aware", fitted)):
            trial = made.clone()
            _take(trial, name, given)
            if label != "plain":
                correct_bias(trial, name, y[:, corrected], fit_own.taken(corrected))
            (got,) = trial.streams([read_by(trial.sum_named(name))], held_own.arrays)
            tried.append((float(parting(got, wanted).mean()), label, trial))
        error, chosen, made = min(tried, key=lambda each: each[0])
        choices.append(LayerChoice(name, bits, chosen, tried[0][0], error))
        if isinstance(stream_type(read_by(op)).element_type, AnyFloat):
            units = None  # what is no spike counts in a unit that follows from the scale
    if progress is not None:
        progress(len(names), len(names))
    return made, choices


def _take(model: FloatModel, name: str, fitted: Fitted) -> None:
    model.set_weight(model.sum_named(name), fitted.weight, fitted.scale)
    if np.any(fitted.shift):
        model.shift_bias(model.sum_named(name), fitted.shift)


def _anchor(model: FloatModel, name: str) -> Array | None:
    """The scale of a sum that is rounded already and meets this one in a neuron."""
    op = model.sum_named(name)
    use = next(iter(op.result.uses), None)
    if use is None:
        return None
    for value in use.operation.operands:
        other = value.owner
        if isinstance(other, WeightedSum) and other is not op and other.result.has_one_use():
            scale = read_grid(other)
            if scale is not None and other.result.type == op.result.type:
                return scale
    return None


def correct_bias(model: FloatModel, name: str, wanted: Array, data: Data) -> None:
    """
    Moves the bias of each channel until its mean output is that of the float network
    (secant steps), and keeps for each what brought its spikes closest.
    """
    target = _channels(wanted.mean(axis=(0, 1), dtype=np.float64))

    def run() -> tuple[Array, Array]:
        (got,) = model.streams([read_by(model.sum_named(name))], data.arrays)
        return _channels(got.mean(axis=(0, 1), dtype=np.float64)), parting(got, wanted)

    level, error = run()
    at = np.zeros_like(target)
    best, least = at.copy(), error
    step = np.where(target > level, 1.0, -1.0) * 0.2 * LARGEST_STEP
    for _ in range(CORRECTIONS):
        model.shift_bias(model.sum_named(name), step)
        before, level_before = at, level
        at = at + step
        level, error = run()
        better = error < least
        best, least = np.where(better, at, best), np.where(better, error, least)
        moved = at - before
        slope = (level - level_before) / np.where(moved == 0, 1.0, moved)
        step = np.clip((target - level) / np.maximum(slope, 0.05), -LARGEST_STEP, LARGEST_STEP)
    model.shift_bias(model.sum_named(name), best - at)


def _channels(values: Array) -> Array:
    return values.reshape(values.shape[0], -1).mean(axis=1)
