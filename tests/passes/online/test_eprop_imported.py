"""Online gradients of a module of torch, by its own parameters' names, against autograd."""

from __future__ import annotations

import numpy as np
from xdsl.context import Context

import snncc
from snncc.dialects import snn
from snncc.passes.snn_change_precision import SnnChangePrecision
from snncc.passes.snn_eprop import SnnEprop
from tests.passes.online.online_networks import (
    derived,
    error,
    gradients,
    network_of,
)
from tests.tools import require_module

torch = require_module("torch")


class Spike(torch.autograd.Function):
    @staticmethod
    def forward(ctx, u):
        ctx.save_for_backward(u)
        return (u > 0).to(u.dtype)

    @staticmethod
    def backward(ctx, gradient):
        (u,) = ctx.saved_tensors
        return gradient / (1 + 5 * u.abs()) ** 2


class Adaptive(torch.nn.Module):
    """Recurrent, with an adaptive threshold; `cut` detaches what the recurrent weights read."""

    def __init__(self, cut: bool = False):
        super().__init__()
        torch.manual_seed(0)
        self.cut = cut
        self.fc = torch.nn.Linear(5, 6)
        self.rec = torch.nn.Parameter(torch.randn(6, 6) * 0.3)
        self.beta = torch.nn.Parameter(torch.rand(6) * 0.1 + 0.85)
        self.rho = torch.nn.Parameter(torch.tensor(0.875))
        self.out = torch.nn.Linear(6, 3, bias=False)

    def forward(self, x):
        v = a = s = x.new_zeros(x.shape[1], 6)
        y = x.new_zeros(x.shape[1], 3)
        ys = []
        for step in x:
            heard = s.detach() if self.cut else s
            current = self.fc(step) * 2 + torch.nn.functional.linear(heard, self.rec)
            a = self.rho * a + s
            u = self.beta * v + current
            s = Spike.apply(u - (1 + 0.25 * a))
            v = u - s
            y = 0.75 * y + 0.25 * self.out(s)
            ys.append(y)
        return torch.stack(ys)


def test_a_recurrent_adaptive_module() -> None:
    model, x = Adaptive(), torch.rand(14, 4, 5)
    module = snncc.load(model, x, time_axis=0).module.clone()
    SnnChangePrecision(64).apply(Context(), module)
    twin = Adaptive(cut=True)
    twin.load_state_dict(model.state_dict())
    twin.double()
    outer = torch.randn(14, 4, 3, dtype=torch.float64)
    (twin(x.double()) * outer).sum().backward()
    network = network_of(module)
    (name,), (given,) = network.outputs, network.inputs
    expected = {key: p.grad.numpy() for key, p in twin.named_parameters()}
    online = derived(module, (name,), list(expected))
    found = gradients(module, online, {given: x.double().numpy()}, {name: outer.numpy()})
    assert found.keys() == expected.keys()
    for parameter, array in expected.items():
        assert error(found[parameter], array) < 1e-10, parameter


def test_the_pass() -> None:
    module = snncc.load(Adaptive(), torch.rand(6, 1, 5), time_axis=0).module.clone()
    SnnEprop(feedback="adaptive").apply(Context(), module)
    module.verify()
    names = [op.sym_name.data for op in module.ops if isinstance(op, snn.NetworkOp)]
    assert names == ["Adaptive", "Adaptive.eprop", "Adaptive.eprop.finish"]
    parameters = {op.sym_name.data: op for op in module.ops if isinstance(op, snn.ParameterOp)}
    feedback = parameters["feedback.out.weight"]
    assert feedback.is_learnable
    assert np.prod(feedback.type.get_shape()) == 18
