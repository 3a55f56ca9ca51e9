"""What an e-prop engine of ReckOn's kind is configured with."""

from __future__ import annotations

from dataclasses import dataclass

MATRICES = ("INP", "REC", "OUT")
"""Input, recurrent, output weights, as registers name them."""

TRACE_BITS = {"INP": 12, "REC": 12, "OUT": 10}
TRACE_STEP = {"INP": 8, "REC": 8, "OUT": 2}
"""What an event adds to a trace, before its shift."""
RANDOM_BITS = {"INP": 32, "REC": 32, "OUT": 28}
SHIFTS = 31
"""The most of LR_P and of LR_R."""
SIGNAL_SHIFTS = 15
TRACE_SHIFTS = 7


@dataclass(frozen=True)
class Settings:
    """The registers, as numbers."""

    learns: tuple[bool, bool, bool]
    """Input, recurrent, output weights."""
    thresholds: tuple[int, ...]
    """Of the surrogate's segments, ascending."""
    levels: tuple[int, ...]
    """One more: the surrogate below the first threshold, ..., from the last one on."""
    trace_shift: tuple[int, int, int]
    """Bits of a trace behind its point."""
    rate: tuple[int, int, int]
    """An update is P 2^rate of 2^32 (outputs: 2^28): LR_P where it is above 0, LR_R below."""
    signal_shift: int
    seeds: tuple[int, int, int] = (1, 0x0424242, 1)

    def registers(self) -> dict[str, int]:
        """Register -> number, those of regularisation off."""
        found = {"DO_EPROP": sum(1 << bit for bit, on in enumerate(self.learns) if on)}
        for name, shift in zip(MATRICES, self.trace_shift, strict=True):
            found[f"FP_LOC_T{name}"] = shift
        found |= {"LEARN_SIG_SCALE": self.signal_shift, "REGUL_MODE": 0, "REGUL_W": 0}
        found |= {f"THR_H_{i}": value for i, value in enumerate(self.thresholds)}
        found |= {f"H_{i}": value for i, value in enumerate(self.levels)}
        for name, rate in zip(MATRICES, self.rate, strict=True):
            found[f"LR_R_W{name}"] = max(-rate, 0)
            found[f"LR_P_W{name}"] = max(rate, 0)
        return found | {
            f"SEED_{name}": seed for name, seed in zip(MATRICES, self.seeds, strict=True)
        }
