"""Online training without floats: the interpreter's bits, the gradients of floats."""

from __future__ import annotations

import re
import subprocess
from functools import cache
from pathlib import Path

import numpy as np
import pytest

import snncc
from benchmarks.writer import NetworkWriter
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.training import IntegerProgram, OnlineProgram
from snncc.training.integer_updates import ONE
from tests.small_networks import RECURRENT, network
from tests.small_networks import stimulus as signed_stimulus
from tests.tools import require_tool
from tests.trainable_networks import (
    CLASSES,
    HIDDEN,
    INPUTS,
    STEPS,
    detached,
    labels,
    quantized,
    real,
    stimulus,
)
from tests.training.integer_reference import Reference

LR = 0.05


def given(loss: str, samples: int) -> Array:
    y = labels(samples)
    return y if loss.startswith("ce") else np.eye(CLASSES, dtype=np.float32)[y]


@cache
def integers() -> snncc.Network:
    return quantized(weights="int8")


@cache
def program(loss: str = "ce_per_step", bits: int = 8, cc: str = "gcc", **options) -> IntegerProgram:
    """One for each set of options: who trains it restarts it first."""
    require_tool(cc)
    network = options.pop("network", None) or integers()
    rounding = options.pop("rounding", "stochastic")
    settings = {
        "steps": STEPS,
        "calibration": stimulus(16, seed=2),
        "calibration_target": given(loss, 16),
        "optimizer": f"sgd(lr={LR}, rounding={rounding!r}, bits={bits})",
        "cc": cc,
        "cflags": ("-O1", "-Werror"),
        **options,
    }
    return IntegerProgram(network, loss, **settings)


def test_recurrent_neurons_and_a_membrane(tmp_path: Path) -> None:
    """A delay in a cycle, decays of each neuron, an output that was of floats, soft targets."""
    x = np.abs(signed_stimulus(STEPS, 10, 3))
    net = network(RECURRENT, tmp_path)
    options = {"steps": STEPS, "surrogate": "atan(a=2.0)", "cc": "gcc", "cflags": ("-O1",)}
    made = snncc.quantize(net, "int8", calibration=x, method="max", trainable=["fc", "rec"])
    target = made.run(x[:, ::-1])["v"]
    options |= {"calibration": x, "calibration_target": target}
    optimizer = "sgd(lr=0.05, rounding='stochastic')"
    trained = IntegerProgram(made, "mse(output='v')", optimizer=optimizer, **options)
    reference = Reference(trained)
    x, target = x[:, :4], target[:, :4]
    kept = trained.package.manifest["parameters"]
    for _ in range(2):
        assert trained.train_step(x, target) == reference.train_step(x, target)
        trained.apply()
        reference.apply()
        for name, wanted in reference.parameters.items():
            found = trained._running.array(kept[name]).view(wanted.dtype)
            np.testing.assert_array_equal(found, wanted, name)
            assert (wanted != reference.first[name]).any(), name
    found = trained.run(x)
    for name, wanted in trained.trained().run(x).items():
        np.testing.assert_array_equal(found[name], wanted, name)
        assert abs(wanted).max() >= 1


@pytest.mark.parametrize(
    ("loss", "options"),
    [
        ("ce_per_step", {}),
        ("mse_lowpass(low_pass=0.8)", {"bits": 10, "cc": "clang-19", "rounding": "nearest"}),
        ("mse(reduction='sum')", {"bits": 16, "feedback": "random", "seed": 3, "time_block": 5}),
    ],
)
def test_c_has_the_bits_of_the_interpreter(loss: str, options: dict) -> None:
    """Whole runs: losses, and every parameter after every update; what is kept in the end."""
    trained = program(loss, **options)
    trained.restart()
    reference = Reference(trained)
    x, target = stimulus(6), given(loss, 6)
    kept = trained.package.manifest["parameters"]
    for _ in range(3):
        assert trained.train_step(x, target) == reference.train_step(x, target)
        trained.apply()
        reference.apply()
        for name, wanted in reference.parameters.items():
            found = trained._running.array(kept[name]).view(wanted.dtype)
            np.testing.assert_array_equal(found, wanted, name)
    moved = [(reference.parameters[n] != first).sum() for n, first in reference.first.items()]
    assert min(moved) > 0
    np.testing.assert_array_equal(trained.run(x)["y"], reference.outputs(x)["y"])
    np.testing.assert_array_equal(trained.run(x)["y"], trained.trained().run(x)["y"])


