"""Published files and trained networks: known spike steps, accuracies, traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from tests.importers.nir.nirfile import read_graph, write_nir
from tests.tools import require_tool

# NIR paper, task 1: one LIF neuron, the traces of ten platforms (0-based rows)
STEPS: dict[tuple[str, str, str | None], list[int]] = {
    ("lif_norse", "nir-ode", "euler"): [460, 510, 710, 760],
    ("lif_norse", "nir-ode", "exact"): [460, 510, 710, 760],
    ("lif_norse", "norse", None): [460, 510, 710, 760],
    ("lif_norse", "snntorch", None): [460, 510, 710, 760],
    ("lif_norse", "spikingjelly", None): [460, 510, 710, 760],
    ("lif_norse", "lava", None): [461, 511, 711, 761],
    ("lif_rockpool", "sinabs", None): [450, 500, 710, 760],
    ("lif_rockpool", "rockpool", None): [450, 500, 710, 760],
    ("lif_rockpool", "spyx", None): [461, 511, 711, 761],
    ("lif_rockpool", "nir-ode", "euler"): [460, 520, 720, 780],
}


def trace(nets: Path, name: str) -> Array:
    """Input, membrane and spike of each step."""
    return np.loadtxt(nets / "nir_lif" / name, delimiter=",", dtype=np.float64)


def options(like: str, integrator: str | None) -> dict[str, Any]:
    chosen: dict[str, Any] = {"like": like, "dt": 1e-4}
    if like == "nir-ode":
        chosen |= {"reset": "value", "reset_timing": "same", "integrator": integrator}
    return chosen


@pytest.mark.parametrize("case", STEPS, ids=lambda case: "-".join(filter(None, case)))
def test_spike_steps_of_task_1(case: tuple[str, str, str | None], nets: Path) -> None:
    file, like, integrator = case
    net = snncc.load(nets / "nir_lif" / f"{file}.nir", **options(like, integrator))
    x = trace(nets, "lif_norse.csv")[:, :1].astype(np.float32)
    (y,) = (net.run(x)[name] for name in net.outputs)
    assert np.flatnonzero(y).tolist() == STEPS[case]
    assert y.max() == 1


@pytest.mark.parametrize("like", ["rockpool", "spyx"])
def test_membrane_of_task_1(like: str, nets: Path) -> None:
    """The published traces of these two hold the float32 membrane; every one is met."""
    net = snncc.load(nets / "nir_lif" / "lif_rockpool.nir", like=like, dt=1e-4)
    published = trace(nets, f"lif_{like}.csv")
    result = net.run(published[:, :1].astype(np.float32), trace=True)
    v = result["1_LIFNeuronTorch.v"][:, 0]
    np.testing.assert_array_equal(v, published[:, 1].astype(np.float32))


def test_spike_steps_of_task_1_in_c(nets: Path) -> None:
    require_tool("gcc")
    x = trace(nets, "lif_norse.csv")[:, :1].astype(np.float32)
    for (file, like, integrator), steps in STEPS.items():
        path = nets / "nir_lif" / f"{file}.nir"
        program = snncc.compile(path, cc="gcc", cflags=("-O1",), **options(like, integrator))
        (y,) = (program.run(x)[name] for name in program.network.outputs)
        assert np.flatnonzero(y).tolist() == steps, (file, like)


DIGITS: dict[str, tuple[dict[str, Any], float, tuple[int, ...]]] = {
    "mlp_lif_digits": (
        {"like": "snntorch", "reset": "subtract", "reset_timing": "next"},
        0.970,
        (64,),
    ),
    "conv_if_digits": ({"like": "spikingjelly"}, 0.954, (1, 8, 8)),
}


@pytest.mark.parametrize("name", DIGITS)
def test_trained_digits(name: str, nets: Path) -> None:
    """Accuracy, spike counts of 500 images and every spike of 16 are the framework's."""
    chosen, accuracy, shape = DIGITS[name]
    net = snncc.load(nets / name / f"{name}.nir", dt=1e-4, **chosen)
    steps = json.loads((nets / name / "meta.json").read_text())["T"]
    with np.load(nets / name / "test.npz") as test:
        x = test["x"].reshape(-1, *shape)
        counts = net.run(x, steps=steps)["output"].sum(axis=0)
        np.testing.assert_array_equal(counts, test["sum_over_time"])
        assert (counts.argmax(axis=1) == test["y"]).mean() == pytest.approx(accuracy, abs=1e-9)
        traced = net.run(x[:16], steps=steps, trace=True)
        layers = [key for key in test.files if key.startswith("trace16/")]
        assert layers
        for layer in layers:
            np.testing.assert_array_equal(traced[layer.removeprefix("trace16/")], test[layer])


