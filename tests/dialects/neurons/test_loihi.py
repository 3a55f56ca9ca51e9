"""
The body of Loihi's neuron: its equations at their ends, and the same from the chip's description.

`tests/cores/test_netx.py` compares a network with what Lava has recorded.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp, TensorType, i32
from xdsl.ir import Operation

from snncc.compiled import compile
from snncc.cores.chips import chip_named
from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of, type_of
from snncc.dialects.core import InputOp, OutputOp, PopulationOp, ProgramOp, SynapsesOp
from snncc.dialects.core.conformance import departures
from snncc.dialects.snn.neurons import loihi
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.network import Network
from snncc.passes.chip_model import model_of


def reference(population: loihi.Population, x: Array) -> dict[str, Array]:
    """The equations on Python's integers, as Lava writes them: one wrap, a clip."""

    def toward_zero(value: int, factor: int) -> int:
        magnitude = abs(value) * factor >> 12
        return magnitude if value >= 0 else -magnitude

    steps, size = x.shape
    du, dv, threshold, mantissa, exponent = (
        np.broadcast_to(getattr(population, name), size).tolist()
        for name in ("du", "dv", "threshold", "bias_mantissa", "bias_exponent")
    )
    result = {name: np.zeros((steps, size), np.int64) for name in ("z", "u", "v")}
    for n in range(size):
        u = v = 0
        for t in range(steps):
            u = toward_zero(u, 4096 - (du[n] + 1)) + (int(x[t, n]) << 6)
            u = u - 2**24 if u > 2**23 else u + 2**24 if u <= -(2**23) else u
            v = toward_zero(v, 4096 - dv[n]) + u + (mantissa[n] << exponent[n])
            v = min(max(v, 1 - 2**23), 2**23 - 1)
            z = v > threshold[n] << 6
            v = 0 if z else v
            for name, value in (("z", z), ("u", u), ("v", v)):
                result[name][t, n] = value
    return result


def drawn(seed: int) -> tuple[loihi.Population, Array]:
    rng = np.random.default_rng(seed)
    size, steps = 24, 150
    population = loihi.Population(
        du=rng.integers(0, 4096, size) >> rng.integers(0, 12, size),
        dv=rng.integers(0, 4096, size) >> rng.integers(0, 12, size),
        threshold=np.where(rng.random(size) < 0.3, 131071, rng.integers(0, 60000, size)),
        bias_mantissa=rng.integers(-4096, 4096, size),
        bias_exponent=rng.integers(0, 8, size),
    )
    # sums of 16 bits, and now and then one that wraps
    x = rng.integers(-(2**15), 2**15, (steps, size)) >> rng.integers(0, 10, size)
    return population, np.where(rng.random(x.shape) < 0.02, x * 7, x)


def one_layer(population: loihi.Population, size: int) -> Network:
    a = Assembly("one", {"x": TensorType(i32, [size])})
    return Network(
        a.finish({"z": loihi.add_neuron(a, "n", population, (size,), {"x": a.inputs["x"]})})
    )


@pytest.mark.parametrize("seed", range(20))
def test_interpreter_equals_equations(seed: int) -> None:
    population, x = drawn(seed)
    wanted = reference(population, x)
    trace = one_layer(population, x.shape[1]).run(x, trace=True)
    np.testing.assert_array_equal(trace["n.u"], wanted["u"])
    np.testing.assert_array_equal(trace["n.v"], wanted["v"])
    np.testing.assert_array_equal(trace["z"], wanted["z"])


@pytest.mark.parametrize("seed", range(4))
def test_c_equals_equations(seed: int) -> None:
    population, x = drawn(seed)
    wanted = reference(population, x)
    trace = compile(one_layer(population, x.shape[1]), cflags=("-O1",)).run(x, trace=True)
    np.testing.assert_array_equal(trace["n.u"], wanted["u"])
    np.testing.assert_array_equal(trace["n.v"], wanted["v"])
    np.testing.assert_array_equal(trace["z"], wanted["z"])


