"""Names of nodes and states, and states that are set: the same in the interpreter and in C."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.verification import differing_bits, verify_network
from tests.small_networks import network, stimulus
from tests.tools import require_tool

NEURON = """snn.neuron {name} (%x = %{source} : tensor<4xf32>) state (%v = %zero : tensor<f32>)
    -> (tensor<4xf32>) {{
    %0 = arith.addf %v, %x : f32
    snn.next (%0 : f32) state (%0 : f32)
  }}"""


def neuron(source: str, name: str | None = None) -> str:
    return NEURON.format(source=source, name=f'as "{name}"' if name else "")


def delay(source: str, steps: int = 2, name: str | None = None) -> str:
    given = f' as "{name}"' if name else ""
    type = "tensor<4xf32>"
    return f"snn.delay %{source} by {steps} init %zero{given} : {type}, tensor<f32> -> {type}"


def lines(body: dict[str, str], outputs: dict[str, str]) -> str:
    """A network of one input x of four: value -> operation, and output name -> value."""
    types = ", ".join(["tensor<4xf32>"] * len(outputs))
    declared = ", ".join(f'"{name}" : tensor<4xf32>' for name in outputs)
    text = "\n".join(f"  %{value} = {op}" for value, op in body.items())
    return f"""
snn.network @net ("x" %x : tensor<4xf32>) -> ({declared}) {{
  %zero = snn.constant dense<0.0> : tensor<f32>
{text}
  snn.yield {", ".join(f"%{value}" for value in outputs.values())} : {types}
}}
"""


def expect_equal(wanted: dict[str, Any], found: dict[str, Any]) -> None:
    for name, array in wanted.items():
        assert not differing_bits(np.asarray(array), np.asarray(found[name])).any(), name


def check_states(net: snncc.Network, states: list[str]) -> None:
    """Each state is set alone, and all are: C gives what the interpreter gives, not the same."""
    require_tool("gcc")
    x = stimulus(7, 2, 4)
    final = net.run(x, trace=True)["final"]
    assert sorted(final) == sorted(states)
    rng = np.random.default_rng(0)
    given = {name: rng.normal(size=value.shape).astype(np.float32) for name, value in final.items()}
    plain = net.run(x)
    for block in (1, 3):
        program = snncc.compile(net, time_block=block, cc="gcc", cflags=("-O0",))
        for state0 in [*({name: value} for name, value in given.items()), given]:
            wanted = net.run(x, state0=state0)
            assert any(differing_bits(plain[n], wanted[n]).any() for n in plain), list(state0)
            expect_equal(wanted, program.run(x, state0=state0))
            traced = program.run(x, state0=state0, trace=True)
            expect_equal(net.run(x, state0=state0, trace=True)["final"], traced["final"])


class TestSettingStates:
    """A state that an output depends on is part of the network's interface."""

    @pytest.mark.parametrize("operation", [neuron, delay])
    def test_equal_operations(self, operation: Any, tmp_path: Path) -> None:
        body = {"a": operation("x"), "b": operation("x")}
        net = network(lines(body, {"y": "a", "z": "b"}), tmp_path)
        names = ["delay0", "delay1"] if operation is delay else ["neuron0.v", "neuron1.v"]
        check_states(net, names)

    def test_a_delay_of_a_constant(self, tmp_path: Path) -> None:
        body = {
            "c": "snn.constant dense<0.0> : tensor<4xf32>",
            "d": delay("c", name="d"),
            "y": neuron("d", "n"),
        }
        check_states(network(lines(body, {"y": "y"}), tmp_path), ["d", "n.v"])

    def test_a_state_without_effect(self, tmp_path: Path) -> None:
        """It is left out of C, where setting it does nothing, as it does in the interpreter."""
        require_tool("gcc")
        body = {
            "dead": delay("x"),  # delay0: the names of the others do not depend on it
            "late": delay("x", 1),
            "y": neuron("late"),
            "unread": neuron("y", "unread"),
        }
        net = network(lines(body, {"y": "y"}), tmp_path)
        x = stimulus(6, 4)
        program = snncc.compile(net, cc="gcc", cflags=("-O0",))
        assert program.package.manifest["left_out"] == ["delay0", "unread.v"]
        plain = net.run(x, trace=True)
        assert set(plain["final"]) == {"delay0", "delay1", "neuron0.v", "unread.v"}
        for name in ("delay0", "unread.v"):
            state0 = {name: np.ones(plain["final"][name].shape)}
            expect_equal({"y": plain["y"]}, net.run(x, state0=state0))
            expect_equal({"y": plain["y"]}, program.run(x, state0=state0))
        for name in ("delay1", "neuron0.v"):
            state0 = {name: np.ones(plain["final"][name].shape)}
            wanted = net.run(x, state0=state0)
            assert differing_bits(plain["y"], wanted["y"]).any()
            expect_equal(wanted, program.run(x, state0=state0))

    def test_an_unknown_state_is_never_ignored(self, tmp_path: Path) -> None:
        require_tool("gcc")
        net = network(lines({"y": neuron("x", "n")}, {"y": "y"}), tmp_path)
        program = snncc.compile(net, cc="gcc", cflags=("-O0",))
        with pytest.raises(snncc.SnnccError, match=r"SNC-R002 no state is named 'n.u'"):
            program.native.run({"x": stimulus(3, 1, 4)}, state0={"n.u": np.zeros(4, np.float32)})

    def test_an_output_of_a_neuron_that_is_not_read(self, tmp_path: Path) -> None:
        """What is known by name keeps it where other outputs and states of its neuron go."""
        text = """
snn.network @net ("x" %x : tensor<4xf32>) -> ("y" : tensor<4xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %a, %b = snn.neuron as "n" (%x = %x : tensor<4xf32>)
      state (%u = %zero : tensor<f32>, %v = %zero : tensor<f32>) -> (tensor<4xf32>, tensor<4xf32>) {
    %0 = arith.addf %u, %x : f32
    %1 = arith.addf %v, %x : f32
    snn.next (%0 : f32, %1 : f32) state (%0 : f32, %1 : f32)
  }
  snn.yield %b : tensor<4xf32>
}
"""
        net = network(text, tmp_path)
        program = snncc.compile(net, cc=require_tool("gcc"), cflags=("-O0",))
        x = stimulus(5, 4)
        state0 = {"n.v": np.arange(4), "n.u": np.ones(4)}
        expect_equal(net.run(x, state0=state0), program.run(x, state0=state0))
        assert set(program.run(x, trace=True)) == {"y", "n", "n.out1", "n.u", "n.v", "final"}


