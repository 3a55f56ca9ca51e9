"""A netx file as plain data: layers of neurons, one behind the other."""

from __future__ import annotations

from dataclasses import dataclass

from snncc.dialects.arrays import Array
from snncc.dialects.windows import Windows


@dataclass(frozen=True)
class Neurons:
    """
    What the neurons of a layer are configured with, each [n], in the numbers of the file.

    `current_decay` and `voltage_decay` are what a step takes away, of 4096; `threshold` and
    `bias` are mantissas, aligned with the weights.
    """

    current_decay: Array
    voltage_decay: Array
    threshold: Array
    bias: Array


@dataclass(frozen=True)
class Dense:
    """Weights [outputs, inputs] of the layer before, and of the layer itself one step before."""

    weight: Array
    recurrent: Array | None = None
    delays: Array | None = None
    """Steps by which each of `weight` is late, [outputs, inputs]."""


@dataclass(frozen=True)
class Convolution:
    """A cross-correlation: kernel [outputs, inputs of a group, height, width]."""

    kernel: Array
    windows: Windows


@dataclass(frozen=True)
class Layer:
    """
    Neurons of a shape ([channels, height, width] or [n]) and what drives them; without `sums`
    the input layer, whose neurons the host drives, or which has none and takes spikes.
    """

    name: str
    shape: tuple[int, ...]
    sums: Dense | Convolution | None
    neurons: Neurons | None


@dataclass(frozen=True)
class NetxNetwork:
    """Layers in their order; the first one is an input layer."""

    layers: list[Layer]
    transform: tuple[int, int] | None
    """(weight, bias): what the host makes of an input x, weight x + bias, where it drives."""
