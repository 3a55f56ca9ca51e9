"""
Weighted sums in the declared order, on arrays; and the fast mode that leaves the order to BLAS.

The declared order is that of `snn.linear` and `snn.conv2d`: one accumulator from +0,
products rounded before they are added, inputs ascending. Sums of integers have no order: they
are taken in any, of float64 where every partial sum is a whole number that float64 holds.
"""

from itertools import product

import numpy as np

from snncc.dialects.arrays import Array
from snncc.dialects.snn import Conv1dOp, Conv2dOp

CHUNK_ELEMENTS = 1 << 22
"""How many products are held at once."""


def linear(x: Array, weight: Array, bias: Array | None, *, bias_first: bool, blas: bool) -> Array:
    """y[m, o] = sum over i of weight[o, i] * x[m, i]; x is [M, I] of the weight's dtype."""
    start = np.zeros((x.shape[0], weight.shape[0]), weight.dtype)
    if bias is not None and bias_first:
        start = start + bias
    total = start + x @ weight.T if blas else _ordered_linear(x, weight, start)
    return total + bias if bias is not None and not bias_first else total


def _ordered_linear(x: Array, weight: Array, start: Array) -> Array:
    """
    NumPy's reduction over the first axis of a C-contiguous array adds row by row, in
    order, as long as a row has more than one element.
    """
    rows, outputs = start.shape
    width = max(rows * outputs, 2)
    active = np.flatnonzero(x.any(axis=0))  # an input of zero cannot change a bit
    chunk = max(1, CHUNK_ELEMENTS // width)
    total = start
    for first in range(0, len(active), chunk):
        chosen = active[first : first + chunk]
        terms = np.zeros((len(chosen) + 1, width), weight.dtype)
        terms[0, : rows * outputs] = total.ravel()
        products = x[:, chosen].T[:, :, None] * weight[:, chosen].T[:, None, :]
        terms[1:, : rows * outputs] = products.reshape(len(chosen), -1)
        total = np.add.reduce(terms, axis=0)[: rows * outputs].reshape(rows, outputs)
    return total


def fused_linear(x: Array, weight: Array) -> Array:
    """`linear` of float32 in which a product and its addition are rounded once."""
    total = np.zeros((x.shape[0], weight.shape[0]), np.float32)
    for i in range(x.shape[1]):
        total = fused(x[:, i, None], weight[None, :, i], total)
    return total


def fused(a: Array, b: Array, c: Array) -> Array:
    """
    a * b + c of float32, rounded once. The product is exact in float64, and the sum is rounded
    to odd there: rounded again it is what the exact sum gives (Boldo and Melquiond, 2008).
    """
    product = a.astype(np.float64) * b
    total = np.asarray(product + c)
    added = total - product
    lost = (product - (total - added)) + (c - added)
    bits = total.view(np.int64)
    outwards = np.where((lost > 0) == (total > 0), 1, -1)
    bits += np.where((lost != 0) & (bits & 1 == 0), outwards, 0)
    return total.astype(np.float32)


def reduced(x: Array, axes: tuple[int, ...]) -> Array:
    """The sum over some axes, which stay with size 1: ascending in C order, from +0."""
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(x.shape))
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    rows = x.transpose(*axes, *rest).reshape(-1, int(np.prod([x.shape[a] for a in rest])))
    return _summed(rows).reshape(kept)


def outer(left: Array, right: Array) -> Array:
    """y[m, g, n, k] = sum over p ascending, from +0, of left[m, g, n, p] * right[m, g, k, p]."""
    total = np.zeros((*left.shape[:3], right.shape[2]), left.dtype)
    for p in range(left.shape[3]):
        total = total + left[:, :, :, p, None] * right[:, :, None, :, p]
    return total


def _summed(rows: Array) -> Array:
    """Row after row added to +0: [N, M] as [M]. One element a row would be added in pairs."""
    terms = np.zeros((rows.shape[0] + 1, max(rows.shape[1], 2)), rows.dtype)
    terms[1:, : rows.shape[1]] = rows
    return np.asarray(np.add.reduce(terms, axis=0)[: rows.shape[1]])


def integer_operands(x: Array, weight: Array, terms: int) -> tuple[Array, Array]:
    """
    The operands of a sum of that many products as float64 where no partial sum can leave
    the whole numbers that it holds, else as int64, which wraps modulo 2^64.
    """
    largest = [max(-int(array.min(initial=0)), int(array.max(initial=0))) for array in (x, weight)]
    exact = largest[0] * largest[1] * terms <= 1 << 53
    dtype = np.float64 if exact else np.int64
    return x.astype(dtype), weight.astype(dtype)


def pad(x: Array, paddings: tuple[tuple[int, int], ...], value: float = 0) -> Array:
    """Pads the last axes of x."""
    if not any(before or after for before, after in paddings):
        return x
    widths = [(0, 0)] * (x.ndim - len(paddings)) + list(paddings)
    return np.pad(x, widths, constant_values=value)


def convolution(
    op: Conv1dOp | Conv2dOp, x: Array, weight: Array, bias: Array | None, *, blas: bool
) -> Array:
    """A convolution of [M, C, ...] in the order of `op` (kernel positions, then channels)."""
    groups, outputs = op.group_count, weight.shape[0]
    padded = pad(x, op.paddings)
    padded = padded.reshape(x.shape[0], groups, -1, *padded.shape[2:])
    kernel = weight.reshape(groups, outputs // groups, *weight.shape[1:])
    sizes = op.result.type.get_shape()[1:]
    total = np.zeros((x.shape[0], groups, outputs // groups, *sizes), weight.dtype)
    spatial = (1,) * len(sizes)
    bias_shape = (groups, outputs // groups, *spatial)
    if bias is not None and op.adds_bias_first:
        total = total + bias.reshape(bias_shape)
    for place in product(*(range(size) for size in weight.shape[2:])):
        window = tuple(
            slice(at * dilation, at * dilation + stride * (size - 1) + 1, stride)
            for at, dilation, stride, size in zip(
                place, op.dilations, op.strides, sizes, strict=True
            )
        )
        taps = padded[(slice(None), slice(None), slice(None), *window)]
        at_place: tuple[slice | int, ...] = (slice(None), slice(None), slice(None), *place)
        factors = kernel[at_place]
        if blas:
            total += np.einsum("mgc...,goc->mgo...", taps, factors, optimize=True)
            continue
        for channel in range(weight.shape[1]):
            tap = taps[:, :, channel, None]
            if tap.any():
                total += factors[:, :, channel].reshape(1, *bias_shape) * tap
    if bias is not None and not op.adds_bias_first:
        total = total + bias.reshape(bias_shape)
    return total.reshape(x.shape[0], outputs, *sizes)
