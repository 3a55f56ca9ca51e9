"""Sums over time, last values and programs in reverse, in C: bits, buffers, and what is said."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

import snncc
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from snncc.verification import compare
from tests.result_networks import NETWORKS
from tests.text_networks import network_of, parse, random_inputs
from tests.tools import require_tool

FLAGS = [("-O0",), ("-O3", "-march=native"), ("-O2", "-DNET_PORTABLE")]


@pytest.mark.parametrize("flags", FLAGS)
def test_c_equals_network(flags: tuple[str, ...]) -> None:
    require_tool("gcc")
    for number, (name, text) in enumerate(NETWORKS.items()):
        module = parse(text)
        network = network_of(module)
        x = random_inputs(network)
        expected = NetworkInterpreter(module, network).run(x)
        compiled = snncc.compile(
            Network(module), time_block=(1, 3, 7)[number % 3], cc="gcc", cflags=flags, prefix="net"
        )
        check = compare("C", expected, compiled.native.run(x))
        assert check.differing == 0, (name, check.first)


@pytest.mark.parametrize("element", ["f32", "f64"])
def test_wide_products(element: str) -> None:
    """Rows of more than one vector, a remainder; nothing, one and all elements active."""
    require_tool("gcc")
    text = (
        NETWORKS["a product, summed in reverse"]
        .replace("f32", element)
        .replace("1x5x", "1x333x")
        .replace("<5x", "<333x")
    )
    module = parse(text)
    x = random_inputs(network_of(module))
    x["s"][:, :, 0] = 0
    x["s"][:, :, 1] = 1
    expected = NetworkInterpreter(module, network_of(module)).run(x)
    for flags in FLAGS:
        compiled = snncc.compile(
            Network(module), time_block=4, cc="gcc", cflags=flags, prefix="net"
        )
        check = compare("C", expected, compiled.native.run(x))
        assert check.differing == 0, (flags, check.first)


def test_sums_are_added_to_what_the_caller_put_there() -> None:
    """So the samples of a batch accumulate in one array."""
    require_tool("gcc")
    module = parse(NETWORKS["a product, summed"])
    x = random_inputs(network_of(module))
    compiled = snncc.compile(Network(module), time_block=3, cc="gcc", prefix="net")
    separate = compiled.native.run(x).outputs["y"]
    together = np.zeros((7, 5), np.float32)
    for sample in range(separate.shape[0]):
        a = np.ascontiguousarray(x["a"][:, sample])
        s = np.ascontiguousarray(x["s"][:, sample])
        compiled.native._call("init")
        compiled.native._call(
            "run",
            *(ctypes.c_void_p(array.ctypes.data) for array in (a, s)),
            ctypes.c_size_t(len(a)),
            ctypes.c_void_p(together.ctypes.data),
        )
    np.testing.assert_allclose(together.T[None], separate.sum(axis=0), rtol=1e-5, atol=1e-6)


def test_the_header_says_what_outputs_hold() -> None:
    package = snncc.compile(Network(parse(NETWORKS["a product, summed in reverse"]))).package
    header = package.files["include/net.h"].decode()
    assert "the sum of all steps, which is added to what is there" in header
    assert "stored as 1x7x5: axes 0 2 1 of the product" in header
    assert "from the last to the first" in header
    assert package.manifest["reverse"] is True
    text = NETWORKS["sums, last values and streams of one neuron"]
    package = snncc.compile(Network(parse(text))).package
    assert "the value of the last step that was run" in package.files["include/net.h"].decode()
    assert [entry.get("kind") for entry in package.manifest["outputs"]] == [
        "sum",
        "last",
        "last",
        None,
    ]
    assert "reverse" not in package.manifest
