"""Networks that did not come from NIR: what NIR can say of them, and what it cannot."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

import snncc
from snncc.errors import SnnccError
from snncc.network import Network
from tests.exporters.onnx.networks import exact_network
from tests.small_networks import network, stimulus

pytestmark = pytest.mark.filterwarnings("ignore")

LEAKY = """
snn.parameter @fc.w : tensor<5x3xf32> = dense<[[0.7, -0.3, 0.9], [0.31, 0.8, -0.55],
  [-0.2, 0.45, 0.65], [0.9, 0.9, 0.1], [0.15, -0.75, 0.6]]>
snn.parameter @rec.w : tensor<5x5xf32> = dense<[[0.1, -0.4, 0.2, 0.0, 0.3],
  [0.5, 0.0, -0.1, 0.2, -0.3], [-0.6, 0.2, 0.1, 0.4, 0.0], [0.3, 0.3, -0.2, 0.0, 0.1],
  [0.0, -0.5, 0.6, 0.2, 0.2]]>
snn.parameter @b : tensor<f32> = dense<0.9>
snn.network @net ("in" %x : tensor<3xf32>) -> ("out" : tensor<5xi1>) {
  %w = snn.use @fc.w : tensor<5x3xf32>
  %r = snn.use @rec.w : tensor<5x5xf32>
  %b = snn.use @b : tensor<f32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %th = snn.constant dense<1.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  DELAY
  %i = snn.linear %x, %w as "fc" : (tensor<3xf32>, tensor<5x3xf32>) -> tensor<5xf32>
  %j = snn.linear %back, %r as "rec" : (tensor<5xi1>, tensor<5x5xf32>) -> tensor<5xf32>
  %s = snn.neuron as "cell/one" (%inp = %i : tensor<5xf32>, %rec = %j : tensor<5xf32>)
    state (%mem = %zero : tensor<f32>)
    params (%decay = %b : tensor<f32>, %threshold = %th : tensor<f32>) -> (tensor<5xi1>) {
    %old = arith.subf %mem, %threshold : f32
    %fired = snn.spike gt %old surrogate <"snntorch.atan", alpha = 2.0 : f64> : f32
    %f = arith.uitofp %fired : i1 to f32
    %0 = arith.mulf %mem, %decay : f32
    %1 = arith.addf %0, %inp : f32
    %2 = arith.addf %1, %rec : f32
    %3 = arith.subf %2, %f : f32
    %4 = arith.subf %3, %threshold : f32
    %z = snn.spike gt %4 : f32
    snn.next (%z : i1) state (%3 : f32)
  }
  snn.yield %s : tensor<5xi1>
}
"""
"""snnTorch's RLeaky as another tool may write it: other names, products exchanged, 1 left out."""

ONE_STEP = (
    '%back = snn.delay %s by 1 init %off as "memory" : tensor<5xi1>, tensor<i1> -> tensor<5xi1>'
)
TWO_STEPS = ONE_STEP.replace("by 1", "by 2")
CHOICES = {"like": "snntorch", "reset": "subtract", "reset_timing": "next"}


def nodes_of(path: Path) -> dict[str, str]:
    with h5py.File(path) as file:
        return {name: node["type"].asstr()[()] for name, node in file["node/nodes"].items()}


def test_recurrent_layer_with_other_names(tmp_path: Path) -> None:
    """The delay becomes the edge that closes the loop, as frameworks expect."""
    net = network(LEAKY.replace("DELAY", ONE_STEP), tmp_path)
    with pytest.warns(snncc.SnnccWarning, match="SNC-W012"):
        net.export(tmp_path / "out.nir", **CHOICES, dt=1e-4)
    assert nodes_of(tmp_path / "out.nir") == {
        "in": "Input",
        "out": "Output",
        "fc": "Linear",
        "rec": "Linear",
        "cell_one": "LIF",
    }
    again = snncc.load(tmp_path / "out.nir", **CHOICES, dt=1e-4)
    x = stimulus(40, 3) * 2
    expected = net.run(x)["out"]
    assert 0.05 < expected.mean() < 0.9
    assert np.array_equal(again.run(x)["out"], expected)


