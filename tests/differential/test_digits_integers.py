"""The digits networks in integers of every width: the same bits everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.compiled import compile
from snncc.dialects.arrays import Array
from snncc.inputs import to_streams
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from snncc.verification import compare
from tests.differential.sanitized import run_sanitized
from tests.differential.test_quantized import BUILDS, WIDTHS
from tests.seeds import is_long
from tests.tools import require_tool

FILES = ("mlp_lif_digits/twin.onnx", "conv_if_digits/twin.onnx", "ttfs_digits/twin.onnx")
STEPS, IMAGES = 16, 3


def integers(file: str, weights: str, nets: Path) -> tuple[Network, dict[str, Array]]:
    """The network with a few of its test images as inputs [T, B, *shape]."""
    network = snncc.load(nets / file)
    images = np.load((nets / file).parent / "test.npz")["x"]
    (shape,) = network.inputs.values()
    made = snncc.quantize(network, weights, input_ranges=dict.fromkeys(network.inputs, (0.0, 1.0)))
    if file.startswith("ttfs"):  # has its images as spikes, [T, images, pixels]
        (name,) = network.inputs
        return made, {name: images[:STEPS, :IMAGES].astype(np.float32)}
    x = images[:IMAGES].reshape(IMAGES, *shape).astype(np.float32)
    return made, to_streams(made.op, x, steps=STEPS).arrays


@pytest.mark.slow
@pytest.mark.parametrize("weights", WIDTHS)
@pytest.mark.parametrize("file", FILES)
def test_every_build(file: str, weights: str, nets: Path, tmp_path: Path) -> None:
    require_tool("clang-19")
    network, x = integers(file, weights, nets)
    wanted = NetworkInterpreter(network.module, network.op).run(x, trace=True)
    # some of the builds for each width, all of them for each network, and the sanitizers for two
    # widths of each; the long run takes all
    turn = WIDTHS.index(weights)
    builds = BUILDS if is_long() else BUILDS[turn :: len(WIDTHS)]
    for compiler, *flags in builds:
        program = compile(network, prefix="q", cc=compiler, cflags=tuple(flags))
        check = compare("C", wanted, program.native.run(x))
        assert check.differing == 0, (compiler, flags, check.first)
    if not is_long() and (turn + FILES.index(file)) % 2:
        return
    for name, given in run_sanitized(compile(network, prefix="q"), x, tmp_path).items():
        np.testing.assert_array_equal(given, wanted.outputs[name])
