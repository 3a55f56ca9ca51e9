"""What calibration data do in a network: what scales are chosen by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from snncc.dialects.arrays import Array

USUAL_RATE = 0.1
"""Spikes a step of what nothing is known of."""
LONGEST = 20.0
"""Steps for which a membrane without leak is taken to add up what arrives, and errors."""


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
    spikes: Mapping[str, Array] = field(default_factory=dict)
    """Of some samples, [T, B, n]: spikes or counts."""
