"""Graphs: nesting, fan-in, terminals, loops, delays, and the warnings they give."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.nir.cycles import recurrent_edges
from snncc.importers.nir.model import FlatGraph, Node
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import (
    Fields,
    affine,
    chain,
    graph,
    if_,
    input_node,
    lif,
    linear,
    output_node,
    subgraph,
)

DT = 1e-4
ODE = {"like": "nir-ode", "dt": DT}
T, N = 24, 4


def integrator(threshold: float = 1.0, size: int = N) -> Fields:
    """v = v + x, reset to 0 above the threshold: exact for inputs of quarters."""
    return if_(size, r=np.full(size, 1 / DT), v_threshold=np.full(size, threshold))


def quarters(seed: int, *shape: int) -> Array:
    return (np.random.default_rng(seed).integers(-4, 5, shape) / 4).astype(np.float32)


def stimulus() -> Array:
    return np.abs(quarters(5, T, N))


def refuse(load: Load, given: dict[str, Any], **options: Any) -> SnnccError:
    with pytest.raises(SnnccError) as refused:
        load(given, **options)
    return refused.value


def warned(net: snncc.Network, code: str) -> list[tuple[str | None, str]]:
    return [(w.node, w.message) for w in net.warnings if w.code == code]


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


def spikes_of(x: Array, threshold: float = 1.0) -> Array:
    """What `integrator` gives for [T, ...] inputs."""
    v, spikes = np.zeros(x.shape[1:]), []
    for step in x:
        v = v + step
        spikes.append(v > threshold)
        v = np.where(spikes[-1], 0.0, v)
    return np.stack(spikes).astype(np.uint8)


def recurrent_spikes(
    x: Array, feedback: Callable[[list[Array]], Array], threshold: float = 1.0
) -> Array:
    """As `spikes_of`, with an input from the spikes of earlier steps."""
    v, spikes = np.zeros(x.shape[1:]), []
    for step in x:
        v = v + step + feedback(spikes)
        z = v > threshold
        v = np.where(z, 0.0, v)
        spikes.append(z.astype(np.float64))
    return np.stack(spikes).astype(np.uint8)


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