@pytest.mark.parametrize(
    ("loss", "feedback", "limit"),
    [("ce_per_step", "symmetric", 5e-3), ("mse(reduction='sum')", "random", 2e-2)],
)
def test_gradients_are_those_of_floats(loss: str, feedback: str, limit: float) -> None:
    """
    The float e-prop of the same integers: spikes are the same, so what differs are 15-bit factors
    (2^-13 of what was seen) and their sums; and random weights, which have 7 bits and a sign.
    """
    x, target = stimulus(8), given(loss, 8)
    more = {"bits": 16, "feedback": "random", "seed": 3, "time_block": 5}
    trained = program(loss, **({} if feedback == "symmetric" else more))
    trained.restart()
    options = {"steps": STEPS, "feedback": feedback, "cc": "gcc", "cflags": ("-O1",)}
    options |= {} if feedback == "symmetric" else {"seed": 3}
    floats = OnlineProgram(trained.network, loss, **options)
    value = floats.train_step(x, target)
    assert trained.train_step(x, target) == pytest.approx(value, rel=5e-3)
    found, wanted = trained.gradients(), floats.gradients()
    assert set(found) == set(wanted) == {"fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"}
    for name, array in wanted.items():
        assert abs(array).max() > 0, name
        assert abs(found[name] - array).max() < limit * abs(array).max(), name


def test_updates_follow_the_gradients() -> None:
    """As far as floats would move, but for one step of each number at random."""
    x, target = stimulus(8), given("mse(reduction='sum')", 8)
    trained = program("mse(reduction='sum')", bits=16, feedback="random", seed=3, time_block=5)
    trained.restart()
    trained.train_step(x, target)
    gradients, before = trained.gradients(), trained.parameters()
    trained.apply(LR / 2)
    after = trained.parameters()
    for name, gradient in gradients.items():
        whole = trained.integers.wholes[name]
        change, top = -LR / 2 * gradient, whole.largest * whole.unit
        assert abs(change).max() > whole.unit.min(), name
        wanted = np.clip(before[name] + change, -top, top)  # the grid that calibration gave
        room = 1.01 * whole.unit + 2e-3 * abs(change)  # a rounding, and 14-bit factors
        room = room + 1e-6 * abs(wanted)  # parameters are given as float32
        assert (abs(after[name] - wanted) <= room).all(), name


def test_updates_reach_the_ends() -> None:
    """A bias of 32 bits takes the largest change that there is room for, not a part of it."""
    trained = program(optimizer="sgd(lr=1e5, rounding='nearest')")
    reference = Reference(trained)
    reference.train_step(stimulus(6), labels(6))
    reference.apply()
    for name in ("fc1.bias", "fc2.bias"):
        found = reference.parameters[name].view(np.int32)
        assert (abs(found) == trained.integers.wholes[name].largest).mean() > 0.8


@pytest.mark.parametrize("rate", ["a", -1.0, float("nan"), float("inf"), 10**400, 2.1 * LR])
def test_rates_that_are_none(rate: object) -> None:
    with pytest.raises(snncc.SnnccError, match="rate: expected"):
        program().apply(rate)


def test_it_learns() -> None:
    x, target = stimulus(12), given("mse(reduction='sum')", 12)
    trained = program("mse(reduction='sum')", bits=16, feedback="random", seed=3, time_block=5)
    trained.restart()
    first = trained.train_step(x, target)
    for _ in range(40):
        trained.apply()
        trained.train_step(x, target)
    assert trained.loss < 0.75 * first


def test_a_sample_in_parts_and_other_parameters() -> None:
    trained = program()
    trained.restart()
    x, label = stimulus(1)[:, 0], 2
    whole = trained.train_step(x, label)
    gradients = trained.gradients()
    trained.restart()
    trained.begin_sample()
    outputs = [trained.train_steps(part, label)["y"] for part in (x[:5], x[5:])]
    assert trained.end_sample() == whole
    np.testing.assert_array_equal(np.concatenate(outputs), trained.run(x)["y"])
    for name, array in trained.gradients().items():
        np.testing.assert_array_equal(array, gradients[name])
    weight = trained.parameters()["fc1.weight"]
    trained.set_parameters({"fc1.weight": weight[::-1]})
    unit = trained.integers.wholes["fc1.weight"].unit
    assert (abs(trained.parameters()["fc1.weight"] - weight[::-1]) <= 0.51 * unit).mean() > 0.9