@pytest.mark.parametrize(
    ("file", "inputs", "outputs"),
    [
        ("nir_lif/lif_norse.nir", {"input": (1,)}, {"output": (1,)}),
        ("nir_lif/lif_rockpool.nir", {"input": (1,)}, {"output": (1,)}),
        ("nir_lif/two_lif_neurons.nir", {"in": (1,)}, {"out": (1,)}),
        ("nir_cnn_nmnist/cnn_sinabs.nir", {"input": (2, 34, 34)}, {"output": (10,)}),
        ("nir_braille_rnn/braille_noDelay_bias_zero.nir", {"input": (12,)}, {"output": (7,)}),
        ("nir_braille_rnn/braille_noDelay_noBias_subtract.nir", {"input": (12,)}, {"output": (7,)}),
    ],
)
def test_files_of_the_paper_load(
    file: str, inputs: dict[str, Any], outputs: dict[str, Any], nets: Path
) -> None:
    net = snncc.load(nets / file, **options("nir-ode", "exact"))
    assert (net.inputs, net.outputs) == (inputs, outputs)
    y = net.run(np.ones((4, *next(iter(inputs.values()))), np.float32))
    assert {name: y[name].shape for name in outputs} == {
        name: (4, *shape) for name, shape in outputs.items()
    }


def test_convolutional_network_of_the_paper_counts_as_sinabs(nets: Path) -> None:
    """Shapes of every layer, and spikes: this network was exported by Sinabs."""
    net = snncc.load(nets / "nir_cnn_nmnist" / "cnn_sinabs.nir", like="sinabs")
    x = (np.random.default_rng(0).random((12, 2, 2, 34, 34)) < 0.2).astype(np.float32)
    result = net.run(x, trace=True)
    shapes = {name: result[name].shape[2:] for name in ("1", "3", "6", "10", "12")}
    assert shapes == {
        "1": (16, 16, 16),
        "3": (16, 16, 16),
        "6": (8, 8, 8),
        "10": (256,),
        "12": (10,),
    }
    assert result["12"].sum() > 0
    # the declared order of sums against NumPy's: counts differ where a threshold is met
    assert (net.run(x, blas=True)["output"] != result["output"]).mean() < 0.05


@pytest.mark.parametrize("name", ["bias_zero", "noBias_subtract"])
class TestSubgraphFiles:
    """The paper's nested files name an inner node `lif` that is called `lif1`."""

    def path(self, name: str, nets: Path, suffix: str = "") -> Path:
        return nets / "nir_braille_rnn" / f"braille_noDelay_{name}{suffix}.nir"

    def test_refused_with_the_dangling_edge(self, name: str, nets: Path) -> None:
        with pytest.raises(snncc.SnnccError) as refused:
            snncc.load(self.path(name, nets, "_subgraph"), **options("nir-ode", "euler"))
        problems = refused.value.problems
        # four edges name it, and each is reported
        assert [p.code for p in problems] == ["SNC-I013"] * 4
        assert {p.node for p in problems} == {"lif1"}
        assert problems[0].message.startswith("edge 'input' -> 'lif' names 'lif'")
        assert "it has 'input', 'lif1', 'lin', 'output'" in problems[0].message

    @pytest.mark.parametrize("correct", ["node", "edges"])
    def test_corrected_copy_is_the_flat_file(
        self, name: str, correct: str, nets: Path, tmp_path: Path
    ) -> None:
        """Renaming the node, or what the edges call it, gives the network of the flat file."""
        with h5py.File(self.path(name, nets, "_subgraph")) as file:
            nodes, edges = read_graph(file["node"])
        inner = nodes["lif1"]
        if correct == "node":
            inner["nodes"]["lif"] = inner["nodes"].pop("lif1")
        else:
            inner["edges"] = [
                tuple("lif1" if end == "lif" else end for end in edge) for edge in inner["edges"]
            ]
        path = write_nir(tmp_path / "corrected.nir", nodes, edges)
        x = (16 * np.random.default_rng(1).random((40, 2, 12))).astype(np.float32)
        for like in ("nir-ode", "snntorch", "spikingjelly"):
            flat = snncc.load(self.path(name, nets), **options(like, "euler"))
            nested = snncc.load(path, **options(like, "euler"))
            a, b = flat.run(x, trace=True), nested.run(x, trace=True)
            np.testing.assert_array_equal(a["output"], b["output"])
            hidden = "lif1.lif" if correct == "node" else "lif1.lif1"
            np.testing.assert_array_equal(a["lif1.lif.v"], b[f"{hidden}.v"])
            assert a["lif1.lif"].sum() > 5
