"""What a file does not state: what is asked for, what a caller overrides, what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from snncc.errors import SnnccError
from snncc.options import PROFILES
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import Fields, chain, cuba_li, cuba_lif, i, if_, li, lif

DT = 1e-4
NEURONS: dict[str, Callable[..., Fields]] = {
    "I": i,
    "IF": if_,
    "LI": li,
    "LIF": lif,
    "CubaLI": cuba_li,
    "CubaLIF": cuba_lif,
}
REMEDY = {
    "dt": "dt=SECONDS",
    "integrator": "integrator=euler|exact",
    "reset": "reset=subtract|value|none",
    "reset_timing": "reset_timing=same|next",
}


def refusal(load: Load, node: Fields, **options: Any) -> SnnccError:
    with pytest.raises(SnnccError) as refused:
        load(chain(("n", node), shape=(1,)), **options)
    return refused.value


def asked(load: Load, node: Fields, **options: Any) -> list[str]:
    """The choices that a refusal asks for, in its order."""
    (problem,) = refusal(load, node, **options).problems
    assert (problem.code, problem.node) == ("SNC-I005", "n")
    what, _, names = problem.message.partition(" does not state ")
    assert what == f"{node['type']}: the file"
    wanted = names.split(", ")
    assert problem.remedy is not None
    first, _, given = problem.remedy.partition(", or give ")
    assert first == f"choose like={'|'.join(PROFILES)}"
    assert given == ", ".join(REMEDY[name] for name in wanted)
    return wanted


def test_every_open_choice_is_asked_for(load: Load) -> None:
    assert asked(load, i()) == ["dt"]
    assert asked(load, if_()) == ["dt", "reset", "reset_timing"]
    assert asked(load, li()) == ["dt", "integrator"]
    assert asked(load, cuba_li()) == ["dt", "integrator"]
    for node in (lif(), cuba_lif()):
        assert asked(load, node) == ["dt", "integrator", "reset", "reset_timing"]
        assert asked(load, node, dt=DT, reset="value") == ["integrator", "reset_timing"]
        assert asked(load, node, dt=DT, integrator="exact") == ["reset", "reset_timing"]
        # no reset has no time
        assert asked(load, node, reset="none") == ["dt", "integrator"]


def test_every_node_is_named(load: Load) -> None:
    nodes = (("a", lif()), ("b", if_()))
    with pytest.raises(SnnccError) as refused:
        load(chain(*nodes, shape=(1,)))
    assert [(p.code, p.node) for p in refused.value.problems] == [
        ("SNC-I005", "a"),
        ("SNC-I005", "b"),
    ]


@pytest.mark.parametrize("type", NEURONS)
def test_a_profile_of_equations_asks_for_dt_alone(type: str, load: Load) -> None:
    (problem,) = refusal(load, NEURONS[type](), like="nir-ode").problems
    assert problem.code == "SNC-I005"
    assert problem.message == f"{type}: nir-ode does not state dt"
    assert problem.remedy == "give dt=SECONDS"


@pytest.mark.parametrize("like", [None, "nir-ode", "sinabs", "rockpool"])
def test_a_delay_asks_for_dt(like: str | None, load: Load) -> None:
    """Where a profile has no step of its own, a delay in seconds needs one."""
    node = {"type": "Delay", "delay": np.full(1, 1e-3)}
    (problem,) = refusal(load, node, like=like).problems
    assert (problem.code, problem.node) == ("SNC-I005", "n")
    assert "dt" in problem.message


STATELESS: dict[str, tuple[Fields, tuple[int, ...]]] = {
    "Affine": ({"type": "Affine", "weight": np.ones((2, 3)), "bias": np.ones(2)}, (3,)),
    "Linear": ({"type": "Linear", "weight": np.ones((2, 3))}, (3,)),
    "Scale": ({"type": "Scale", "scale": np.ones(3)}, (3,)),
    "Conv1d": ({"type": "Conv1d", "weight": np.ones((2, 3, 3))}, (3, 5)),
    "Conv2d": ({"type": "Conv2d", "weight": np.ones((2, 3, 3, 3))}, (3, 5, 5)),
    "SumPool2d": ({"type": "SumPool2d", "kernel_size": (2, 2)}, (3, 4, 4)),
    "AvgPool2d": ({"type": "AvgPool2d", "kernel_size": (2, 2)}, (3, 4, 4)),
    "Flatten": ({"type": "Flatten"}, (3, 4, 4)),
    "Threshold": ({"type": "Threshold", "threshold": np.ones(3)}, (3,)),
}


@pytest.mark.parametrize("type", STATELESS)
def test_stateless_nodes_ask_for_nothing(type: str, load: Load) -> None:
    node, shape = STATELESS[type]
    net = load(chain(("n", node), shape=shape))
    assert net.inputs == {"input": shape}


# Overrides: a neuron that each profile takes, at its own dt, and what may be chosen
BASE: dict[str, tuple[Fields, dict[str, Any]]] = {
    "nir-ode": (lif(v_reset=np.full(1, -0.2)), {"dt": DT}),
    "snntorch": (lif(), {}),
    "norse": (lif(tau=np.full(1, 1e-2)), {}),
    "sinabs": (lif(tau=np.full(1, 10.0)), {}),
    "rockpool": (lif(r=np.full(1, 9.0)), {}),
    "spyx": (lif(tau=np.full(1, 10.0), v_threshold=np.full(1, 3.0)), {}),
    "lava": (lif(), {}),
    "spikingjelly": (lif(), {}),
}
SUBTRACT, VALUE, NONE = ({"reset": reset} for reset in ("subtract", "value", "none"))
NEXT, SAME = ({"reset_timing": timing} for timing in ("next", "same"))
EXACT, EULER = ({"integrator": integrator} for integrator in ("exact", "euler"))
TAKEN: dict[str, list[dict[str, Any]]] = {
    "nir-ode": [SUBTRACT, NONE, NEXT, EXACT, {"dt": 2e-4}, SUBTRACT | NEXT],
    "snntorch": [SUBTRACT, NONE, NEXT, {"dt": 2e-4}, SUBTRACT | NEXT],
    "norse": [SUBTRACT, NONE, {"dt": 2e-3}],
    "sinabs": [VALUE, NONE, {"dt": 2.0}],
    "rockpool": [NONE, {"dt": 2e-4}],
    "spyx": [NONE, {"dt": 2.0}],
    "lava": [NONE, {"dt": 2e-4}],
    "spikingjelly": [SUBTRACT, NONE, {"dt": 2e-4}],
}
REFUSED: dict[str, list[dict[str, Any]]] = {
    "nir-ode": [],
    "snntorch": [EXACT],
    "norse": [NEXT, SUBTRACT | NEXT, EXACT],
    "sinabs": [NEXT, EULER],
    "rockpool": [VALUE, NEXT, EULER],
    "spyx": [VALUE, SAME, EXACT],
    "lava": [SUBTRACT, NEXT, EXACT],
    "spikingjelly": [NEXT, EXACT],
}
OVERRIDES = [(like, chosen) for like, all in TAKEN.items() for chosen in all]
REFUSALS = [(like, chosen) for like, all in REFUSED.items() for chosen in all]


def title(value: Any) -> str:
    return value if isinstance(value, str) else " ".join(map(str, value.values()))


def stimulus() -> Any:
    return np.random.default_rng(3).uniform(-0.5, 3, (150, 1)).astype(np.float32)


@pytest.mark.parametrize(("like", "chosen"), OVERRIDES, ids=title)
def test_an_override_changes_the_output(like: str, chosen: dict[str, Any], load: Load) -> None:
    node, own = BASE[like]
    graph = chain(("n", node), shape=(1,))
    before = load(graph, like=like, **own).run(stimulus(), trace=True)
    after = load(graph, like=like, **own | chosen).run(stimulus(), trace=True)
    assert 0 < np.count_nonzero(before["output"]) < before["output"].size
    # a reset to a value one step later gives the same spikes: the membrane shows it
    what = "n.v" if chosen == NEXT else "output"
    assert (before[what] != after[what]).any()


@pytest.mark.parametrize(("like", "chosen"), REFUSALS, ids=title)
def test_what_a_framework_cannot_do_is_refused(
    like: str, chosen: dict[str, Any], load: Load
) -> None:
    node, own = BASE[like]
    (problem,) = refusal(load, node, like=like, **own | chosen).problems
    assert (problem.code, problem.node) == ("SNC-I018", "n")
    assert like in problem.message
    assert problem.remedy is not None
    assert "nir-ode" in problem.remedy
    (first, *_) = chosen
    assert problem.remedy.startswith("leave ")
    assert first in problem.remedy


@pytest.mark.parametrize("like", [name for name in PROFILES if name != "spikingjelly"])
def test_a_step_that_does_not_fit_the_time_constants(like: str, load: Load) -> None:
    """Most often seconds and milliseconds are mistaken; a framework that refuses says so itself."""
    graph = chain(("a", lif(r=np.full(1, 9.0))), ("b", lif(tau=np.full(1, 0.5))), shape=(1,))

    def warned(dt: float) -> list[tuple[str | None, str]]:
        found = load(graph, like=like, dt=dt).warnings
        return [(w.node, w.message) for w in found if w.code == "SNC-W010"]

    assert warned(1e-3) == []
    above = "above tau = 0.001 s: a step overshoots or forgets the state"
    assert warned(2e-3) == [("a", f"LIF: dt = 0.002 s is {above}")]
    below = "s: in float32 nothing decays"
    assert warned(1e-12) == [
        ("a", f"LIF: dt = 1e-12 s is too small for tau = 0.001 {below}"),
        ("b", f"LIF: dt = 1e-12 s is too small for tau = 0.5 {below}"),
    ]


@pytest.mark.parametrize("like", ["sinabs", "rockpool"])
def test_without_dt_a_framework_has_steps_of_its_own(like: str, load: Load) -> None:
    graph = chain(("a", lif(tau=np.full(1, 1e-9), r=np.full(1, 9.0))), shape=(1,))
    codes = {w.code for w in load(graph, like=like).warnings}
    assert "SNC-W010" not in codes


def test_choices_are_kept_on_the_network(load: Load) -> None:
    text = load(chain(("n", lif()), shape=(1,)), like="snntorch", dt=2e-4, reset="subtract").mlir()
    for part in ('like = "snntorch"', "dt = 2.000000e-04 : f64", 'reset = "subtract"'):
        assert part in text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"like": "brian"}, f"like: expected one of {', '.join(PROFILES)}, got 'brian'"),
        ({"reset": "zero"}, "reset: expected one of value, subtract, none, got 'zero'"),
        ({"reset_timing": "later"}, "reset_timing: expected one of same, next, got 'later'"),
        ({"integrator": "rk4"}, "integrator: expected one of euler, exact, got 'rk4'"),
        ({"dt": 0.0}, "dt: expected seconds above 0, got 0.0"),
        ({"dt": float("nan")}, "dt: expected seconds above 0, got nan"),
        ({"dt": "1ms"}, "dt: expected seconds above 0, got '1ms'"),
    ],
)
def test_options_out_of_their_domain(options: dict[str, Any], message: str, load: Load) -> None:
    error = refusal(load, lif(), **options)
    assert error.code == "SNC-C003"
    assert error.problems[0].message == message
