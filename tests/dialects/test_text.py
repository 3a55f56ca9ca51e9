"""Hexadecimal floats: their bits, in files and in `snncc-opt`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest

import snncc
from tests.small_networks import network
from tests.tools import require_tool

TEXT = """
snn.parameter @w : tensor<1x3xf32> = dense<[[0x3F800000, 2.5, 0xC0000000]]>
snn.network @net ("x" %x : tensor<3xf32>) -> ("y" : tensor<3xf32>, "w" : tensor<1x3xf32>,
    "d" : tensor<2xf64>, "n" : tensor<2xi8>) {
  %w = snn.use @w : tensor<1x3xf32>
  %y = snn.constant dense<[0x7F800000, -0.0, 0x00000001]> : tensor<3xf32>
  %d = snn.constant dense<0x3FF8000000000000> : tensor<2xf64>
  %n = snn.constant dense<[0x10, 17]> : tensor<2xi8>
  snn.yield %y, %w, %d, %n : tensor<3xf32>, tensor<1x3xf32>, tensor<2xf64>, tensor<2xi8>
}
"""


def test_bits_of_floats(tmp_path: Path) -> None:
    net = network(TEXT, tmp_path)
    run = net.run(np.zeros((1, 3)))
    assert run["w"].ravel().tolist() == [1.0, 2.5, -2.0]
    assert run["y"].view(np.uint32).ravel().tolist() == [0x7F800000, 0x80000000, 1]
    assert run["d"].ravel().tolist() == [1.5, 1.5]
    assert run["n"].ravel().tolist() == [16, 17]
    net.save(tmp_path / "saved.mlir")
    again = snncc.load(tmp_path / "saved.mlir").run(np.zeros((1, 3)))
    assert all(again[name].tobytes() == value.tobytes() for name, value in run.items())


def test_snncc_opt_reads_the_same(tmp_path: Path) -> None:
    net = network(TEXT, tmp_path)
    command = [require_tool("snncc-opt"), str(tmp_path / "network.mlir")]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.rstrip() == net.mlir().rstrip()


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("0x1FFFFFFFF", "more bits than f32 has"),
        ("-0x3F800000", "a hexadecimal float has its sign in its bits"),
        ("0x7F800000", "SNC-I015 parameter 'w' has values that are not finite"),
    ],
)
def test_refused_in_a_parameter(number: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(snncc.SnnccError, match=message):
        network(TEXT.replace("0x3F800000", number), tmp_path)