def test_what_is_not_a_recurrent_layer_of_the_framework(tmp_path: Path) -> None:
    """RLeaky's own loop has one step: two of them cannot be told from what it reads."""
    net = network(LEAKY.replace("DELAY", TWO_STEPS), tmp_path)
    problem = refusal(net, tmp_path, **CHOICES)
    assert problem.code == "SNC-E001"
    assert not (tmp_path / "out.nir").exists()


ODE = """
snn.parameter @k : tensor<4xf32> = dense<[0.1, 0.2, 0.3, 0.4]>
snn.network @net ("in" %x : tensor<4xf32>) -> ("out" : tensor<4xELEMENT>) {
  %k = snn.use @k : tensor<4xf32>
  %zero = snn.constant dense<0.0> : tensor<f32>
  %one = snn.constant dense<1.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %s = snn.neuron as "n" (%x = %x : tensor<4xf32>) state (%v = %zero : tensor<f32>)
    params (%k = %k : tensor<4xf32>, %l = %zero : tensor<f32>, %r = %one : tensor<f32>,
      %theta = %one : tensor<f32>, %reset = %zero : tensor<f32>) -> (tensor<4xi1>) {
    %0 = arith.subf %l, %v : f32
    %1 = arith.mulf %r, %x : f32
    %2 = arith.addf %0, %1 : f32
    %3 = arith.mulf %k, %2 : f32
    %u = arith.addf %v, %3 : f32
    %d = arith.subf %u, %theta : f32
    %z = snn.spike gt %d : f32
    %w = arith.select %z, %reset, %u : f32
    snn.next (%z : i1) state (%w : f32)
  }
  REST
  snn.yield %y : tensor<4xELEMENT>
}
"""
ODE_CHOICES = {"like": "nir-ode", "dt": 1e-3}


def ode(rest: str, folder: Path, element: str = "f32") -> Network:
    return network(ODE.replace("REST", rest).replace("ELEMENT", element), folder)


def refusal(net: Network, folder: Path, **options: object):
    with pytest.raises(SnnccError) as caught:
        net.export(folder / "out.nir", **options)
    return caught.value.problems[0]


PASSES = {
    "delay": '%y = snn.delay %s by 3 init %off as "axon"'
    " : tensor<4xi1>, tensor<i1> -> tensor<4xi1>",
    "delays": '%y = snn.delay %s by dense<[1, 2, 0, 3]> : tensor<4xi64> init %off as "axon"'
    " : tensor<4xi1>, tensor<i1> -> tensor<4xi1>",
    "threshold": "%f = snn.add %s : (tensor<4xi1>) -> tensor<4xf32>\n"
    '%y = snn.threshold gt %f, %k as "th" : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>',
}


@pytest.mark.parametrize("rest", PASSES)
def test_what_nir_can_say(rest: str, tmp_path: Path) -> None:
    net = ode(PASSES[rest], tmp_path, "i1")
    net.export(tmp_path / "out.nir", **ODE_CHOICES)
    again = snncc.load(tmp_path / "out.nir", **ODE_CHOICES)
    x = stimulus(30, 4) * 5
    assert net.run(x)["out"].any()
    assert np.array_equal(again.run(x)["out"], net.run(x)["out"])


REFUSED = {
    "ge": (
        "%f = snn.add %s : (tensor<4xi1>) -> tensor<4xf32>\n"
        '%y = snn.threshold ge %f, %k as "it" : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>',
        "above",
    ),
    "init": (
        "%on = snn.constant dense<true> : tensor<i1>\n"
        '%y = snn.delay %s by 3 init %on as "it" : tensor<4xi1>, tensor<i1> -> tensor<4xi1>',
        "start",
    ),
    "twice": (
        "%f = snn.add %s, %s : (tensor<4xi1>, tensor<4xi1>) -> tensor<4xf32>\n"
        '%y = snn.threshold gt %f, %k as "it" : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xi1>',
        "twice",
    ),
    "concat": (
        "%a = snn.concat %s, %s axis 0 : (tensor<4xi1>, tensor<4xi1>) -> tensor<8xi1>\n"
        "%b = snn.reshape %a : tensor<8xi1> -> tensor<2x4x1xi1>\n"
        '%y = snn.concat %s axis 0 as "it" : (tensor<4xi1>) -> tensor<4xi1>',
        "no such node",
    ),
    "reshape": (
        '%m = snn.reshape %s as "it" : tensor<4xi1> -> tensor<2x2xi1>\n'
        "%y = snn.reshape %m : tensor<2x2xi1> -> tensor<4xi1>",
        "flattens",
    ),
    "max": (
        "%m = snn.reshape %s : tensor<4xi1> -> tensor<1x2x2xi1>\n"
        '%p = snn.pool2d max %m kernel [1, 1] stride [1, 1] padding [0, 0, 0, 0] as "it"'
        " : (tensor<1x2x2xi1>) -> tensor<1x2x2xi1>\n"
        "%y = snn.reshape %p : tensor<1x2x2xi1> -> tensor<4xi1>",
        "NIR",
    ),
}


