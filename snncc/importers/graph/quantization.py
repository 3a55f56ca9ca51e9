"""What a file says of a parameter that it stores as integers."""

from __future__ import annotations

from dataclasses import dataclass

from snncc.dialects.arrays import Array


@dataclass(frozen=True, eq=False)
class Quantization:
    """
    A parameter is (integers - zero_point) * scale.

    `scale` and `zero_point` have no axes; or one, which belongs to `axis` of the integers;
    or all axes of the integers where each stands for a block along `axis`. `bits` is the
    width of the integers in the file.
    """

    scale: Array
    zero_point: Array
    axis: int | None
    integers: Array
    bits: int
