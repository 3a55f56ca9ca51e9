"""
Gradients of quantized networks: straight through every rounding, by the floats that integers
follow. The reference is written in torch, and knows of the network its integer constants alone.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import prod

import numpy as np
import pytest
from xdsl.dialects import arith

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, parameter_array
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.snn.linear import WeightedSum
from snncc.passes.differentiation.integers import literal
from snncc.passes.quantization.attributes import read_scale
from snncc.quantization import QuantizedNetwork
from snncc.training import value_and_grad
from tests.tools import require_module, require_tool
from tests.trainable_networks import EQUATIONS, STEPS, labels, quantized, real, stimulus

torch = require_module("torch")

INPUT_STEP = 1 / 16


class _Through(torch.autograd.Function):
    """Integers forward, the gradient as it comes."""

    @staticmethod
    def forward(ctx, soft, whole):
        return whole

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


class _Spike(torch.autograd.Function):
    """a / 2 / (1 + (pi / 2 a u)^2) of the real u = whole * unit, by whole numbers; a = 2."""

    @staticmethod
    def forward(ctx, u, unit, at_zero):
        ctx.save_for_backward(u, unit)
        return ((u >= 0) if at_zero else (u > 0)).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        u, unit = ctx.saved_tensors
        return gradient * unit / ((np.pi * u * unit) ** 2 + 1), None, None


def through(soft, round_it):
    return _Through.apply(soft, round_it(soft.detach()))


@dataclass(frozen=True)
class Layer:
    """The integer constants of a layer."""

    steps: dict[str, Array]
    """What one whole number of the weight and of the bias is worth."""
    shift: int
    """From the sum to the membrane's unit: times 2^shift."""
    unit: Array
    factor: int
    by: int
    """Of the decay: v - (v factor >> by), rounded half up."""


def layers_of(net: QuantizedNetwork) -> list[Layer]:
    arrays = {
        op.sym_name.data: parameter_array(op)
        for op in net.module.ops
        if isinstance(op, snn.ParameterOp)
    }
    found: list[Layer] = []
    for op in net.op.body.block.ops:
        if not isinstance(op, WeightedSum):
            continue
        (use,) = op.result.uses
        neuron = use.operation
        assert isinstance(neuron, snn.NeuronOp)
        name = op.node.data
        steps = {kind: arrays[f"{name}.{kind}.step"] for kind in ("weight", "bias")}
        unit, total = read_scale(neuron, "v"), read_scale(op, "result")
        shift = np.log2(np.ravel(total) / np.ravel(unit))
        assert (shift == shift[0]).all()
        assert shift[0] == int(shift[0])
        products = [o for o in neuron.body.block.ops if isinstance(o, arith.MuliOp)]
        decay = next(o for o in products if literal(o.rhs) not in (None, 0))
        behind = next(o for o in neuron.body.block.ops if isinstance(o, arith.ShRSIOp))
        found.append(Layer(steps, int(shift[0]), unit, literal(decay.rhs), literal(behind.rhs)))
    return found


def reference(
    net: QuantizedNetwork, reset: str, x: Array, target: Array
) -> tuple[float, dict[str, Array]]:
    """The loss and its gradients by the floats, in float64."""
    shadows = {
        op.sym_name.data: torch.tensor(parameter_array(op).astype(np.float64), requires_grad=True)
        for op in net.module.ops
        if isinstance(op, snn.ParameterOp) and op.is_learnable
    }
    given = torch.tensor(x.astype(np.float64), requires_grad=True)
    stream = through(given / INPUT_STEP, torch.round)
    for number, layer in enumerate(layers_of(net), 1):

        def whole(kind: str, top: float) -> torch.Tensor:
            step = torch.tensor(layer.steps[kind].astype(np.float64))  # noqa: B023
            soft = shadows[f"fc{number}.{kind}"] / step  # noqa: B023
            return through(soft, lambda s: torch.round(s).clamp(-top, top))

        weight, bias = whole("weight", 127), whole("bias", 2.0**31)
        unit = torch.tensor(np.ravel(layer.unit).astype(np.float32).astype(np.float64))
        theta = torch.tensor(np.rint(1 / np.ravel(layer.unit)))
        v = torch.zeros(x.shape[1], len(bias), dtype=torch.float64)
        spikes = []
        for step in stream:
            lost = through(
                v * layer.factor / 2**layer.by,
                lambda s, by=layer.by: torch.floor(s + 0.5) if by else s,
            )
            u = v - lost + (step @ weight.T) * 2.0**layer.shift + bias
            z = _Spike.apply(u - theta, unit, reset == "zero")
            if reset == "zero":
                v = torch.where(z > 0, torch.zeros(()).double(), u)
            else:
                v = u - (z.detach() if reset == "detached" else z) * theta
            spikes.append(z)
        stream = torch.stack(spikes)
    loss = torch.nn.functional.cross_entropy(stream.sum(0), torch.tensor(target))
    loss.backward()
    found = {name: shadow.grad.numpy() for name, shadow in shadows.items()}
    return float(loss.detach()), {**found, "x": given.grad.numpy()}


