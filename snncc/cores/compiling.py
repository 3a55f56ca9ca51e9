"""`snncc.compile(..., target=CHIP)`: what its options mean for a chip."""

from __future__ import annotations

import warnings as python_warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration, configure
from snncc.cores.encoders import input_encoder
from snncc.dialects.arrays import Array
from snncc.errors import SnnccWarning, error
from snncc.inputs import to_streams
from snncc.network import Network, load
from snncc.quantization.analysis import scored_output

USUAL: dict[str, Any] = {"fold": "exact", "weights": "auto", "pack": "auto"}
"""Options that are for C, and what they are where nothing is said; else None."""


def compile_for_chip(
    model: Network | str | Path,
    target: str,
    calibration: Any,
    for_c: Mapping[str, Any],
    options: dict[str, Any],
) -> Configuration:
    """`options` are labels, score, encode, steps, and those of loading. Raises SnnccError."""
    description = chip_named(target)
    for name, value in for_c.items():
        if value != USUAL.get(name):
            raise error("SNC-C003", f"{name}: is for C, and the target is {description.name}")
    labels, score = options.pop("labels", None), options.pop("score", None)
    encode, steps = options.pop("encode", None), options.pop("steps", None)
    if steps is not None and encode is None:
        raise error("SNC-C003", "steps: are for values", remedy="give encode, or spikes [T, ...]")
    if calibration is None:
        raise error(
            "SNC-C003",
            f"target {description.name}: scales follow from calibration data",
            remedy="give calibration=x, spikes as the chip is to get them, or values with encode",
        )
    if isinstance(model, Network):
        if options:
            raise error(
                "SNC-C003", f"{', '.join(options)}: options of loading, and the network is loaded"
            )
        network = model
    else:
        network = load(model, **options)
    if labels is not None:
        score = scored_output(network, score)
        labels = _whole(labels)
    elif score is not None:
        raise error("SNC-C003", "score: names the output that labels are for", remedy="give labels")
    if encode is None:
        return _told(configure(network, description, calibration, labels, score))
    encoder = input_encoder(encode, network.inputs, description)
    values = to_streams(encoder.network.op, calibration, steps=steps).arrays
    return _told(configure(network, description, values, labels, score, encoder))


def _told(configuration: Configuration) -> Configuration:
    """Issues its warnings."""
    for problem in configuration.warnings:
        python_warnings.warn(str(problem), SnnccWarning, stacklevel=4)
    return configuration


def _whole(labels: Any) -> Array:
    found = np.asarray(labels)
    if found.dtype.kind not in "iu" or found.ndim != 1:
        raise error(
            "SNC-R003",
            f"labels: expected whole numbers [samples], got {found.dtype} {list(found.shape)}",
        )
    return found
