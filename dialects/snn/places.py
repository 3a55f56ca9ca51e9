"""Where the elements of a rearranged stream come from: an array of indices, held as its pattern."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt
from xdsl.ir import Data
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer

Indices = npt.NDArray[np.int64]

NOWHERE = -1
"""The place of an element that is zero."""


@dataclass(frozen=True)
class Run:
    """
    Indices in a regular pattern: `start`, and loops of (size, step), the outermost first.

    start + i * step of the first loop + j * step of the second + ..., j running faster.
    """

    start: int
    loops: tuple[tuple[int, int], ...] = ()

    @property
    def count(self) -> int:
        return prod(size for size, _ in self.loops)

    @property
    def least(self) -> int:
        return self.start + sum(min(0, (size - 1) * step) for size, step in self.loops)

    @property
    def most(self) -> int:
        return self.start + sum(max(0, (size - 1) * step) for size, step in self.loops)

    @property
    def indices(self) -> Indices:
        found = np.array([self.start], np.int64)
        for size, step in self.loops:
            found = (found[:, None] + np.arange(size) * step).ravel()
        return found

    def __str__(self) -> str:
        return " ".join([str(self.start), *(f"({size} by {step})" for size, step in self.loops)])


@dataclass(frozen=True)
class Places:
    """Runs of indices, one behind the other."""

    runs: tuple[Run, ...]

    @property
    def count(self) -> int:
        return sum(run.count for run in self.runs)

    @property
    def least(self) -> int:
        return min(run.least for run in self.runs)

    @property
    def most(self) -> int:
        return max(run.most for run in self.runs)

    @cached_property
    def indices(self) -> Indices:
        """All indices, flat; read-only. Only once their number is known to be bearable."""
        found = np.concatenate([run.indices for run in self.runs])
        found.flags.writeable = False
        return found


def places_of(indices: npt.NDArray[Any]) -> Places:
    """The pattern of an array of indices, in C order."""
    flat = np.ravel(indices).astype(np.int64)
    found = _runs(flat)
    while True:
        nested = _nested(found)
        if len(nested) == len(found):
            break
        found = nested
    plain: list[Run] = []
    for run in found:
        if run.count == 2 and len(run.loops) == 1:  # two numbers say it better
            plain.extend(Run(int(index)) for index in run.indices)
        else:
            plain.append(run)
    return Places(tuple(plain))


def _runs(flat: Indices) -> list[Run]:
    """Neighbours with one step between them, each taken from the left as far as it goes."""
    steps = np.diff(flat)
    # groups of equal steps: a run takes a whole group; the step behind it is the jump to the next
    edges = np.flatnonzero(steps[1:] != steps[:-1]) + 1
    bounds = [0, *edges.tolist(), len(steps)]
    found: list[Run] = []
    first = 0  # the element that the next run starts at
    for stop in bounds[1:]:
        if first >= stop:
            continue  # its only step was the jump
        size = stop - first + 1
        found.append(Run(int(flat[first]), ((size, int(steps[first])),)))
        first = stop + 1
    found.extend(Run(int(index)) for index in flat[first:])
    return found


def _nested(runs: Sequence[Run]) -> list[Run]:
    """Neighbouring runs of one form, with one step between their starts, as one run."""
    found: list[Run] = []
    position = 0
    while position < len(runs):
        run, stop = runs[position], position + 1
        if stop < len(runs) and runs[stop].loops == run.loops:
            step = runs[stop].start - run.start
            while (
                stop < len(runs)
                and runs[stop].loops == run.loops
                and runs[stop].start - runs[stop - 1].start == step
            ):
                stop += 1
            run = Run(run.start, ((stop - position, step), *run.loops))
        found.append(run)
        position = stop
    return found


@irdl_attr_definition
class PlacesAttr(Data[Places]):
    """
    Indices into a tensor in C order, -1 for none, printed as their pattern.

        #snn.places<3, 0, -1>               these three
        #snn.places<0 (4 by 2)>             0 2 4 6
        #snn.places<0 (2 by 1) (4 by 2)>    0 2 4 6 1 3 5 7: the last loop is the fastest
    """

    name = "snn.places"

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Places:
        def parse_run() -> Run:
            start = parser.parse_integer(context_msg=" for an index")
            loops: list[tuple[int, int]] = []
            while parser.parse_optional_punctuation("("):
                size = parser.parse_integer(context_msg=" for a number of indices")
                if size < 1:
                    parser.raise_error(f"expected a number of at least 1, got {size}")
                parser.parse_keyword("by")
                loops.append((size, parser.parse_integer(context_msg=" for a step")))
                parser.parse_punctuation(")")
            return Run(start, tuple(loops))

        runs = parser.parse_comma_separated_list(parser.Delimiter.ANGLE, parse_run)
        if not runs:
            parser.raise_error("expected at least one index")
        return Places(tuple(runs))

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_list(self.data.runs, lambda run: printer.print_string(str(run)))
