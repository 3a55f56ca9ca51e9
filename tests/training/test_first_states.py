"""First values of states that are learned, in C: of neurons and of delays, with both modes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

from snncc.dialects.arrays import Array
from snncc.dialects.kernel.buffers import Role
from snncc.network import Network
from snncc.training import OnlineProgram, TrainProgram, value_and_grad
from snncc.training.optimizers import SGD
from tests.mlir_tools import compile_scheduled
from tests.text_networks import parse
from tests.tools import require_tool
from tests.training.test_program import interpreted

STEPS, BATCH = 9, 2

TEXT = """
snn.parameter learnable @w : tensor<2x3xf32> = dense<[[0.6, -0.4, 0.9], [-0.3, 0.8, 0.5]]>
snn.parameter learnable @v0 : tensor<2x1xf32> = dense<[[0.4], [-0.7]]>
snn.parameter learnable @y0 : tensor<f32> = dense<0.3>
snn.parameter learnable @d0 : tensor<2x3xf32> = dense<[[0.1, 0.2, 0.3], [0.4, 0.5, -0.6]]>
snn.network @net ("x" %x : tensor<2x3xf32>) -> ("y" : tensor<2x3xf32>) {
  %w = snn.use @w : tensor<2x3xf32>
  %v0 = snn.use @v0 : tensor<2x1xf32>
  %y0 = snn.use @y0 : tensor<f32>
  %d0 = snn.use @d0 : tensor<2x3xf32>
  %first = snn.neuron () params (%v = %v0 : tensor<2x1xf32>) -> (tensor<2x1xf32>) {
    %0 = math.tanh %v : f32
    snn.next (%0 : f32)
  }
  %s, %u = snn.neuron as "lif" (%x = %x : tensor<2x3xf32>) state (%v = %first : tensor<2x1xf32>)
       params (%w = %w : tensor<2x3xf32>) -> (tensor<2x3xi1>, tensor<2x3xf32>) {
    %beta = arith.constant 0.9 : f32
    %one = arith.constant 1.0 : f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.mulf %w, %x : f32
    %2 = arith.addf %0, %1 : f32
    %3 = arith.subf %2, %one : f32
    %z = snn.spike gt %3 surrogate <"snntorch.atan", alpha = 2.0> : f32
    %f = arith.uitofp %z : i1 to f32
    %4 = arith.subf %2, %f : f32
    snn.next (%z : i1, %2 : f32) state (%4 : f32)
  }
  DELAY
  %y = snn.neuron as "li" (%s = %s : tensor<2x3xi1>, %d = %d : tensor<2x3xf32>)
       state (%v = %y0 : tensor<f32>) -> (tensor<2x3xf32>) {
    %beta = arith.constant 0.8 : f32
    %f = arith.uitofp %s : i1 to f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %f : f32
    %2 = arith.addf %1, %d : f32
    snn.next (%2 : f32) state (%2 : f32)
  }
  snn.yield %y : tensor<2x3xf32>
}
"""
DELAY = "%d = snn.delay %u by 3 init %d0 : tensor<2x3xf32>, tensor<2x3xf32> -> tensor<2x3xf32>"


def case(delay: bool) -> tuple[Network, Array, Array]:
    """Online gradients have none of a delay's first values."""
    text = TEXT.replace("DELAY", DELAY if delay else "")
    text = text if delay else text.replace("%d = %d :", "%d = %u :")
    rng = np.random.default_rng(0)
    x = rng.random((STEPS, BATCH, 2, 3), np.float32) * 2
    return Network(parse(text)), x, rng.normal(size=x.shape).astype(np.float32)


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        (TrainProgram, {"time_block": 1}),
        (TrainProgram, {"tape_steps": 4, "time_block": 2}),
        (OnlineProgram, {}),
    ],
)
def test_gradients_and_updates(kind: type[TrainProgram], options: dict[str, int]) -> None:
    require_tool("gcc")
    delay = kind is TrainProgram
    net, x, target = case(delay)
    trained = kind(
        net,
        "mse",
        steps=STEPS,
        optimizer=SGD(lr=0.5),
        cc="gcc",
        cflags=("-O1",),
        **options,  # type: ignore[arg-type]
    )
    for _ in range(2):  # from what they are at first, and after an update
        now = trained.parameters()
        assert set(now) == {"w", "v0", "y0", *(["d0"] if delay else [])}
        value, wanted = value_and_grad(net, "mse", x, target, parameters=now, mode=kind.mode)
        assert trained.train_step(x, target) == pytest.approx(value, rel=1e-5)
        found = trained.gradients()
        assert set(found) == set(wanted.parameters) == set(now)
        for name, array in wanted.parameters.items():
            assert abs(array).max() > 0
            assert abs(found[name] - array).max() <= 1e-5 * abs(array).max(), name
        trained.apply()
        after = trained.parameters()
        for name, array in found.items():
            np.testing.assert_allclose(after[name], now[name] - 0.5 * array, atol=1e-6)
        assert trained.run(x)["y"].tobytes() == trained.trained().run(x)["y"].tobytes()


def test_through_mlir(tmp_path: Path) -> None:
    """The scheduled program says where its states start."""
    net, x, _ = case(True)
    program = TrainProgram(net, "mse", steps=STEPS).programs.predict
    starts = [b for b in program.buffers(Role.STATE) if b.starts_from is not None]
    assert len(starts) == 3
    held = {
        b.known_as: np.random.default_rng(1).normal(size=b.shape).astype(np.float32)
        for b in program.buffers(Role.INPUT)
        if not b.has_rows
    }
    wanted = interpreted(program, {"x": x[:, :1]}, held)["y"][:, 0]
    compiled = compile_scheduled(ModuleOp([program.clone()]), tmp_path)
    compiled.reset(held)
    got = compiled.run({"x": x[:, 0], **held})
    assert got["y"].tobytes() == wanted.tobytes()