def test_what_the_drawn_populations_reach() -> None:
    """Both ends of the membrane, currents that wrap both ways, and live neurons."""
    results = [reference(*drawn(seed)) for seed in range(20)]
    assert min(r["v"].min() for r in results) == 1 - 2**23
    rates = [r["z"].mean() for r in results]
    assert 0.02 < min(rates) < max(rates) < 0.9
    jumps = np.concatenate([np.diff(r["u"], axis=0).ravel() for r in results])
    assert jumps.max() > 2**23
    assert jumps.min() < -(2**23)


def test_a_current_may_be_at_the_upper_end_and_not_at_the_lower() -> None:
    """Lava wraps above 2^23 and at -2^23: the register's range is -2^23 + 1 to 2^23."""
    x = np.array([[2**17, -(2**17), 2**17 + 1, -(2**17) - 1]])
    none = np.zeros(1, np.int64)
    population = loihi.Population(none, none, none + 131071, none, none)
    wanted = reference(population, x)
    assert wanted["u"].tolist() == [[2**23, 2**23, -(2**23) + 64, 2**23 - 64]]
    trace = one_layer(population, 4).run(x, trace=True)
    np.testing.assert_array_equal(trace["n.u"], wanted["u"])
    np.testing.assert_array_equal(trace["n.v"], wanted["v"])


def test_what_the_registers_cannot_hold() -> None:
    zero = np.zeros(1, np.int64)
    with pytest.raises(ValueError, match="threshold: expected 0 to 131071, got 131072 to 131072"):
        loihi.Population(zero, zero, zero + 131072, zero, zero)


def from_description(population: loihi.Population, weight: Array) -> Network:
    """Spikes of a layer of the chip, as `core.program` and description have it."""
    parameters: list[Operation] = []

    def parameter(name: str, values: Array) -> str:
        parameters.append(snn.ParameterOp(name, type_of(values), blob_of(values)))
        return name

    size, inputs = weight.shape
    configured = {
        name: parameter(name, np.broadcast_to(getattr(population, name), size).astype(np.int32))
        for name in ("du", "dv", "threshold", "bias_mantissa", "bias_exponent")
    }
    sources, targets = np.nonzero(weight.T)
    names = [
        parameter(f"s.{name}", array.astype(np.int32))
        for name, array in (
            ("sources", sources),
            ("targets", targets),
            ("weights", weight.T[sources, targets]),
        )
    ]
    operations = [
        InputOp("x", [inputs]),
        PopulationOp("n", "compartment", [size], configured),
        SynapsesOp("s", "x", "n", "input", 0, 0, (names[0], names[1], names[2])),
        OutputOp("z", "n", 0),
    ]
    chip = chip_named("loihi")
    program = ProgramOp("one", chip.name, {}, operations)
    ModuleOp([*parameters, program]).verify()
    assert not departures(program, chip)
    return Network(model_of(program, chip))


@pytest.mark.parametrize("seed", range(4))
def test_description_equals_body(seed: int) -> None:
    """Random parameters, and weights with which currents wrap and membranes saturate both ways."""
    population, _ = drawn(seed)
    slow = np.where(np.arange(24) % 2, np.minimum(population.du, 15), population.du)
    population = replace(population, du=slow)
    rng = np.random.default_rng(seed)
    weight = rng.integers(-255, 256, (24, 64))
    weight[12:] >>= rng.integers(0, 7, (12, 1))
    weight[::3] = np.abs(weight[::3])
    weight[1::3] = -np.abs(weight[1::3])
    spikes = rng.integers(0, 2, (150, 64))
    body = one_layer(population, 24).run(spikes @ weight.T, trace=True)
    model = from_description(population, weight).run(spikes, trace=True)
    for name in ("z", "n.u", "n.v"):
        np.testing.assert_array_equal(model[name], body[name])
    assert 0.02 < body["z"].mean() < 0.9
    jumps = np.diff(body["n.u"].astype(np.int64), axis=0)
    assert jumps.max() > 2**23
    assert jumps.min() < -(2**23)
    v, u = body["n.v"].astype(np.int64), body["n.u"].astype(np.int64)
    kept = np.sign(v[:-1]) * (np.abs(v[:-1]) * (4096 - population.dv) >> 12)
    bias = population.bias_mantissa << population.bias_exponent
    unheld = kept + u[1:] + bias
    assert unheld.max() > 2**23
    assert unheld.min() < -(2**23)
