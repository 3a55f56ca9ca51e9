"""Netx files that are wrong or damaged: an error with a code and the layer, and never a crash."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import snncc
from snncc.errors import SnnccError
from tests.importers.batch import load_all
from tests.netx_files import (
    Fields,
    conv,
    dense,
    layer,
    neuron,
    spikes_in,
    write_netx,
)

IMAGE = spikes_in(2, 6, 6)
KERNEL = np.full((3, 2, 3, 3), 4.0)
CONV = conv([3, 4, 4], KERNEL)
FLAT = layer("flatten", [48], neuron=None)
WEIGHT = np.full((5, 48), 2.0)
DENSE = dense(WEIGHT)


def chain(**changed: Fields | None) -> list[Fields]:
    layers: dict[str, Fields | None] = {"input": IMAGE, "conv": CONV, "flat": FLAT, "dense": DENSE}
    return [fields for fields in {**layers, **changed}.values() if fields is not None]


def test_the_chain_itself_is_right(tmp_path: Path) -> None:
    assert snncc.load(write_netx(tmp_path / "a.net", *chain())).outputs == {"output": (5,)}


CASES: list[tuple[dict[str, Any], str]] = [
    ({"conv": {**CONV, "type": "convT"}}, "SNC-I012 node 'layer1': unknown type of layer 'convT'"),
    ({"dense": {**DENSE, "type": "average"}}, "SNC-I012 node 'layer3'"),
    ({"conv": {**CONV, "neuron": neuron(type="SDNN")}}, "SNC-I012 node 'layer1': neurons 'SDNN'"),
    ({"dense": layer("dense", [5], weight=WEIGHT, neuron=None)}, "a layer without neurons"),
    ({"conv": {**CONV, "weight": {"real": KERNEL, "imag": KERNEL}}}, "SNC-I012 .* complex"),
    ({"conv": {**CONV, "neuron": neuron(refDelay=2)}}, "SNC-I015 .* neuron/refDelay: expected 1"),
    ({"conv": {**CONV, "neuron": neuron(wgtExp=1)}}, "SNC-I015 .* neuron/wgtExp: expected 0"),
    ({"conv": {**CONV, "neuron": neuron(gradedSpike=True)}}, "SNC-I015 .* carry a number"),
    ({"conv": {**CONV, "neuron": neuron(messageBits=8)}}, "SNC-I015 .* carry a number"),
    ({"conv": {**CONV, "neuron": neuron(iDecay=4097)}}, "SNC-I015 .*iDecay: expected 0 to 4096"),
    ({"conv": {**CONV, "neuron": neuron(vDecay=4096)}}, "SNC-I015 .*vDecay: expected 0 to 4095"),
    ({"conv": {**CONV, "neuron": neuron(vThMant=-1)}}, "SNC-I015 .*vThMant: expected 0 to 131071"),
    ({"conv": {**CONV, "neuron": neuron(vDecay=0.5)}}, "SNC-I015 .* expected whole numbers"),
    ({"conv": {**CONV, "neuron": neuron(vDecay=[1, 2])}}, "SNC-I014 .* expected 1 or 3 numbers"),
    ({"conv": {**CONV, "bias": np.full(3, 5000.0)}}, "SNC-I015 .* bias: expected -4096 to 4095"),
    ({"conv": {**CONV, "bias": np.zeros(2)}}, "SNC-I014 .* bias: expected 1 or 3 numbers, got 2"),
    ({"conv": {**CONV, "delay": np.ones(3)}}, "SNC-I018 node 'layer1': delay"),
    (
        {"conv": {**CONV, "stride": [0, 1]}},
        "SNC-I015 .* stride: expected one or two",
    ),
    ({"conv": {**CONV, "stride": [2, 2]}}, r"SNC-I014 .* makes \[3, 2, 2\] of \[2, 6, 6\]"),
    ({"conv": {**CONV, "dilation": 99}}, "SNC-I014 .* the layer makes"),
    ({"conv": {**CONV, "groups": 2}}, "SNC-I014 node 'layer1': groups: 2 of 2 inputs"),
    ({"conv": {**CONV, "groups": 0}}, "SNC-I014 node 'layer1': groups: 0"),
    ({"conv": {**CONV, "weight": KERNEL[0]}}, "SNC-I014 .* weight: expected"),
    ({"conv": conv([3, 4, 4], KERNEL * 0.3)}, "SNC-I015 .* weight: expected whole numbers"),
    ({"conv": conv([3, 4, 4], KERNEL * np.inf)}, "SNC-I015 .* not finite"),
    ({"conv": conv([3, 4, 4], KERNEL * 1e30)}, "SNC-I015 .* weight: expected whole numbers"),
    ({"conv": conv([3, 4, 4], KERNEL * 70)}, "SNC-I015 .* weight: expected -256 to 254"),
    ({"dense": dense(np.where(np.eye(5, 48) > 0, -3, 201))}, "SNC-I015 .* are even"),
    ({"conv": conv([3, 4, 4, 1], KERNEL)}, "SNC-I014 .* shape: expected"),
    ({"conv": conv([3, 0, 4], KERNEL)}, "SNC-I014 .* shape: expected"),
    ({"conv": conv([3, 1 << 20, 1 << 20], KERNEL)}, "SNC-I017 .* over the limit"),
    (
        {"flat": layer("flatten", [47], neuron=None)},
        r"SNC-I014 .* \[3, 4, 4\] into \[47\]",
    ),
    ({"flat": None}, "SNC-I014 node 'layer2': dense: an input of shape"),
    ({"dense": dense(np.zeros((5, 47)))}, "SNC-I014 .* weight: expected 48 inputs"),
    ({"dense": dense(WEIGHT, shape=[6])}, r"SNC-I014 .* weight: expected \[6, inputs\]"),
    ({"dense": dense(WEIGHT, delay=np.ones(7))}, "SNC-I014 .* delay: expected 5 or 48 numbers"),
    ({"dense": dense(WEIGHT, delay=-1)}, "SNC-I015 .* delay: expected steps from 0"),
    ({"dense": dense(WEIGHT, delay=63)}, "SNC-I015 .* delay: expected 0 to 62 steps"),
    ({"dense": dense(WEIGHT, type="dense_rec")}, "SNC-I011 .* expected numbers 'weight_rec'"),
    (
        {"dense": dense(WEIGHT, type="dense_rec", weight_rec=np.zeros((5, 4)))},
        r"SNC-I014 .* weight_rec: expected \[5, 5\]",
    ),
    ({"input": None, "flat": None, "dense": None}, "SNC-I014 .* does not say the shape"),
    ({"dense": spikes_in(5)}, "SNC-I011 .* an input layer behind another layer"),
    ({"conv": None, "flat": None, "dense": None}, "SNC-I011 .* expected a layer of neurons"),
]


@pytest.mark.parametrize(("changed", "told"), CASES)
def test_faults_name_the_layer(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(SnnccError, match=told):
        snncc.load(write_netx(tmp_path / "a.net", *chain(**changed)))


def test_faults_of_all_layers_are_listed(tmp_path: Path) -> None:
    wrong = chain(conv={**CONV, "groups": 3}, dense=dense(WEIGHT, neuron=neuron(refDelay=3)))
    with pytest.raises(SnnccError) as caught:
        snncc.load(write_netx(tmp_path / "a.net", *wrong))
    assert [(p.code, p.node) for p in caught.value.problems] == [
        ("SNC-I014", "layer1"),
        ("SNC-I015", "layer3"),
    ]


def test_what_is_not_known_is_told(tmp_path: Path) -> None:
    path = write_netx(tmp_path / "a.net", *chain(dense={**DENSE, "gain": 3}))
    with pytest.warns(snncc.SnnccWarning, match="SNC-W027 node 'layer3': gain: not known"):
        snncc.load(path)


def test_structure_and_links(tmp_path: Path) -> None:
    path = tmp_path / "a.net"
    with pytest.raises(SnnccError, match=r"SNC-I010 .*no such file"):
        snncc.load(path)
    path.write_bytes(b"not HDF5")
    with pytest.raises(SnnccError, match="SNC-I010"):
        snncc.load(path)
    with h5py.File(path, "w") as file:
        file.create_group("layer")
    with pytest.raises(SnnccError, match="SNC-I017"):
        snncc.load(path)
    write_netx(path, *chain())
    with h5py.File(path, "r+") as file:
        file.move("layer/3", "layer/4")
    with pytest.raises(SnnccError, match="SNC-I011 node 'layer3': expected '3'"):
        snncc.load(path)
    for link in (h5py.SoftLink("/layer/1/weight"), h5py.ExternalLink("/etc/passwd", "x")):
        write_netx(path, *chain())
        with h5py.File(path, "r+") as file:
            del file["layer/3/weight"]
            file["layer/3/weight"] = link
        with pytest.raises(SnnccError, match="SNC-I020 node 'layer3'"):
            snncc.load(path)
    write_netx(path, *chain())
    with h5py.File(path, "r+") as file:
        del file["layer/3/weight"]
        file.create_dataset("layer/3/weight", (10**6, 10**6), "f4", chunks=(100, 100))
    with pytest.raises(SnnccError, match="SNC-I017 node 'layer3'"):
        snncc.load(path)


def test_options_of_others_are_refused(tmp_path: Path) -> None:
    path = write_netx(tmp_path / "a.net", *chain())
    with pytest.raises(SnnccError, match=r"SNC-C003 .* states its semantics"):
        snncc.load(path, like="lava")
    with pytest.raises(SnnccError, match=r"SNC-C003 .* has no batch"):
        snncc.load(path, time_axis=0)


def test_mutants_never_crash(tmp_path: Path) -> None:
    """100 flipped bits, and 20 files that are cut short."""
    data = write_netx(tmp_path / "whole.net", *chain()).read_bytes()
    folder = tmp_path / "mutants"
    folder.mkdir()
    rng = random.Random(0)
    used = [at for at, byte in enumerate(data) if byte]
    for index in range(100):
        mutant = bytearray(data)
        mutant[rng.choice(used)] ^= 1 << rng.randrange(8)
        (folder / f"flip{index}.net").write_bytes(mutant)
    for index in range(20):
        (folder / f"cut{index}.net").write_bytes(data[: rng.randrange(len(data))])
    found = load_all("net", folder)
    assert len(found) == 120
    assert not {name: text for name, text in found.items() if text != "ok" and len(text) > 8}
    codes = set(found.values())
    assert {"ok", "SNC-I010"} < codes
