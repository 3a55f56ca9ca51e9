"""What a network on Xylo is configured with, checked against the chip's ranges."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snncc.dialects.arrays import Array


def _expect(what: str, values: Array, least: int, most: int) -> None:
    if values.size and (values.min() < least or values.max() > most):
        found = f"{values.min()} to {values.max()}"
        raise ValueError(f"{what}: expected {least} to {most}, got {found}")


@dataclass(frozen=True)
class Population:
    """One number for each neuron. The simulator's shifts have 5 bits, the chip's fewer."""

    threshold: Array
    dash_mem: Array
    dash_syn: Array
    """[synapses, neurons]"""
    bias: Array | None = None

    def __post_init__(self) -> None:
        _expect("threshold", self.threshold, 1, 32767)
        _expect("dash_mem", self.dash_mem, 0, 31)
        _expect("dash_syn", self.dash_syn, 0, 31)
        if self.bias is not None:
            _expect("bias", self.bias, -32768, 32767)

    @property
    def size(self) -> int:
        return int(self.threshold.size)


@dataclass(frozen=True)
class Matrix:
    """Weights [synapses, sources, neurons] that count 2^shift."""

    weights: Array
    shift: int = 0

    def __post_init__(self) -> None:
        _expect("weights", self.weights, -128, 127)
        # shifted by more, a weight no longer fits the 16 bits that it is added in
        if not 0 <= self.shift <= 8:
            raise ValueError(f"shift: expected 0 to 8, got {self.shift}")


@dataclass(frozen=True)
class Configuration:
    """A network's numbers; `aliases` are pairs (source, target) of hidden neurons."""

    input: Matrix
    recurrent: Matrix
    output: Matrix
    hidden: Population
    readout: Population
    aliases: Sequence[tuple[int, int]] = ()

    def __post_init__(self) -> None:
        inputs, n, outputs = self.input.weights.shape[1], self.hidden.size, self.readout.size
        hidden, readout = len(self.hidden.dash_syn), len(self.readout.dash_syn)
        for name, matrix, shape in (
            ("input", self.input, (hidden, inputs, n)),
            ("recurrent", self.recurrent, (hidden, n, n)),
            ("output", self.output, (readout, n, outputs)),
        ):
            if matrix.weights.shape != shape:
                raise ValueError(f"{name}: expected {shape}, got {matrix.weights.shape}")
        for source, target in self.aliases:
            if source == target or not (0 <= source < n and 0 <= target < n):
                raise ValueError(f"alias: expected two of {n} neurons, got {source}, {target}")
