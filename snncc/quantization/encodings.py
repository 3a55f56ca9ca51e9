"""How the float inputs and outputs of a network of integers are counted, for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from snncc.dialects import snn
from snncc.passes.quantization.attributes import InputRange


@dataclass(frozen=True)
class Encoding:
    """
    A float input x is read as the whole number nearest to x / step (half to even), and held
    within `low` / step and `high` / step before.
    """

    name: str
    low: float
    high: float
    step: float
    """What one whole number is worth."""


def encodings_of(
    network: snn.NetworkOp, ranges: Mapping[str, InputRange], bits: int
) -> tuple[Encoding, ...]:
    return tuple(
        Encoding(name, ranges[name].low, ranges[name].high, ranges[name].step_of(bits))
        for name in network.inputs
        if name in ranges
    )
