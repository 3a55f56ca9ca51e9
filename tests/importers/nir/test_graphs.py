"""Graphs: nesting, fan-in, shapes, and the warnings they give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import snncc
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import chain, graph, input_node, lif, linear, output_node, subgraph
from tests.importers.nir.small_graphs import (
    ODE,
    N,
    integrator,
    quarters,
    refuse,
    spikes_of,
    stimulus,
    warned,
)


class TestNesting:
    """Two levels, and every way in which an edge may name what stands in them."""

    W1, W2 = quarters(1, N, N), quarters(2, N, N)

    def flat(self, load: Load) -> snncc.Network:
        nodes = {
            "in": input_node(N),
            "a": linear(self.W1),
            "b": integrator(),
            "c": linear(self.W2),
            "d": integrator(),
            "out": output_node(N),
        }
        return load(graph(nodes, "in > a", "a > b", "b > c", "c > d", "d > out"), **ODE)

    def nested(self, *edges: str, inner: tuple[str, ...] = ()) -> dict[str, Any]:
        innermost = subgraph(
            {"input": input_node(N), "d": integrator(), "output": output_node(N)},
            "input > d",
            "d > output",
        )
        inside = inner or ("input > b", "b > c", "c > deep", "deep > output")
        middle = subgraph(
            {
                "input": input_node(N),
                "b": integrator(),
                "c": linear(self.W2),
                "deep": innermost,
                "output": output_node(N),
            },
            *inside,
        )
        nodes = {
            "in": input_node(N),
            "a": linear(self.W1),
            "mid": middle,
            "out": output_node(N),
        }
        return graph(nodes, *edges)

    @pytest.mark.parametrize(
        ("edges", "inner"),
        [
            (("in > a", "a > mid", "mid > out"), ()),
            (("in > a", "a > mid.input", "mid.output > out"), ()),
            (("in > a", "a > mid.b", "mid.deep.d > out"), ("b > c", "c > deep")),
            (("in > a", "a > mid", "mid.deep > out"), ()),
            (
                ("in > a", "a > mid", "mid > out"),
                ("input > b", "b > c", "c > deep.input", "deep.output > output"),
            ),
            (
                ("in > a", "a > mid", "mid > out", "mid.c > mid.deep.d"),
                ("input > b", "b > c", "deep > output"),
            ),
        ],
    )
    def test_edges(self, edges: tuple[str, ...], inner: tuple[str, ...], load: Load) -> None:
        given = self.nested(*edges, inner=inner)
        if "mid.c > mid.deep.d" in edges:
            # the inner terminal that nothing feeds would be an error
            deep = given["nodes"]["mid"]["nodes"]["deep"]
            deep["edges"] = [("d", "output")]
            del deep["nodes"]["input"]
        flat, nested = self.flat(load), load(given, **ODE)
        a, b = flat.run(stimulus(), trace=True), nested.run(stimulus(), trace=True)
        assert a["out"].sum() > 5
        np.testing.assert_array_equal(a["out"], b["out"])
        np.testing.assert_array_equal(a["b.v"], b["mid.b.v"])
        np.testing.assert_array_equal(a["d.v"], b["mid.deep.d.v"])

    def test_names_with_dots_are_names(self, load: Load) -> None:
        """Flattened files: dots in the names of one level."""
        nodes = {
            "in": input_node(N),
            "mid.b": integrator(),
            "mid.deep.d": integrator(0.5),
            "out": output_node(),
        }
        net = load(graph(nodes, "in > mid.b", "mid.b > mid.deep.d", "mid.deep.d > out"), **ODE)
        assert {"mid.b.v", "mid.deep.d.v"} <= set(net.run(stimulus(), trace=True))

    def test_nodes_with_the_names_of_states(self, load: Load) -> None:
        """Nodes keep their names; states, and steps of recurrent edges, give way."""
        nodes = {
            "in": input_node(N),
            "a": integrator(),
            "a.v": integrator(0.5),
            "a.delay": integrator(0.7),
            "w": linear(quarters(1, N, N)),
            "out": output_node(),
        }
        edges = ("in > a", "a > w", "w > a", "a > a.v", "a.v > a.delay", "a.delay > out")
        found = load(graph(nodes, *edges), **ODE).run(stimulus(), trace=True)
        states = {"a.v_1", "a.v.v", "a.delay.v"}
        assert set(found) == {"out", "a", "a.v", "a.delay", *states, "final"}
        assert set(found["final"]) == {*states, "a.delay_1"}
        np.testing.assert_array_equal(found["a.delay"], found["out"])

    def test_a_sub_graph_with_a_dotted_name(self, load: Load) -> None:
        inner = subgraph(
            {"in.put": input_node(N), "n": integrator(), "out.put": output_node(N)},
            "in.put > n",
            "n > out.put",
        )
        nodes = {"in": input_node(N), "a.b": inner, "out": output_node()}
        net = load(graph(nodes, "in > a.b.in.put", "a.b.out.put > out"), **ODE)
        assert "a.b.n.v" in net.run(stimulus(), trace=True)

    def test_two_nodes_of_one_full_name(self, load: Load) -> None:
        inner = subgraph({"x": input_node(N), "y": output_node()}, "x > y")
        nodes = {"in": input_node(N), "s": inner, "s.x": integrator(), "out": output_node()}
        error = refuse(load, graph(nodes, "in > s", "s > out"), **ODE)
        assert (error.code, error.problems[0].node) == ("SNC-I011", "s.x")

    def test_a_sub_graph_of_several_terminals_must_be_named(self, load: Load) -> None:
        inner = subgraph(
            {"x": input_node(N), "y": output_node(), "z": output_node()}, "x > y", "x > z"
        )
        nodes = {"in": input_node(N), "s": inner, "out": output_node()}
        error = refuse(load, graph(nodes, "in > s", "s > out"), **ODE)
        (problem,) = error.problems
        assert (problem.code, problem.node) == ("SNC-I011", "s")
        assert "has 2 Output nodes, expected one" in problem.message
        assert problem.remedy == "name the terminal in the edge: s.NAME"
        net = load(graph(nodes, "in > s", "s.z > out"), **ODE)
        np.testing.assert_array_equal(net.run(stimulus())["out"], stimulus())

    @pytest.mark.parametrize("reference", ["ghost", "mid.ghost", "mid.deep.ghost", "a.b", ".", ""])
    def test_names_that_do_not_exist(self, reference: str, load: Load) -> None:
        given = self.nested("in > a", "a > mid", "mid > out")
        given["edges"].append((reference, "out"))
        (problem,) = refuse(load, given, **ODE).problems
        assert (problem.code, problem.node) == ("SNC-I013", None)
        assert problem.message == (
            f"edge {reference!r} -> 'out' names {reference!r}, which the graph does not have "
            "(it has 'a', 'in', 'mid', 'out')"
        )

    def test_a_long_list_of_nodes_is_cut(self, load: Load) -> None:
        nodes = {f"n{i:03}": integrator() for i in range(300)}
        error = refuse(load, graph(nodes, *[f"n000 > ghost{i}" for i in range(300)]), **ODE)
        assert len(error.problems[0].message) < 300
        assert "... 288 more ..." in error.problems[0].message
        assert len(error.problems) < 110


class TestWarnings:
    def test_unused_nodes(self, load: Load) -> None:
        nodes = {
            "x": input_node(N),
            "n": integrator(),
            "side": linear(np.eye(N)),
            "end": lif(N, tau=np.full(N, 1e-3)),
            "y": output_node(),
        }
        net = load(graph(nodes, "x > n", "n > y", "n > side", "side > end"), **ODE)
        assert warned(net, "SNC-W004") == [
            ("end", "LIF: reaches no output; left out"),
            ("side", "Linear: reaches no output; left out"),
        ]
        assert "side" not in net.mlir()

    def test_an_unused_input_stays(self, load: Load) -> None:
        """Its stream is part of the network's interface."""
        nodes = {"x": input_node(N), "z": input_node(2), "y": output_node()}
        assert load(graph(nodes, "x > y")).inputs == {"x": (N,), "z": (2,)}

    def test_an_edge_that_stands_twice(self, load: Load) -> None:
        """Taken once, however it is spelled: a doubled edge would double the current."""
        inner = subgraph(
            {"i": input_node(N), "n": integrator(), "o": output_node()}, "i > n", "n > o"
        )
        nodes = {"x": input_node(N), "s": inner, "y": output_node()}
        once = load(graph(nodes, "x > s", "s > y"), **ODE)
        twice = load(graph(nodes, "x > s", "x > s", "s > y", "s.o > y"), **ODE)
        np.testing.assert_array_equal(once.run(stimulus())["y"], twice.run(stimulus())["y"])
        assert once.run(stimulus())["y"].any()
        assert [message for _, message in warned(twice, "SNC-W003")] == [
            "the edge x -> s stands twice; it is taken once",
            "the edge s.o -> y stands twice; it is taken once",
        ]

    def test_departures_name_their_nodes_once(self, load: Load) -> None:
        nodes = (("a", lif(N, r=np.full(N, 2.0))), ("b", lif(N, r=np.full(N, 2.0))))
        net = load(chain(*nodes, shape=(N,)), like="norse")
        assert warned(net, "SNC-W001") == [("a, b", "norse ignores r of LIF")]

    def test_python_warnings_carry_the_text(self, load: Load) -> None:
        with pytest.warns(snncc.SnnccWarning, match="SNC-W002 node 'input': states shape 1x4"):
            load(chain(("n", integrator()), shape=(1, N)), **ODE)


