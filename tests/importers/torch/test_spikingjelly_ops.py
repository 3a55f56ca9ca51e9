"""
SpikingJelly's operators give what the library gives.

`spikingjelly.json` holds arguments and results of the registered operators of SpikingJelly
2.0.0 on a CPU, float32 as hexadecimal bytes.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncc.errors import SnnccError
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value, cone
from snncc.importers.torch import spikingjelly_ops
from snncc.importers.torch.registry import OPERATORS, call
from tests.importers.graph.evaluate import evaluate

assert spikingjelly_ops.__doc__  # importing it registers the operators

CASES = json.loads((Path(__file__).parent / "spikingjelly.json").read_text())
WITH_FUNCTIONS = {"sj_clif.forward", "sj_eif.forward", "sj_plif.forward"}
"""exp and sigmoid differ between libraries in the last place."""


def array(entry: tuple[list[int], str]) -> Any:
    shape, content = entry
    return np.frombuffer(bytes.fromhex(content), np.float32).reshape(shape)


def name_of(case: dict[str, Any]) -> str:
    chosen = {k: v for k, v in case["arguments"].items() if k in ("reset", "decay_input")}
    stored = ["stored"] if case["arguments"].get("store_v_seq") else []
    return "-".join([case["op"].split(".")[0], *(f"{k}={v}" for k, v in chosen.items()), *stored])


@pytest.mark.parametrize("case", CASES, ids=name_of)
def test_the_library_computes_the_same(case: dict[str, Any]) -> None:
    graph = Graph()
    arrays = {name: array(entry) for name, entry in case["tensors"].items()}
    inputs = {name: graph.input(name, a.shape) for name, a in arrays.items()}
    results = call(graph, case["op"], {**inputs, **case["arguments"]})
    wanted = [array(entry) for entry in case["results"]]
    assert len(results) == len(wanted)
    pairs = [(v, w) for v, w in zip(results, wanted, strict=True) if v is not None]
    got = evaluate([value for value, _ in pairs], arrays)
    for have, (_, want) in zip(got, pairs, strict=True):
        if case["op"] in WITH_FUNCTIONS:
            np.testing.assert_allclose(have, want, rtol=1e-6, atol=1e-6)
        else:
            np.testing.assert_array_equal(have, want)


def test_every_operator_is_covered() -> None:
    ours = {name for name in OPERATORS if name.startswith("sj_")}
    assert ours == {case["op"] for case in CASES}


def lif(graph: Graph, **changed: Any) -> list[Value]:
    arguments = {
        "x": graph.input("x", (4, 2, 3)),
        "v": graph.input("v", (2, 3)),
        "tau": 2.0,
        "decay_input": True,
        "threshold": 1.0,
        "reset": 0.0,
        "detach_reset": False,
        "alpha": 4.0,
        **changed,
    }
    results: list[Value] = call(graph, "sj_lif.forward", arguments)
    return results


def test_membranes_are_stored_only_where_they_are_asked_for() -> None:
    graph = Graph()
    assert [v.shape for v in lif(graph)] == [(4, 2, 3)] * 3
    assert [v.shape for v in lif(graph, store_v_seq=False)] == [(4, 2, 3), (2, 3), (4, 2, 3)]


def test_a_detached_reset_shows_in_the_graph() -> None:
    graph = Graph()
    for detach in (False, True):
        made = cone(lif(graph, reset=None, detach_reset=detach))
        assert any(value.op == "detach" for value in made) == detach


@pytest.mark.parametrize("shape", [(2, 4), (3,), (1, 2, 3)])
def test_states_have_the_shape_of_a_step(shape: tuple[int, ...]) -> None:
    graph = Graph()
    with pytest.raises(SnnccError, match="SNC-I014"):
        lif(graph, v=graph.input("w", shape))
