"""`fold=exact` changes no bit, whatever the numbers are; and it does fold."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import IntegerType, ModuleOp, TensorType, f32

from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.snn.parameters import ParameterOp
from snncc.interpreters.network import NetworkInterpreter
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context
from snncc.verification import differing_bits
from tests.seeds import is_long

INPUTS, OUTPUTS, STEPS = 5, 4, 12
NETWORKS = 300 if is_long() else 120


def scaled_sum(width: int, arrays: dict[str, Array], where: str) -> ModuleOp:
    """y = (W x + b) * s of spikes (`width` 1) or counts."""
    parameters = [ParameterOp(name, type_of(a), blob_of(a)) for name, a in arrays.items()]
    network = snn.NetworkOp(
        "net",
        [("x", TensorType(IntegerType(width), [INPUTS]))],
        [("y", TensorType(f32, [OUTPUTS]))],
    )
    uses = {p.sym_name.data: snn.UseOp(p.sym_name.data, p.type) for p in parameters}
    (x,) = network.body.block.args
    bias = uses["b"].result if "b" in uses else None
    linear = snn.LinearOp(x, uses["w"].result, bias, bias_position=where)
    scale = snn.ScaleOp(linear.result, uses["s"].result)
    network.body.block.add_ops([*uses.values(), linear, scale, snn.YieldOp([scale.result])])
    module = ModuleOp([*parameters, network])
    module.verify()
    return module


def numbers(rng: np.random.Generator, shape: tuple[int, ...], spread: int) -> Array:
    """Of all magnitudes near the middle, or near either end of what float32 holds."""
    centre = rng.choice([0, 0, -120, -148, 120, 126])
    exponents = np.clip(centre + rng.integers(-spread, spread + 1, shape), -149, 127)
    values = rng.uniform(1, 2, shape) * 2.0**exponents * rng.choice([-1, 1], shape)
    values = np.where(rng.random(shape) < 0.2, 0.0, values)
    found = values.astype(np.float32)
    return np.where(np.isfinite(found), found, np.float32(3e38)).astype(np.float32)


def run(module: ModuleOp, x: Array) -> Array:
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    return NetworkInterpreter(module, network).run({"x": x}).outputs["y"]


def test_exact_folds_change_no_bit() -> None:
    rng = np.random.default_rng(0)
    folded = 0
    for _ in range(NETWORKS):
        width = int(rng.choice([1, 8, 16, 32]))
        sign = 1 if rng.random() < 0.8 else rng.choice([-1, 1], OUTPUTS)
        factor = (sign * 2.0 ** rng.integers(-9, 10, OUTPUTS)).astype(np.float32)
        arrays = {"w": numbers(rng, (OUTPUTS, INPUTS), int(rng.integers(0, 30))), "s": factor}
        if rng.random() < 0.6:
            arrays["b"] = numbers(rng, (OUTPUTS,), 4)
        module = scaled_sum(width, arrays, str(rng.choice(["first", "last"])))
        largest = 2**width
        x = rng.integers(0, largest, (STEPS, 1, INPUTS), dtype=np.uint64)
        x *= rng.random(x.shape) < 0.5
        x[0] = 0
        x[1] = largest - 1
        x = x.astype(np.uint8 if width <= 8 else f"u{width // 8}")
        after = run_pipeline(module, context(), PipelineOptions(), until="fold")
        folded += not any(isinstance(op, snn.ScaleOp) for op in after.walk())
        with np.errstate(over="ignore", invalid="ignore", under="ignore"):
            wanted, found = run(module, x), run(after, x)
        assert not differing_bits(wanted, found).any(), arrays
    assert folded * 5 > NETWORKS


@pytest.mark.parametrize("factor", [2.5, 3.0])
def test_all_keeps_what_would_overflow(factor: float) -> None:
    """Spikes that cancel stay finite; a scale is kept rather than a weight made infinite."""
    weight = np.full((OUTPUTS, INPUTS), 1e38, np.float32) * np.array([1, 1, 1, -1, -1])
    arrays = {"w": weight.astype(np.float32), "s": np.full((), factor, np.float32)}
    module = scaled_sum(1, arrays, "last")
    after = run_pipeline(module, context(), PipelineOptions(fold="all"), until="fold")
    x = np.ones((1, 1, INPUTS), np.uint8)
    wanted, found = run(module, x), run(after, x)
    assert np.isfinite(wanted).all()
    assert not differing_bits(wanted, found).any()
