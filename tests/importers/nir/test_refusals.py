"""What a framework's importer refuses, and where it departs from NIR's equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snncc.errors import SnnccError
from snncc.options import PROFILES
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import Fields, chain, cuba_li, cuba_lif, i, if_, li, lif

DT = 1e-4
SIZE = 2
UNEQUAL = np.array([1.0, 2.0])
NODES = {"I": i, "IF": if_, "LI": li, "LIF": lif, "CubaLI": cuba_li, "CubaLIF": cuba_lif}
HAS = {
    "nir-ode": {"I", "IF", "LI", "LIF", "CubaLI", "CubaLIF"},
    "snntorch": {"IF", "LIF", "CubaLIF"},
    "norse": {"IF", "LIF", "CubaLIF"},
    "sinabs": {"IF", "LIF", "LI"},
    "rockpool": {"LIF", "LI", "CubaLIF"},
    "spyx": {"IF", "LIF", "CubaLIF"},
    "lava": {"IF", "LIF", "CubaLIF"},
    "spikingjelly": {"IF", "LIF", "CubaLIF"},
}


def at(**values: float) -> dict[str, Any]:
    """One value for the whole population."""
    return {field: np.full(SIZE, value) for field, value in values.items()}


# fields with which a class is taken as it stands, at dt = 1e-4
TAKEN: dict[tuple[str, str], dict[str, Any]] = {
    ("snntorch", "CubaLIF"): at(r=10.0),
    ("lava", "CubaLIF"): at(r=10.0),
    ("spikingjelly", "IF"): at(r=1e4),
    ("spikingjelly", "CubaLIF"): at(r=10.0, w_in=5.0),
}


def node_for(like: str, type: str, **fields: Any) -> Fields:
    return NODES[type](SIZE, **TAKEN.get((like, type), {}) | fields)


@pytest.mark.parametrize("like", PROFILES)
@pytest.mark.parametrize("type", NODES)
def test_neurons_of_each_framework(like: str, type: str, load: Load) -> None:
    given = chain(("n", node_for(like, type)), shape=(SIZE,))
    if type in HAS[like]:
        net = load(given, like=like, dt=DT)
        assert "n" in net.run(np.ones((2, SIZE), np.float32), trace=True)
        return
    with pytest.raises(SnnccError) as refused:
        load(given, like=like, dt=DT)
    (problem,) = refused.value.problems
    assert (problem.code, problem.node) == ("SNC-I018", "n")
    assert problem.message == f"{type}: {like} has no neuron for {type}"


REFUSED: list[tuple[str, str, dict[str, Any], str]] = [
    ("snntorch", "LIF", at(v_leak=0.1), "v_leak must be 0"),
    ("snntorch", "LIF", {"v_threshold": UNEQUAL}, "v_threshold must be the same for all neurons"),
    ("snntorch", "IF", {"v_threshold": UNEQUAL}, "v_threshold must be the same for all neurons"),
    ("snntorch", "IF", {"r": UNEQUAL}, "r must be the same for all neurons"),
    ("snntorch", "IF", at(r=2.0), "r must be 1"),
    ("snntorch", "CubaLIF", at(v_leak=0.1), "v_leak must be 0"),
    ("snntorch", "CubaLIF", at(r=9.0), "r must be tau_mem / dt = 10, it is 9 (dt = 0.0001 s)"),
    (
        "snntorch",
        "CubaLIF",
        {"w_in": UNEQUAL},
        "v_threshold tau_syn / w_in must be the same for all neurons",
    ),
    ("sinabs", "LIF", at(v_leak=0.1), "v_leak must be 0"),
    ("sinabs", "LI", at(v_leak=0.1), "v_leak must be 0"),
    ("sinabs", "LI", at(r=2.0), "r must be 1"),
    ("lava", "IF", {"v_threshold": UNEQUAL}, "v_threshold must be the same for all neurons"),
    ("lava", "IF", {"r": UNEQUAL}, "r must be the same for all neurons"),
    ("lava", "CubaLIF", at(v_leak=0.1), "v_leak must be 0"),
    ("lava", "CubaLIF", {"r": UNEQUAL}, "r must be tau_mem / dt = 10, it is 1 to 2 (dt = 0.0001"),
    ("spikingjelly", "IF", at(r=1.0), "r must be 1 / dt = 10000"),
    ("spikingjelly", "IF", {"v_reset": UNEQUAL}, "v_reset must be the same for all neurons"),
    ("spikingjelly", "IF", {"v_threshold": UNEQUAL}, "v_threshold must be the same for all"),
    ("spikingjelly", "LIF", at(tau=1e-4), "tau / dt must be above 1, it is 1"),
    ("spikingjelly", "LIF", at(r=2.0), "r must be 1 or tau / dt = 10"),
    ("spikingjelly", "LIF", at(v_leak=0.1), "v_leak must equal v_reset"),
    ("spikingjelly", "LIF", {"tau": UNEQUAL}, "tau must be the same for all neurons"),
    ("spikingjelly", "CubaLIF", at(r=9.0), "r must be tau_mem / dt = 10, it is 9 (dt = 0.0001 s)"),
    ("spikingjelly", "CubaLIF", at(w_in=1.0), "w_in must be tau_syn / dt = 5, it is 1"),
    ("spikingjelly", "CubaLIF", at(v_leak=0.1), "v_leak must be 0, it is 0.1"),
    (
        "spikingjelly",
        "CubaLIF",
        at(tau_syn=5e-5, w_in=0.5),
        "time constants must be at least dt = 0.0001 s",
    ),
]


@pytest.mark.parametrize(("like", "type", "fields", "message"), REFUSED)
def test_values_that_a_framework_refuses(
    like: str, type: str, fields: dict[str, Any], message: str, load: Load
) -> None:
    """One field of a neuron that is otherwise taken."""
    with pytest.raises(SnnccError) as refused:
        load(chain(("n", node_for(like, type, **fields)), shape=(SIZE,)), like=like, dt=DT)
    (problem,) = refused.value.problems
    assert (problem.code, problem.node) == ("SNC-I018", "n")
    assert problem.message.startswith(f"{type}: {message}")


@pytest.mark.parametrize(
    ("like", "type", "fields", "dt"),
    [
        ("snntorch", "CubaLIF", at(r=8.0), 1.25e-4),
        ("lava", "CubaLIF", at(r=8.0), 1.25e-4),
        ("spikingjelly", "IF", at(r=500.0), 2e-3),
        ("spikingjelly", "LIF", at(r=2.0), 5e-4),
        ("spikingjelly", "CubaLIF", at(r=8.0, w_in=4.0), 1.25e-4),
    ],
)
def test_a_field_that_follows_from_dt_names_the_dt_that_it_fits(
    like: str, type: str, fields: dict[str, Any], dt: float, load: Load
) -> None:
    given = chain(("n", node_for(like, type, **fields)), shape=(SIZE,))
    with pytest.raises(SnnccError) as refused:
        load(given, like=like, dt=DT)
    (problem,) = refused.value.problems
    assert problem.remedy is not None
    assert problem.remedy.startswith(f"dt={dt:g} fits the file; else take another profile")
    assert load(given, like=like, dt=dt)


@pytest.mark.parametrize("r", [-1.0, -2.0])
def test_rockpool_needs_a_dt_above_zero(r: float, load: Load) -> None:
    """It takes tau / (1 + r) as the step, unless the caller gives one."""
    given = chain(("n", lif(SIZE, **at(r=r))), shape=(SIZE,))
    with pytest.raises(SnnccError) as refused:
        load(given, like="rockpool")
    assert refused.value.code == "SNC-I018"
    assert "is not above 0" in refused.value.problems[0].message
    load(given, like="rockpool", dt=DT)


def test_every_refused_neuron_is_reported(load: Load) -> None:
    nodes = (("a", lif(SIZE, **at(v_leak=0.1))), ("b", li(SIZE)), ("c", lif(SIZE)))
    with pytest.raises(SnnccError) as refused:
        load(chain(*nodes, shape=(SIZE,)), like="snntorch")
    assert [(p.code, p.node) for p in refused.value.problems] == [
        ("SNC-I018", "a"),
        ("SNC-I018", "b"),
    ]
    assert "(and 1 more: `snncc check` lists them all)" in str(refused.value)


DEPARTURES: list[tuple[str, str, dict[str, Any], list[str]]] = [
    ("nir-ode", "CubaLIF", at(v_leak=0.1, v_reset=0.1), []),
    # a unit gain that the file states is no departure
    ("snntorch", "LIF", at(r=10.0), []),
    ("snntorch", "LIF", at(v_reset=0.1), ["unit input gain", "ignores v_reset"]),
    ("snntorch", "LIF", {"r": UNEQUAL}, ["unit input gain", "smallest r dt / tau of the layer"]),
    ("snntorch", "IF", {}, ["beta = 0.9"]),
    ("snntorch", "CubaLIF", at(w_in=5.0), []),
    ("snntorch", "CubaLIF", {}, ["divided by w_in dt / tau_syn"]),
    ("norse", "IF", at(v_reset=0.1), ["without dt and r", "ignores v_reset"]),
    ("norse", "LIF", {}, []),
    ("norse", "LIF", at(r=2.0, v_reset=0.1), ["ignores v_reset", "ignores r of LIF"]),
    ("norse", "CubaLIF", at(v_leak=0.1), ["leak to v_leak too"]),
    ("sinabs", "IF", {}, ["holds v at or above -threshold"]),
    ("sinabs", "LIF", at(v_reset=0.1), ["unit input gain", "ignores v_reset"]),
    ("sinabs", "LI", {}, ["unit input gain"]),
    ("rockpool", "LIF", at(v_leak=0.1), ["unit input gain", "adds v_leak at every step"]),
    ("rockpool", "CubaLIF", {}, ["unit input gain", "decay in the step in which it arrives"]),
    ("rockpool", "LI", {}, ["whole seconds", "always 0 in rockpool"]),
    ("rockpool", "LI", at(tau=2.0), ["whole seconds"]),
    ("spyx", "IF", {}, ["without dt and r", "one step late"]),
    ("spyx", "LIF", at(v_leak=0.1), ["unit input gain", "ignores v_leak", "one step late"]),
    ("spyx", "CubaLIF", {}, ["unit gains", "one step late"]),
    ("lava", "LIF", at(r=2.0), ["one step late", "ignores r of LIF"]),
    ("lava", "IF", {}, ["multiplies the threshold by r"]),
    ("lava", "CubaLIF", {}, ["fixed-point arithmetic is not reproduced"]),
    ("spikingjelly", "LIF", {}, ["fires at the threshold (>=)"]),
]


@pytest.mark.parametrize(("like", "type", "fields", "expected"), DEPARTURES)
def test_departures_from_the_equations(
    like: str, type: str, fields: dict[str, Any], expected: list[str], load: Load
) -> None:
    given = chain(("n", node_for(like, type, **fields)), shape=(SIZE,))
    found = [w for w in load(given, like=like, dt=DT).warnings if w.code == "SNC-W001"]
    assert len(found) == len(expected)
    for warning, text in zip(found, expected, strict=True):
        assert warning.node == "n"
        assert warning.severity == "warning"
        assert text in warning.message


@pytest.mark.parametrize("like", PROFILES)
def test_no_reset_is_a_departure(like: str, load: Load) -> None:
    given = chain(("n", node_for(like, "LIF")), shape=(SIZE,))
    text = "reset=none: a spike leaves the membrane as it is; NIR resets it"
    for reset, count in (("none", 1), (None, 0)):
        warnings = load(given, like=like, dt=DT, reset=reset).warnings
        assert [(w.code, w.message) for w in warnings].count(("SNC-W001", text)) == count


def test_a_neuron_that_rockpool_keeps_silent(load: Load) -> None:
    """LI below one second gives zeros there; from one second on it does not."""
    x = np.ones((3, SIZE), np.float32)
    for tau, alive in ((0.5, False), (1.5, True)):
        net = load(chain(("n", li(SIZE, **at(tau=tau))), shape=(SIZE,)), like="rockpool", dt=0.1)
        assert net.run(x)["output"].any() == alive