NAMES: dict[str, tuple[dict[str, str], dict[str, str], list[str]]] = {
    # body, outputs, and the names of a trace
    "a state and a node": (
        {"a": neuron("x", "a"), "b": neuron("a", "a.v")},
        {"y": "b"},
        ["a", "a.v_1", "a.v", "a.v.v"],
    ),
    "a state and a delay": (
        {"a": neuron("x", "a"), "b": delay("a", name="a.v")},
        {"y": "b"},
        ["a", "a.v_1"],
    ),
    "a delay and what C keeps for it": (
        {"a": delay("x", 3, "d"), "b": delay("a", 3, "d.position"), "c": neuron("b", "d.out")},
        {"y": "c", "z": "a"},
        ["d.out", "d.out.v"],
    ),
    "two of one name": (
        {"a": neuron("x", "a"), "b": neuron("a", "a")},
        {"y": "b"},
        ["a", "a.v", "a_1", "a_1.v"],
    ),
    "an input's name": ({"a": neuron("x", "x")}, {"y": "a"}, ["x", "x.v"]),
    "the output's own name": ({"a": neuron("x", "y")}, {"y": "a"}, ["y", "y.v"]),
    "another output's name": (
        {"a": neuron("x", "y"), "b": neuron("a", "b")},
        {"y": "b", "a.v": "a"},
        ["y_1", "y_1.v", "b", "b.v"],
    ),
    "the key of the final states": (
        {"a": neuron("x", "final")},
        {"y": "a"},
        ["final_1", "final_1.v"],
    ),
    "no output": (
        {"dead": neuron("x", "dead"), "b": neuron("x", "b")},
        {"y": "b"},
        ["dead", "dead.v", "b", "b.v"],
    ),
    "no state": (
        {
            "m": """snn.neuron as "m" (%x = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %0 = arith.addf %x, %x : f32
    snn.next (%0 : f32)
  }""",
            "s": 'snn.add %m, %m as "s" : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>',
            "b": neuron("s", "b"),
        },
        {"y": "b"},
        ["m", "b", "b.v"],
    ),
}


@pytest.mark.parametrize("case", NAMES)
def test_names_are_unique_and_the_same_in_c(case: str, tmp_path: Path) -> None:
    body, outputs, traced = NAMES[case]
    net = network(lines(body, outputs), tmp_path)
    x = stimulus(7, 2, 4)
    wanted = net.run(x, trace=True)
    assert set(wanted) == {*outputs, *traced, "final"}
    program = snncc.compile(net, cc=require_tool("gcc"), cflags=("-O0",))
    found = program.run(x, trace=True)
    assert set(found) == set(wanted)
    final = wanted.pop("final")
    assert set(found["final"]) == set(final)
    expect_equal(wanted, found)
    expect_equal(final, found["final"])
    for name in set(final) - set(program.package.manifest["left_out"]):
        state0 = {name: np.full(final[name].shape[1:], 0.25)}
        expect_equal(net.run(x, state0=state0), program.run(x, state0=state0))


SCALARS = """
snn.network @net ("x" %x : tensor<f32>, "s" %s : tensor<i1>)
    -> ("y" : tensor<f32>, "z" : tensor<i1>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %late = snn.delay %z by 2 init %off as "late" : tensor<i1>, tensor<i1> -> tensor<i1>
  %a = snn.add %x, %s, %late : (tensor<f32>, tensor<i1>, tensor<i1>) -> tensor<f32>
  %y, %z = snn.neuron as "n" (%x = %a : tensor<f32>) state (%v = %zero : tensor<f32>)
      -> (tensor<f32>, tensor<i1>) {
    %0 = arith.addf %v, %x : f32
    %z = snn.spike ge %0 : f32
    snn.next (%0 : f32, %z : i1) state (%0 : f32)
  }
  snn.yield %y, %z : tensor<f32>, tensor<i1>
}
"""


def test_traces_of_scalars(tmp_path: Path) -> None:
    """Without axes of their own, inputs and outputs are one number a step."""
    net = network(SCALARS, tmp_path)
    x = {"x": stimulus(9), "s": (stimulus(9, seed=1) > 0).astype(np.uint8)}
    wanted = net.run(x, trace=True)
    found = snncc.compile(net, cc=require_tool("gcc"), cflags=("-O0",)).run(x, trace=True)
    expect_equal(wanted.pop("final"), found.pop("final"))
    assert set(found) == set(wanted)
    expect_equal(wanted, found)


@pytest.mark.parametrize("case", ["no output", "no state", "another output's name"])
def test_verification_takes_every_name(case: str, tmp_path: Path) -> None:
    require_tool("gcc")
    body, outputs, _ = NAMES[case]
    net = network(lines(body, outputs), tmp_path)
    checks = verify_network(net, {"x": stimulus(5, 1, 4)})
    assert any("debug" in check.name for check in checks)
    assert [check for check in checks if check.differing] == []
