"""What cannot be quantized as asked is said: by code, by layer, with a remedy."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

import snncc
from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.network import Network
from tests.quantization.test_quantize import STEPS, images, lif, small


def ratio(b: Body, x: Scalar, v: Scalar) -> Outputs:
    """Divides by what may be 0."""
    u = v * 0.5 + x
    z = b.spike(x / u - 0.2, "gt")
    return [z], [u * (b.constant(1.0) - b.to_float(z))]


def two_ratios() -> Network:
    writer = NetworkWriter("ratios", (12,))
    for number, (inputs, outputs) in enumerate(((12, 6), (6, 3)), 1):
        writer.linear(f"fc{number}", np.full((outputs, inputs), 0.5, np.float32))
        writer.neuron(f"n{number}", ratio, {"v": 0.0}, {})
    return writer.finish()


@pytest.mark.parametrize("method", ["mse", "spike-aware"])
def test_every_layer_without_an_integer_form_is_named(method: str) -> None:
    with pytest.raises(snncc.SnnccError) as refused:
        snncc.quantize(two_ratios(), calibration=images() - 0.5, steps=STEPS, method=method)
    problems = refused.value.problems
    assert [p.code for p in problems] == ["SNC-Q001", "SNC-Q001"]
    assert [p.node for p in problems] == ["n1", "n2"]
    assert "snncc check" not in str(refused.value)


@pytest.mark.parametrize("size", [0.0, 1e-42])
def test_data_without_a_range_are_refused(size: float) -> None:
    x = np.full((4, 12), size, np.float32)
    with pytest.raises(snncc.SnnccError, match="SNC-Q002"):
        snncc.quantize(small(), calibration=x, steps=STEPS)
    with pytest.raises(snncc.SnnccError, match="SNC-Q002"):
        snncc.quantize(small(), input_ranges={"x": (0.0, size)})


def test_weights_that_are_next_to_nothing_are_none() -> None:
    writer = NetworkWriter("tiny", (12,))
    writer.linear("fc1", np.full((6, 12), 1e-29, np.float32))
    writer.neuron("n1", lif, {"v": 0.0}, {})
    integers = snncc.quantize(writer.finish(), calibration=images(), steps=STEPS)
    assert not integers.run(images(), steps=STEPS)["y"].any()


@pytest.mark.parametrize("samples", [1, 2])
def test_few_or_equal_samples_are_enough(samples: int) -> None:
    x = np.repeat(images(1), samples, axis=0)
    assert snncc.quantize(small(), "int4", calibration=x, steps=STEPS).outputs


def test_a_network_of_integers_is_not_quantized_again() -> None:
    integers = snncc.quantize(small(), calibration=images(), steps=STEPS, method="mse")
    with pytest.raises(snncc.SnnccError, match="SNC-Q007"):
        snncc.quantize(integers, calibration=images(), steps=STEPS)


@pytest.mark.parametrize("suffix", [".onnx", ".nir"])
def test_a_network_of_integers_is_not_exported(suffix: str, tmp_path: Path) -> None:
    from snncc.exporters.files import export_module

    integers = snncc.quantize(small(), calibration=images(), steps=STEPS, method="mse")
    with pytest.raises(snncc.SnnccError, match=r"SNC-E001.*integer networks"):
        export_module(integers.module, integers.op, tmp_path / f"q{suffix}")


def test_rounding_without_data_is_said() -> None:
    with pytest.warns(snncc.SnnccWarning, match="SNC-W025"):
        made = snncc.quantize(small(), input_ranges={"x": (0.0, 1.0)})
    assert made.report.options.method == "mse"
    assert {layer.chosen for layer in made.report.layers} == {"mse"}
    with warnings.catch_warnings():
        warnings.simplefilter("error", snncc.SnnccWarning)
        snncc.quantize(small(), input_ranges={"x": (0.0, 1.0)}, method="mse")


def test_data_beyond_the_range_are_said() -> None:
    with pytest.warns(snncc.SnnccWarning, match="SNC-W024.*outside 0 to 0.5"):
        snncc.quantize(
            small(), calibration=images(), steps=STEPS, method="mse", input_ranges={"x": (0, 0.5)}
        )


def test_silent_neurons_are_told_from_silenced_ones() -> None:
    writer = NetworkWriter("half", (12,))
    weight = np.random.default_rng(0).normal(0.2, 0.3, (6, 12)).astype(np.float32)
    weight[2] = -1.0
    writer.linear("fc1", weight)
    writer.neuron("n1", lif, {"v": 0.0}, {})
    made = snncc.quantize(writer.finish(), calibration=images(), steps=STEPS, method="mse")
    (odd,) = [each for each in made.report.oddities if 2 in each.neurons]
    assert odd.in_float
    assert odd.what == "silent"
    assert "already in the float network" in odd.problem().message


def test_neighbours_with_large_weights_silence_none() -> None:
    """Each output has a grid of its own, however far its weights are from the others'."""
    writer = NetworkWriter("spread", (12,))
    weight = np.random.default_rng(0).normal(0.3, 0.3, (6, 12)).astype(np.float32)
    weight[0] *= 1e5
    writer.linear("fc1", weight)
    writer.neuron("n1", lif, {"v": 0.0}, {})
    real = writer.finish()
    made = snncc.quantize(real, calibration=images(), steps=STEPS, method="mse")
    wanted, given = (n.run(images(), steps=STEPS)["y"].mean(axis=(0, 1)) for n in (real, made))
    np.testing.assert_allclose(given, wanted, atol=0.03)


