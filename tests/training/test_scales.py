"""Gradients of a deep network have one size in all layers once its surrogates are scaled."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.builder import Builder
from xdsl.dialects.builtin import FloatAttr, ModuleOp, TensorType, f32, f64
from xdsl.ir import Block, Region
from xdsl.rewriter import InsertPoint

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import blob_of, dense_of, type_of
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.training.scales import scale_surrogates

LAYERS, WIDTH, CLASSES, STEPS, BATCH = 12, 40, 6, 20, 6


def deep(slope: float, gain: float, seed: int = 0) -> snncc.Network:
    """LIF layers one behind the other, each about a third active, and a readout."""
    rng = np.random.default_rng(seed)
    block = Block(arg_types=[TensorType(f32, (WIDTH,))])
    builder = Builder(InsertPoint.at_end(block))
    surrogate = snn.SurrogateAttr("fast_sigmoid_norm", {"k": FloatAttr(slope, f64)})
    parameters: list[snn.ParameterOp] = []

    def use(name: str, array: np.ndarray):
        parameters.append(snn.ParameterOp(name, type_of(array), blob_of(array), "learnable"))
        op = snn.UseOp(name, type_of(array))
        builder.insert(op)
        return op.result

    def lif(b: Body, x: Scalar, v: Scalar) -> Outputs:
        u = v * 0.9 + x
        z = b.spike(u - 1.0, "gt", surrogate)
        return [z], [u - b.detach(b.to_float(z))]

    zero = snn.ConstantOp(dense_of(np.zeros((), np.float32)))
    builder.insert(zero)
    value = block.args[0]
    for layer in range(LAYERS):
        weight = rng.normal(0, gain / np.sqrt(WIDTH), (WIDTH, WIDTH)).astype(np.float32)
        bias = np.full(WIDTH, 0.35, np.float32)
        current = snn.LinearOp(value, use(f"w{layer}", weight), use(f"b{layer}", bias))
        builder.insert(current)
        neuron = build_neuron(
            lif,
            inputs={"x": current.result},
            states={"v": zero.result},
            parameters={},
            population=(WIDTH,),
            node=f"lif{layer}",
        )
        builder.insert(neuron)
        value = neuron.outputs[0]
    weight = rng.normal(0, 1 / np.sqrt(WIDTH), (CLASSES, WIDTH)).astype(np.float32)
    readout = snn.LinearOp(value, use("readout", weight))
    builder.insert(readout)
    builder.insert(snn.YieldOp([readout.result]))
    network = snn.NetworkOp(
        "deep",
        [("x", TensorType(f32, (WIDTH,)))],
        [("y", TensorType(f32, (CLASSES,)))],
        Region(block),
    )
    module = ModuleOp([*parameters, network])
    module.verify()
    return snncc.Network(module)


def spread(network: snncc.Network, x: np.ndarray) -> float:
    """The largest norm of the weights' gradients by the smallest."""
    labels = np.arange(BATCH) % CLASSES
    _, found = snncc.value_and_grad(network, "ce_count", x, labels)
    norms = [float(np.linalg.norm(found.parameters[f"w{layer}"])) for layer in range(LAYERS)]
    return max(norms) / max(min(norms), 1e-300)


@pytest.mark.slow
@pytest.mark.parametrize(("slope", "gain"), [(25.0, 1.6), (1.0, 1.6)])
def test_scaled(slope: float, gain: float) -> None:
    network = deep(slope, gain)
    x = (np.random.default_rng(1).random((STEPS, BATCH, WIDTH)) < 0.3).astype(np.float32)
    spikes = network.run(x, trace=True)
    assert all(0.02 < spikes[f"lif{layer}"].mean() < 0.9 for layer in range(LAYERS))
    assert spread(network, x) > 10
    scaled = scale_surrogates(network, x, "ce_count", np.arange(BATCH) % CLASSES)
    assert list(scaled.scales) == [f"lif{layer}" for layer in range(LAYERS)]
    assert spread(scaled.network, x) <= 3
    # the forward network is the same
    for name, values in network.run(x).items():
        np.testing.assert_array_equal(scaled.network.run(x)[name], values)


def test_text_keeps_scale() -> None:
    network = deep(25.0, 1.6)
    x = np.ones((4, 1, WIDTH), np.float32)
    text = scale_surrogates(network, x, rounds=1, draws=1).network.mlir()
    assert "scale = " in text