class TestFanIn:
    @pytest.mark.parametrize("count", [2, 3])
    def test_currents_add_up(self, count: int, load: Load) -> None:
        weights = [quarters(k, N, N) for k in range(count)]
        nodes = {
            "x": input_node(N),
            **{f"w{k}": linear(w) for k, w in enumerate(weights)},
            "n": integrator(),
            "y": output_node(),
        }
        edges = [edge for k in range(count) for edge in (f"x > w{k}", f"w{k} > n")]
        net = load(graph(nodes, *edges, "n > y"), **ODE)
        current = sum(stimulus() @ w.T for w in weights)
        np.testing.assert_array_equal(net.run(stimulus())["y"], spikes_of(current))
        assert spikes_of(current).any()

    def test_spikes_and_currents_add_up(self, load: Load) -> None:
        """A skip connection: spikes enter the sum as 1.0, without a step of delay."""
        nodes = {"x": input_node(N), "a": integrator(), "b": integrator(2.0), "y": output_node()}
        net = load(graph(nodes, "x > a", "a > b", "x > b", "b > y"), **ODE)
        expected = spikes_of(stimulus() + spikes_of(stimulus()), 2.0)
        np.testing.assert_array_equal(net.run(stimulus())["y"], expected)
        assert expected.any()

    def test_several_streams_into_an_output_add_up(self, load: Load) -> None:
        nodes = {"x": input_node(N), "n": integrator(), "y": output_node()}
        net = load(graph(nodes, "x > n", "n > y", "x > y"), **ODE)
        np.testing.assert_array_equal(net.run(stimulus())["y"], stimulus() + spikes_of(stimulus()))


