"""Exported and loaded again: the same text."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import snncc
from snncc.exporters.onnx.model import onnx_model
from snncc.importers.onnx.reader import document_of
from snncc.importers.onnx.snncc_domain import exported_network
from snncc.network import Network
from tests.exporters.onnx.networks import everything, exact_network
from tests.random_networks import draw_case
from tests.small_networks import RECURRENT, TWO_INPUTS, network
from tests.tools import REPOSITORY


def exported(net: Network, scan: bool) -> Network:
    module = exported_network(document_of(onnx_model(net.module, net.op, scan=scan)))
    assert module is not None
    return Network(module)


@settings(max_examples=40)
@given(st.data())
def test_random_networks(data: st.DataObject) -> None:
    case = draw_case(
        lambda options: data.draw(st.sampled_from(options)),
        lambda low, high: data.draw(st.integers(low, high)),
    )
    assume(case is not None)
    assert case is not None
    for scan in (False, True):
        assert exported(case.network, scan).mlir() == case.network.mlir()


@pytest.mark.parametrize("text", [RECURRENT, TWO_INPUTS, everything()])
@pytest.mark.parametrize("scan", [False, True])
def test_through_files(text: str, scan: bool, tmp_path: Path) -> None:
    net = network(text, tmp_path)
    net.export(tmp_path / "out.onnx", scan=scan)
    again = snncc.load(tmp_path / "out.onnx")
    assert again.mlir() == net.mlir()
    assert not again.warnings


@pytest.mark.parametrize("file", ["mlp_lif_digits.nir", "conv_if_digits.nir"])
@pytest.mark.parametrize("like", ["norse", "sinabs", "spyx", "lava", "spikingjelly"])
def test_digits_of_every_framework(file: str, like: str, tmp_path: Path) -> None:
    """Names, `like`, `dt` and `source` come back; so does a saved network's text."""
    net = snncc.load(REPOSITORY / "examples" / "digits" / file, like=like, dt=1e-4)
    for scan in (False, True):
        net.export(tmp_path / "out.onnx", scan=scan)
        assert snncc.load(tmp_path / "out.onnx").mlir() == net.mlir()
    net.save(tmp_path / "saved.mlir")
    saved = snncc.load(tmp_path / "saved.mlir")
    saved.export(tmp_path / "out.onnx")
    assert snncc.load(tmp_path / "out.onnx").mlir() == net.mlir()


def test_states_by_name_give_the_same_run(tmp_path: Path) -> None:
    net = exact_network()
    net.export(tmp_path / "out.onnx")
    again = snncc.load(tmp_path / "out.onnx")
    assert again.mlir() == net.mlir()
    rng = np.random.default_rng(0)
    x = {name: rng.random((4, *shape)).astype(np.float32) for name, shape in net.inputs.items()}
    state0 = {"hidden.v": np.full(6, 0.25, np.float32)}
    a, b = (n.run(x, state0, trace=True) for n in (net, again))
    assert all(np.array_equal(a[name], b[name]) for name in a if name != "final")


def test_text_of_larger_floats(tmp_path: Path) -> None:
    """float64 streams and parameters keep their type."""
    text = """
    snn.parameter @a : tensor<3xf64> = dense<[0.1, 0.2, 0.3]>
    snn.network @wide ("x" %x : tensor<3xf64>, "s" %s : tensor<3xi1>) -> ("y" : tensor<3xf64>) {
      %a = snn.use @a : tensor<3xf64>
      %z = snn.constant dense<0.1> : tensor<f64>
      %u = snn.add %x, %s : (tensor<3xf64>, tensor<3xi1>) -> tensor<3xf64>
      %y = snn.neuron (%x = %u : tensor<3xf64>) state (%v = %z : tensor<f64>)
        params (%a = %a : tensor<3xf64>) -> (tensor<3xf64>) {
        %0 = arith.mulf %a, %v : f64
        %1 = arith.constant 0.1 : f64
        %2 = arith.addf %0, %1 : f64
        %3 = arith.addf %2, %x : f64
        snn.next (%3 : f64) state (%3 : f64)
      }
      snn.yield %y : tensor<3xf64>
    }
    """
    net = network(text, tmp_path)
    for scan in (False, True):
        assert exported(net, scan).mlir() == net.mlir()
