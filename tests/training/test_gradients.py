"""Gradients equal autograd's: networks, surrogates and losses of `../shared/gradients`."""

from __future__ import annotations

import json
from functools import cache

import numpy as np
import pytest
from xdsl.dialects.builtin import FloatAttr, f64

import snncc
from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.training import CrossEntropy, MeanSquaredError, RateRegularization
from tests.seeds import is_long
from tests.tools import require_module, require_tool, shared_file

torch = require_module("torch")
from tests.training.models import Model  # noqa: E402

MODELS = (
    "alif_subtract_detached",
    "cuba_subtract_detached",
    "lif_subtract_attached",
    "lif_subtract_detached",
    "lif_subtract_next_attached",
    "lif_subtract_next_detached",
    "lif_zero_attached",
    "lif_zero_detached",
    "lif_zero_next_attached",
    "lif_zero_next_detached",
    "refractory2_zero_detached",
    "rlif_subtract_attached",
    "rlif_subtract_detached",
    "twocomp_zero_detached",
)


@cache
def case(name: str):
    """(network, data, index) of a model."""
    index = json.loads(shared_file("gradients/index.json").read_text())
    data = np.load(shared_file(f"gradients/{name}.npz"))
    parameters = {k.removeprefix("param/"): data[k] for k in data.files if k.startswith("param/")}
    model = Model(index["models"][name], parameters)
    x = torch.tensor(data["data/x"][0], dtype=torch.float32)
    network = snncc.load(model, (x, *model.zeros(len(x)).values()), states=model.states)
    return network, data, index


def in_turn(name: str) -> list[tuple[str, str]]:
    """
    Each surrogate with one loss, another one for each model: each pair is met by several models.
    The long run takes every pair for every model.
    """
    _, _, index = case(name)
    surrogates, names = list(index["surrogates"]), list(index["losses"])
    if is_long():
        return [(which, loss) for which in surrogates for loss in names]
    first = MODELS.index(name)
    return [(which, names[(first + k) % len(names)]) for k, which in enumerate(surrogates)]


def losses(network: snncc.Network, refractory: bool):
    spikes, readout = network.outputs
    count = CrossEntropy(spikes)
    # what is chosen by a mask is typed as a number
    neurons = ("neuron",) if refractory else ()
    return {
        "ce_count": count,
        "ttfs_ce": CrossEntropy(spikes, "first_spike", tau=3.0),
        "mse_lowpass": MeanSquaredError(readout),
        "ce_count_rate_reg": count + 0.5 * RateRegularization(0.15, neurons),
    }


def surrogate(name: str, options: dict[str, float]) -> SurrogateAttr:
    return SurrogateAttr(name, {key: FloatAttr(value, f64) for key, value in options.items()})


def error(found, wanted: np.ndarray) -> float:
    """max|g - wanted| / max|wanted|"""
    most = np.abs(wanted).max()
    if found is None:
        found = np.zeros_like(wanted)
    return float(np.abs(found - wanted).max() / (most if most > 0 else 1.0))


def check(name: str, which: str, loss_name: str, dtype: str, engine: str) -> None:
    network, data, index = case(name)
    parameters = {k.removeprefix("param/"): data[k] for k in data.files if k.startswith("param/")}
    target = data["data/target" if loss_name == "mse_lowpass" else "data/label"]
    value, found = snncc.value_and_grad(
        network,
        losses(network, bool(index["models"][name]["refrac"]))[loss_name],
        data["data/x"],
        target,
        state0={"v": data["data/v0"]},
        parameters=parameters,
        surrogate=surrogate(which, index["surrogates"][which]),
        dtype=dtype,
        engine=engine,
    )
    case_name = f"{which}/{loss_name}"
    exact = dtype == "float64"
    assert value == pytest.approx(float(data[f"loss64/{case_name}"]), rel=1e-12 if exact else 1e-5)
    for key in data.files:
        if not key.startswith(f"grad64/{case_name}/"):
            continue
        own = key.removeprefix(f"grad64/{case_name}/")
        wanted = data[key]
        gradient = found.states.get("v") if own == "v0" else found.get(own)
        theirs = data[key.replace("grad64", "grad32")]
        limit = 1e-10 if exact else max(1e-5, 4 * error(theirs, wanted))
        assert error(gradient, wanted) <= limit, (name, case_name, own)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_gradients(name: str, dtype: str) -> None:
    """Each surrogate with each loss; in float32, whose limit is 1e5 times as wide, in turn."""
    _, _, index = case(name)
    every = [(which, loss) for which in index["surrogates"] for loss in index["losses"]]
    for which, loss_name in every if dtype == "float64" else in_turn(name):
        check(name, which, loss_name, dtype, "interpreter")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(MODELS)))
def test_gradients_in_c(number: int) -> None:
    """Two of a model's 28 cases: each surrogate and each loss is met by several models."""
    require_tool("gcc")
    _, _, index = case(MODELS[number])
    surrogates, names = list(index["surrogates"]), index["losses"]
    for k in (0, 1):
        which = surrogates[(number + 3 * k) % len(surrogates)]
        check(MODELS[number], which, names[(number + k) % len(names)], "float32", "c")
