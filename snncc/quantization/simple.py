"""Weights rounded without regard to what they are multiplied with."""

from __future__ import annotations

import numpy as np

from snncc.passes.quantization.grids import largest_whole, on_grid, within_spread
from snncc.passes.quantization.options import Options
from snncc.passes.quantization.trained import taken
from snncc.quantization.features import rows_of, unit_columns
from snncc.quantization.model import FloatModel, name_of
from snncc.quantization.rewriting import input_units
from snncc.quantization.spike_aware import AS_GIVEN, LayerChoice

PERCENTILE = 99.5
"""Of the magnitudes of weights: the largest that is kept."""


def plain_choices(model: FloatModel, options: Options, method: str) -> list[LayerChoice]:
    """What there is to say of layers that are rounded without regard to activity."""
    return [
        LayerChoice(
            name_of(op),
            options.bits_of(name_of(op)),
            method if taken(options, op) is None else AS_GIVEN,
        )
        for op in model.sums
    ]


def clipped_to_percentile(model: FloatModel, options: Options) -> FloatModel:
    """Grids whose largest number is a percentile of the weights; what is beyond is clipped."""
    made = model.clone()
    for op in model.sums:
        name, weight = name_of(op), model.weight_of(op)
        if weight is None:
            continue
        if taken(options, op) is not None:
            continue
        bits = options.bits_of(name)
        wholes = unit_columns(op, input_units(made, options)[name])
        rows = (rows_of(op, weight) * wholes).reshape(weight.shape[0], -1)
        sizes = np.abs(rows)
        largest = np.percentile(sizes, PERCENTILE, axis=1 if options.per_channel else None)
        scale = np.broadcast_to(largest / largest_whole(bits), rows.shape[:1]).copy()
        scale = within_spread(scale)
        if options.power_of_two:
            scale = np.exp2(np.ceil(np.log2(scale)))
        grid = on_grid(rows, scale, bits)
        rounded = (grid.whole * scale[:, None]).reshape(rows_of(op, weight).shape) / wholes
        made.set_weight(made.sum_named(name), rounded.reshape(weight.shape), scale)
    return made
