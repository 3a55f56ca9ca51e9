"""The options that every way of loading a model takes, checked in one place."""

from __future__ import annotations

import ast
import math
import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snncc.errors import error

AUTO = "auto"
"""The batch axis is the first of two or more."""

if TYPE_CHECKING:
    from snncc.importers.graph.importer import Axes
    from snncc.importers.graph.labels import States
    from snncc.importers.nir.profiles.base import Choices, Integrator, Reset, Timing

PROFILES = (
    "nir-ode",
    "snntorch",
    "norse",
    "sinabs",
    "rockpool",
    "spyx",
    "lava",
    "spikingjelly",
)
RESETS = ("value", "subtract", "none")
TIMINGS = ("same", "next")
INTEGRATORS = ("euler", "exact")


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number, of Python or of NumPy; a truth value is none."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_real(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


SINGLE_LEAST, SINGLE_MOST = 2.0**-149, (2 - 2.0**-23) * 2.0**127
"""The least and the largest number above 0 of float32."""


def is_single(value: Any) -> bool:
    """Whether float32 has a number near a value: it is finite, and 0 only where the value is."""
    return is_real(value) and (value == 0 or SINGLE_LEAST <= abs(value) <= SINGLE_MOST)


@dataclass(frozen=True)
class LoadOptions:
    """What a caller chose of what a file does not state; None: not chosen."""

    like: str | None = None
    dt: float | None = None
    reset: Reset | None = None
    reset_timing: Timing | None = None
    integrator: Integrator | None = None
    max_bytes: int | None = None
    states: States | None = None
    T: int | None = None
    time_axis: int | None = None
    batch_axis: int | str | None = AUTO

    def __post_init__(self) -> None:
        for name, value, known in (
            ("like", self.like, PROFILES),
            ("reset", self.reset, RESETS),
            ("reset_timing", self.reset_timing, TIMINGS),
            ("integrator", self.integrator, INTEGRATORS),
        ):
            if value is not None and value not in known:
                raise error(
                    "SNC-C003", f"{name}: expected one of {', '.join(known)}, got {value!r}"
                )
        if self.dt is not None:
            if not (is_real(self.dt) and math.isfinite(self.dt) and self.dt > 0):
                raise error("SNC-C003", f"dt: expected seconds above 0, got {self.dt!r}")
            object.__setattr__(self, "dt", float(self.dt))  # NumPy's numbers too
        if self.max_bytes is not None and not (is_whole(self.max_bytes) and self.max_bytes > 0):
            raise error("SNC-C003", f"max_bytes: expected bytes above 0, got {self.max_bytes!r}")

        self._check_axes()

    def _check_axes(self) -> None:
        if self.T is not None and not (is_whole(self.T) and self.T > 0):
            raise error("SNC-C003", f"T: expected a number of steps above 0, got {self.T!r}")
        if self.time_axis is not None and not is_whole(self.time_axis):
            raise error("SNC-C003", f"time_axis: expected an axis, got {self.time_axis!r}")
        axis = self.batch_axis
        if axis not in (None, AUTO) and not is_whole(axis):
            raise error("SNC-C003", f"batch_axis: expected an axis or None, got {axis!r}")
        states = self.states
        names = list(states) if isinstance(states, Sequence | Mapping) else None
        if states is not None and (
            isinstance(states, str) or names is None or not all(isinstance(n, str) for n in names)
        ):
            raise error(
                "SNC-C003",
                f"states: expected names in order, or {{name: (input, output)}}, got {states!r}",
            )
        for name in names or ():
            if not name or not name.isascii() or not name.isprintable():
                raise error("SNC-C003", f"states: expected names in ASCII, got {name!r}")
        for name, ends in states.items() if isinstance(states, Mapping) else ():
            pair = list(ends) if isinstance(ends, tuple | list) else []
            if len(pair) != 2 or not all(isinstance(end, str) for end in pair):
                raise error(
                    "SNC-C003",
                    f"states: expected (input, output) of {name!r}, got {ends!r}",
                    remedy="names of inputs and outputs; a list of names takes the last ones",
                )
        if states and self.time_axis is not None:
            raise error(
                "SNC-C003",
                "states are what one step leaves to the next, time_axis is of a model of a whole "
                "sequence: expected one of them",
                remedy="leave out time_axis for one step, or states for a sequence",
            )

    def refuse_for_live(self) -> None:
        """For models that say by their code what these options say of files."""
        self._refuse_semantics("a live model", "leave them out: they are for files")

    def choices(self) -> Choices:
        from snncc.importers.nir.profiles.base import Choices

        return Choices(self.dt, self.reset, self.reset_timing, self.integrator)

    def axes(self) -> Axes:
        from snncc.importers.graph.importer import Axes

        return Axes(self.time_axis, self.batch_axis, self.T)

    def refuse_semantics(self, path: Path) -> None:
        """For files that state everything: a choice would be silently without effect."""
        self._refuse_semantics(str(path), "give these options when the model is imported")

    def _refuse_semantics(self, who: str, remedy: str) -> None:
        given = [
            name
            for name in ("like", "dt", "reset", "reset_timing", "integrator")
            if getattr(self, name) is not None
        ]
        if given:
            raise error(
                "SNC-C003",
                f"{who} states its semantics; {', '.join(given)} cannot change them",
                remedy=remedy,
            )

    def refuse_axes(self, path: Path) -> None:
        """For files whose networks have no axes but those of their streams."""
        given = [name for name in ("states", "T", "time_axis") if getattr(self, name) is not None]
        if self.batch_axis != AUTO:
            given.append("batch_axis")
        if given:
            raise error(
                "SNC-C003",
                f"{path} names its states and has no batch; {', '.join(given)} cannot change it",
                remedy="these options are for models of torch and ONNX",
            )


def call_of(text: str, what: str) -> tuple[str | None, dict[str, Any]]:
    """
    A name and its options as a text has them, "sgd" or "sgd(lr=0.1)"; None where it is neither.
    Raises SNC-C003, of the option `what`, where one of them stands twice.
    """
    try:
        match ast.parse(text.strip(), mode="eval").body:
            case ast.Name(id=name):
                return name, {}
            case ast.Call(func=ast.Name(id=name), args=[], keywords=options):
                if len({option.arg for option in options}) < len(options):
                    given = reprlib.repr(text)
                    raise error("SNC-C003", f"{what}: an option stands twice: {given}")
                return name, {str(o.arg): ast.literal_eval(o.value) for o in options}
            case _:
                return None, {}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        return None, {}