@pytest.mark.parametrize("reset", EQUATIONS)
def test_gradients_are_those_of_a_straight_through_network_in_torch(reset: str) -> None:
    net = quantized(real(EQUATIONS[reset]), weights="int8", method="max", state_bits=32)
    x, target = stimulus(), labels()
    value, wanted = reference(net, reset, x, target)
    assert 0.05 < net.run(x)["y"].mean() < 0.8
    for dtype, bound in (("float64", 1e-11), ("float32", 1e-5)):
        loss, found = value_and_grad(net, "ce_count", x, target, dtype=dtype)
        assert loss == pytest.approx(value, rel=1e-6)
        assert set(found) >= set(wanted)
        assert list(found.parameters) == list(wanted)[:-1]
        for name, array in wanted.items():
            assert np.abs(array).max() > 0, name
            worst = abs(found[name] - array).max() / abs(array).max()
            assert worst < bound, (dtype, name, worst)


def test_fine_integers_have_the_gradients_of_floats() -> None:
    """As steps get finer, gradients approach the float network's, but for spikes that move."""
    x, target = stimulus(), labels()
    far = {"int3": 0.0, "int8": 0.0}
    for seed in range(4):
        net = real(seed=seed)
        _, wanted = value_and_grad(net, "ce_count", x, target)
        for weights in far:
            made = quantized(net, weights=weights, state_bits=32, method="max")
            _, found = value_and_grad(made, "ce_count", x, target)
            far[weights] += max(
                float(np.linalg.norm(found[name] - wanted[name]) / np.linalg.norm(wanted[name]))
                for name in ("fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias")
            )
    assert far["int8"] < 0.2 * far["int3"]  # steps are an eighteenth


def test_only_what_is_trained_has_a_gradient() -> None:
    made = quantized(trainable=["fc1.weight"], weights="int8")
    _, found = value_and_grad(made, "ce_count", stimulus(), labels())
    assert list(found.parameters) == ["fc1.weight"]
    plain = quantized(trainable=None, weights="int8")
    with pytest.raises(snncc.SnnccError, match=r"SNC-T001 .*constant integers"):
        snncc.compile(plain, train="bptt", loss="ce_count", steps=STEPS)


def test_c_has_the_gradients_of_the_interpreter() -> None:
    require_tool("gcc")
    made = quantized(weights="int8", state_bits=16)
    x, target = stimulus(), labels()
    _, wanted = value_and_grad(made, "ce_count", x, target)
    _, found = value_and_grad(made, "ce_count", x, target, engine="c")
    for name in wanted:
        # BLAS sums in another order
        np.testing.assert_allclose(found[name], wanted[name], rtol=1e-4, atol=1e-7)


def test_the_tape_of_integers_is_as_narrow_as_they_are() -> None:
    """Membranes in 16 bits, currents in 16, spikes as bits, inputs in bytes."""
    made = quantized(weights="int8", state_bits=16)
    program = snncc.compile(made, train="bptt", loss="ce_count", steps=STEPS, cc="gcc")
    buffers = {b.known_as: b for b in program.programs.forward.buffers(Role.OUTPUT)}
    taped = [buffers[name] for name in program.programs.tape]
    sizes = {prod(b.shape): str(b.type.element_type) for b in taped if len(b.shape) > 1}
    widths = Counter(str(b.type.element_type) for b in taped)
    # of both layers membrane and current, or one scalar that both follow from
    assert 16 * widths["i16"] + 32 * widths["i32"] <= 2 * 32, sizes
    assert widths["i8"] == 2, sizes  # inputs, and spikes of the hidden layer as bits
