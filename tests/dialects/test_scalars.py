"""Bodies: what the verifier lets stand is what the interpreter knows; C names what it lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects import arith

import snncc
from snncc.backends.c.scalars import RULES
from snncc.dialects import snn
from snncc.dialects.snn.scalars import OPERATIONS
from snncc.dialects.snn.types import ELEMENTS
from snncc.interpreters.scalars import ScalarFunctions
from tests.small_networks import network


def test_the_interpreter_knows_what_may_stand_in_a_body() -> None:
    assert {operation for operation, _ in ScalarFunctions()._impls()} == set(OPERATIONS)


def one(operation: str, source: str, target: str) -> str:
    """A network whose neuron has one operation, on %c."""
    return f"""
snn.network @net ("x" %x : tensor<4x{source}>) -> ("y" : tensor<4x{target}>) {{
  %y = snn.neuron as "n" (%c = %x : tensor<4x{source}>) -> (tensor<4x{target}>) {{
    %0 = {operation}
    snn.next (%0 : {target})
  }}
  snn.yield %y : tensor<4x{target}>
}}
"""


@pytest.mark.parametrize(
    ("operation", "source", "target", "message"),
    [
        ("arith.fptoui %c : f32 to i8", "f32", "i8", "arith.fptoui is not an operation of bodies"),
        ("arith.fptosi %c : f32 to i1", "f32", "i1", "arith.fptosi: expected a number, got a"),
        ("arith.muli %c, %c : i1", "i1", "i1", "arith.muli: expected a number, got a spike"),
        ("arith.extf %c : f32 to f64", "f32", "f64", "arith.extf is not an operation of bodies"),
        ("arith.maxnumf %c, %c : f32", "f32", "f32", "arith.maxnumf is not an operation of bodies"),
        ("arith.bitcast %c : f32 to i32", "f32", "i32", "arith.bitcast is not an operation of"),
        ("arith.divui %c, %c : i8", "i8", "i8", "arith.divui is not an operation of bodies"),
        ("arith.trunci %c : i16 to i4", "i16", "i4", "expected elements of f32, .*, got i4"),
        ("arith.extui %c : i8 to i64", "i8", "i64", "expected elements of f32, .*, got i64"),
        ("snn.count %c max 1 : f32 -> i1", "f32", "i1", "one of i8, i16, i32, got i1"),
        ("snn.count %c max 9 : f32 -> i12", "f32", "i12", "one of i8, i16, i32, got i12"),
        ("snn.count %c max 4294967295 : f32 -> i32", "f32", "i32", "is no number of f32"),
    ],
)
def test_what_has_no_meaning_is_refused_where_it_stands(
    operation: str, source: str, target: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(snncc.SnnccError, match=rf"SNC-I021(.|\n)*{message}"):
        network(one(operation, source, target), tmp_path)


@pytest.mark.parametrize("element", ["i2", "i12", "i24", "i64", "index", "f16"])
def test_streams_without_a_type_in_c(element: str, tmp_path: Path) -> None:
    """Of an input that nothing reads, too."""
    text = f"""
snn.network @net ("x" %x : tensor<2xf32>, "u" %u : tensor<2x{element}>) -> ("y" : tensor<2xf32>) {{
  snn.yield %x : tensor<2xf32>
}}
"""
    with pytest.raises(snncc.SnnccError, match=f"SNC-I021(.|\n)*got {element}"):
        network(text, tmp_path)


@pytest.mark.parametrize("element", list(map(str, ELEMENTS)))
def test_every_element_runs(element: str, tmp_path: Path) -> None:
    """Input, state and output of each type that streams have, in the interpreter and in C."""
    zero = "0.0" if element[0] == "f" else "false" if element == "i1" else "0"
    text = f"""
snn.network @net ("x" %x : tensor<2x{element}>) -> ("y" : tensor<2x{element}>) {{
  %zero = snn.constant dense<{zero}> : tensor<{element}>
  %d = snn.delay %x by 3 init %zero : tensor<2x{element}>, tensor<{element}> -> tensor<2x{element}>
  %y = snn.neuron as "n" (%x = %d : tensor<2x{element}>) state (%v = %zero : tensor<{element}>)
      -> (tensor<2x{element}>) {{
    snn.next (%v : {element}) state (%x : {element})
  }}
  snn.yield %y : tensor<2x{element}>
}}
"""
    net = network(text, tmp_path)
    largest = 1 if element == "i1" else 2**31 if element == "i32" else 255
    x = np.array([[0, largest], [largest, 1]] * 4)
    wanted, found = net.run(x)["y"], snncc.compile(net, cflags=("-O0",)).run(x)["y"]
    assert wanted.dtype == found.dtype
    np.testing.assert_array_equal(wanted[4:], x[:4])
    np.testing.assert_array_equal(found, wanted)


def test_c_has_a_rule_for_what_may_stand_in_a_body() -> None:
    own = {snn.SpikeOp, snn.CountOp, snn.DetachOp, snn.IndexOp}  # schedules write these out
    assert set(OPERATIONS) - set(RULES) == own


def test_c_names_the_operation_that_it_lacks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net = network(one("arith.addi %c, %c : i8", "i8", "i8"), tmp_path)
    np.testing.assert_array_equal(net.run(np.full((1, 4), 100))["y"], -56)
    monkeypatch.delitem(RULES, arith.AddiOp)
    with pytest.raises(snncc.SnnccError, match=r"SNC-C001 arith\.addi has no rule in C"):
        snncc.compile(net)


def test_c_has_no_form_for_what_is_no_number(tmp_path: Path) -> None:
    net = network(one("arith.constant 0x7FC00000 : f32", "f32", "f32"), tmp_path)
    assert np.isnan(net.run(np.zeros((1, 4)))["y"]).all()
    with pytest.raises(snncc.SnnccError, match="SNC-C001 C has no form for the constant"):
        snncc.compile(net)
