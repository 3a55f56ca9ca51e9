"""What calibration data do in a network: what scales are chosen by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snncc.dialects.arrays import Array


@dataclass(frozen=True)
class Activity:
    """What calibration data do, by the names of populations and inputs."""

    rates: Mapping[str, Array] = field(default_factory=dict)
    """Spikes a step, [n]."""
    largest: Mapping[str, Array] = field(default_factory=dict)
    """|membrane|, [n]."""
    currents: Mapping[str, Array] = field(default_factory=dict)
    """|current|, [receptors, n]."""
    before: Mapping[str, Array] = field(default_factory=dict)
    """|membrane before the reset|, [n]."""
