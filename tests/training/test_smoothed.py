"""
The smoothed twin: values and gradients of `../shared/gradients`, whose masks are those of the
hard network and whose detached resets are the twin's own; and what a twin cannot be.
"""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.parser import Parser

import snncc
from snncc.errors import SnnccError
from snncc.network import Network
from snncc.storage import context
from snncc.training import MeanSquaredError
from tests.tools import require_module

torch = require_module("torch")
from tests.training.test_gradients import (  # noqa: E402
    MODELS,
    case,
    error,
    in_turn,
    losses,
    surrogate,
)


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_values_and_gradients(name: str) -> None:
    network, data, index = case(name)
    parameters = {k.removeprefix("param/"): data[k] for k in data.files if k.startswith("param/")}
    every = losses(network, bool(index["models"][name]["refrac"]))
    for which, loss_name in in_turn(name):
        target = data["data/target" if loss_name == "mse_lowpass" else "data/label"]
        value, found = snncc.value_and_grad(
            network,
            every[loss_name],
            data["data/x"],
            target,
            state0={"v": data["data/v0"]},
            parameters=parameters,
            surrogate=surrogate(which, index["surrogates"][which]),
            dtype="float64",
            smoothed=True,
        )
        case_name = f"{which}/{loss_name}"
        wanted = float(data[f"smooth_loss64/{case_name}"])
        assert abs(value - wanted) <= 1e-10 * abs(wanted)
        for key in data.files:
            if not key.startswith(f"smooth_grad64/{case_name}/"):
                continue
            own = key.rpartition("/")[2]
            gradient = found.states.get("v") if own == "v0" else found.get(own)
            assert error(gradient, data[key]) <= 1e-10, (name, case_name, own)


def network_of(text: str) -> Network:
    module = Parser(context(), text).parse_module()
    module.verify()
    return Network(module)


LIF = """
{declared}
snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xi1>) {{
  %zero = snn.constant dense<0.1> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %back = snn.delay %s by 1 init %off as "back" : tensor<2xi1>, tensor<i1> -> tensor<2xi1>
  %s = snn.neuron as "lif" (%x = %x : tensor<2xf32>, %back = %back : tensor<2xi1>)
       state (%v = %zero : tensor<f32>) -> (tensor<2xi1>) {{
    %half = arith.constant 0.5 : f32
    %0 = arith.mulf %v, %half : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %half : f32
    %z = snn.spike gt %2 {surrogate} : f32
    %n = arith.uitofp %z : i1 to f32
    %3 = arith.subf %1, %n : f32
    %4 = arith.select %back, %v, %3 : f32
    snn.next (%z : i1) state (%4 : f32)
  }}
  snn.yield %s : tensor<2xi1>
}}
"""
X = np.linspace(-0.4, 1.1, 12).reshape(3, 2, 2)


def twin(network: Network, **options):
    return snncc.value_and_grad(
        network, MeanSquaredError(), X, np.full((3, 2, 2), 0.3), smoothed=True, **options
    )


def test_what_holds_spikes_becomes_a_float() -> None:
    """The delay's line, too: its state is of numbers, and has a gradient of 0 as a condition."""
    network = network_of(LIF.format(declared="", surrogate='surrogate <"sigmoid", k = 4.0 : f64>'))
    value, found = twin(network, dtype="float64")
    assert 0 < value < 1
    # the spike before the first step decides, hard, whatever number stands for it
    for start, same in ((0.4, 0.0), (0.6, 1.0)):
        state0 = {"back": np.full(2, start)}
        expected = {"back": np.full(2, same)}
        assert twin(network, state0=state0)[0] == twin(network, state0=expected)[0]
    assert twin(network, state0={"back": np.ones(2)})[0] != pytest.approx(value)
    assert found.states["lif.v"].shape == (2, 2)
    assert np.abs(found.states["lif.v"]).min() > 0


def test_a_surrogate_without_an_integral_is_named() -> None:
    declared = """
      snn.surrogate @Own (%u : f32) -> f32 {
        snn.derivative %u : f32
      }
    """
    network = network_of(LIF.format(declared=declared, surrogate="surrogate <@Own>"))
    with pytest.raises(SnnccError, match=r'snn.neuron "lif".*@Own has no antiderivative') as caught:
        twin(network)
    assert caught.value.code == "SNC-T002"


def test_a_step_without_a_surrogate_stays() -> None:
    """As in the backward program: its derivative is 0 everywhere."""
    network = network_of(LIF.format(declared="", surrogate=""))
    with pytest.raises(snncc.SnnccError, match=r"SNC-T001 spikes of .* have no surrogate"):
        twin(network)
    given = surrogate("atan", {"a": 2.0})
    hard = MeanSquaredError(), X, np.full((3, 2, 2), 0.3)
    expected, _ = snncc.value_and_grad(network, *hard, surrogate=given)
    assert twin(network, surrogate=given)[0] != pytest.approx(expected)
