"""The options that every way of loading a model takes, checked in one place."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from snncc.errors import error

if TYPE_CHECKING:
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


@dataclass(frozen=True)
class LoadOptions:
    """What a caller chose of what a file does not state; None: not chosen."""

    like: str | None = None
    dt: float | None = None
    reset: Reset | None = None
    reset_timing: Timing | None = None
    integrator: Integrator | None = None
    max_bytes: int | None = None

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
        if self.dt is not None and not (
            isinstance(self.dt, int | float) and math.isfinite(self.dt) and self.dt > 0
        ):
            raise error("SNC-C003", f"dt: expected seconds above 0, got {self.dt!r}")

    def choices(self) -> Choices:
        from snncc.importers.nir.profiles.base import Choices

        return Choices(self.dt, self.reset, self.reset_timing, self.integrator)

    def refuse_semantics(self, path: Path) -> None:
        """For files that state everything: a choice would be silently without effect."""
        given = [
            name
            for name in ("like", "dt", "reset", "reset_timing", "integrator")
            if getattr(self, name) is not None
        ]
        if given:
            raise error(
                "SNC-C003",
                f"{path.name} states its semantics; {', '.join(given)} cannot change them",
                remedy="give these options when the model is imported",
            )