def test_no_soft_float_on_a_cortex_m0(tmp_path: Path) -> None:
    """What the training refers to; whatever the network needs alone is not looked at."""
    cc = require_tool("arm-none-eabi-gcc")
    nm = require_tool("arm-none-eabi-nm")
    made = program("mse_lowpass(low_pass=0.8)", bits=10, cc="clang-19", rounding="nearest")
    folder = made.save(tmp_path / "out")
    (source,) = folder.glob("src/*_train.c")
    flags = ["-std=c11", "-Os", "-mcpu=cortex-m0", "-mthumb", "-Wall", "-Wextra", "-Werror"]
    include = [f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
    subprocess.run([cc, *flags, *include, "-c", source, "-o", tmp_path / "t.o"], check=True)
    listed = subprocess.run([nm, "-u", tmp_path / "t.o"], check=True, capture_output=True)
    names = {line.split()[-1] for line in listed.stdout.decode().splitlines()}
    helpers = {name for name in names if name.startswith("__")}
    assert helpers <= {"__aeabi_lmul", "__aeabi_uidiv", "__aeabi_idiv", "__aeabi_llsl"}
    for path in (source, *folder.glob("include/*_train.h")):
        lines = path.read_text("utf-8").splitlines()
        assert not [t for t in lines if re.search(r"^[^#/]*\b(float|double)\b", t)]


def test_through_compile() -> None:
    """The same program, with one call."""
    require_tool("gcc")
    x = stimulus(16, seed=2)
    made = snncc.compile(
        real(),
        quantize="int8",
        method="mse",
        calibration=x,
        train="eprop",
        arithmetic="integer",
        loss="ce_per_step",
        steps=STEPS,
        optimizer=f"sgd(lr={LR}, rounding='stochastic')",
        calibration_target=given("ce", 16),
    )
    assert isinstance(made, IntegerProgram)
    name = "src/small_train.c"
    assert made.package.files[name] == program().package.files[name]
    assert made.package.manifest["units"]["rate"] == 1 / ONE


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"optimizer": "adam"}, "optimizer: integer arithmetic has SGD with rounding"),
        ({"optimizer": "sgd(lr=0.1)"}, "optimizer: integer arithmetic has SGD with rounding"),
        ({"bits": 6}, "fc1.weight.*bits: expected at least 8"),
        ({"feedback": "adaptive"}, "feedback: adaptive weights are floats"),
        ({"loss": "ce_count"}, "loss: integer arithmetic has one loss"),
        ({"loss": "mse + 0.1 * ce_per_step"}, "loss: integer arithmetic has one loss"),
        ({"loss": "mse", "calibration_target": None}, "calibration_target: not given"),
        ({"calibration_target": 5}, "labels: expected 16 whole numbers"),
        ({"calibration": None}, "calibration: units of traces and signals follow from data"),
        ({"network": real()}, "arithmetic: the network computes in floats"),
    ],
)
def test_what_is_refused(options: dict, message: str) -> None:
    with pytest.raises(snncc.SnnccError, match=message):
        program(**options)


def test_a_readout_that_is_held_at_the_ends() -> None:
    """
    Weights that move could drive it further than its type. Behind neurons whose reset is
    detached, e-prop is backpropagation; without floats it is near.
    """
    rng = np.random.default_rng(0)
    writer = NetworkWriter("readout", (INPUTS,))
    for number, (inputs, outputs) in enumerate(((INPUTS, HIDDEN), (HIDDEN, CLASSES)), 1):
        weight = rng.normal(0.1, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        writer.linear(f"fc{number}", weight)
        writer.neuron(f"n{number}", (detached, leaky)[number - 1], {"v": 0.0}, {})
    net, x, y = quantized(writer.finish()), stimulus(4), labels(4)
    assert 'held_for_training = ["v"]' in net.mlir()
    _, wanted = snncc.value_and_grad(net, "ce_per_step", x, y)
    value, found = snncc.value_and_grad(net, "ce_per_step", x, y, mode="eprop")
    for name, array in wanted.parameters.items():
        assert abs(array).max() > 0, name
        assert abs(found[name] - array).max() < 1e-5 * abs(array).max(), name
    assert Reference(program(network=net)).train_step(x, y) == pytest.approx(value, rel=5e-3)


def test_layers_that_are_not_trained() -> None:
    """Their floats do not move: what is rounded of them are constants."""
    x, y = stimulus(4), labels(4)
    trained = program(trainable=("fc1.weight",))
    value, _ = snncc.value_and_grad(integers(), "ce_per_step", x, y)
    assert Reference(trained).train_step(x, y) == pytest.approx(value, rel=5e-3)
    assert set(trained.parameters()) == {"fc1.weight"}


def leaky(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * 0.8 + x
    return [u], [u]


def test_inputs_below_zero() -> None:
    """
    Signed integers are read as such by eligibility traces, of floats too: a layer's gradient is
    that of backpropagation but for the memory behind it.
    """
    x, y = stimulus(8) * 2 - 1, labels(8)
    net = quantized(real(detached), calibration=stimulus(16, seed=2) * 2 - 1)
    options = {"wrt": ["fc1.weight"]}
    _, wanted = snncc.value_and_grad(net, "ce_per_step", x, y, **options)
    _, found = snncc.value_and_grad(net, "ce_per_step", x, y, mode="eprop", **options)
    a, b = wanted["fc1.weight"].ravel(), found["fc1.weight"].ravel()
    assert a @ b > 0.8 * np.linalg.norm(a) * np.linalg.norm(b)
