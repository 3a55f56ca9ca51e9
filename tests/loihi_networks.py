"""
Networks of Loihi's neurons from netx files, as Lava-DL writes them (HDF5).

A layer's weight [outputs, inputs, height, width, 1] is that of a cross-correlation. A spike acts
in the step in which it is fired.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

import h5py
import numpy as np
from xdsl.dialects.builtin import TensorType, i16, i32

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.neurons import loihi
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.types import shape_of
from snncc.network import Network

BIAS_EXPONENT = 6
"""Netx aligns biases with weights."""


@dataclass(frozen=True)
class Layer:
    """A convolution and its neurons, or (without a weight) neurons that a bias drives."""

    shape: tuple[int, ...]
    weight: Array | None
    stride: tuple[int, ...]
    bias: Array
    """One number for each channel."""
    current_decay: int
    voltage_decay: int
    threshold: int


def layers_of_netx(path: Path) -> list[Layer]:
    """The layers of a file of an input layer and convolutions without padding."""
    with h5py.File(path) as file:
        groups = [file[f"layer/{index}"] for index in range(len(file["layer"]))]
        return [_layer(group) for group in groups]


def _layer(group: h5py.Group) -> Layer:
    neuron, kind = group["neuron"], group["type"][0].decode()
    assert kind in ("input", "conv")
    assert neuron["type"][()] == b"LOIHI"
    weight: Array | None = None
    stride: tuple[int, ...] = ()
    if kind == "conv":
        assert not group["padding"][()].any()
        assert (group["dilation"][()] == 1).all()
        assert group["groups"][()] == 1
        weight = group["weight"][..., 0].astype(np.int8)
        assert (weight == group["weight"][..., 0]).all()
        stride = tuple(int(step) for step in group["stride"])
    return Layer(
        shape=tuple(int(size) for size in group["shape"]),
        weight=weight,
        stride=stride,
        bias=group["bias"][()].astype(np.int16),
        current_decay=int(neuron["iDecay"][()]),
        voltage_decay=int(neuron["vDecay"][()]),
        threshold=int(neuron["vThMant"][()]),
    )


def network_of(layers: list[Layer]) -> Network:
    """
    Input "bias": what drives the first layer's neurons. Outputs: each layer's spikes, as
    "layer0", "layer1", ...
    """
    a = Assembly("netx", {"bias": TensorType(i16, layers[0].shape)})
    outputs = {}
    for index, layer in enumerate(layers):
        node = f"layer{index}"
        inputs = {"bias_mantissa": a.inputs["bias"]}
        if layer.weight is not None:
            weight = a.weight(f"{node}.weight", layer.weight)
            convolution = snn.Conv2dOp(
                outputs[f"layer{index - 1}"],
                weight,
                stride=layer.stride,
                padding=[0] * 4,
                dilation=[1, 1],
                element=i32,
                node=f"{node}.conv",
            )
            inputs = {"x": a.add(convolution)}
            assert shape_of(convolution.result) == layer.shape
        # netx counts what is lost, the register one less: `current_decay_offset` adds it
        population = loihi.Population(
            du=np.array(layer.current_decay - 1),
            dv=np.array(layer.voltage_decay),
            threshold=np.array(layer.threshold),
            bias_mantissa=layer.bias.reshape(-1, 1, 1),
            bias_exponent=np.array(BIAS_EXPONENT),
        )
        outputs[node] = loihi.add_neuron(a, node, population, layer.shape, inputs)
    return Network(a.finish(outputs))


def save_layers(path: Path, layers: list[Layer], arrays: dict[str, Array]) -> None:
    """Layers and further arrays as one NumPy file."""
    fields = {
        f"layer/{index}/{name}": value
        for index, layer in enumerate(layers)
        for name, value in asdict(layer).items()
        if value is not None
    }
    np.savez_compressed(path, **fields, **arrays)


def load_layers(path: Path) -> tuple[list[Layer], dict[str, Array]]:
    """What `save_layers` wrote."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    layers = []
    while f"layer/{len(layers)}/bias" in arrays:
        prefix = f"layer/{len(layers)}/"
        layers.append(
            Layer(
                shape=tuple(arrays.pop(f"{prefix}shape").tolist()),
                weight=arrays.pop(f"{prefix}weight", None),
                stride=tuple(arrays.pop(f"{prefix}stride").tolist()),
                bias=arrays.pop(f"{prefix}bias"),
                current_decay=int(arrays.pop(f"{prefix}current_decay")),
                voltage_decay=int(arrays.pop(f"{prefix}voltage_decay")),
                threshold=int(arrays.pop(f"{prefix}threshold")),
            )
        )
    return layers, arrays