@pytest.mark.parametrize(
    "options",
    [
        {"per_channel": "no"},
        {"input_ranges": {"x": (0.0, 1e300)}},
        {"layers": "auto", "flash": 100},
    ],
)
def test_what_is_no_option_is_refused(options: dict) -> None:
    with pytest.raises(snncc.SnnccError):
        snncc.quantize(small(), calibration=images(), steps=STEPS, **options)


def test_steps_are_for_calibration_data() -> None:
    with pytest.raises(snncc.SnnccError, match=r"SNC-C003.*steps"):
        snncc.quantize(small(), steps=5, input_ranges={"x": (0.0, 1.0)})


def test_a_budget_is_what_the_c_stores() -> None:
    """Layers are narrowed until the C fits: as many bytes as are promised are stored."""
    writer = NetworkWriter("wide", (12,))
    rng = np.random.default_rng(0)
    for number, (inputs, outputs) in enumerate([(12, 64), (64, 16)], 1):
        weight = rng.normal(0.1, 2 * inputs**-0.5, (outputs, inputs)).astype(np.float32)
        writer.linear(f"fc{number}", weight)
        writer.neuron(f"n{number}", lif, {"v": 0.0}, {})
    net = writer.finish()
    given = {"calibration": images(), "steps": STEPS, "method": "mse", "layers": "auto"}
    made = snncc.quantize(net, flash=1500, **given)
    budget = made.report.budget
    assert budget is not None
    assert set(budget.layers.values()) != {"int8"}
    stored = snncc.compile(made, prefix="q")
    assert budget.bytes == stored.report.const_bytes <= 1500
    weights = sum(node.bytes for node in stored.report.nodes if node.operation == "linear")
    constants = stored.package.manifest["constants"]
    assert weights == sum(each["bytes"] for each in constants if "fc" in each["name"])
    with pytest.raises(snncc.SnnccError, match="SNC-Q005") as refused:
        snncc.quantize(net, flash=100, **given)
    assert int(re.findall(r"take (\d+) bytes", str(refused.value))[0]) > 100


def test_the_report_says_how_inputs_are_counted() -> None:
    made = snncc.quantize(small(), calibration=images(), steps=STEPS, method="mse")
    (given,) = made.report.as_dict()["inputs"]
    assert given["name"] == "x"
    assert given["step"] == pytest.approx(images().max() / 127)


def test_signed_parameters_are_shown_signed() -> None:
    writer = NetworkWriter("biased", (12,))
    bias = np.linspace(-1, 1, 6, dtype=np.float32)
    writer.linear("fc1", np.full((6, 12), 0.3, np.float32), bias)
    writer.neuron("n1", lif, {"v": 0.0}, {})
    made = snncc.quantize(writer.finish(), calibration=images(), steps=STEPS, method="mse")
    (node,) = [n for n in snncc.compile(made, prefix="q").report.nodes if n.node == "n1"]
    assert node.parameters["bias"].startswith("-")
