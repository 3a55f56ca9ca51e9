"""Where the elements of windows stand: index arrays of convolutions and pools."""

from __future__ import annotations

from math import prod

import numpy as np
import numpy.typing as npt

from snncc.dialects import snn
from snncc.dialects.snn.linear import ConvolutionOp
from snncc.dialects.snn.places import NOWHERE
from snncc.dialects.snn.types import shape_of

Places = npt.NDArray[np.int64]


def _axis(count: int, size: int, kernel: int, stride: int, dilation: int, before: int) -> Places:
    """[kernel, windows] -> the place along an axis, NOWHERE in the padding."""
    steps = np.arange(kernel)[:, None] * dilation + np.arange(count)[None, :] * stride - before
    return np.where((steps >= 0) & (steps < size), steps, NOWHERE)


def _flat(axes: list[Places], sizes: tuple[int, ...]) -> Places:
    """
    Places along each axis, [kernel, windows], as places in C order: [all kernels, all windows].
    """
    flat = np.zeros((1, 1), np.int64)
    outside = np.zeros((1, 1), bool)
    for places, size in zip(axes, sizes, strict=True):
        flat = flat[:, None, :, None] * size + places[None, :, None, :]
        outside = outside[:, None, :, None] | (places < 0)[None, :, None, :]
        flat = flat.reshape(flat.shape[0] * flat.shape[1], -1)
        outside = outside.reshape(outside.shape[0] * outside.shape[1], -1)
    return np.where(outside, NOWHERE, flat)


def unfolded_places(op: ConvolutionOp) -> Places:
    """[groups, inputs of a group * kernel, windows]: where the sums of a convolution read."""
    _, per_group, *kernel = shape_of(op.weight)
    _, *sizes = shape_of(op.input)
    windows = shape_of(op.result)[1:]
    axes = [
        _axis(windows[a], sizes[a], kernel[a], op.strides[a], op.dilations[a], op.paddings[a][0])
        for a in range(op.RANK)
    ]
    within = _flat(axes, tuple(sizes))
    channels = np.arange(op.group_count * per_group)[:, None, None] * prod(sizes)
    places = np.where(within < 0, NOWHERE, within + channels)
    return places.reshape(op.group_count, per_group * prod(kernel), prod(windows))


def spread_gradient(op: ConvolutionOp) -> Places:
    """
    The gradient of a convolution's result as the input of the transposed one: `stride - 1`
    zeros between its elements, and as many around as windows reach over the edge.
    """
    outputs, _, *kernel = shape_of(op.weight)
    _, *sizes = shape_of(op.input)
    windows = shape_of(op.result)[1:]
    axes: list[Places] = []
    for a in range(op.RANK):
        reach = (kernel[a] - 1) * op.dilations[a]
        steps = np.arange(sizes[a] + reach) - (reach - op.paddings[a][0])
        window, rest = np.divmod(steps, op.strides[a])
        hit = (rest == 0) & (window >= 0) & (window < windows[a])
        axes.append(np.where(hit, window, NOWHERE)[None])
    within = _flat(axes, windows)[0]
    channels = np.arange(outputs)[:, None] * prod(windows)
    places = np.where(within[None] < 0, NOWHERE, within[None] + channels)
    return places.reshape(outputs, *(axis.shape[1] for axis in axes))


def gathered_windows(op: snn.Pool2dOp) -> list[Places]:
    """For each element of a window: where it stands for each window, [channels, windows]."""
    channels, *sizes = shape_of(op.input)
    windows = shape_of(op.result)[1:]
    axes = [
        _axis(windows[a], sizes[a], op.kernels[a], op.strides[a], 1, op.paddings[a][0])
        for a in range(2)
    ]
    within = _flat(axes, tuple(sizes))
    offsets = np.arange(channels)[:, None] * prod(sizes)
    return [
        np.where(row[None] < 0, NOWHERE, row[None] + offsets).reshape(channels, *windows)
        for row in within
    ]


def scattered(places: Places, shape: tuple[int, ...]) -> Places:
    """The way back of a gather that takes no element twice: where each element was taken to."""
    back = np.full(prod(shape), NOWHERE, np.int64)
    flat = places.ravel()
    here = np.flatnonzero(flat >= 0)
    back[flat[here]] = here
    return back.reshape(shape)
