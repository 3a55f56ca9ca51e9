"""The trained digits networks from every form of file: the recorded accuracy, in C."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.dialects import snn
from snncc.network import Network

FILES = [
    "mlp_lif_digits/twin.pt2",
    "mlp_lif_digits/twin.onnx",
    "mlp_lif_digits/library.pt2",
    "conv_if_digits/twin.pt2",
    "conv_if_digits/twin.onnx",
    "conv_if_digits/library.pt2",
]
ACCURACY = {"mlp_lif_digits": 0.970, "conv_if_digits": 0.954}


@pytest.mark.parametrize("file", FILES)
def test_digits(file: str, nets: Path) -> None:
    """Inputs without a time axis: constant streams, for the steps of the export."""
    folder = nets / Path(file).parent
    data = np.load(folder / "test.npz")
    net = snncc.load(nets / file)
    (name,) = net.outputs
    x = data["x"].reshape(500, 64)
    counts = snncc.compile(net).run(x)[name].sum(0)
    np.testing.assert_array_equal(counts, data["sum_over_time"])
    accuracy = float((counts.argmax(-1) == data["y"]).mean())
    assert accuracy == ACCURACY[Path(file).parent.name]
    check_layers(net, x[:16], data)


def check_layers(net: Network, x: np.ndarray, data: np.lib.npyio.NpzFile) -> None:
    """Every layer's spikes of sixteen images."""
    trace = snncc.compile(net).run(x, trace=True)
    neurons = [
        op.node.data
        for op in net.op.body.block.ops
        if isinstance(op, snn.NeuronOp) and op.initial_states and op.node is not None
    ]
    layers = [key for key in data.files if key.startswith("trace16/")]
    assert len(neurons) == len(layers)
    for neuron, layer in zip(neurons, layers, strict=True):
        np.testing.assert_array_equal(trace[neuron], data[layer], err_msg=layer)
