"""Network files as Lava-DL writes them (netx, HDF5), and the recorded network of tests/data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snncc.dialects.arrays import Array

DATA = Path(__file__).parent / "data" / "lava_tinynet.npz"
STEPS = 15
LAYERS = ("layer0", "layer1", "layer2")

Fields = dict[str, Any]


def neuron(**fields: Any) -> Fields:
    """Those of `slayer.block.cuba`, with their usual values."""
    usual: Fields = {"type": "CUBA", "iDecay": 4096, "vDecay": 1024, "vThMant": 25}
    return {**usual, "refDelay": 1, "gradedSpike": False, **fields}


def layer(type: str, shape: Sequence[int] | None = None, **fields: Any) -> Fields:
    """One with neurons, unless `neuron` is None."""
    given = {"type": type, "neuron": neuron(), **fields}
    if shape is not None:
        given["shape"] = np.array(shape)
    return {name: value for name, value in given.items() if value is not None}


def conv(shape: Sequence[int], weight: Array, **fields: Any) -> Fields:
    usual: Fields = {"stride": [1, 1], "padding": [0, 0], "dilation": [1, 1], "groups": 1}
    return layer("conv", shape, weight=np.float32(weight)[..., None], **{**usual, **fields})


def dense(weight: Array, **fields: Any) -> Fields:
    usual: Fields = {"shape": [len(weight), 1, 1], "weight": np.float32(weight)}
    return {**layer("dense"), **usual, **fields}


def spikes_in(*shape: int) -> Fields:
    """An input layer without neurons."""
    return layer("input", shape, neuron=None)


def write_netx(path: Path, *layers: Fields) -> Path:
    """Layers in their order; text as Lava-DL stores it."""
    with h5py.File(path, "w") as file:
        for index, fields in enumerate(layers):
            _write(file.create_group(f"layer/{index}"), fields)
        file["simulation/Ts"] = 1
    return path


def _write(group: h5py.Group, fields: Mapping[str, Any]) -> None:
    for name, value in fields.items():
        if isinstance(value, dict):
            _write(group.create_group(name), value)
        elif isinstance(value, str) and group.name.endswith("neuron"):
            group.create_dataset(name, data=value)
        elif isinstance(value, str):
            group.create_dataset(name, (1,), "S10", [value.encode()])
        else:
            group.create_dataset(name, data=value)


def write_tinynet(path: Path) -> dict[str, Array]:
    """
    Writes the recorded network as it was published. Its record: what drives it, `bias`, the
    spikes of each layer, [15, *shape], and `current`, those of layer1.
    """
    with np.load(DATA) as file:
        arrays = {name: file[name] for name in file.files}
    layers = []
    for index, name in enumerate(LAYERS):
        given = {
            key.removeprefix(f"layer/{index}/"): arrays.pop(key)
            for key in list(arrays)
            if key.startswith(f"layer/{index}/")
        }
        shape = given["shape"]
        neurons = neuron(
            type="LOIHI",
            iDecay=int(given["current_decay"]),
            vDecay=int(given["voltage_decay"]),
            vThMant=int(given["threshold"]),
            wgtExp=0,
        )
        bias = np.float32(given["bias"])
        if index == 0:
            layers.append(layer("input", shape, weight=np.float32([36]), bias=bias, neuron=neurons))
        else:
            made = conv(shape, given["weight"], stride=given["stride"], bias=bias)
            layers.append({**made, "neuron": neurons})
        bits = np.unpackbits(arrays[name])[: STEPS * int(np.prod(shape))]
        arrays[name] = bits.reshape(STEPS, *shape)
    write_netx(path, *layers)
    return arrays
