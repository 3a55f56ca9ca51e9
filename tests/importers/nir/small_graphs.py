"""Small graphs whose spikes are known by hand: integrators, and stimuli of quarters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import Fields, if_

DT = 1e-4
ODE = {"like": "nir-ode", "dt": DT}
T, N = 24, 4


def integrator(threshold: float = 1.0, size: int = N) -> Fields:
    """v = v + x, reset to 0 above the threshold: exact for inputs of quarters."""
    return if_(size, r=np.full(size, 1 / DT), v_threshold=np.full(size, threshold))


def quarters(seed: int, *shape: int) -> Array:
    return (np.random.default_rng(seed).integers(-4, 5, shape) / 4).astype(np.float32)


def stimulus() -> Array:
    return np.abs(quarters(5, T, N))


def refuse(load: Load, given: dict[str, Any], **options: Any) -> SnnccError:
    with pytest.raises(SnnccError) as refused:
        load(given, **options)
    return refused.value


def warned(net: snncc.Network, code: str) -> list[tuple[str | None, str]]:
    return [(w.node, w.message) for w in net.warnings if w.code == code]


def spikes_of(x: Array, threshold: float = 1.0) -> Array:
    """What `integrator` gives for [T, ...] inputs."""
    v, spikes = np.zeros(x.shape[1:]), []
    for step in x:
        v = v + step
        spikes.append(v > threshold)
        v = np.where(spikes[-1], 0.0, v)
    return np.stack(spikes).astype(np.uint8)


def recurrent_spikes(
    x: Array, feedback: Callable[[list[Array]], Array], threshold: float = 1.0
) -> Array:
    """As `spikes_of`, with an input from the spikes of earlier steps."""
    v, spikes = np.zeros(x.shape[1:]), []
    for step in x:
        v = v + step + feedback(spikes)
        z = v > threshold
        v = np.where(z, 0.0, v)
        spikes.append(z.astype(np.float64))
    return np.stack(spikes).astype(np.uint8)
