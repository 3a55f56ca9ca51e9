"""The grid that the numbers of a parameter lie on, where training knew of one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    IntegerAttr,
    TensorType,
    i64,
)

from snncc.dialects.arrays import Array, array_of, dense_of
from snncc.dialects.snn.parameters import ParameterOp

GRID = "grid"


@dataclass(frozen=True, eq=False)
class Grid:
    """
    Numbers are (stored - zero_point) * scale, where `stored` are whole numbers from `low` to
    `high`: what quantization-aware training rounds weights to (Jacob et al. 2018, "Quantization
    and training of neural networks for efficient integer-arithmetic-only inference").

    `scale` (a float type, above 0) and `zero_point` (int64) broadcast to the numbers.
    """

    scale: Array
    zero_point: Array
    low: int
    high: int

    @classmethod
    def of(cls, scale: Array, zero_point: Array, low: int, high: int, *, rank: int) -> Grid:
        """Of numbers with so many axes, which the arrays broadcast to."""
        wide = [a.reshape((1,) * (rank - a.ndim) + a.shape) for a in (scale, zero_point)]
        return cls(wide[0], wide[1].astype(np.int64), low, high)

    @property
    def bits(self) -> int:
        """Of a stored number."""
        return (self.high - self.low).bit_length()

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for equal grids."""
        parts = [self.scale, self.zero_point]
        return (self.low, self.high, *((a.dtype.str, a.shape, a.tobytes()) for a in parts))

    def whole(self, numbers: Array) -> Array:
        """The whole numbers stored - zero_point of what lies on the grid, int64."""
        return np.rint(numbers.astype(np.float64) / self.scale.astype(np.float64)).astype(np.int64)

    def moved(self, shape: Sequence[int], move: Callable[[Array], Array]) -> Grid:
        """The grid of numbers of a shape after they were moved, as views moved like them."""
        scale, zero = (np.broadcast_to(a, tuple(shape)) for a in (self.scale, self.zero_point))
        return replace(self, scale=_least(move(scale)), zero_point=_least(move(zero)))

    def scaled(self, factor: Array) -> Grid:
        """
        The grid of the numbers times a factor [outputs, 1, ...], rounding aside. Where a
        factor is below 0, the whole numbers change their sign; where it is 0, none is left.
        """
        size = np.where(factor == 0, 1.0, np.abs(factor.astype(np.float64)))
        scale = self.scale.astype(np.float64) * size
        if np.all(factor >= 0):
            return replace(self, scale=scale)
        zero = self.zero_point
        low, high = int(self.low - zero.max()), int(self.high - zero.min())
        low, high = min(low, -high), max(high, -low)
        return Grid(scale, np.zeros((), np.int64), low, high)


def _least(array: Array) -> Array:
    """An array that broadcasts to the given one: axes along which nothing changes have size 1."""
    for axis in range(array.ndim):
        first = array.take([0], axis) if array.shape[axis] else array
        if np.array_equal(np.broadcast_to(first, array.shape), array):
            array = first
    return np.ascontiguousarray(array).reshape(array.shape)


def write_grid(parameter: ParameterOp, grid: Grid) -> None:
    parameter.attributes[GRID] = DictionaryAttr(
        {
            "scale": dense_of(grid.scale.astype(np.float64)),
            "zero_point": dense_of(grid.zero_point.astype(np.int64)),
            "low": IntegerAttr(grid.low, i64),
            "high": IntegerAttr(grid.high, i64),
        }
    )


def read_grid(parameter: ParameterOp) -> Grid | None:
    """None where there is none; ValueError for another form."""
    given = parameter.attributes.get(GRID)
    if given is None:
        return None
    found = given.data if isinstance(given, DictionaryAttr) else {}
    scale, zero = found.get("scale"), found.get("zero_point")
    low, high = found.get("low"), found.get("high")
    if not (
        isinstance(scale, DenseIntOrFPElementsAttr)
        and isinstance(zero, DenseIntOrFPElementsAttr)
        and isinstance(low, IntegerAttr)
        and isinstance(high, IntegerAttr)
    ):
        raise ValueError(
            f"{GRID} of @{parameter.sym_name.data}: expected {{scale, zero_point, low, high}}"
        )
    scales, zeros = _array(scale), _array(zero).view(np.int64)
    shape = parameter.type.get_shape()
    for array in (scales, zeros):
        if np.broadcast_shapes(array.shape, shape) != shape:
            raise ValueError(
                f"{GRID} of @{parameter.sym_name.data}: {list(array.shape)} for {list(shape)}"
            )
    if not np.all(np.isfinite(scales) & (scales > 0)) or low.value.data >= high.value.data:
        raise ValueError(f"{GRID} of @{parameter.sym_name.data}: a scale or range of nothing")
    return Grid(scales.astype(np.float64), zeros, low.value.data, high.value.data)


def _array(value: DenseIntOrFPElementsAttr) -> Array:
    assert isinstance(value.type, TensorType), "dense arrays of attributes are tensors"
    return array_of(value, value.type)
