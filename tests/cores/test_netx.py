"""Networks of netx files: what Lava has recorded, and each kind of layer against a few lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from snncc.errors import SnnccWarning
from snncc.network import Network
from tests.netx_files import (
    LAYERS,
    STEPS,
    Fields,
    conv,
    dense,
    layer,
    neuron,
    spikes_in,
    write_netx,
    write_tinynet,
)
from tests.tools import shared_file

SPIKES = {"layer0": 6783, "layer1": 1633, "layer2": 92}


def kept(folder: Path) -> tuple[Path, dict[str, Array]]:
    """The network and its record as this repository keeps them."""
    path = folder / "tiny.net"
    return path, write_tinynet(path)


def from_lava(folder: Path) -> tuple[Path, dict[str, Array]]:
    """The same in Lava-DL's own files beside the repository."""
    found = shared_file("nets/lava_tinynet")

    def record(name: str) -> Array:
        """[1, C, H, W, T] as [T, C, H, W], without the first step, of zeros."""
        array = np.moveaxis(np.load(found / f"{name}.npy")[0], -1, 0)
        assert not array[0].any()
        return array[1:]

    names = dict(zip((*LAYERS, "current"), ("input", "layer1", "output", "current"), strict=True))
    arrays = {name: record(file) for name, file in names.items()}
    arrays["bias"] = np.load(found / "input_bias.npy").transpose(2, 1, 0).astype(np.int16)
    return found / "tiny.net", arrays


def expect_record(trace: dict[str, Any], arrays: dict[str, Array]) -> None:
    for name, count in SPIKES.items():
        assert arrays[name].sum() == count
        np.testing.assert_array_equal(trace[name].reshape(arrays[name].shape), arrays[name])
    # Lava's record is of currents before their alignment
    current = trace["layer1.u"].reshape(arrays["current"].shape)
    np.testing.assert_array_equal(current, arrays["current"].astype(np.int64) << 6)


@pytest.mark.parametrize("source", [kept, from_lava])
def test_interpreter_and_c_equal_lava(source: Any, tmp_path: Path) -> None:
    """All spikes of all layers and the currents, bit for bit; so does what is saved."""
    path, arrays = source(tmp_path)
    with pytest.warns(SnnccWarning, match=r"SNC-W028 node 'layer0': .* by 36 x \+ 34"):
        network = snncc.load(path)
    assert network.inputs == {"bias": (3, 16, 16)}
    assert network.outputs == {"output": (36, 1, 1)}
    expect_record(network.run(arrays["bias"], steps=STEPS, trace=True), arrays)
    program = snncc.compile(network, cflags=("-O1",))
    expect_record(program.run(arrays["bias"], steps=STEPS, trace=True), arrays)
    network.save(tmp_path / "again.mlir")
    again = snncc.load(tmp_path / "again.mlir")
    np.testing.assert_array_equal(
        again.run(arrays["bias"], steps=STEPS)["output"], arrays["layer2"]
    )


def test_what_drives_is_held_at_the_ends_of_its_register(tmp_path: Path) -> None:
    fields = layer("input", [4], neuron=neuron(vDecay=0, vThMant=131071))
    net = snncc.load(write_netx(tmp_path / "a.net", fields))
    trace = net.run(np.array([[-32768, -4096, 4095, 32767]]), trace=True)
    np.testing.assert_array_equal(trace["layer0.v"], [[-4096 << 6] * 2 + [4095 << 6] * 2])


def currents(network: Network, name: str, x: Array) -> Array:
    """The sums that arrive at a layer whose currents do not last, [T, n]."""
    trace = network.run(x, trace=True)
    found = trace[f"{name}.u"]
    assert (found % 64 == 0).all()
    return found // 64


def drawn_spikes(*shape: int) -> Array:
    return np.random.default_rng(1).integers(0, 2, (12, *shape))


def windows_sum(x: Array, weight: Array, stride: int, dilation: int, groups: int) -> Array:
    """A cross-correlation of a padded image [C, H, W], element by element."""
    outputs, inputs, height, width = weight.shape
    rows = (x.shape[1] - dilation * (height - 1) - 1) // stride + 1
    columns = (x.shape[2] - dilation * (width - 1) - 1) // stride + 1
    y = np.zeros((outputs, rows, columns), np.int64)
    for o, r, c in np.ndindex(y.shape):
        first = o // (outputs // groups) * inputs
        for k, i, j in np.ndindex(inputs, height, width):
            y[o, r, c] += (
                weight[o, k, i, j]
                * x[first + k, r * stride + i * dilation, c * stride + j * dilation]
            )
    return y


