"""Which integers are signed numbers: what computes or reads them so, and what they move to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.dialects.snn.signs import Signs
from snncc.errors import SnnccError
from tests.small_networks import network

NETWORK = """
snn.parameter @w : tensor<3x4xi8> = dense<[[1, -2, 3, -4], [0, 5, -6, 7], [-128, 127, 1, 1]]>
snn.parameter @f : tensor<2x4xf32> = dense<0.5>
snn.network @net ("x" %x : tensor<4xi8>, "n" %n : tensor<4xi8>, "u" %u : tensor<2xi16>)
    -> ("sum" : tensor<3xi16>, "late" : tensor<4xi8>, "count" : tensor<2xi16>,
        "float" : tensor<2xf32>, "same" : tensor<2xi16>, "spike" : tensor<3xi1>) {
  %w = snn.use @w : tensor<3x4xi8>
  %f = snn.use @f : tensor<2x4xf32>
  %zero = snn.constant dense<0> : tensor<i8>
  %v0 = snn.constant dense<0> : tensor<i16>
  %late = snn.delay %x by 2 init %zero as "late" : tensor<4xi8>, tensor<i8> -> tensor<4xi8>
  %sum = snn.linear %late, %w as "fc" : (tensor<4xi8>, tensor<3x4xi8>) -> tensor<3xi16>
  %float = snn.linear %n, %f : (tensor<4xi8>, tensor<2x4xf32>) -> tensor<2xf32>
  %count = snn.neuron as "counter" (%x = %float : tensor<2xf32>) -> (tensor<2xi16>) {
    %k = snn.count %x max 65535 : f32 -> i16
    snn.next (%k : i16)
  }
  %spike = snn.neuron as "lif" (%x = %sum : tensor<3xi16>) state (%v = %v0 : tensor<i16>)
      -> (tensor<3xi1>) {
    %0 = arith.addi %v, %x : i16
    %th = arith.constant 40 : i16
    %1 = arith.subi %0, %th : i16
    %z = snn.spike ge %1 : i16
    %none = arith.constant 0 : i16
    %2 = arith.select %z, %none, %0 : i16
    snn.next (%z : i1) state (%2 : i16)
  }
  snn.yield %sum, %late, %count, %float, %u, %spike
      : tensor<3xi16>, tensor<4xi8>, tensor<2xi16>, tensor<2xf32>, tensor<2xi16>, tensor<3xi1>
}
"""


def test_what_is_signed(tmp_path: Path) -> None:
    op = network(NETWORK, tmp_path).op
    signs = Signs(op)
    found = {name for name, value in (op.inputs | op.outputs).items() if signs.is_signed(value)}
    # a sum takes what the delay holds, which is the input: all of these are one
    assert found == {"x", "sum", "late"}


def test_users_see_signed_numbers(tmp_path: Path) -> None:
    net = network(NETWORK, tmp_path)
    rng = np.random.default_rng(0)
    x = {
        "x": rng.integers(-9, 10, (12, 4)),
        "n": rng.integers(0, 256, (12, 4)),
        "u": rng.integers(0, 65536, (12, 2)),
    }
    wanted = net.run(x, trace=True)
    found = snncc.compile(net, time_block=5).run(x)
    types = {"sum": "i2", "late": "i1", "count": "u2", "float": "f4", "same": "u2", "spike": "u1"}
    for name, type in types.items():
        assert wanted[name].dtype == found[name].dtype == np.dtype(type), name
        np.testing.assert_array_equal(wanted[name], found[name])
    np.testing.assert_array_equal(wanted["late"][2:], x["x"][:-2])
    assert wanted["lif.v"].dtype == wanted["final"]["lif.v"].dtype == np.int16
    assert wanted["final"]["late"].dtype == np.int8
    weight = np.array([[1, -2, 3, -4], [0, 5, -6, 7], [-128, 127, 1, 1]])
    np.testing.assert_array_equal(wanted["sum"], wanted["late"].astype(int) @ weight.T)


def test_states_are_given_as_signed_numbers(tmp_path: Path) -> None:
    net = network(NETWORK, tmp_path)
    x = {"x": np.zeros((1, 4), int), "n": np.zeros((1, 4), int), "u": np.zeros((1, 2), int)}
    state0 = {"lif.v": [-5, 7, -32000], "late": [[-1, -2, -3, -4], [0, 0, 0, -128]]}
    runs = [net.run(x, state0, trace=True), snncc.compile(net).run(x, state0, trace=True)]
    for run in runs:
        assert run["late"].tolist() == [[-1, -2, -3, -4]]
        assert run["final"]["lif.v"].tolist() == [-5 + 10, 7 - 20, -32000 + 128 - 254 - 7]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("x", -129, "input 'x': expected whole numbers from -128 to 127"),
        ("x", 128, "input 'x': expected whole numbers from -128 to 127"),
        ("n", -1, "input 'n': expected whole numbers from 0 to 255"),
    ],
)
def test_what_does_not_fit_is_refused(name: str, value: int, message: str, tmp_path: Path) -> None:
    x = {"x": np.zeros((1, 4), int), "n": np.zeros((1, 4), int), "u": np.zeros((1, 2), int)}
    x[name][0, 1] = value
    with pytest.raises(SnnccError, match=message):
        network(NETWORK, tmp_path).run(x)


def test_the_header_says_so(tmp_path: Path) -> None:
    header = snncc.compile(network(NETWORK, tmp_path)).package.files["include/net.h"].decode()
    run = next(line for line in header.splitlines() if "net_run(" in line)
    for parameter in ("const int8_t *x,", "const uint8_t *n,", "int16_t *sum,", "int8_t *late,"):
        assert parameter in run
    assert "uint16_t *count," in run
    assert "int16_t lif_v[3];" in header
    assert "1 stands for" not in header
    scaled = NETWORK.replace('as "fc" :', 'as "fc" {scales = {result = 0.25 : f64}} :')
    files = snncc.compile(network(scaled, tmp_path)).package.files
    line = "/* output sum: 3, in this order (C order); 1 stands for 0.25 */"
    assert line in files["include/net.h"].decode()
