"""What becomes a float in a twin, and what a twin takes from the hard network."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import PassFailedException

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.interpreters.network import NetworkInterpreter
from snncc.passes.snn_smooth_spikes import SnnSmoothSpikes
from snncc.storage import context


def module_of(text: str) -> ModuleOp:
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def smoothed(text: str, surrogate: str | None = None) -> ModuleOp:
    module = module_of(text)
    SnnSmoothSpikes(surrogate).apply(Context(), module)
    module.verify()
    return module


def run(module: ModuleOp, x: Array) -> Array:
    """The twin's output, from the hard network's masks where there are some."""
    networks = [op for op in module.ops if isinstance(op, snn.NetworkOp)]
    arrays = {"x": x}
    for network in reversed(networks):  # the hard one stands behind
        arrays |= NetworkInterpreter(module, network).run(arrays).outputs
    return arrays["y"]


MOVED = """
snn.network @net ("x" %x : tensor<1x2x4xf64>, "gate" %gate : tensor<1x1x2xi1>)
    -> ("y" : tensor<1x2x2xi1>) {
  %th = snn.constant dense<0.25> : tensor<f64>
  %off = snn.constant dense<true> : tensor<i1>
  %s = snn.threshold ge %x, %th surrogate <"straight_through"> as "th"
       : (tensor<1x2x4xf64>, tensor<f64>) -> tensor<1x2x4xi1>
  %p = snn.pool2d max %s kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0]
       : (tensor<1x2x4xi1>) -> tensor<1x1x2xi1>
  %d = snn.delay %p by dense<[[[0, 1]]]> : tensor<1x1x2xi64> init %off
       : tensor<1x1x2xi1>, tensor<i1> -> tensor<1x1x2xi1>
  %y = snn.concat %d, %gate axis 1 : (tensor<1x1x2xi1>, tensor<1x1x2xi1>) -> tensor<1x2x2xi1>
  snn.yield %y : tensor<1x2x2xi1>
}
"""


def test_what_moves_spikes_moves_their_twins() -> None:
    module = smoothed(MOVED)
    (network,) = [op for op in module.ops if isinstance(op, snn.NetworkOp)]
    x = np.linspace(-1, 1, 16).reshape(2, 1, 1, 2, 4)
    gate = np.array([[0, 1], [1, 0]], np.uint8).reshape(2, 1, 1, 1, 2)
    found = NetworkInterpreter(module, network).run({"x": x, "gate": gate}).outputs["y"]
    largest = (x + 0.25).reshape(2, 1, 1, 2, 2, 2).max(axis=(3, 5))[:, :, :, None]
    expected = np.concatenate([largest, gate], axis=3)
    expected[1, ..., 0, 1], expected[0, ..., 0, 1] = largest[0, ..., 1], 1.0
    np.testing.assert_allclose(found, expected)


COUNTED = """
snn.network @net ("x" %x : tensor<3xf64>) -> ("y" : tensor<3xf64>) {
  %n = snn.neuron as "counter" (%x = %x : tensor<3xf64>) -> (tensor<3xi8>) {
    %n = snn.count %x max 4 surrogate <"spikingjelly.multi_level_spike_count"> : f64 -> i8
    snn.next (%n : i8)
  }
  %y = snn.neuron (%n = %n : tensor<3xi8>, %x = %x : tensor<3xf64>) -> (tensor<3xf64>) {
    %two = arith.constant 2 : i8
    %more = arith.cmpi sge, %n, %two : i8
    %f = arith.uitofp %n : i8 to f64
    %y = arith.select %more, %f, %x : f64
    snn.next (%y : f64)
  }
  snn.yield %y : tensor<3xf64>
}
"""


def test_a_count_decides_as_it_was() -> None:
    x = np.array([-0.5, 1.75, 3.5]).reshape(1, 1, 3)
    np.testing.assert_array_equal(run(smoothed(COUNTED), x)[0, 0], [-0.5, 1.75, 3.5])
    x = x + 2.0  # counts of 1, 3 and 4 (the most)
    np.testing.assert_array_equal(run(smoothed(COUNTED), x)[0, 0], [1.5, 3.75, 4.0])


def test_the_option_is_read() -> None:
    text = MOVED.replace('surrogate <"straight_through"> ', "")
    assert "1x2x2xi1" in str(smoothed(text))
    assert "1x2x2xf64" in str(smoothed(text, "fast_sigmoid_norm(k=2.5)"))
    for wrong in ("unheard_of", "sigmoid(k=much)", "sigmoid(slope=2)"):
        with pytest.raises(PassFailedException):
            smoothed(text, wrong)
