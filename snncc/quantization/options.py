"""What quantization can be told, checked in one place for Python and the command line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from snncc.errors import error
from snncc.options import is_real, is_whole
from snncc.passes.quantization.options import QAT, WEIGHTS

Method = Literal["spike-aware", "percentile", "mse", "max"]

METHODS: tuple[Method, ...] = ("spike-aware", "percentile", "mse", "max")
STATE_BITS = (None, 16, 32)
DECAYS = ("multiply", "shift")
INPUT_BITS = (8, 16)
FLOAT32 = 3.4e38
"""What an end of a range may not reach."""
AUTO = "auto"
"""The bits of each layer are searched under a flash budget."""


@dataclass(frozen=True)
class QuantizeOptions:
    """
    `weights` is int8, int4, int3 or ternary, or qat: every layer as wide as it was trained.
    Weights that were trained on a grid keep it. `layers` gives single layers other widths, or
    is "auto": then they are searched so that weights and other constants fit `flash` bytes.
    `state_bits` None takes 16 bits where that is proved to be enough. `decay` writes decays
    as products and shifts, or as shifts alone. `input_ranges` says what a float input may
    be, {name: (least, largest)}, where calibration data do not.
    """

    weights: str = "int8"
    per_channel: bool = True
    power_of_two: bool = False
    layers: Mapping[str, str] | Literal["auto"] | None = None
    flash: int | None = None
    state_bits: int | None = None
    decay: Literal["multiply", "shift"] = "multiply"
    input_bits: int = 8
    method: Method = "spike-aware"
    input_ranges: Mapping[str, tuple[float, float]] | None = None

    def __post_init__(self) -> None:
        for name, value, known in (
            ("quantize", self.weights, (*WEIGHTS, QAT)),
            ("state_bits", self.state_bits, STATE_BITS),
            ("decay", self.decay, DECAYS),
            ("input_bits", self.input_bits, INPUT_BITS),
            ("method", self.method, METHODS),
        ):
            if value not in known or isinstance(value, bool):
                shown = ", ".join(map(str, known))
                raise error("SNC-C003", f"{name}: expected one of {shown}, got {value!r}")
        for name, flag in (
            ("per_channel", self.per_channel),
            ("power_of_two", self.power_of_two),
        ):
            if not isinstance(flag, bool):
                raise error("SNC-C003", f"{name}: expected True or False, got {flag!r}")
        self._check_layers()
        self._check_ranges()

    def _check_layers(self) -> None:
        if self.layers == AUTO:
            if self.flash is None:
                raise error(
                    "SNC-C003",
                    "layers: auto searches widths under a budget",
                    remedy="give flash (--flash BYTES)",
                )
        elif self.flash is not None:
            raise error(
                "SNC-C003",
                "flash: is the budget of a search for widths",
                remedy='give layers="auto" (--layers auto) too',
            )
        elif self.layers is not None:
            if not isinstance(self.layers, Mapping):
                raise error("SNC-C003", f"layers: expected {{name: width}}, got {self.layers!r}")
            for name, width in self.layers.items():
                if not isinstance(name, str) or width not in WEIGHTS:
                    raise error(
                        "SNC-C003",
                        f"layers: {name!r}: expected one of {', '.join(WEIGHTS)}, got {width!r}",
                    )
        if self.flash is not None and not (is_whole(self.flash) and self.flash > 0):
            raise error("SNC-C003", f"flash: expected bytes above 0, got {self.flash!r}")

    def _check_ranges(self) -> None:
        ranges: Any = {} if self.input_ranges is None else self.input_ranges
        if not isinstance(ranges, Mapping):
            raise error(
                "SNC-C003", f"input_ranges: expected {{name: (least, largest)}}, got {ranges!r}"
            )
        for name, ends in ranges.items():
            if (
                not isinstance(ends, tuple | list)
                or len(ends) != 2
                or not all(is_real(end) and abs(end) < FLOAT32 for end in ends)
                or ends[0] > ends[1]
            ):
                raise error(
                    "SNC-C003", f"input_ranges: {name}: expected (least, largest), got {ends!r}"
                )
