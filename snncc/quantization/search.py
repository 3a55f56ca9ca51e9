"""Roundings that are chosen by the spikes that they give, for all channels of a layer at once."""

from __future__ import annotations

import numpy as np

from snncc.dialects.arrays import Array
from snncc.quantization.layer import Layer
from snncc.quantization.layers import Fitted, parting


def chosen_by_spikes(
    layer: Layer, several: list[Fitted], wanted: Array, *, together: bool
) -> Fitted:
    """Of several roundings the one that brings each channel's spikes closest."""
    if len(several) == 1:
        return several[0]
    errors = np.stack([_error(layer, fitted, wanted) for fitted in several])
    if together or errors.shape[1] != len(several[0].scale):
        return several[int(errors.mean(axis=1).argmin())]
    best = errors.argmin(axis=0)
    rows = np.arange(len(best))

    def of(arrays: list[Array]) -> Array:
        return np.stack(arrays)[best, rows]

    return Fitted(
        of([each.weight for each in several]),
        of([each.scale for each in several]),
        of([each.shift for each in several]),
        of([each.whole for each in several]),
    )


def _error(layer: Layer, fitted: Fitted, wanted: Array) -> Array:
    from snncc.quantization.spike_aware import taken

    return parting(layer.run(taken(layer.model, layer.name, fitted)), wanted)
