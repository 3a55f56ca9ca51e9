"""Where two networks part."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.differences import diff, first_of
from snncc.errors import SnnccError
from tests.small_networks import RECURRENT, TWO_INPUTS, network

X = np.random.default_rng(0).uniform(0, 2, (12, 4, 3)).astype(np.float32)

DECAYING = """
    snn.network @net ("x" %x : tensor<3xf32>) -> ("y" : tensor<3xi1>) {
      %zero = snn.constant dense<0.0> : tensor<f32>
      %y = snn.neuron as "lif" (%x = %x : tensor<3xf32>) state (%v = %zero : tensor<f32>)
           -> (tensor<3xi1>) {
        %half = arith.constant DECAY : f32
        %0 = arith.mulf %half, %v : f32
        %1 = arith.addf %0, %x : f32
        %th = arith.constant THRESHOLD : f32
        %2 = arith.subf %1, %th : f32
        %z = snn.spike ge %2 : f32
        %f = arith.uitofp %z : i1 to f32
        %3 = arith.subf %1, %f : f32
        snn.next (%z : i1) state (%3 : f32)
      }
      snn.yield %y : tensor<3xi1>
    }
    """


def test_a_network_and_itself(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    found = diff(net, net, {name: np.ones((6, *s)) for name, s in net.inputs.items()})
    assert found
    assert first_of(found) is None
    assert all(d.differing == 0 and d.compared > 0 for d in found)


def test_the_first_neuron_and_step(tmp_path: Path) -> None:
    """A constant of the body is changed: the neuron is named, and its membrane shown."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    text = DECAYING.replace("DECAY", "0.5")
    a = network(text.replace("THRESHOLD", "2.0"), tmp_path / "a")
    b = network(text.replace("THRESHOLD", "2.5"), tmp_path / "b")
    first = first_of(diff(a, b, X))
    assert first is not None
    assert (first.name_a, first.name_b, first.shape) == ("lif", "lif", (3,))
    fired_a, fired_b = a.run(X)["y"], b.run(X)["y"]
    step = int(np.argwhere(fired_a != fired_b)[0][0])
    assert first.step == step
    assert (first.value_a, first.value_b) == (1.0, 0.0)
    assert first.states_a is not None
    assert first.states_a.keys() == {"v"}


def test_states_that_part_where_no_spike_does(tmp_path: Path) -> None:
    nets = []
    for decay in ("0.5", "0.25"):
        (tmp_path / decay).mkdir()
        text = DECAYING.replace("DECAY", decay).replace("THRESHOLD", "1000.0")
        nets.append(network(text, tmp_path / decay))
    found = diff(*nets, X)[0]
    assert found.step is None
    assert found.apart is not None
    assert (found.apart.name, found.apart.step) == ("v", 1)
    assert diff(nets[0], nets[0], X)[0].apart is None


def test_networks_that_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = network(RECURRENT, tmp_path / "a"), network(TWO_INPUTS, tmp_path / "b")
    with pytest.raises(SnnccError) as refused:
        snncc.diff(a, b, X)
    assert refused.value.code == "SNC-R001"
