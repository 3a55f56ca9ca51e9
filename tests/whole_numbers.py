"""Networks of integers as callers without floats run them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from snncc.compiled import Compiled
from snncc.dialects.arrays import Array
from snncc.interpreters.network import NetworkInterpreter
from tests.tools import require_tool

FLOATS = re.compile(r"__aeabi_(c?[fd]|u?[il]2[fd])\w*|__\w+[sdtx]f[23i]?\w*")
"""What gcc calls for floats where an Arm processor has none."""


def symbols(compiled: Path) -> set[str]:
    """Of an object or program for Arm: what it has, and what it needs."""
    command = [require_tool("arm-none-eabi-nm"), "--format=just-symbols", compiled]
    return set(subprocess.run(command, check=True, capture_output=True, text=True).stdout.split())


def float_symbols(compiled: Path) -> set[str]:
    return {name for name in symbols(compiled) if FLOATS.fullmatch(name)}


def expect_same_in_whole_numbers(
    program: Compiled, x: Mapping[str, Array], seed: int = 0
) -> set[str]:
    """
    Runs random whole numbers in the place of floats, and expects what the interpreter gives of
    the floats that they stand for: outputs, bit for bit, are whole numbers times what one is
    worth, and states are the same. `x` [T, B, *shape] has the other inputs. Gives the names of
    what was converted.
    """
    rng = np.random.default_rng(seed)
    inputs, outputs = (program.package.manifest[side] for side in ("inputs", "outputs"))
    converted = {entry["name"] for entry in (*inputs, *outputs) if "whole" in entry}
    whole = dict(x)
    for entry in inputs:
        if "whole" in entry:
            facts = entry["whole"]
            shape = x[entry["name"]].shape
            whole[entry["name"]] = rng.integers(facts["low"], facts["high"], shape, endpoint=True)
    floats = {
        entry["name"]: (
            _times_scale(whole[entry["name"]], entry) if "whole" in entry else x[entry["name"]]
        )
        for entry in inputs
    }
    network = program.network
    wanted = NetworkInterpreter(network.module, network.op).run(floats)
    found = program.native.run(whole, whole=True)
    for entry in outputs:
        values = found.outputs[entry["name"]]
        if "whole" in entry:
            values = _times_scale(values.view(f"i{values.itemsize}"), entry)
        np.testing.assert_array_equal(values, wanted.outputs[entry["name"]], entry["name"])
    for name, value in found.final.items():
        np.testing.assert_array_equal(value, wanted.final[name], name)
    return converted


def _times_scale(values: Array, entry: Mapping[str, Any]) -> Array:
    """In the float type of the input or output."""
    dtype = np.float32 if entry["type"] == "float" else np.float64
    scales, shape = np.array(entry["whole"]["scales"], dtype), entry["shape"]
    if scales.size == 1:
        return values.astype(dtype) * scales[0]
    if scales.size != np.prod(shape):  # of each channel
        return values.astype(dtype) * scales.reshape(-1, *[1] * (len(shape) - 1))
    return values.astype(dtype) * scales.reshape(shape)
