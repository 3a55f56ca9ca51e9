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


COUNTING = """
    snn.parameter @unit : tensor<2xf64> = dense<[SCALES]>
    snn.network @net ("x" %x : tensor<2xi8>) -> ("y" : tensor<2xi1>) {
      %zero = snn.constant dense<FIRST> : tensor<i32>
      %y = snn.neuron as "lif" (%x = %x : tensor<2xi8>) state (%v = %zero : tensor<i32>)
           -> (tensor<2xi1>) attributes {scales = {v = @unit}} {
        %0 = arith.extsi %x : i8 to i32
        %1 = arith.addi %v, %0 : i32
        %th = arith.constant 1000 : i32
        %2 = arith.subi %1, %th : i32
        %z = snn.spike ge %2 : i32
        snn.next (%z : i1) state (%1 : i32)
      }
      snn.yield %y : tensor<2xi1>
    }
    """
CURRENT = """
    snn.network @net ("x" %x : tensor<2xi8>) -> ("y" : tensor<2xi1>) {
      %zero = snn.constant dense<0.0> : tensor<f32>
      %y = snn.neuron as "lif" (%x = %x : tensor<2xi8>) state (%v = %zero : tensor<f32>)
           -> (tensor<2xi1>) {
        %0 = arith.sitofp %x : i8 to f32
        %unit = arith.constant 0.25 : f32
        %step = arith.mulf %0, %unit : f32
        %1 = arith.addf %v, %step : f32
        %th = arith.constant 250.0 : f32
        %2 = arith.subf %1, %th : f32
        %z = snn.spike ge %2 : f32
        snn.next (%z : i1) state (%1 : f32)
      }
      snn.yield %y : tensor<2xi1>
    }
    """


def test_whole_numbers_are_compared_in_the_unit_of_floats(tmp_path: Path) -> None:
    """
    A state that counts in steps of 0.25 follows one of floats exactly. Beside it, one that
    starts a whole number further parts by 0.25: exactly where both count in one unit, and
    within a grid's reach where the other is a float or counts in other steps.
    """
    cases = {
        "real": CURRENT,
        "zero": COUNTING.replace("SCALES", "0.25, 0.25").replace("FIRST", "0"),
        "one": COUNTING.replace("SCALES", "0.25, 0.25").replace("FIRST", "1"),
        "coarse": COUNTING.replace("SCALES", "0.25, 0.5").replace("FIRST", "0"),
    }
    nets = {}
    for name, text in cases.items():
        (tmp_path / name).mkdir()
        nets[name] = network(text, tmp_path / name)
    x = np.random.default_rng(0).integers(-3, 4, (12, 3, 2)).astype(np.int8)

    def apart(a: str, b: str):
        (found, *_) = diff(nets[a], nets[b], x)
        assert found.step is None
        return found.apart

    assert apart("real", "zero") is None
    assert apart("zero", "zero") is None
    one = apart("zero", "one")
    assert (one.name, one.step, one.gap) == ("v", 0, 0.25)
    beyond = apart("real", "one")  # more than the 0.125 that rounding may take
    assert (beyond.name, beyond.step, beyond.gap) == ("v", 0, 0.25)
    wrong = apart("real", "coarse")
    assert wrong.name == "v"
    seen = nets["real"].run(x, trace=True)["lif.v"][..., 1]
    assert wrong.gap == np.abs(seen).max()  # of one element the unit is twice what it is


def test_networks_that_cannot_be_compared(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    a, b = network(RECURRENT, tmp_path / "a"), network(TWO_INPUTS, tmp_path / "b")
    with pytest.raises(SnnccError) as refused:
        snncc.diff(a, b, X)
    assert refused.value.code == "SNC-R001"
