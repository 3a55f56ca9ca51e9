"""Sparse matrices as three arrays, for networks whose dense ones would not fit in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from snncc.dialects.arrays import Array


@dataclass(frozen=True)
class Sparse:
    """
    y = A x: rows are elements of y, columns those of x; float64. Sorted by (column, row), each
    place once, no zeros.
    """

    shape: tuple[int, int]
    rows: Array
    columns: Array
    values: Array

    @staticmethod
    def of(shape: tuple[int, int], rows: Array, columns: Array, values: Array) -> Sparse:
        """Equal places are added; what is 0 is left out."""
        key = columns.astype(np.int64) * shape[0] + rows
        places, inverse = np.unique(key, return_inverse=True)
        total = np.bincount(inverse, weights=values, minlength=len(places)).astype(np.float64)
        kept = total != 0
        places = places[kept]
        return Sparse(shape, places % shape[0], places // shape[0], total[kept])

    @staticmethod
    def identity(size: int) -> Sparse:
        places = np.arange(size, dtype=np.int64)
        return Sparse((size, size), places, places, np.ones(size))

    @staticmethod
    def of_dense(matrix: Array) -> Sparse:
        rows, columns = np.nonzero(matrix)
        return Sparse.of(matrix.shape, rows, columns, matrix[rows, columns].astype(np.float64))

    def __matmul__(self, other: Sparse) -> Sparse:
        """The product: each entry of `self` meets the row of `other` that its column names."""
        order = np.argsort(other.rows, kind="stable")
        counts = np.bincount(other.rows, minlength=other.shape[0])
        starts = np.concatenate([[0], np.cumsum(counts)])
        repeats = counts[self.columns]
        first = np.repeat(starts[self.columns], repeats)
        within = np.arange(len(first)) - np.repeat(np.cumsum(repeats) - repeats, repeats)
        met = order[first + within]
        return Sparse.of(
            (self.shape[0], other.shape[1]),
            np.repeat(self.rows, repeats),
            other.columns[met],
            np.repeat(self.values, repeats) * other.values[met],
        )

    def __add__(self, other: Sparse) -> Sparse:
        return Sparse.of(
            self.shape,
            np.concatenate([self.rows, other.rows]),
            np.concatenate([self.columns, other.columns]),
            np.concatenate([self.values, other.values]),
        )

    def scaled(self, factors: Array) -> Sparse:
        """Each row times its factor, [rows] or one number."""
        values = self.values * np.broadcast_to(factors, self.shape[:1])[self.rows]
        return Sparse.of(self.shape, self.rows, self.columns, values)

    def apply(self, x: Array) -> Array:
        return np.bincount(
            self.rows, weights=self.values * x[self.columns], minlength=self.shape[0]
        ).astype(np.float64)

    def dense(self) -> Array:
        """[rows, columns]"""
        found = np.zeros(self.shape)
        found[self.rows, self.columns] = self.values
        return found

    def largest_of_rows(self) -> Array:
        """The largest |value| of each row; 0 where there is none."""
        found = np.zeros(self.shape[0])
        np.maximum.at(found, self.rows, np.abs(self.values))
        return found
