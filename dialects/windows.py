"""Windows of convolutions and pools as slices of arrays, and as pairs of elements."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, TypeAlias

import numpy as np

from snncc.dialects.arrays import Array

Window: TypeAlias = tuple[slice, ...]


def windows(
    sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, Window]]:
    """(place in the flat kernel, what it meets of the padded input) for each place of a kernel."""
    return [
        (
            index,
            tuple(
                slice(at * d, at * d + s * (size - 1) + 1, s)
                for at, d, s, size in zip(place, dilation, stride, sizes, strict=True)
            ),
        )
        for index, place in enumerate(product(*(range(size) for size in kernel)))
    ]


def taken(x: Array, window: Window) -> Array:
    """A window of the last axes."""
    where: Any = (..., *window)
    return np.asarray(x[where])


def padded(x: Array, paddings: Sequence[tuple[int, int]], value: Any = 0) -> Array:
    """x with `value` around its last axes."""
    widths = [(0, 0)] * (x.ndim - len(paddings)) + list(paddings)
    return np.pad(x, widths, constant_values=value)


@dataclass(frozen=True)
class Windows:
    """How the windows of a convolution lie: one number for each axis of the image."""

    strides: tuple[int, ...]
    paddings: tuple[tuple[int, int], ...]
    """(before, after)"""
    dilations: tuple[int, ...]
    groups: int = 1


def convolution_entries(
    weight: Array, input_shape: Sequence[int], output_shape: Sequence[int], lie: Windows
) -> tuple[Array, Array, Array]:
    """
    A convolution as a sparse matrix: (outputs, inputs, values), places flat in C order, each pair
    once, in no order. `weight` is [outputs, inputs of a group, *kernel], shapes are
    [channels, *image].
    """
    groups, channels = lie.groups, output_shape[0]
    inputs = np.arange(np.prod(input_shape)).reshape(input_shape)
    around = padded(inputs, lie.paddings, -1)
    around = around.reshape(groups, -1, *around.shape[1:])
    outputs = np.arange(np.prod(output_shape)).reshape(groups, channels // groups, -1)
    kernel = weight.reshape(groups, channels // groups, weight.shape[1], -1)
    rows, columns, values = [], [], []
    for place, window in windows(output_shape[1:], weight.shape[2:], lie.strides, lie.dilations):
        # each place of the kernel meets one place of the input for each element of the output
        taps = taken(around, window).reshape(groups, 1, weight.shape[1], -1)
        out = outputs[:, :, None, :]
        w = kernel[..., place][..., None]
        full = np.broadcast_shapes(taps.shape, out.shape, w.shape)
        inside = np.broadcast_to(taps, full) >= 0
        rows.append(np.broadcast_to(out, full)[inside])
        columns.append(np.broadcast_to(taps, full)[inside])
        values.append(np.broadcast_to(w, full)[inside])
    return np.concatenate(rows), np.concatenate(columns), np.concatenate(values)
