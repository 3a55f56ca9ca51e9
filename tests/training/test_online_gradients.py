"""`value_and_grad(mode="eprop")` on a torch module gives the published e-prop gradients."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import FloatAttr, f64

import snncc
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.training import CrossEntropy, MeanSquaredError
from tests.tools import require_module, shared_file

torch = require_module("torch")
from torch.nn import functional  # noqa: E402

BETA, KAPPA = 0.88, 0.85
SURROGATES = {"superspike": {"k": 5.0}, "atan": {"a": 2.0}}


class Step(torch.nn.Module):
    """Recurrent LIF with a leaky readout: x, v, z, y -> y, (v, z, y)."""

    def __init__(self, data, attached: bool):
        super().__init__()
        for name in ("w_in", "w_rec", "w_out", "b_out"):
            setattr(self, name, torch.nn.Parameter(torch.tensor(data[f"param/{name}"])))
        self.attached = attached

    def forward(self, x, v, z, y):
        u = BETA * v + functional.linear(x, self.w_in) + functional.linear(z, self.w_rec)
        z = (u > 1).to(u.dtype)
        r = z if self.attached else z.detach()
        y = KAPPA * y + (1 - KAPPA) * functional.linear(z, self.w_out, self.b_out)
        return y, u - r, z, y


LOSSES = {
    "mse_lowpass": (MeanSquaredError(reduction="sum"), "data/target"),
    "ce_per_step": (CrossEntropy(code="step", reduction="sum"), "data/label"),
}
"""Loss -> what it is here, and the array of its targets."""


def published(name: str):
    """(network, data) of a published case."""
    data = np.load(shared_file(f"gradients/eprop_lif_{name}.npz"))
    model = Step(data, name.endswith("attached"))
    x = data["data/x"]
    hidden, outputs = len(data["param/w_rec"]), len(data["param/w_out"])
    states = [torch.zeros(x.shape[1], n, dtype=torch.float64) for n in (hidden, hidden, outputs)]
    return snncc.load(model, (torch.tensor(x[0]), *states), states=["v", "z", "y"]), data


def attribute_of(surrogate: str) -> SurrogateAttr:
    options = {k: FloatAttr(v, f64) for k, v in SURROGATES[surrogate].items()}
    return SurrogateAttr(surrogate, options)


@pytest.mark.parametrize("loss_name", LOSSES)
@pytest.mark.parametrize("surrogate", SURROGATES)
@pytest.mark.parametrize("name", ["rec_attached", "rec_detached", "ff_attached"])
def test_published(name: str, surrogate: str, loss_name: str) -> None:
    network, data = published(name)
    hidden = len(data["param/w_rec"])
    loss, target = LOSSES[loss_name]
    value, found = snncc.value_and_grad(
        network,
        loss,
        data["data/x"],
        data[target],
        dtype="float64",
        mode="eprop",
        surrogate=attribute_of(surrogate),
    )
    assert value == pytest.approx(float(data[f"loss/{surrogate}/{loss_name}"]), rel=1e-12)
    assert not found.inputs
    for own in ("w_in", "w_rec", "w_out", "b_out"):
        wanted = data[f"eprop/{surrogate}/{loss_name}/{own}"]
        gradient = found.parameters[own]
        if own == "w_rec":  # the published ones have no self-connections
            gradient = gradient * (1 - np.eye(hidden))
        assert np.abs(gradient - wanted).max() <= 1e-10 * np.abs(wanted).max(), own
