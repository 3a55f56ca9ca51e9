"""
The neurons of like="nir-ode" against NIR's equations, solved in float64.

Spikes must be equal. So that float32 cannot decide one, each case asserts that no
membrane comes closer to its threshold than the tolerance of the comparison.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
import pytest

from snncc.dialects.arrays import Array, parameter_array
from snncc.errors import SnnccError
from tests.importers.nir.conftest import Load
from tests.importers.nir.nirfile import Fields, chain, cuba_li, cuba_lif, i, if_, li, lif

SIZE, T, B = 5, 40, 2
DT = 1e-4

# float32 rounds each operation at 2^-24 = 6e-8 of the membrane, which stays below 6 here;
# an integrator keeps the errors of two operations in each of 40 steps: 2 * 40 * 6 * 6e-8
ROUNDING = 3e-5
SUBSTEPS = 100
# the midpoint rule is off by a sixth of (DT / SUBSTEPS / time constant)^2 < 1e-6: below that


NEURONS: dict[str, Callable[..., Fields]] = {
    "I": i,
    "IF": if_,
    "LI": li,
    "LIF": lif,
    "CubaLI": cuba_li,
    "CubaLIF": cuba_lif,
}


def parameters(type: str) -> dict[str, Array]:
    """Random values per neuron, such that inputs around 1 make it fire."""
    rng = np.random.default_rng(1 if type == "LIF" else 0)

    def uniform(low: float, high: float) -> Array:
        return rng.uniform(low, high, SIZE).astype(np.float32).astype(np.float64)

    known = {
        "tau": uniform(6e-4, 3e-3),
        "tau_syn": uniform(5e-4, 1e-3),
        "tau_mem": uniform(6e-4, 3e-3),
        "r": uniform(0.05, 0.15) / DT if type in ("I", "IF") else uniform(0.8, 1.2),
        "v_leak": uniform(-0.2, 0.3),
        "v_threshold": uniform(0.25, 0.4),
        "v_reset": uniform(-0.1, 0.1),
        "w_in": uniform(0.8, 1.6),
    }
    return {field: known[field] for field in NEURONS[type](1) if field != "type"}


def stimulus() -> Array:
    """Held for four steps at a time, so that membranes travel."""
    drawn = np.random.default_rng(7).uniform(-0.5, 2.0, (T // 4, B, SIZE))
    return np.repeat(drawn, 4, axis=0).astype(np.float32)


class Reference:
    """One population in float64; `integrator`: euler (one step of DT) or exact (many)."""

    def __init__(self, type: str, p: dict[str, Array], integrator: str):
        self.type, self.p = type, p
        self.integrator = integrator
        self.i = np.zeros((B, SIZE))
        self.v = np.zeros((B, SIZE))

    def advance(self, x: Array) -> None:
        """The state one step later, the input held, without reset."""
        if self.integrator == "euler":
            self.i = self.i + DT * self.di(self.i, x)
            self.v = self.v + DT * self.dv(self.i, self.v, x)  # takes the new current
            return
        h = DT / SUBSTEPS
        for _ in range(SUBSTEPS):
            i = self.i + h / 2 * self.di(self.i, x)
            v = self.v + h / 2 * self.dv(self.i, self.v, x)
            self.i, self.v = self.i + h * self.di(i, x), self.v + h * self.dv(i, v, x)

    def di(self, i: Array, x: Array) -> Array | float:
        if "tau_syn" not in self.p:
            return 0.0
        return (self.p.get("w_in", 1.0) * x - i) / self.p["tau_syn"]

    def dv(self, i: Array, v: Array, x: Array) -> Array:
        p = self.p
        if self.type in ("I", "IF"):
            return p["r"] * x
        if self.type in ("LI", "LIF"):
            return (p["v_leak"] - v + p["r"] * x) / p["tau"]
        return (p["v_leak"] - v + p["r"] * i) / p["tau_mem"]

    def run(self, x: Array, reset: str, timing: str) -> tuple[Array, Array, float]:
        """Spikes (or membranes, for neurons without), last membranes, least margin."""
        outputs, margin = [], np.inf
        for step in x.astype(np.float64):
            if not self.type.endswith("IF"):
                self.advance(step)
                outputs.append(self.v)
                continue
            theta, v_reset = self.p["v_threshold"], self.p.get("v_reset", 0.0)
            fired = (self.v > theta) & (timing == "next")
            if reset == "value":
                self.v = np.where(fired, v_reset, self.v)
            self.advance(step)
            if reset == "subtract":
                self.v = self.v - fired * theta
            margin = min(margin, float(np.abs(self.v - theta).min()))
            z = self.v > theta
            outputs.append(z)
            if timing == "same" and reset == "value":
                self.v = np.where(z, v_reset, self.v)
            if timing == "same" and reset == "subtract":
                self.v = self.v - z * theta
        return np.stack(outputs), self.v, margin


def check(
    load: Load, type: str, p: dict[str, Array], fields: dict[str, Any], **options: Any
) -> None:
    node = {"type": type, **fields}
    net = load(chain(("n", node), shape=(SIZE,)), dt=DT, **options)
    result = net.run(stimulus(), trace=True)
    integrator = options.get("integrator", "euler")
    reset, timing = options.get("reset", "value"), options.get("reset_timing", "same")
    expected, v, margin = Reference(type, p, integrator).run(
        stimulus(), reset, "same" if reset == "none" else timing
    )
    np.testing.assert_allclose(result["final"]["n.v"], v, rtol=0, atol=ROUNDING)
    if not type.endswith("IF"):
        np.testing.assert_allclose(result["output"], expected, rtol=0, atol=ROUNDING)
        return
    assert margin > ROUNDING
    assert result["output"].dtype == np.uint8
    np.testing.assert_array_equal(result["output"], expected)
    assert 0.01 < expected.mean() < 0.99


RESETS = [("value", "same"), ("value", "next"), ("subtract", "same"), ("subtract", "next")]


@pytest.mark.parametrize("integrator", ["euler", "exact"])
@pytest.mark.parametrize("type", ["I", "LI", "CubaLI"])
def test_neurons_that_do_not_fire(type: str, integrator: str, load: Load) -> None:
    p = parameters(type)
    check(load, type, p, p, like="nir-ode", integrator=integrator)


@pytest.mark.parametrize("integrator", ["euler", "exact"])
@pytest.mark.parametrize(("reset", "timing"), [*RESETS, ("none", "same")])
@pytest.mark.parametrize("type", ["IF", "LIF", "CubaLIF"])
def test_neurons_that_fire(type: str, reset: str, timing: str, integrator: str, load: Load) -> None:
    p = parameters(type)
    options = {"reset": reset, "reset_timing": timing, "integrator": integrator}
    check(load, type, p, p, like="nir-ode", **options)


def test_without_a_profile_the_same_choices_give_the_same_network(load: Load) -> None:
    graph = chain(("n", cuba_lif(SIZE)), shape=(SIZE,))
    chosen = {"dt": DT, "reset": "subtract", "reset_timing": "next", "integrator": "exact"}
    named = load(graph, like="nir-ode", **chosen).mlir()
    assert 'like = "nir-ode", ' in named
    assert load(graph, **chosen).mlir() == named.replace('like = "nir-ode", ', "")


def test_equal_time_constants(load: Load) -> None:
    """Where tau_syn = tau_mem the exact step has another formula; nearly equal ones meet it."""
    for apart in (0.0, 1e-12, 1e-6):
        p = parameters("CubaLI") | {"tau_syn": parameters("CubaLI")["tau_mem"] * (1 + apart)}
        check(load, "CubaLI", p, p, like="nir-ode", integrator="exact")


def test_time_constants_that_are_nearly_equal(load: Load) -> None:
    """
    What the current leaves in the membrane, against the formula in 60 digits: rounded once to
    float32, whatever the time constants are.
    """
    rng = np.random.default_rng(0)
    apart = np.array([0.0, 1e-15, 1e-12, 1e-9, 1e-6, 1e-3, 0.1, 1.0, 9.0])
    tau_mem = DT * 10 ** rng.uniform(-1, 3, apart.size)
    for sign in (1, -0.09):
        tau_syn = tau_mem * (1 + sign * apart)
        node = cuba_li(apart.size, tau_syn=tau_syn, tau_mem=tau_mem)
        net = load(
            chain(("n", node), shape=(apart.size,)), like="nir-ode", integrator="exact", dt=DT
        )
        found = next(op for op in net.module.ops if op.sym_name.data == "n.c")
        expected = [_coupling(*taus) for taus in zip(tau_syn, tau_mem, strict=True)]
        np.testing.assert_array_max_ulp(parameter_array(found), np.float32(expected), 1)


def _coupling(tau_syn: float, tau_mem: float) -> float:
    with localcontext() as context:
        context.prec = 60
        dt, syn, mem = (Decimal(float(value)) for value in (DT, tau_syn, tau_mem))
        if syn == mem:
            return float(dt / mem * (-dt / mem).exp())
        return float(syn / (syn - mem) * ((-dt / syn).exp() - (-dt / mem).exp()))


@pytest.mark.parametrize("field", ["v_reset", "w_in"])
def test_optional_fields(field: str, load: Load) -> None:
    """v_reset is 0 and w_in is 1 where a file leaves them out."""
    p = parameters("CubaLIF") | {"v_reset": np.zeros(SIZE), "w_in": np.ones(SIZE)}
    check(load, "CubaLIF", p, p | {field: None}, like="nir-ode")


@pytest.mark.parametrize("type", NEURONS)
@pytest.mark.parametrize("shape", [(), (1,), (1, SIZE)])
def test_one_value_for_all_neurons(type: str, shape: tuple[int, ...], load: Load) -> None:
    """Scalars, arrays of one, and populations with a batch axis of one."""
    p = {field: np.full(SIZE, values[0]) for field, values in parameters(type).items()}
    fields = {field: np.full(shape, values[0]) for field, values in p.items()}
    check(load, type, p, fields, like="nir-ode")


def test_parameters_of_different_shapes(load: Load) -> None:
    """Some per neuron, some for all."""
    p = parameters("LIF")
    p |= {field: np.full(SIZE, p[field][0]) for field in ("tau", "v_leak")}
    fields = p | {"tau": p["tau"][0], "v_leak": p["v_leak"][:1]}
    check(load, "LIF", p, fields, like="nir-ode")


def test_parameters_per_channel(load: Load) -> None:
    """[C, 1, 1] broadcasts over the map; the same as every value written out."""
    rng = np.random.default_rng(0)
    tau = rng.uniform(5e-4, 2e-3, (3, 1, 1))
    x = rng.uniform(0, 2, (12, B, 3, 4, 5)).astype(np.float32)
    outputs = []
    for shape in ((3, 1, 1), (3, 4, 5)):
        fields = lif(tau=np.broadcast_to(tau, shape), v_threshold=0.3)
        net = load(chain(("n", fields), shape=(3, 4, 5)), like="nir-ode", dt=DT)
        outputs.append(net.run(x)["output"])
    np.testing.assert_array_equal(*outputs)
    assert 0.02 < outputs[0].mean() < 0.98


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        ({"tau": np.zeros(SIZE)}, "SNC-I015", "tau: expected values above 0"),
        ({"tau": np.array([1e-3] * 4 + [-1e-3])}, "SNC-I015", "tau: expected values above 0"),
        (
            {"r": np.ones(4)},
            "SNC-I014",
            "LIF: parameters of different shapes: 5, 4, 5, 5, 5",
        ),
        (
            {"v_threshold": np.full(SIZE, 1e300)},
            "SNC-I015",
            "theta: does not fit float32",
        ),
        ({"tau": None}, "SNC-I011", "LIF has no field 'tau'"),
    ],
)
def test_parameters_out_of_their_domain(
    fields: dict[str, Any], code: str, message: str, load: Load
) -> None:
    with pytest.raises(SnnccError) as refused:
        load(chain(("n", lif(SIZE, **fields)), shape=(SIZE,)), like="nir-ode", dt=DT)
    (problem,) = refused.value.problems
    assert (problem.code, problem.node, problem.message) == (code, "n", message)