class TestShapesSpread:
    """Shapes are known from parameters and terminals, in whatever order nodes stand."""

    def test_parameters_of_size_one_do_not_shape_a_population(self, load: Load) -> None:
        """`a_lif` stands before what feeds it; its parameters are for all neurons."""
        nodes = {
            "a_lif": lif(1),
            "b_fc": linear(quarters(1, 3, N)),
            "x": input_node(2),
            "y": output_node(3),
            "z_fc": linear(quarters(2, N, 2)),
        }
        net = load(graph(nodes, "x > z_fc", "z_fc > a_lif", "a_lif > b_fc", "b_fc > y"), **ODE)
        assert net.run(np.ones((5, 2), np.float32), trace=True)["a_lif"].shape == (5, N)

    def test_parameters_per_channel_do_not_shape_a_map(self, load: Load) -> None:
        nodes = {
            "a_lif": lif(tau=np.full((2, 1, 1), 1e-3)),
            "b_conv": {"type": "Conv2d", "weight": quarters(1, 3, 2, 3, 3)},
            "x": input_node(1, 8, 8),
            "y": output_node(3, 4, 4),
            "z_conv": {"type": "Conv2d", "weight": quarters(2, 2, 1, 3, 3)},
        }
        net = load(
            graph(nodes, "x > z_conv", "z_conv > a_lif", "a_lif > b_conv", "b_conv > y"), **ODE
        )
        assert net.outputs == {"y": (3, 4, 4)}

    def test_through_a_loop(self, load: Load) -> None:
        """The recurrent input is known only behind the neuron that it feeds."""
        nodes = {
            "a_rec": linear(quarters(0, N, 3)),
            "b_down": linear(quarters(1, 3, N)),
            "n": lif(1),
            "x": input_node(N),
            "y": output_node(N),
        }
        net = load(
            graph(nodes, "x > n", "n > b_down", "b_down > a_rec", "a_rec > n", "n > y"), **ODE
        )
        assert net.outputs == {"y": (N,)}

    def test_flatten_knows_its_input(self, load: Load) -> None:
        nodes = {
            "x": {"type": "Input"},
            "flat": {"type": "Flatten", "input_type": np.array([2, 3, 4])},
            "y": output_node(24),
        }
        assert load(graph(nodes, "x > flat", "flat > y")).inputs == {"x": (2, 3, 4)}

    def test_a_long_chain_of_nodes_that_pass_on(self, load: Load) -> None:
        """Spikes through more nodes than Python calls may nest."""
        names = [f"f{k:04}" for k in range(1200)]
        nodes = {name: {"type": "Flatten"} for name in names}
        given = chain(("n", integrator()), *nodes.items(), shape=(N,))
        y = load(given, **ODE).run(stimulus())["output"]
        np.testing.assert_array_equal(y, spikes_of(stimulus()))
