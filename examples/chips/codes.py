"""
How an image becomes spikes: four deterministic codes. p is a pixel, 0 to 16; t counts steps from 0.

Each takes images [B, 64] and gives a stream [T, B, inputs], uint8. Steps without input at the end
(`silence`) let what is still on its way arrive.
"""

from __future__ import annotations

import numpy as np
from data import LARGEST, SIDE, Images
from numpy.typing import NDArray

Stream = NDArray[np.uint8]
LEVELS = (1, 4, 7, 10, 13, 16)
"""The thresholds of the thermometer."""


def counts(images: Images, repeats: int, silence: int, largest: int = 15) -> Stream:
    """
    Rows in turn as counts: x[t, b, c] = min(p[b, t // repeats, c], largest) for t < 8 repeats.
    """
    rows = np.minimum(images, largest).reshape(-1, SIDE, SIDE).swapaxes(0, 1)
    return silent(rows.repeat(repeats, axis=0), silence)


def thermometer(images: Images, repeats: int, silence: int) -> Stream:
    """
    Rows in turn, an input for each column and level:
    x[t, b, c * levels + k] = 1 where p[b, t // repeats, c] >= LEVELS[k], for t < 8 repeats.
    """
    rows = images.reshape(-1, SIDE, SIDE).swapaxes(0, 1)
    bits = (rows[..., None] >= np.array(LEVELS)).astype(np.uint8)
    return silent(bits.reshape(SIDE, len(images), -1).repeat(repeats, axis=0), silence)


def rate(images: Images, steps: int, silence: int) -> Stream:
    """
    Accumulate and fire: a[t] = a[t-1] + p from a[-1] = 8; where a[t] >= 16, x[t] = 1, a[t] -= 16.
    In whole numbers x[t, b, i] = floor((8 + (t+1) p) / 16) - floor((8 + t p) / 16).
    """
    t = np.arange(steps + 1)[:, None, None]
    fired = (LARGEST // 2 + t * images.astype(int)) // LARGEST
    return silent(np.diff(fired, axis=0).astype(np.uint8), silence)


def latency(images: Images, silence: int) -> Stream:
    """A spike for each pixel that is not 0, the brighter the earlier: x[t] = 1 where t = 16 - p."""
    t = np.arange(LARGEST)[:, None, None]
    return silent((t == LARGEST - images.astype(int)).astype(np.uint8), silence)


def silent(stream: Stream, steps: int) -> Stream:
    """The stream with so many steps of zeros behind."""
    return np.concatenate([stream, np.zeros((steps, *stream.shape[1:]), np.uint8)])
