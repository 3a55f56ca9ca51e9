"""`--quantize` and saved networks of integers: run, compared, written, inspected."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

import snncc as product
from benchmarks.writer import NetworkWriter
from snncc.dialects.snn.body import Body, Outputs, Scalar
from snncc.network import Network
from snncc.passes.quantization.scales import output_scales
from tests.tools import require_tool

STEPS = 12
QUANTIZE = ["--quantize", "int8", "--method", "mse", "--calibrate"]


def lif(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * 0.9 + x
    z = b.spike(u - 1.0, "ge")
    return [z], [b.select(z, b.constant(0.0), u)]


def readout(b: Body, x: Scalar, v: Scalar) -> Outputs:
    u = v * 0.95 + x
    return [u], [u]


def float_network() -> Network:
    """Spikes, and a membrane that is put out."""
    rng = np.random.default_rng(0)
    writer = NetworkWriter("small", (12,))
    for name, inputs, outputs, body in (("lif", 12, 20, lif), ("li", 20, 5, readout)):
        weight = rng.normal(0.1, inputs**-0.5, (outputs, inputs)).astype(np.float32)
        writer.linear(f"fc.{name}", weight)
        writer.neuron(name, body, {"v": 0.0}, {})
    return writer.finish()


X = np.random.default_rng(1).random((6, 12)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current one, with a network and inputs; names have blanks."""
    monkeypatch.chdir(tmp_path)
    float_network().save("a net.mlir")
    np.savez("some x.npz", x=X)
    return tmp_path


@pytest.fixture(scope="module")
def integers() -> Network:
    return product.quantize(float_network(), "int8", method="mse", calibration=X, steps=STEPS)


INPUT = ["--input", "some x.npz", "--steps", str(STEPS)]
CALIBRATED = [*QUANTIZE, "some x.npz"]


def arrays(path: str) -> dict[str, np.ndarray]:
    with np.load(path) as file:
        return {name: file[name] for name in file.files}


def test_run_of_integers(snncc, folder: Path, integers: Network) -> None:
    """C and interpreter are the network of `snncc.quantize`; states have the float unit."""
    require_tool("gcc")
    traced = integers.run(X, steps=STEPS, trace=True)
    scales = integers.scales
    assert set(scales) == {"lif.v", "li", "li.v"}
    unit = output_scales(integers.op)["y"]
    for engine in ("c", "interpreter"):
        command = ["run", "a net.mlir", *INPUT, *CALIBRATED, "--engine", engine, "--trace"]
        code, out, err = snncc(*command, "-o", "whole.npz", "--whole")
        assert code == 0, err
        assert f"y: counted in steps of {unit.min():.4g} to {unit.max():.4g}" in out
        found = arrays("whole.npz")
        assert found["li.v"].dtype == traced["li.v"].dtype == np.int32
        for name in ("y", "lif", "lif.v", "li", "li.v"):
            np.testing.assert_array_equal(found[name], traced[name])
        for name, scale in scales.items():
            np.testing.assert_array_equal(found[f"scale/{name}"], scale)
        np.testing.assert_array_equal(found["final/lif.v"], traced["final"]["lif.v"])
    code, out, err = snncc(*command, "-o", "unit.npz")
    assert code == 0, err
    found = arrays("unit.npz")
    assert not any(name.startswith("scale/") for name in found)
    assert found["lif"].dtype == np.uint8
    for name, scale in scales.items():
        assert found[name].dtype == np.float32
        np.testing.assert_array_equal(found[name], (traced[name] * scale).astype(np.float32))
    # the output is the readout's membrane, in the unit of the float network
    np.testing.assert_allclose(found["y"], found["li.v"], rtol=1e-6)
    wanted = float_network().run(X, steps=STEPS)["y"]
    assert np.abs(found["y"] - wanted).mean() < 0.02 * np.abs(wanted).mean()


