"""
The scheduled program through the real MLIR and LLVM: its spikes are the interpreter's.

`kernel-to-standard` is checked by `mlir-opt`, lowered to a shared library, and called
with memref descriptors; outputs must agree bit for bit, call after call.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.functions import FUNCTIONS
from snncc.interpreters.network import NetworkInterpreter
from snncc.storage import context
from tests.mlir_tools import Compiled, compile_with_mlir
from tests.random_integers import seeded_case
from tests.tools import shared_file

CONVOLUTIONS = """
snn.parameter @w1 : tensor<4x2x3x3xf32> = dense<WEIGHT1>
snn.parameter @b1 : tensor<4xf32> = dense<[0.1, -0.2, 0.3, 0.05]>
snn.parameter @w2 : tensor<6x2x3xf32> = dense<WEIGHT2>
snn.parameter @w3 : tensor<5x24xf32> = dense<WEIGHT3>
snn.parameter @w4 : tensor<3x5xf32> = dense<WEIGHT4>
snn.parameter @beta : tensor<4x1x1xf32> = dense<[[[0.9]], [[0.8]], [[0.7]], [[0.95]]]>
snn.network @conv ("x" %x : tensor<2x7x8xf32>, "gate" %gate : tensor<5xi1>)
    -> ("y" : tensor<5xi1>, "maps" : tensor<4x4x4xi1>, "line" : tensor<6x3xf32>,
        "volts" : tensor<3xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %w1 = snn.use @w1 : tensor<4x2x3x3xf32>
  %b1 = snn.use @b1 : tensor<4xf32>
  %w2 = snn.use @w2 : tensor<6x2x3xf32>
  %w3 = snn.use @w3 : tensor<5x24xf32>
  %w4 = snn.use @w4 : tensor<3x5xf32>
  %beta = snn.use @beta : tensor<4x1x1xf32>
  %back = snn.delay %s2 by 3 init %off as "back" : tensor<5xi1>, tensor<i1> -> tensor<5xi1>
  %c1 = snn.conv2d %x, %w1 bias %b1 first stride [2, 2] padding [1, 1, 1, 0] dilation [1, 1]
        groups 1 as "conv1" : (tensor<2x7x8xf32>, tensor<4x2x3x3xf32>, tensor<4xf32>)
        -> tensor<4x4x4xf32>
  %s1 = snn.neuron as "s1" (%x = %c1 : tensor<4x4x4xf32>) state (%v = %zero : tensor<f32>)
        params (%beta = %beta : tensor<4x1x1xf32>) -> (tensor<4x4x4xi1>) {
    %th = arith.constant 1.0 : f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %th : f32
    %z = snn.spike gt %2 : f32
    %f = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %f, %th : f32
    %4 = arith.subf %1, %3 : f32
    snn.next (%z : i1) state (%4 : f32)
  }
  %p1 = snn.pool2d avg %s1 kernel [3, 3] stride [2, 2] padding [1, 1, 1, 1] exclude_padding
        : (tensor<4x4x4xi1>) -> tensor<4x2x2xf32>
  %p2 = snn.pool2d max %p1 kernel [2, 2] stride [1, 1] padding [1, 1, 1, 1]
        : (tensor<4x2x2xf32>) -> tensor<4x3x3xf32>
  %p3 = snn.pool2d sum %p2 kernel [2, 3] stride [1, 1] padding [0, 0, 0, 0]
        : (tensor<4x3x3xf32>) -> tensor<4x2x1xf32>
  %cat = snn.concat %p1, %p3 axis 2 : (tensor<4x2x2xf32>, tensor<4x2x1xf32>) -> tensor<4x2x3xf32>
  %r = snn.rearrange %cat places <5 (4 by 6) (6 by -1)> : tensor<4x2x3xf32> -> tensor<4x6xf32>
  %c2 = snn.conv1d %r, %w2 stride [2] padding [2, 1] dilation [2] groups 2 as "conv2"
        : (tensor<4x6xf32>, tensor<6x2x3xf32>) -> tensor<6x3xf32>
  %flat = snn.rearrange %cat places <0 (3 by 1) (6 by 3), 9, -1 (2 by 0), 0 (3 by 1)>
          : tensor<4x2x3xf32> -> tensor<24xf32>
  %i2 = snn.linear %flat, %w3 as "fc" : (tensor<24xf32>, tensor<5x24xf32>) -> tensor<5xf32>
  %g2 = snn.add %i2, %back, %gate : (tensor<5xf32>, tensor<5xi1>, tensor<5xi1>) -> tensor<5xf32>
  %s2 = snn.neuron as "s2" (%x = %g2 : tensor<5xf32>) state (%v = %zero : tensor<f32>)
        -> (tensor<5xi1>) {
    %th = arith.constant 1.5 : f32
    %0 = arith.addf %v, %x : f32
    %2 = arith.subf %0, %th : f32
    %z = snn.spike ge %2 : f32
    %none = arith.constant 0.0 : f32
    %4 = arith.select %z, %none, %0 : f32
    snn.next (%z : i1) state (%4 : f32)
  }
  %late = snn.delay %s2 by dense<[0, 1, 2, 3, 0]> : tensor<5xi64> init %off as "late"
          : tensor<5xi1>, tensor<i1> -> tensor<5xi1>
  %m = snn.neuron as "m" (%x = %i2 : tensor<5xf32>) state (%v = %zero : tensor<f32>)
       -> (tensor<5xf32>) {
    %leak = arith.constant 0.7 : f32
    %0 = arith.mulf %leak, %v : f32
    %1 = arith.addf %0, %x : f32
    snn.next (%1 : f32) state (%1 : f32)
  }
  %volts = snn.linear %m, %w4 as "readout" : (tensor<5xf32>, tensor<3x5xf32>) -> tensor<3xf32>
  snn.yield %late, %s1, %c2, %volts
      : tensor<5xi1>, tensor<4x4x4xi1>, tensor<6x3xf32>, tensor<3xf32>
}
"""


def convolutions() -> ModuleOp:
    rng = np.random.default_rng(7)
    text = CONVOLUTIONS
    shapes = ((4, 2, 3, 3), (6, 2, 3), (5, 24), (3, 5))
    for number, shape in enumerate(shapes, start=1):
        values = rng.normal(0.2, 0.4, shape).astype(np.float32)
        text = text.replace(f"WEIGHT{number}", str(values.tolist()))
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def expect_interpreter(module: ModuleOp, compiled: Compiled, x: dict[str, Array]) -> None:
    """x: [T, B, *shape]. Each sample from reset, the steps in two calls."""
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    expected = NetworkInterpreter(module, network).run(x).outputs
    steps, batch = next(iter(x.values())).shape[:2]
    cut = steps // 3
    for sample in range(batch):
        compiled.reset()
        parts = [
            compiled.run({name: array[part, sample] for name, array in x.items()})
            for part in (slice(0, cut), slice(cut, steps))
        ]
        for name, array in expected.items():
            assert np.count_nonzero(array), "the inputs must excite the network"
            got = np.concatenate([part[name] for part in parts])
            assert got.dtype == array.dtype
            assert got.tobytes() == np.ascontiguousarray(array[:, sample]).tobytes(), name


def load(path: Path, **options: Any) -> ModuleOp:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", snncc.SnnccWarning)
        return snncc.load(path, **options).module


def test_digits(tmp_path: Path) -> None:
    folder = shared_file("nets/mlp_lif_digits")
    module = load(
        folder / "mlp_lif_digits.nir",
        like="snntorch",
        dt=1e-4,
        reset="subtract",
        reset_timing="next",
    )
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    images = np.load(folder / "test.npz")["x"][:8].astype(np.float32)
    (name,) = network.inputs
    x = {name: np.broadcast_to(images, (20, *images.shape))}
    expect_interpreter(module, compile_with_mlir(module, tmp_path, 8), x)


def test_recurrent_braille(tmp_path: Path) -> None:
    path = shared_file("nets/nir_braille_rnn/braille_noDelay_bias_zero.nir")
    module = load(path, like="snntorch", dt=1e-4)
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    (name,) = network.inputs
    rng = np.random.default_rng(3)
    x = {name: (rng.random((100, 3, 12)) < 0.3).astype(np.float32)}
    expect_interpreter(module, compile_with_mlir(module, tmp_path, 16), x)


def functions(element: str, size: int) -> ModuleOp:
    """A body that puts out every function of its inputs."""
    results: list[str] = []
    calls: list[str] = []
    for number, (operation, function) in enumerate(FUNCTIONS.items()):
        operands = ", ".join(("%x", "%y")[: function.arity])
        calls.append(f"    %f{number} = {operation.name} {operands} : {element}")
        results.append(f"%f{number}")
    ports = f"tensor<{size}x{element}>"
    names = [function.name for function in FUNCTIONS.values()]
    outputs = ", ".join(f'"{name}" : {ports}' for name in names)
    listed = ", ".join(f"{name} : {element}" for name in results)
    text = f"""