@pytest.mark.parametrize(
    ("stride", "padding", "dilation", "groups"),
    [(1, [0, 0], 1, 1), (2, [1, 2], 1, 1), (1, [2, 1], 2, 2), (3, [0, 1], 1, 4)],
)
def test_convolutions(
    stride: int, padding: list[int], dilation: int, groups: int, tmp_path: Path
) -> None:
    weight = np.random.default_rng(0).integers(-100, 100, (8, 4 // groups, 3, 2))
    x = drawn_spikes(4, 7, 6)
    around = np.pad(x, [(0, 0), (0, 0), *((p, p) for p in padding)])
    wanted = np.stack([windows_sum(image, weight, stride, dilation, groups) for image in around])
    fields = {"stride": stride, "padding": padding, "dilation": [dilation] * 2, "groups": groups}
    made = conv(wanted.shape[1:], weight, **fields)
    net = snncc.load(write_netx(tmp_path / "a.net", spikes_in(4, 7, 6), made))
    np.testing.assert_array_equal(currents(net, "layer1", x), wanted.reshape(12, -1))


def test_pools(tmp_path: Path) -> None:
    """Their weight for each place of a window; an odd image has zeros at its end."""
    x = drawn_spikes(2, 5, 4)
    pool = layer("pool", [2, 3, 2], weight=np.full((1, 1, 2, 2), 80.0), stride=2, padding=0)
    net = snncc.load(write_netx(tmp_path / "a.net", spikes_in(2, 5, 4), pool))
    around = np.pad(x, [(0, 0), (0, 0), (0, 1), (0, 0)])
    wanted = 80 * around.reshape(12, 2, 3, 2, 2, 2).sum(axis=(3, 5))
    np.testing.assert_array_equal(currents(net, "layer1", x), wanted.reshape(12, -1))


def test_flattened_images_and_dense_layers(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    weight = rng.integers(-128, 128, (5, 24))
    flatten = layer("flatten", [1, 1, 24], neuron=None)
    x = drawn_spikes(2, 3, 4)
    for given in (weight, weight.reshape(-1), weight[..., None, None, None]):
        made = {**dense(weight), "weight": np.float32(given)}
        net = snncc.load(write_netx(tmp_path / "a.net", spikes_in(2, 3, 4), flatten, made))
        assert net.inputs == {"input": (2, 3, 4)}
        np.testing.assert_array_equal(currents(net, "layer2", x), x.reshape(12, 24) @ weight.T)
    flat = snncc.load(write_netx(tmp_path / "b.net", dense(weight)))
    assert flat.inputs == {"input": (24,)}
    np.testing.assert_array_equal(
        currents(flat, "layer0", x.reshape(12, 24)), x.reshape(12, 24) @ weight.T
    )


@pytest.mark.parametrize("per", ["output", "input"])
def test_delays(per: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    weight, x = rng.integers(-50, 50, (3, 6)), drawn_spikes(6)
    steps = rng.integers(0, 5, 3 if per == "output" else 6)
    net = snncc.load(write_netx(tmp_path / "a.net", dense(weight, delay=np.float32(steps))))
    late = np.broadcast_to(steps[:, None] if per == "output" else steps, weight.shape)
    wanted = np.zeros((12, 3), np.int64)
    for t, o, i in np.ndindex(12, 3, 6):
        if t >= late[o, i]:
            wanted[t, o] += weight[o, i] * x[t - late[o, i], i]
    np.testing.assert_array_equal(currents(net, "layer0", x), wanted)


def test_recurrent_layers_hear_themselves_a_step_later(tmp_path: Path) -> None:
    rng = np.random.default_rng(4)
    weight, own = rng.integers(-60, 60, (6, 4)), rng.integers(-60, 60, (6, 6))
    fields = dense(weight, weight_rec=np.float32(own), type="dense_rec")
    net = snncc.load(write_netx(tmp_path / "a.net", fields))
    x = drawn_spikes(4)
    trace = net.run(x, trace=True)
    z = trace["layer0"].astype(np.int64)
    assert 0.1 < z.mean() < 0.9
    before = np.concatenate([np.zeros((1, 6), np.int64), z[:-1]])
    np.testing.assert_array_equal(trace["layer0.u"] // 64, x @ weight.T + before @ own.T)


def test_decays_thresholds_and_biases_of_each_channel(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    weight, x = rng.integers(-50, 100, (3, 6)), drawn_spikes(6)
    numbers: Fields = {"iDecay": [0, 1024, 4096], "vDecay": [0, 300, 4095], "vThMant": [3, 90, 50]}
    made = dense(weight, neuron=neuron(**numbers), bias=np.float32([0, -3, 60]))
    trace = snncc.load(write_netx(tmp_path / "a.net", made)).run(x, trace=True)
    u = v = np.zeros(3, np.int64)
    for t in range(12):
        u = np.sign(u) * (np.abs(u) * (4096 - np.array(numbers["iDecay"])) >> 12)
        u = u + (x[t] @ weight.T << 6)
        v = np.sign(v) * (np.abs(v) * (4096 - np.array(numbers["vDecay"])) >> 12)
        v = v + u + (np.array([0, -3, 60]) << 6)
        z = v > np.array(numbers["vThMant"]) << 6
        v = np.where(z, 0, v)
        np.testing.assert_array_equal(trace["layer0"][t], z)
        np.testing.assert_array_equal(trace["layer0.u"][t], u)
        np.testing.assert_array_equal(trace["layer0.v"][t], v)
    assert trace["layer0"].any(axis=0).all()
