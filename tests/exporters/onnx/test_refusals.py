"""What ONNX cannot say is an error that names the node, and leaves no file."""

from __future__ import annotations

from pathlib import Path

import pytest

from snncc.errors import SnnccError
from tests.small_networks import network

BODY = """
snn.network @net ("x" %x : tensor<4xf32>) -> ("y" : tensor<4xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %y = snn.neuron as "it" (%x = %x : tensor<4xf32>) state (%v = %zero : tensor<f32>)
    -> (tensor<4xf32>) ATTRIBUTES {
    BODY
    snn.next (%u : f32) state (%u : f32)
  }
  snn.yield %y : tensor<4xf32>
}
"""
BODIES = {
    "integers": """%n = snn.count %x max 7 : f32 -> i16
    %m = arith.addi %n, %n : i16
    %u = arith.uitofp %m : i16 to f32""",
    "whole constants": """%n = arith.constant 3 : i16
    %u = arith.uitofp %n : i16 to f32""",
    "large counts": """%n = snn.count %x max 100000000 : f32 -> i32
    %u = arith.uitofp %n : i32 to f32""",
    "infinity": """%n = arith.constant 0x7F800000 : f32
    %u = arith.addf %x, %n : f32""",
    "attributes": "%u = arith.addf %x, %v {note = 1 : i64} : f32",
    "fast math": "%u = arith.addf %x, %v fastmath<fast> : f32",
}


@pytest.mark.parametrize("what", BODIES)
def test_bodies(what: str, tmp_path: Path) -> None:
    text = BODY.replace("BODY", BODIES[what]).replace("ATTRIBUTES ", "")
    net = network(text, tmp_path)
    with pytest.raises(SnnccError) as caught:
        net.export(tmp_path / "out.onnx")
    problem = caught.value.problems[0]
    assert (problem.code, problem.node) == ("SNC-E001", "it")
    assert not (tmp_path / "out.onnx").exists()


def test_attributes_that_json_has_no_type_for(tmp_path: Path) -> None:
    text = BODY.replace("BODY", "%u = arith.addf %x, %v : f32")
    text = text.replace("ATTRIBUTES", "attributes {size = 1.0 : f32}")
    with pytest.raises(SnnccError) as caught:
        network(text, tmp_path).export(tmp_path / "out.onnx")
    assert caught.value.code == "SNC-E001"
    assert caught.value.problems[0].node == "it"


def test_choices_are_for_nir(tmp_path: Path) -> None:
    net = network(
        BODY.replace("BODY", "%u = arith.addf %x, %v : f32").replace("ATTRIBUTES ", ""), tmp_path
    )
    with pytest.raises(SnnccError) as caught:
        net.export(tmp_path / "out.onnx", like="norse")
    assert caught.value.code == "SNC-C003"