def test_verify_takes_the_integers(
    snncc, folder: Path, integers: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snncc import verification

    given: list[str] = []
    verify = verification.verify_network

    def recorded(network: Network, *arguments: object, **options: object) -> object:
        given.append(network.mlir())
        return verify(network, *arguments, **options)

    monkeypatch.setattr(verification, "verify_network", recorded)
    code, out, err = snncc("verify", "a net.mlir", *INPUT, *CALIBRATED, "--engine", "interpreter")
    assert code == 0, err
    assert "all bits equal" in out
    assert given == [integers.mlir()]


def test_diff_is_in_common_units(snncc, folder: Path, integers: Network) -> None:
    real = float_network()
    found = product.diff(real, integers, X, steps=STEPS)
    code, out, err = snncc("diff", "a net.mlir", *INPUT, *CALIBRATED)
    assert code == 1, err
    assert "a net.mlir (int8): whole numbers, compared times what each is worth" in out
    first = next(d for d in found if d.name_a == "li")
    assert first.step is not None
    assert first.whole_b is not None
    whole = first.whole_b["li"]
    place = (first.step, *first.place)
    assert integers.run(X, steps=STEPS, trace=True)["li"][place] == whole
    assert f"{first.value_b:.9g} (whole: {whole})" in out
    assert abs(first.value_b - first.value_a) < 0.1 * abs(first.value_a)
    code, out, _ = snncc("diff", "a net.mlir", *INPUT)
    assert (code, "whole" in out, "no difference" in out) == (0, False, True)


def test_saved_integers_are_the_same_network(snncc, folder: Path, integers: Network) -> None:
    arguments = ["export", "a net.mlir", *CALIBRATED, "--steps", str(STEPS)]
    code, out, err = snncc(*arguments, "-o", "q 8.mlir")
    assert code == 0, err
    assert out.startswith("q 8.mlir: ")
    assert "q 8.safetensors: " in out
    again = product.load("q 8.mlir")
    assert again.mlir() == integers.mlir()
    assert again.scales.keys() == integers.scales.keys() == {"lif.v", "li", "li.v"}
    for name, scale in integers.scales.items():
        np.testing.assert_array_equal(again.scales[name], scale)
    np.testing.assert_array_equal(again.run(X, steps=STEPS)["y"], integers.run(X, steps=STEPS)["y"])
    code, _, err = snncc("export", "q 8.mlir", "-o", "copy.mlir")
    assert code == 0, err
    assert Path("copy.mlir").read_text() == Path("q 8.mlir").read_text()
    for name in ("q.onnx", "q.nir"):
        code, _, err = snncc("export", "q 8.mlir", "-o", name)
        assert code == 1
        assert "SNC-E001 node 'fc.lif': integer networks are not written as ONNX or NIR" in err
        assert "write FILE.mlir" in err
        # before calibration is looked at
        code, _, err = snncc(*arguments[:-3], "nosuch.npz", "-o", name)
        assert code == 1
        assert "SNC-E001" in err
    integers.export("python.mlir")
    assert product.load("python.mlir").mlir() == integers.mlir()


def test_inspect_of_integers(snncc, folder: Path) -> None:
    arguments = ["inspect", "a net.mlir", *CALIBRATED, "--steps", str(STEPS), "--json"]
    code, out, err = snncc(*arguments)
    assert code == 0, err
    sizes = {node["node"]: node["bytes"] for node in json.loads(out)["nodes"]}
    assert sizes["fc.lif"] == 12 * 20


def test_arrays_of_others_are_kept(snncc, folder: Path) -> None:
    Path("mine.safetensors").write_bytes(b"mine")
    code, _, err = snncc("export", "a net.mlir", "-o", "mine.mlir")
    assert code == 1
    assert "SNC-C004 mine.safetensors: is there, and is no part of mine.mlir" in err
    assert Path("mine.safetensors").read_bytes() == b"mine"
    assert not Path("mine.mlir").exists()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--flash", "0"], "SNC-C003 --flash: says how to quantize"),
        (["--calibrate", "some x.npz"], "SNC-C003 --calibrate: says how to quantize"),
        (["--method", "spike-aware"], "add --quantize int8"),
        (["--whole"], "SNC-C003 --whole: says how states are written"),
        (["--whole", "--trace", "-o", "y.npz"], "SNC-C003 --whole: small has no states"),
        ([*CALIBRATED, "-o", "some x.npz"], "SNC-C004 some x.npz: is read by this run"),
        ([*QUANTIZE, "nan.npz"], "SNC-R001 nan.npz: input 'x': has values that are not finite"),
        ([*QUANTIZE, "thin.npz"], "SNC-R001 thin.npz: input 'x': expected [12] or [B, 12]"),
        ([*QUANTIZE, "empty.npz"], "SNC-R001 empty.npz: expected x (or NAME.events and T), got no"),
        ([*QUANTIZE, "zero.npz"], "SNC-Q002 input 'x': numbers from 0 to 0"),
        ([*QUANTIZE, "pipe"], "SNC-R001 pipe: is a pipe or a device"),
        (["--quantize", "int8"], "--input-range x=LEAST:LARGEST"),
        (["--quantize", "int8", "--input-range", "y=0:1"], "no input is named 'y'"),
        ([*CALIBRATED, "--flash", "0", "--layers", "auto"], "SNC-C003 flash: expected bytes"),
        ([*CALIBRATED, "--input-bits", "0"], "SNC-C003 input_bits: expected one of 8, 16"),
        ([*CALIBRATED, "--layers", "auto"], "give flash (--flash BYTES)"),
    ],
)
def test_what_is_refused(snncc, folder: Path, arguments: list[str], text: str) -> None:
    np.savez("nan.npz", x=np.full((2, 12), np.nan))
    np.savez("thin.npz", x=np.zeros((2, 11)))
    np.savez("zero.npz", x=np.zeros((2, 12)))
    np.savez("empty.npz")
    os.mkfifo("pipe")
    before = {path: path.read_bytes() for path in folder.glob("*.npz")}
    code, out, err = snncc("run", "a net.mlir", *INPUT, "--engine", "interpreter", *arguments)
    assert (code, out) == (1, "")
    assert text in err
    assert {path: path.read_bytes() for path in folder.glob("*.npz")} == before


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--layers", "fc.li=int4,fc.li=int8"], "--layers: fc.li stands twice"),
        (["--layers", "fc.li"], "expected NAME=WIDTH or auto, got 'fc.li'"),
        (["--input-range", "x=0:1", "--input-range", "x=0:2"], "--input-range: x stands twice"),
        (["--input-range", "x=0"], "expected NAME=LEAST:LARGEST, got 'x=0'"),
    ],
)
def test_usage(snncc, folder: Path, arguments: list[str], text: str) -> None:
    code, _, err = snncc("run", "a net.mlir", *INPUT, *CALIBRATED, *arguments)
    assert code == 2
    assert text in err


def test_all_problems_are_told(snncc, folder: Path) -> None:
    """`problems` is for Python; a command prints them."""
    arguments = ["--quantize", "qat", "--calibrate", "some x.npz"]
    code, _, err = snncc("run", "a net.mlir", *INPUT, *arguments)
    assert code == 1
    assert "SNC-Q006 node 'fc.lif'" in err
    assert "SNC-Q006 node 'fc.li'" in err
    assert "`problems`" not in err


@pytest.mark.parametrize("command", ["export", "compile", "run"])
def test_an_interrupt_leaves_nothing(
    snncc, folder: Path, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snncc.quantization import quantized

    def interrupted(*arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(quantized, "quantize_with", interrupted)
    before = sorted(path.name for path in folder.iterdir())
    target = {"export": "q.mlir", "compile": "out", "run": "y.npz"}[command]
    given = INPUT if command == "run" else INPUT[2:]
    code, out, _ = snncc(command, "a net.mlir", *given, *CALIBRATED, "-o", target)
    assert (code, out) == (130, "")
    assert sorted(path.name for path in folder.iterdir()) == before
