"""What gradients cannot be taken of, and how that is said."""

from collections.abc import Callable
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
    with pytest.warns(SnnccWarning, match=r'SNC-W026.*"lif" have no surrogate'):
        _, found = gradients(RECURRENT, tmp_path)
    assert not any(found[name].any() for name in found)
    with pytest.raises(SnnccError, match=r'"lif" have no surrogate') as fault:
        gradients(RECURRENT, tmp_path, mode="eprop")  # there, nothing else leads to a parameter
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


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"beta": "x"}, "SNC-R001 parameter 'beta': expected numbers"),
        ({"beta": np.zeros(4)}, "SNC-R001 parameter 'beta': expected shape 5, got 4"),
        ({"gamma": 1.0}, "SNC-R001 no parameter is named 'gamma'"),
    ],
)
def test_parameters(given: Any, said: str, tmp_path: Path) -> None:
    with pytest.raises(SnnccError, match=said):
        gradients(RECURRENT, tmp_path, surrogate="atan", parameters=given)


def test_integers(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    with pytest.warns(SnnccWarning):
        small = snncc.quantize(net, "int8", calibration=stimulus(6, 3)[:, None])
    calls: list[Callable[[], Any]] = [
        lambda: snncc.value_and_grad(small, LOSS, stimulus(6, 3), LABEL, surrogate="atan"),
        lambda: snncc.compile(small, train="bptt", loss=LOSS, steps=6, surrogate="atan"),
    ]
    for call in calls:
        with pytest.raises(SnnccError, match=r'"fc" computes in integers') as fault:
            call()
        assert fault.value.code == "SNC-T001"
