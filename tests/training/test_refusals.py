"""What gradients cannot be taken of, and how that is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.errors import SnnccError, SnnccWarning
from tests.small_networks import RECURRENT, network, stimulus

LOSS = "ce_count(output='spikes')"
LABEL = np.array([1])
SPIKE = "snn.spike gt %2 : f32"


def gradients(text: str, folder: Path, **options: Any) -> Any:
    return snncc.value_and_grad(network(text, folder), LOSS, stimulus(6, 3), LABEL, **options)


def test_spikes_without_surrogate_are_named(tmp_path: Path) -> None:
    for mode in ("bptt", "eprop"):  # nothing else leads to a parameter
        with pytest.raises(SnnccError, match=r'"lif" have no surrogate') as fault:
            gradients(RECURRENT, tmp_path, mode=mode)
        assert fault.value.code == "SNC-T001"


@pytest.mark.parametrize("mode", ["bptt", "eprop"])
def test_surrogates_are_refused_with_their_neuron(mode: Any, tmp_path: Path) -> None:
    for name, said in {"nobody.knows": "not known", "spikingjelly.poisson_pass": "random"}.items():
        text = RECURRENT.replace(SPIKE, SPIKE.replace(" : ", f' surrogate <"{name}"> : '))
        with pytest.raises(SnnccError, match=f'"lif": surrogate .*{said}') as fault:
            gradients(text, tmp_path, mode=mode)
        assert fault.value.code == "SNC-T001"


def test_names(tmp_path: Path) -> None:
    _, found = gradients(RECURRENT, tmp_path, surrogate="atan", wrt="beta")
    assert list(found) == ["beta"]
    _, found = gradients(RECURRENT, tmp_path, surrogate="atan")
    assert set(found.states) == {"lif.v"}  # none of the loss's own
    with pytest.raises(SnnccError, match=r"wrt: .*'loss'; there are fc.w, rec.w, beta, x, back"):
        gradients(RECURRENT, tmp_path, surrogate="atan", wrt=["loss"])
    with pytest.raises(SnnccError, match="SNC-C003 wrt: expected names, got 5"):
        gradients(RECURRENT, tmp_path, surrogate="atan", wrt=5)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"beta": "x"}, "SNC-R001 parameter 'beta': expected numbers"),
        ({"beta": np.zeros(4)}, "SNC-R001 parameter 'beta': expected shape 5, got 4"),
        ({"gamma": 1.0}, "SNC-R001 no parameter is named 'gamma'"),
        ({"beta": np.full(5, np.nan)}, "SNC-R001 parameter 'beta': has values that are not finite"),
        (5, "SNC-R001 parameters: expected"),
    ],
)
def test_parameters(given: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(SnnccError, match=said):
        gradients(RECURRENT, tmp_path, surrogate="atan", parameters=given)


def test_what_is_no_network() -> None:
    for call in (snncc.freeze, snncc.quantize, lambda net: snncc.value_and_grad(net, LOSS, LABEL)):
        with pytest.raises(SnnccError, match="SNC-C003 expected a network, got NoneType"):
            call(None)


@pytest.mark.parametrize("option", [{"samples": "a"}, {"samples": 0}, {"seed": -1}, {"seed": 1.5}])
def test_options_of_draws(option: Any, tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    with pytest.raises(SnnccError, match=r"SNC-C003 (samples|seed): expected"):
        snncc.training.reinforce(net, LOSS, stimulus(6, 3), LABEL, **option)


def test_integers(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    with pytest.warns(SnnccWarning):
        small = snncc.quantize(net, "int8", calibration=stimulus(6, 3)[:, None])
    _, found = snncc.value_and_grad(small, LOSS, stimulus(6, 3), LABEL, surrogate="atan")
    assert not found.parameters
    with pytest.raises(SnnccError, match=r"weights are constant integers") as fault:
        snncc.compile(small, train="bptt", loss=LOSS, steps=6, surrogate="atan")
    assert fault.value.code == "SNC-T001"
