"""Loops and delays: where the step of a recurrent edge stands."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from snncc.dialects.arrays import Array
from snncc.importers.nir.cycles import recurrent_edges
from snncc.importers.nir.model import FlatGraph, Node
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import (
    Fields,
    affine,
    chain,
    graph,
    input_node,
    lif,
    linear,
    output_node,
)
from tests.importers.nir.small_graphs import (
    DT,
    ODE,
    N,
    T,
    integrator,
    quarters,
    recurrent_spikes,
    refuse,
    spikes_of,
    stimulus,
    warned,
)


class TestLoops:
    """The recurrent step, and when the bias on its way acts."""

    W, BIAS = quarters(3, N, N), np.array([0.5, 0.25, 0.0, -0.25], np.float32)

    def run(self, load: Load, given: dict[str, Any], **options: Any) -> tuple[Array, list[Any]]:
        net = load(given, **options)
        y = net.run(stimulus())["y"]
        assert y.any()
        return y, warned(net, "SNC-W005")

    def test_self_loop(self, load: Load) -> None:
        nodes = {"x": input_node(N), "n": integrator(), "y": output_node()}
        y, delayed = self.run(load, graph(nodes, "x > n", "n > n", "n > y"), **ODE)
        expected = recurrent_spikes(stimulus(), lambda s: s[-1] if s else np.zeros(N))
        np.testing.assert_array_equal(y, expected)
        assert delayed == [("n", "the recurrent edge n -> n takes one step")]

    def layer(self) -> dict[str, Any]:
        nodes = {
            "x": input_node(N),
            "n": integrator(),
            "rec": affine(self.W, self.BIAS),
            "y": output_node(),
        }
        return graph(nodes, "x > n", "n > rec", "rec > n", "n > y")

    def test_recurrent_weights(self, load: Load) -> None:
        """The step stands before the weights: their bias acts from the first step on."""
        y, delayed = self.run(load, self.layer(), **ODE)
        before = np.zeros(N)
        expected = recurrent_spikes(
            stimulus(), lambda s: self.W @ (s[-1] if s else before) + self.BIAS
        )
        np.testing.assert_array_equal(y, expected)
        assert delayed == [("n", "the recurrent edge n -> rec takes one step")]

    @pytest.mark.parametrize("like", ["norse", "spikingjelly", "sinabs"])
    def test_frameworks_without_the_bias_in_the_first_step(self, like: str, load: Load) -> None:
        net = load(self.layer(), like=like, dt=DT if like == "spikingjelly" else None)
        assert warned(net, "SNC-W005") == [("rec", "the recurrent edge rec -> n takes one step")]
        first = net.run(np.zeros((2, N), np.float32), trace=True)["n.v"]
        np.testing.assert_array_equal(first[0], np.zeros(N))
        np.testing.assert_array_equal(first[1], self.BIAS)

    @pytest.mark.parametrize("like", ["rockpool", "spyx", "lava"])
    def test_frameworks_that_drop_the_bias(self, like: str, load: Load) -> None:
        given = self.layer()
        given["nodes"]["n"] = lif(N)
        net = load(given, like=like)
        assert ("rec", f"{like} drops the bias of a recurrent Affine") in warned(net, "SNC-W001")
        assert not any("has no Linear" in message for _, message in warned(net, "SNC-W001"))
        v = net.run(np.zeros((4, N), np.float32), trace=True)["n.v"]
        assert not v.any()

    def test_snntorch_has_the_bias_from_the_first_step_in_layers_only(self, load: Load) -> None:
        """RLeaky against a cycle of its graph executor, which starts from zero."""
        layer = self.layer()
        layer["nodes"]["n"] = lif(N)
        net = load(layer, like="snntorch")
        v = net.run(np.zeros((1, N), np.float32), trace=True)["n.v"]
        np.testing.assert_array_equal(v[0], self.BIAS)
        layer["nodes"]["between"] = {"type": "Scale", "scale": np.ones(N)}
        layer["edges"] = [
            (source, "between" if (source, target) == ("rec", "n") else target)
            for source, target in layer["edges"]
        ]
        layer["edges"].append(("between", "n"))
        net = load(layer, like="snntorch")
        v = net.run(np.zeros((2, N), np.float32), trace=True)["n.v"]
        np.testing.assert_array_equal(v[0], np.zeros(N))
        assert v[1].any()

    def test_two_neurons_in_a_loop(self, load: Load) -> None:
        """One step in the whole loop, where it enters the neuron that the input feeds."""
        forth, back = quarters(11, N, N), quarters(12, N, N)
        nodes = {
            "x": input_node(N),
            "a": integrator(),
            "ab": linear(forth),
            "b": integrator(),
            "ba": linear(back),
            "y": output_node(),
        }
        y, delayed = self.run(
            load, graph(nodes, "x > a", "a > ab", "ab > b", "b > ba", "ba > a", "b > y"), **ODE
        )
        va, vb, last, expected = np.zeros(N), np.zeros(N), np.zeros(N), []
        for step in stimulus():
            va = va + step + back @ last
            a = va > 1.0
            va = np.where(a, 0.0, va)
            vb = vb + forth @ a
            last = (vb > 1.0).astype(np.float64)
            vb = np.where(last > 0, 0.0, vb)
            expected.append(last)
        np.testing.assert_array_equal(y, np.stack(expected))
        assert delayed == [("b", "the recurrent edge b -> ba takes one step")]

    @pytest.mark.parametrize("steps", [1, 3])
    def test_a_loop_through_a_delay_has_that_delay(self, steps: int, load: Load) -> None:
        nodes = {
            "x": input_node(N),
            "n": integrator(),
            "later": {"type": "Delay", "delay": np.full(N, steps * DT)},
            "rec": linear(self.W),
            "y": output_node(),
        }
        y, delayed = self.run(
            load, graph(nodes, "x > n", "n > later", "later > rec", "rec > n", "n > y"), **ODE
        )
        expected = recurrent_spikes(
            stimulus(), lambda s: self.W @ (s[-steps] if len(s) >= steps else np.zeros(N))
        )
        np.testing.assert_array_equal(y, expected)
        assert delayed == []

    def test_a_delay_of_stateless_nodes_closes_a_loop(self, load: Load) -> None:
        """y[t] = x[t] + y[t-2] / 2: a filter without a neuron."""
        nodes = {
            "x": input_node(N),
            "half": {"type": "Scale", "scale": np.float32(0.5)},
            "later": {"type": "Delay", "delay": np.full(N, 2 * DT)},
            "y": output_node(),
        }
        net = load(graph(nodes, "x > y", "half > y", "y > later", "later > half"), **ODE)
        x, expected = stimulus()[:10], []
        for t, step in enumerate(x):
            expected.append(step + (expected[t - 2] * np.float32(0.5) if t >= 2 else 0))
        np.testing.assert_array_equal(net.run(x)["y"], np.stack(expected))

    def test_a_delay_of_zero_for_some_elements_does_not_close_a_loop(self, load: Load) -> None:
        nodes = {
            "x": input_node(N),
            "n": integrator(),
            "later": {"type": "Delay", "delay": np.array([0, 1, 2, 3]) * DT},
            "y": output_node(),
        }
        y, delayed = self.run(load, graph(nodes, "x > n", "n > later", "later > n", "n > y"), **ODE)
        assert delayed == [("n", "the recurrent edge n -> later takes one step")]

        def feedback(s: list[Array]) -> Array:
            return np.array([s[-1 - k][k] if len(s) > k else 0.0 for k in range(N)])

        np.testing.assert_array_equal(y, recurrent_spikes(stimulus(), feedback))

    @pytest.mark.parametrize(
        ("nodes", "edges", "loop"),
        [
            (
                {"a": linear(np.eye(N)), "b": {"type": "Scale", "scale": np.ones(N)}},
                ["x > a", "a > b", "b > a", "b > y"],
                "a -> b -> a",
            ),
            ({"a": linear(np.eye(N))}, ["x > a", "a > a", "a > y"], "a -> a"),
            (
                {"d": {"type": "Delay", "delay": np.zeros(N)}},
                ["x > d", "d > d", "d > y"],
                "d -> d",
            ),
            (
                {"a": {"type": "Threshold", "threshold": np.ones(N)}, "n": integrator()},
                ["x > a", "a > a", "a > n", "n > n", "n > y"],
                "a -> a",
            ),
        ],
    )
    def test_a_loop_without_a_step(
        self, nodes: dict[str, Fields], edges: list[str], loop: str, load: Load
    ) -> None:
        given = graph({"x": input_node(N), **nodes, "y": output_node()}, *edges)
        (problem,) = refuse(load, given, **ODE).problems
        assert problem.code == "SNC-I016"
        assert problem.node == loop.split(" ")[0]
        assert problem.message == f"loop without a delay: {loop}"

    def test_a_loop_of_many_nodes_is_named_in_short(self, load: Load) -> None:
        names = [f"s{k:03}" for k in range(100)]
        nodes = {name: {"type": "Scale", "scale": np.ones(N)} for name in names}
        edges = [f"{a} > {b}" for a, b in zip(names, names[1:] + names[:1], strict=True)]
        given = graph(
            {"x": input_node(N), **nodes, "y": output_node()}, "x > s000", "s099 > y", *edges
        )
        message = refuse(load, given, **ODE).problems[0].message
        assert "... 89 more ..." in message
        assert len(message) < 200

    def test_many_loops(self) -> None:
        """Found in one walk: one that starts again for each loop would take minutes."""
        names = [f"n{k:04}" for k in range(3000)]
        nodes = {name: Node(name, "IF", {}) for name in names}
        edges = [*pairwise(names), *((name, name) for name in names)]
        found = recurrent_edges(FlatGraph(nodes, edges), lambda *_: False, lambda _: True)
        assert sorted(found) == [(name, name) for name in names]


class TestDelays:
    def test_seconds_become_steps(self, load: Load) -> None:
        for seconds, steps in ((3e-4, 3), (0.0, 0), (0.7e-4, 1), (0.4e-4, 0)):
            node = {"type": "Delay", "delay": np.full(N, seconds)}
            net = load(chain(("d", node), shape=(N,)), **ODE)
            expected = np.concatenate([np.zeros((steps, N)), stimulus()])[:T]
            np.testing.assert_array_equal(net.run(stimulus())["output"], expected)
            exact = seconds / DT
            assert len(warned(net, "SNC-W006")) == int(abs(exact - steps) > 0.01), seconds

    def test_rounding_is_reported(self, load: Load) -> None:
        node = {"type": "Delay", "delay": np.array([0, 1.25, 2, 7.5]) * DT}
        net = load(chain(("d", node), shape=(N,)), **ODE)
        assert warned(net, "SNC-W006") == [
            ("d", "delays are rounded to whole steps: 1.25 becomes 1, 7.5 becomes 8")
        ]

    def test_a_delay_that_vanishes_is_reported(self, load: Load) -> None:
        node = {"type": "Delay", "delay": np.array([0.4, 0, 3, 0.4]) * DT}
        net = load(chain(("d", node), shape=(N,)), **ODE)
        text = "delays are rounded to whole steps: 0.4 becomes 0; a delay of 0 steps is none"
        assert warned(net, "SNC-W006") == [("d", text)]

    @pytest.mark.parametrize("shape", [(N,), (1, N)])
    def test_a_delay_for_each_element(self, shape: tuple[int, ...], load: Load) -> None:
        steps = np.array([0, 5, 1, 3])
        node = {"type": "Delay", "delay": (steps * DT).reshape(shape)}
        net = load(chain(("d", node), shape=(N,)), **ODE)
        y = net.run(stimulus())["output"]
        for k, s in enumerate(steps):
            expected = np.concatenate([np.zeros(s), stimulus()[:, k]])[:T]
            np.testing.assert_array_equal(y[:, k], expected)

    def test_a_delay_per_channel(self, load: Load) -> None:
        node = {"type": "Delay", "delay": np.array([1, 2]).reshape(2, 1, 1) * DT}
        net = load(chain(("d", node), shape=(2, 2, 3)), **ODE)
        x = quarters(0, T, 2, 2, 3)
        y = net.run(x)["output"]
        np.testing.assert_array_equal(y[1:, 0], x[:-1, 0])
        np.testing.assert_array_equal(y[2:, 1], x[:-2, 1])

    def test_spikes_stay_spikes(self, load: Load) -> None:
        nodes = (("n", integrator()), ("d", {"type": "Delay", "delay": np.full(N, 2 * DT)}))
        y = load(chain(*nodes, shape=(N,)), **ODE).run(stimulus())["output"]
        assert y.dtype == np.uint8
        np.testing.assert_array_equal(y[2:], spikes_of(stimulus())[:-2])

    def test_the_step_is_the_profiles(self, load: Load) -> None:
        node = {"type": "Delay", "delay": np.full(N, 2e-3)}
        for like, steps in (("norse", 2), ("snntorch", 20)):
            y = load(chain(("d", node), shape=(N,)), like=like).run(stimulus())["output"]
            np.testing.assert_array_equal(y[steps:], stimulus()[:-steps])

    @pytest.mark.parametrize(
        ("delay", "code", "message"),
        [
            (np.full(N, -1e-4), "SNC-I015", "delay: expected values of at least 0"),
            (np.array([1e-4, 1e-4, 1e-4, -1e-4]), "SNC-I015", "delay: expected values of at least"),
            (np.full(N, 1e5), "SNC-I017", "a delay of 1000000000 steps for 4 elements is over"),
            (np.full(N, 1e300), "SNC-I017", "a delay of"),
        ],
    )
    def test_refused(self, delay: Array, code: str, message: str, load: Load) -> None:
        given = chain(("d", {"type": "Delay", "delay": delay}), shape=(N,))
        (problem,) = refuse(load, given, **ODE).problems
        assert (problem.code, problem.node) == (code, "d")
        assert problem.message.startswith(message)
