"""Whether a register of the chip wrapped on the calibration data."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.core.description import Description
from snncc.dialects.core.program import ProgramOp
from snncc.network import Network
from snncc.passes.chip_model import model_of
from snncc.passes.chip_model.wide import widened


def wrapped(
    program: ProgramOp,
    description: Description,
    arrays: Mapping[str, Array],
) -> dict[str, int]:
    """
    Population -> neurons whose registers are others than on a chip with wider ones, for inputs
    [T, B, *shape]: those that wrapped, and those that such a neuron reached.
    """
    wide = widened(description)
    if wide is None:
        return {}
    arrays = program.with_always(arrays)
    narrow = Network(model_of(program, description)).run(arrays, trace=True)
    free = Network(model_of(program, wide)).run(arrays, trace=True)
    found: dict[str, int] = {}
    for name, op in program.populations.items():
        differs = np.zeros(op.size, bool)
        for register in [key for key in narrow if key == name or key.startswith(f"{name}.")]:
            if register in free and free[register].shape[-1:] == differs.shape:
                differs |= (narrow[register] != free[register]).any(axis=(0, 1))
        if differs.any():
            found[name] = int(differs.sum())
    return found
