"""What quantization can be told, and the bits of each layer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from snncc.passes.quantization.grids import Clip

Decay = Literal["multiply", "shift"]

WEIGHTS = {"int8": 8, "int4": 4, "int3": 3, "ternary": 2}
"""What users call the widths of weights."""
QAT = "qat"
"""Weights as wide as quantization-aware training left them."""


@dataclass(frozen=True)
class Options:
    """
    `weight_bits` are 8, 4, 3 or 2 (ternary), `layer_bits` those of single layers by name;
    `per_channel` gives each output its own scale; `state_bits` is the width of states (None:
    16 where that is proved to be enough, else 32); `decay` writes a decay as a product and
    a shift, or as a shift alone. `trainable` keeps what gradients need: float shadows of what
    is learnable, surrogates, what is detached.
    """

    weight_bits: int = 8
    layer_bits: Mapping[str, int] = field(default_factory=dict)
    per_channel: bool = True
    power_of_two: bool = False
    clip: Clip = "mse"
    state_bits: int | None = None
    decay: Decay = "multiply"
    input_bits: int = 8
    trainable: bool = False

    def bits_of(self, layer: str | None) -> int:
        return self.weight_bits if layer is None else self.layer_bits.get(layer, self.weight_bits)
