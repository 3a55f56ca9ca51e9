"""
Reads a netx file into plain data, as an untrusted file: see `importers.hdf5.reader`.

Source of the format: lava-nc/lava-dl (BSD-3-Clause), src/lava/lib/dl/netx/README.md, its reader
(netx/hdf5.py) and writer (slayer/block/base.py, `export_hdf5`), at commit d825ac5.
"""

from __future__ import annotations

from pathlib import Path

import h5py

from snncc.errors import Problem, SnnccError, error
from snncc.importers.hdf5.graph import Graph, Node, Value
from snncc.importers.hdf5.reader import MAX_BYTES, Members, printable, read_hdf5, reason_of

MAX_LAYERS = 1024
MAX_FIELDS = 64

LAYERS = {
    "input": "neurons that the host drives, or, without neurons, spikes; the first layer, or none "
    "in front of `dense`",
    "flatten": "between images and `dense`",
    "dense": "with delays of inputs or outputs, 0 to 62 steps",
    "dense_rec": "acts on itself a step later; without delays",
    "conv": "with stride, padding, dilation and groups; without delays",
    "pool": "one weight for all places of a window; without delays",
}
"""The types of layers that are read, and what is to be known of them."""

TRAINING = ("neuron/theta", "neuron/tauRho", "neuron/scaleRho")
"""Fields that say how a network was trained, and nothing of what it does."""

FEW = ("shape", "stride", "padding", "dilation", "groups", "kernelSize")
SIZES = ("inChannels", "outChannels", "inFeatures", "outFeatures")
NEURON = ("iDecay", "vDecay", "vThMant", "refDelay", "wgtExp", "weight_exp", "gradedSpike")
FIELDS = {
    *FEW,
    *SIZES,
    *("weight", "weight_rec", "bias", "delay"),
    *(f"neuron/{name}" for name in (*NEURON, "type", "messageBits")),
    *TRAINING,
}
"""The fields that are known; `neuron/NAME` is NAME of a layer's group `neuron`."""


def read_netx(path: Path, *, max_bytes: int = MAX_BYTES) -> Graph:
    """
    The layers of a netx file, as nodes "layer0", "layer1", ... in their order.

    Raises SnnccError: SNC-I010 where the file is missing, not HDF5 or damaged, SNC-I011 where it
    is no netx file, SNC-I012 for an unknown type of layer, SNC-I015 for values that are not
    finite, SNC-I017 over a limit, SNC-I020 for links out of the file.
    """
    return read_hdf5(
        path,
        lambda file: _Reader(max_bytes).layers(file),
        max_bytes=max_bytes,
        remedy="export it again with lava-dl, or fetch it again: it may be cut short",
    )


class _Reader(Members):
    def __init__(self, max_bytes: int):
        super().__init__(max_bytes, (*FEW, *SIZES))

    def layers(self, file: h5py.Group) -> Graph:
        group = self.group(file, "layer", "")
        if not 0 < len(group) <= MAX_LAYERS:
            raise error("SNC-I017", f"expected 1 to {MAX_LAYERS} layers, got {len(group)}")
        graph = Graph("")
        problems: list[Problem] = []
        for index in range(len(group)):
            name = f"layer{index}"
            try:
                graph.nodes[name] = self._layer(group, str(index), name)
            except SnnccError as found:
                if found.code == "SNC-I017":
                    raise  # a limit ends the reading: what follows could be without end
                problems.extend(found.problems)
            except (OSError, RuntimeError, KeyError, ValueError, TypeError) as fault:
                problems.append(Problem("SNC-I010", f"damaged: {reason_of(fault)}", name))
        if problems:
            raise SnnccError(problems)
        return graph

    def _layer(self, parent: h5py.Group, key: str, name: str) -> Node:
        group = self.group(parent, key, name)
        type = self.text(group, "type", name)
        if type not in LAYERS:
            raise error(
                "SNC-I012",
                f"unknown type of layer {type[:64]!r}",
                node=name,
                remedy=f"known: {', '.join(LAYERS)}",
            )
        fields: dict[str, Value] = {}
        self._fields(group, "", name, fields)
        return Node(name, type, fields)

    def _fields(self, group: h5py.Group, prefix: str, name: str, fields: dict[str, Value]) -> None:
        if len(group) > MAX_FIELDS:
            raise error("SNC-I017", f"more than {MAX_FIELDS} fields", node=name)
        for key in group:
            field = f"{prefix}{printable(key)}"
            if field == "neuron":
                self._fields(self.group(group, key, name), "neuron/", name, fields)
            elif field == "weight" and isinstance(self.member(group, key, name), h5py.Group):
                raise error("SNC-I012", "complex weights are not read", node=name)
            elif field in FIELDS:
                fields[field] = self.value(group, key, name)
            elif field != "type":
                fields[field] = ""  # named, so that it can be told