@pytest.mark.parametrize("rest", REFUSED)
def test_what_nir_cannot_say(rest: str, tmp_path: Path) -> None:
    text, word = REFUSED[rest]
    problem = refusal(ode(text, tmp_path, "i1"), tmp_path, **ODE_CHOICES)
    assert problem.code == "SNC-E001"
    assert word in problem.message
    assert problem.remedy
    if rest not in ("twice", "max"):
        assert problem.node == "it"
    assert not (tmp_path / "out.nir").exists()


def test_batch_norm_is_refused(tmp_path: Path) -> None:
    rest = """%y = snn.batch_norm %s, %k, %k, %k, %k as "bn" epsilon 1.0e-05 : f64
      : (tensor<4xi1>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>, tensor<4xf32>)
      -> tensor<4xf32>"""
    problem = refusal(ode(rest, tmp_path), tmp_path, **ODE_CHOICES)
    assert (problem.code, problem.node) == ("SNC-E001", "bn")


def test_neurons_that_no_node_is_read_as(tmp_path: Path) -> None:
    """The node, its kind, and the way of reading that was tried."""
    problem = refusal(exact_network(), tmp_path, **ODE_CHOICES)
    assert problem.code == "SNC-E001"
    assert problem.node in ("spikes", "hidden", "counter")
    assert "like=nir-ode" in problem.message


def test_other_reset_than_the_chosen_one(tmp_path: Path) -> None:
    rest = "%y = snn.add %s : (tensor<4xi1>) -> tensor<4xf32>"
    problem = refusal(ode(rest, tmp_path), tmp_path, **ODE_CHOICES, reset="subtract")
    assert problem.code == "SNC-E001"
    assert "reset=subtract" in problem.message


def test_choices_have_to_be_made(tmp_path: Path) -> None:
    net = ode("%y = snn.add %s : (tensor<4xi1>) -> tensor<4xf32>", tmp_path)
    for options, word in (({}, "like="), ({"like": "nir-ode"}, "dt")):
        problem = refusal(net, tmp_path, **options)
        assert problem.code == "SNC-E001"
        assert word in str(problem.remedy)
    net.export(
        tmp_path / "out.nir", dt=1e-3, integrator="euler", reset="value", reset_timing="same"
    )


@pytest.mark.parametrize("name", ["out.txt", "out.nir/x.nir"])
def test_places_that_are_none(name: str, tmp_path: Path) -> None:
    net = ode("%y = snn.add %s : (tensor<4xi1>) -> tensor<4xf32>", tmp_path)
    with pytest.raises(SnnccError) as caught:
        net.export(tmp_path / name, **ODE_CHOICES)
    assert caught.value.code in ("SNC-C003", "SNC-C004")


@pytest.mark.parametrize("make", [Path.mkdir, os.mkfifo])
def test_what_is_no_file_is_left(make: Callable[[Path], None], tmp_path: Path) -> None:
    make(tmp_path / "out.nir")
    net = ode("%y = snn.add %s : (tensor<4xi1>) -> tensor<4xf32>", tmp_path)
    with pytest.raises(SnnccError) as caught:
        net.export(tmp_path / "out.nir", **ODE_CHOICES)
    assert caught.value.code == "SNC-C004"
    assert not (tmp_path / "out.nir").is_file()
