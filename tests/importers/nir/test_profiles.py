"""Every profile against the framework that it follows, bit for bit (see data/README.md)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import Fields

DATA = Path(__file__).parents[2] / "data" / "nir_profiles.npz"


@cache
def golden() -> dict[str, Array]:
    with np.load(DATA) as file:
        return {key: file[key] for key in file.files}


@cache
def cases() -> dict[str, dict[str, Any]]:
    return {case["name"]: case for case in json.loads(str(golden()["cases"]))}


def nodes_of(stored: Mapping[str, Any]) -> dict[str, Fields]:
    """The nodes of a case as the writer takes them."""

    def field(value: Any) -> Any:
        if isinstance(value, str):
            return value
        dtype, shape, values = value
        array = np.array(values, dtype)
        return np.broadcast_to(array.reshape(shape if array.size > 1 else ()), shape)

    return {
        name: {**fields, "nodes": nodes_of(fields["nodes"])}
        if fields["type"] == "NIRGraph"
        else {key: field(value) for key, value in fields.items()}
        for name, fields in stored.items()
    }


def check(net: snncc.Network, case: dict[str, Any]) -> dict[str, Any]:
    """Runs a case; outputs and last states equal the framework's."""
    result = net.run(golden()[case["x"]].astype(np.float32), trace=True)
    expected = golden()[f"y/{case['name']}"]
    assert result["output"].shape == expected.shape
    assert result["output"].astype(expected.dtype).tobytes() == expected.tobytes()
    for state in case.get("states", ()):
        expected = golden()[f"state/{case['name']}/{state}"]
        assert result["final"][state].tobytes() == expected.tobytes(), state
    return result


@pytest.mark.parametrize("name", [name for name, case in cases().items() if "graph" in case])
def test_profile_equals_its_framework(name: str, load: Load) -> None:
    case = cases()[name]
    graph = {"nodes": nodes_of(case["graph"]["nodes"]), "edges": case["graph"]["edges"]}
    check(load(graph, **case["options"]), case)


@pytest.mark.parametrize("name", [name for name, case in cases().items() if "file" in case])
def test_published_braille_network_as_in_spikingjelly(name: str, nets: Path) -> None:
    """The NIR paper's recurrent networks, with the spikes of the hidden layer."""
    case = cases()[name]
    net = snncc.load(nets / "nir_braille_rnn" / case["file"], **case["options"])
    hidden = check(net, case)["lif1.lif"]
    assert np.packbits(hidden).tobytes() == golden()[f"hidden/{name}"].tobytes()
    assert hidden.sum() > 50


def test_cases_cover_every_neuron_that_a_framework_imports() -> None:
    """A golden file that lost its cases would make the tests above empty."""

    def types(nodes: Mapping[str, Any]) -> set[str]:
        return {fields["type"] for fields in nodes.values()}

    found = Counter(
        (case["options"]["like"], type)
        for case in cases().values()
        if "graph" in case
        for type in types(case["graph"]["nodes"])
    )
    for like, neurons in {
        "snntorch": ("IF", "LIF", "CubaLIF"),
        "norse": ("IF", "LIF", "CubaLIF"),
        "sinabs": ("IF", "LIF", "LI"),
        "spikingjelly": ("IF", "LIF", "CubaLIF"),
    }.items():
        for neuron in neurons:
            assert found[like, neuron] >= 3, (like, neuron)
    for type in ("Affine", "Linear", "Conv1d", "Conv2d", "SumPool2d", "AvgPool2d", "Flatten"):
        assert found["spikingjelly", type] >= 1, type


def test_outputs_are_alive() -> None:
    """Equality of silent networks would show nothing."""
    for name in cases():
        y = golden()[f"y/{name}"]
        # spikingjelly_LIF_7 is one neuron on the published input: 4 spikes in 1000 steps
        assert 0.003 < (y != 0).mean() <= 1, name