snn.network @functions ("x" %x : {ports}, "y" %y : {ports}) -> ({outputs}) {{
  {", ".join(f"%r{number}" for number in range(len(results)))} = snn.neuron as "f"
      (%x = %x : {ports}, %y = %y : {ports}) -> ({", ".join([ports] * len(results))}) {{
{chr(10).join(calls)}
    snn.next ({listed})
  }}
  snn.yield {", ".join(f"%r{number}" for number in range(len(results)))}
      : {", ".join([ports] * len(results))}
}}
"""
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


@pytest.mark.parametrize("element", ["f32", "f64"])
def test_functions(tmp_path: Path, element: str) -> None:
    """Special values, arbitrary bits and usual numbers; what is not a number has its bits too."""
    dtype = np.float32 if element == "f32" else np.float64
    rng = np.random.default_rng(11)
    steps, size = 6, 400
    special = np.array([0.0, -0.0, 1, -1, 2, -3, 0.5, np.inf, -np.inf, np.nan], dtype)
    anything = rng.integers(0, 2**32, (2, steps, 1, size * 2), dtype=np.uint64)
    anything = anything.astype("u4").view(dtype)[..., :size]
    usual = (rng.normal(size=anything.shape) * 4).astype(dtype)
    x, y = np.where(rng.random(anything.shape) < 0.3, anything, usual)
    x[..., : special.size**2] = np.repeat(special, special.size)
    y[..., : special.size**2] = np.tile(special, special.size)
    assert np.isnan(x).any()
    module = functions(element, size)
    expect_interpreter(module, compile_with_mlir(module, tmp_path, 4), {"x": x, "y": y})


@pytest.mark.parametrize("time_block", [1, 5])
def test_convolutions(tmp_path: Path, time_block: int) -> None:
    module = convolutions()
    rng = np.random.default_rng(5)
    shape = (17, 2, 2, 7, 8)
    x = {
        "x": (rng.normal(0.3, 1.0, shape) * (rng.random(shape) < 0.4)).astype(np.float32),
        "gate": (rng.random((17, 2, 5)) < 0.3).astype(np.uint8),
    }
    expect_interpreter(module, compile_with_mlir(module, tmp_path, time_block), x)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
def test_integers(tmp_path: Path, seed: int) -> None:
    """Sums of every width, bodies that shift, divide and wrap."""
    case = seeded_case(seed)
    if case is None:
        pytest.skip("no threshold makes this network live")
    module = case.network.module
    expected = NetworkInterpreter(module, case.network.op).run(case.x).outputs
    compiled = compile_with_mlir(module, tmp_path, 1 + seed % 5)
    for sample in range(case.x["x"].shape[1]):
        compiled.reset()
        got = compiled.run({name: array[:, sample] for name, array in case.x.items()})
        for name, array in expected.items():
            assert got[name].tobytes() == np.ascontiguousarray(array[:, sample]).tobytes(), name
