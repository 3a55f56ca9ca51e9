"""The narrowest types that hold what was proved."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from snncc.passes.ranges.intervals import Interval

WIDTHS = (8, 16, 32)
"""The widths of streams and states."""


def bits_of(interval: Interval) -> int:
    """How many bits signed numbers of an interval need, of all elements; at least 1."""
    least, most = int(interval.least), int(interval.most)
    return max((-1 - least if least < 0 else least).bit_length(), max(most, 0).bit_length()) + 1


def narrowest_width(interval: Interval, widths: Sequence[int] = WIDTHS) -> int | None:
    """The narrowest of `widths` for signed numbers of an interval; None where none holds them."""
    if interval.is_float and not (
        np.isfinite(interval.low).all() and np.isfinite(interval.high).all()
    ):
        return None
    needed = bits_of(interval)
    return next((width for width in widths if width >= needed), None)
