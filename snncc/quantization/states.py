"""How wide states need be for the spikes to stay those of the rounded weights."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from xdsl.dialects.builtin import ModuleOp

from snncc.passes.snn_quantize import SnnQuantize
from snncc.quantization.calibration import Data
from snncc.quantization.layers import parting
from snncc.quantization.model import FloatModel
from snncc.quantization.rewriting import to_integers

SAMPLES = 256
NOISE = 0.05
"""What narrow states may cost, as a part of what the rounding of weights costs."""
LEAST_NOISE = 1e-4
"""As a part of the outputs: below, widths do not matter."""


def with_states(
    model: FloatModel,
    calibrated: FloatModel,
    step: SnnQuantize,
    real: Data | None,
    rounded: Data | None,
) -> tuple[ModuleOp, SnnQuantize]:
    """
    The integer network of a calibrated model, and the pass that gives it. Where the caller
    leaves the width of states open, they have 16 bits where these hold them; if outputs on
    calibration data show that they count too coarsely then, all have 32.
    """
    narrow = to_integers(calibrated, step)
    if step.state_bits or real is None or rounded is None:
        return narrow, step
    some = np.linspace(0, real.samples - 1, min(SAMPLES, real.samples)).astype(int)
    real, rounded = real.taken(some), rounded.taken(some)
    wanted = model.streams(list(model.op.outputs.values()), real.arrays)
    grid = calibrated.streams(list(calibrated.op.outputs.values()), rounded.arrays)

    def distance(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...]) -> float:
        total = 0.0
        for x, y, z in zip(a, b, wanted, strict=True):
            size = float(np.mean(np.cumsum(z.astype(np.float32), axis=0) ** 2))
            total += float(parting(x, y).mean()) / max(size, 1e-12)
        return total

    def noise(module: ModuleOp) -> float:
        made = FloatModel(module)
        return distance(made.streams(list(made.op.outputs.values()), real.arrays), grid)

    found = noise(narrow)
    if found <= max(LEAST_NOISE, NOISE * distance(grid, wanted)):
        return narrow, step
    other = replace(step, state_bits=32)
    wide = to_integers(calibrated, other)
    return (wide, other) if noise(wide) < found / 2 else (narrow, step)
