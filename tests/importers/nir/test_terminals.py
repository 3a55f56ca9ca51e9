"""The terminals of a graph: inputs and outputs, also of graphs within graphs."""

from __future__ import annotations

import numpy as np
import pytest

from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import Fields, chain, graph, if_, input_node, linear, output_node
from tests.importers.nir.small_graphs import (
    DT,
    ODE,
    N,
    T,
    integrator,
    quarters,
    refuse,
    spikes_of,
    stimulus,
    warned,
)


class TestTerminals:
    def test_several_inputs_and_outputs(self, load: Load) -> None:
        w = quarters(1, 3, N)
        nodes = {
            "x": input_node(N),
            "y": input_node(3),
            "fc": linear(w),
            "n": integrator(1.0, 3),
            "spikes": output_node(3),
            "current": output_node(3),
        }
        net = load(graph(nodes, "x > fc", "fc > n", "y > n", "n > spikes", "fc > current"), **ODE)
        assert net.inputs == {"x": (N,), "y": (3,)}
        assert net.outputs == {"current": (3,), "spikes": (3,)}
        x, y = stimulus(), quarters(8, T, 3)
        result = net.run({"x": x, "y": y})
        current = x @ w.T
        np.testing.assert_array_equal(result["current"], current)
        np.testing.assert_array_equal(result["spikes"], spikes_of(current + y))
        assert result["spikes"].any()

    def test_an_input_that_is_an_output(self, load: Load) -> None:
        nodes = {"x": input_node(N), "y": output_node()}
        net = load(graph(nodes, "x > y"))
        np.testing.assert_array_equal(net.run(stimulus())["y"], stimulus())

    def test_an_output_may_feed_on(self, load: Load) -> None:
        nodes = {"x": input_node(N), "n": integrator(), "mid": output_node(), "y": output_node()}
        net = load(graph(nodes, "x > n", "n > mid", "mid > y"), **ODE)
        result = net.run(stimulus())
        np.testing.assert_array_equal(result["mid"], result["y"])
        assert result["y"].any()

    @pytest.mark.parametrize(
        ("stated", "kept"),
        [((1, N), (N,)), ((8, N), (N,)), ((5, 1, N), (N,)), ((N,), (N,))],
    )
    @pytest.mark.parametrize("first", [integrator(), linear(np.eye(N))], ids=["IF", "Linear"])
    def test_batch_axes_of_an_input(
        self, first: Fields, stated: tuple[int, ...], kept: tuple[int, ...], load: Load
    ) -> None:
        net = load(chain(("n", first), shape=stated), **ODE)
        assert net.inputs == {"input": kept}
        found = warned(net, "SNC-W002")
        assert len(found) == int(stated != kept)
        for node, message in found:
            assert node == "input"
            text = "x".join(map(str, stated))
            assert message.startswith(f"states shape {text}; the leading axes are taken as batch")

    def test_batch_axes_before_a_convolution(self, load: Load) -> None:
        conv = {"type": "Conv2d", "weight": quarters(0, 2, 1, 3, 3)}
        net = load(chain(("c", conv), shape=(1, 1, 6, 7)))
        assert (net.inputs, net.outputs) == ({"input": (1, 6, 7)}, {"output": (2, 4, 5)})
        assert warned(net, "SNC-W002")

    @pytest.mark.parametrize("type", ["IF", "Scale", "Threshold", "Delay"])
    def test_channels_of_which_there_is_one(self, type: str, load: Load) -> None:
        """Parameters of one channel are no batch where a convolution follows, or nothing does."""
        shape = (1, 6, 7)
        first = {
            "IF": if_(1, r=np.full(shape, 1e4), v_threshold=np.full(shape, 0.7)),
            "Scale": {"type": "Scale", "scale": quarters(1, *shape)},
            "Threshold": {"type": "Threshold", "threshold": quarters(1, *shape)},
            "Delay": {"type": "Delay", "delay": np.full(shape, 2 * DT)},
        }[type]
        conv = {"type": "Conv2d", "weight": quarters(0, 2, 1, 3, 3)}
        for given, expected in (
            (chain(("n", first), ("c", conv), shape=shape), (2, 4, 5)),
            (chain(("n", first), shape=shape), shape),
            (chain(("n", first), ("c", conv), shape=(1, *shape)), (2, 4, 5)),
        ):
            net = load(given, **ODE)
            assert net.inputs == {"input": shape}
            assert net.outputs == {"output": expected}
            stated = tuple(given["nodes"]["input"]["shape"])
            assert len(warned(net, "SNC-W002")) == int(stated != shape)

    def test_parameters_with_a_batch_axis_before_a_layer_without(self, load: Load) -> None:
        first = if_(1, r=np.full((1, N), 1e4), v_threshold=np.full((1, N), 0.7))
        for shape in ((N,), (1, N)):
            net = load(chain(("n", first), ("fc", linear(np.eye(N))), shape=shape), **ODE)
            assert (net.inputs, net.outputs) == ({"input": (N,)}, {"output": (N,)})

    def test_batch_axes_of_an_output(self, load: Load) -> None:
        nodes = {"x": input_node(N), "n": integrator(), "y": output_node(1, 1, N)}
        net = load(graph(nodes, "x > n", "n > y"), **ODE)
        assert net.outputs == {"y": (N,)}
        assert [node for node, _ in warned(net, "SNC-W002")] == ["y"]

    def test_an_output_of_another_shape(self, load: Load) -> None:
        nodes = {"x": input_node(N), "n": integrator(), "y": output_node(3)}
        (problem,) = refuse(load, graph(nodes, "x > n", "n > y"), **ODE).problems
        assert (problem.code, problem.node) == ("SNC-I014", "y")
        assert problem.message == "Output states shape 3, the graph gives 4"

    @pytest.mark.parametrize("field", ["shape", "input_type"])
    def test_both_names_of_an_inputs_shape(self, field: str, load: Load) -> None:
        nodes = {"x": {"type": "Input", field: np.array([N])}, "y": output_node()}
        assert load(graph(nodes, "x > y")).inputs == {"x": (N,)}

    def test_a_shape_that_only_the_next_layer_knows(self, load: Load) -> None:
        nodes = {"x": {"type": "Input"}, "fc": linear(quarters(0, 3, N)), "y": output_node()}
        assert load(graph(nodes, "x > fc", "fc > y")).inputs == {"x": (N,)}

    def test_a_shape_that_cannot_be_known(self, load: Load) -> None:
        nodes = {"x": {"type": "Input"}, "n": integrator(1.0, 1), "y": output_node()}
        error = refuse(load, graph(nodes, "x > n", "n > y"), **ODE)
        assert {p.code for p in error.problems} == {"SNC-I014"}
        assert error.problems[-1].remedy == "state the Input's shape in the file"

    @pytest.mark.parametrize(
        ("nodes", "edges", "code", "node", "message"),
        [
            (
                {"y": output_node(N), "n": integrator()},
                ["n > y"],
                "SNC-I019",
                None,
                "the graph has no Input node",
            ),
            ({"x": input_node(N)}, [], "SNC-I019", None, "the graph has no Output node"),
            (
                {"x": input_node(N), "n": integrator(), "y": output_node()},
                ["n > y"],
                "SNC-I019",
                "n",
                "IF: nothing feeds this node",
            ),
            (
                {"x": input_node(N), "y": output_node()},
                [],
                "SNC-I019",
                "y",
                "Output: nothing feeds this node",
            ),
            (
                {"x": input_node(N), "n": integrator(), "y": output_node()},
                ["x > n", "n > y", "n > x"],
                "SNC-I011",
                "x",
                "an edge leads into this Input",
            ),
            (
                {"x": input_node(N), "y": output_node()},
                ["x > y", "x > x"],
                "SNC-I011",
                "x",
                "an edge leads into this Input",
            ),
            (
                {"x": input_node(N), "y": input_node(3), "z": output_node()},
                ["x > z", "y > z"],
                "SNC-I014",
                "z",
                "Output: inputs of different shapes: 4, 3",
            ),
        ],
    )
    def test_refused(
        self,
        nodes: dict[str, Fields],
        edges: list[str],
        code: str,
        node: str | None,
        message: str,
        load: Load,
    ) -> None:
        problems = refuse(load, graph(nodes, *edges), **ODE).problems
        assert (code, node, message) in [(p.code, p.node, p.message) for p in problems]

    def test_an_empty_graph(self, load: Load) -> None:
        problems = refuse(load, graph({}), **ODE).problems
        assert [p.code for p in problems] == ["SNC-I019", "SNC-I019"]
