"""Kernels at the ends of what their types hold, against the interpreter."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.verification import differing_bits
from tests.small_networks import network
from tests.tools import require_tool

POOLS = """
snn.network @net ("x" %x : tensor<37x2x2x@T@>)
    -> ("sum" : tensor<37x1x1x@F@>, "avg" : tensor<37x1x1x@F@>) {
  %s = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0]
    : (tensor<37x2x2x@T@>) -> tensor<37x1x1x@F@>
  %a = snn.pool2d avg %x kernel [2, 2] stride [2, 2] padding [0, 0, 0, 0]
    : (tensor<37x2x2x@T@>) -> tensor<37x1x1x@F@>
  snn.yield %s, %a : tensor<37x1x1x@F@>, tensor<37x1x1x@F@>
}
"""


@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
@pytest.mark.parametrize("flags", [("-O0",), ("-O3", "-march=native")])
@pytest.mark.parametrize("width", [1, 8, 16, 32])
@pytest.mark.parametrize("element", ["f32", "f64"])
def test_pools_of_counts(
    element: str, width: int, flags: tuple[str, ...], compiler: str, tmp_path: Path
) -> None:
    """All counts are unsigned, from 2^31 on too; f32 rounds each once."""
    require_tool(compiler)
    net = network(POOLS.replace("@T@", f"i{width}").replace("@F@", element), tmp_path)
    x = np.random.default_rng(width).integers(0, 2**width, (4, 37, 2, 2), dtype=np.uint64)
    x[0] = 2**width - 1
    x[1] = 2 ** (width - 1)
    wanted = net.run(x)
    found = snncc.compile(net, cc=compiler, cflags=flags).run(x)
    for name, values in wanted.items():
        assert not differing_bits(values, found[name]).any(), name
    exact = x.astype(np.float64).sum(axis=(2, 3))
    np.testing.assert_allclose(wanted["sum"][:, :, 0, 0], exact, rtol=1e-6)


INTEGER_POOLS = """
snn.network @net ("x" %x : tensor<37x3x3x@T@>)
    -> ("sum" : tensor<37x2x2x@S@>, "max" : tensor<37x2x2x@T@>) {
  %s = snn.pool2d sum %x kernel [2, 2] stride [2, 2] padding [1, 0, 0, 1]
    : (tensor<37x3x3x@T@>) -> tensor<37x2x2x@S@>
  %m = snn.pool2d max %x kernel [2, 2] stride [2, 2] padding [1, 0, 0, 1]
    : (tensor<37x3x3x@T@>) -> tensor<37x2x2x@T@>
  snn.yield %s, %m : tensor<37x2x2x@S@>, tensor<37x2x2x@T@>
}
"""


@pytest.mark.parametrize("flags", [("-O0",), ("-O3", "-march=native"), ("-O2", "-DNET_PORTABLE")])
@pytest.mark.parametrize(
    ("width", "total"), [(1, 8), (8, 8), (8, 16), (16, 16), (16, 32), (32, 32)]
)
def test_pools_of_integers(width: int, total: int, flags: tuple[str, ...], tmp_path: Path) -> None:
    """Signed: all are below zero in some windows, where padding is not the largest."""
    require_tool("gcc")
    text = INTEGER_POOLS.replace("@T@", f"i{width}").replace("@S@", f"i{total}")
    net = network(text, tmp_path)
    half = 1 << (width - 1)
    least, behind = (0, 2) if width == 1 else (-half, half)
    x = np.random.default_rng(width).integers(least, behind, (4, 37, 3, 3), dtype=np.int64)
    x[0] = least
    wanted = net.run(x)
    found = snncc.compile(net, cc="gcc", cflags=flags).run(x)
    for name, values in wanted.items():
        assert not differing_bits(values, found[name]).any(), name
    top = x[:, :, :1].copy()
    np.testing.assert_array_equal(wanted["max"][:, :, 0, 0], top[..., :2].max(axis=(2, 3)))
    np.testing.assert_array_equal(
        wanted["sum"][:, :, 0, 0], top[..., :2].sum(axis=(2, 3)).astype(wanted["sum"].dtype)
    )


COUNTS = """
snn.network @net ("x" %x : tensor<@N@x@F@>) -> ("y" : tensor<@N@xi@W@>) {
  %y = snn.neuron as "a" (%x = %x : tensor<@N@x@F@>) -> (tensor<@N@xi@W@>) {
    %n = snn.count %x max @MAX@ : @F@ -> i@W@
    snn.next (%n : i@W@)
  }
  snn.yield %y : tensor<@N@xi@W@>
}
"""


@pytest.mark.parametrize(
    ("element", "width", "largest"),
    [
        ("f32", 8, 255),
        ("f32", 16, 65535),
        ("f32", 32, 2**24 - 1),
        ("f32", 32, 2**31),
        ("f32", 32, 2**32 - 256),  # the largest float of 32 bits
        ("f64", 32, 2**32 - 1),
        ("f64", 32, 33554431),
    ],
)
def test_counts_up_to_their_bound(element: str, width: int, largest: int, tmp_path: Path) -> None:
    """min(trunc(q), max), exactly, and no conversion of what the integer cannot hold."""
    require_tool("gcc")
    dtype = np.dtype(np.float32 if element == "f32" else np.float64)
    around = np.array([1, 2, largest, 2.0**31, 2.0**32, 2.0**33], dtype)
    up, down = (np.nextafter(around, dtype.type(end)) for end in (np.inf, 0))
    q = np.concatenate([around, up, down, around * dtype.type(1.5), [-5, -0.0, 0.5, 3e9, 1e30]])
    q = q.astype(dtype)
    text = COUNTS.replace("@MAX@", str(largest)).replace("@N@", str(q.size))
    net = network(text.replace("@F@", element).replace("@W@", str(width)), tmp_path)
    exact = [min(int(value), largest) if value >= 1 else 0 for value in q.tolist()]
    assert net.run(q[None])["y"][0].tolist() == exact
    checks = ("-fsanitize=undefined,float-cast-overflow", "-fsanitize-undefined-trap-on-error")
    for flags in (("-O0", *checks), ("-O3", "-march=native")):
        found = snncc.compile(net, cc="gcc", cflags=flags).run(q[None])
        assert found["y"][0].tolist() == exact, flags


@pytest.mark.parametrize("compiler", ["gcc", "clang-19"])
def test_infinities(compiler: str, tmp_path: Path) -> None:
    """A state that starts at infinity, in C without a header that names it."""
    require_tool(compiler)
    text = """
snn.network @net ("x" %x : tensor<3xf32>) -> ("y" : tensor<3xf32>) {
  %low = snn.constant dense<0xFF800000> : tensor<f32>
  %y = snn.neuron as "highest" (%x = %x : tensor<3xf32>) state (%v = %low : tensor<f32>)
      -> (tensor<3xf32>) {
    %0 = arith.maximumf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }
  snn.yield %y : tensor<3xf32>
}
"""
    net = network(text, tmp_path)
    assert net.run([[1, 2, 3], [0, 5, 0]])["y"].tolist() == [[1, 2, 3], [1, 5, 3]]
    for flags in (("-O0",), ("-O3", "-Wall", "-Wextra", "-Wpedantic", "-Werror")):
        found = snncc.compile(net, cc=compiler, cflags=flags).run([[1, 2, 3], [0, 5, 0]])
        assert found["y"].tolist() == [[1, 2, 3], [1, 5, 3]]
    nothing = network(text.replace("0xFF800000", "0x7FC00000"), tmp_path)
    with pytest.raises(snncc.SnnccError, match="SNC-C001 C has no form for the constant nan"):
        snncc.compile(nothing)
