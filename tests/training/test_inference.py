"""What is trained carries nothing of its training into the inference: object by object."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

import snncc
from snncc.folders import write_files
from snncc.network import Network
from tests.backward_networks import atan
from tests.text_networks import lif, network, parse
from tests.tools import require_tool


def objects(folder: Path, names: list[str], flags: tuple[str, ...]) -> dict[str, bytes]:
    """Each source compiled alone, in its folder: what it is does not depend on where."""
    found: dict[str, bytes] = {}
    for name in names:
        command = ["gcc", "-std=c11", *flags, "-Iinclude", "-Isrc", "-c", f"src/{name}"]
        done = subprocess.run(
            [*command, "-o", "one.o"], cwd=folder, capture_output=True, check=True
        )
        assert not done.stderr
        found[name] = (folder / "one.o").read_bytes()
    return found


@pytest.mark.parametrize("options", [{}, {"samples": 3, "fused": True}])
def test_objects_are_those_without_training(options: dict[str, object], tmp_path: Path) -> None:
    require_tool("gcc")
    sizes = {"w": (40, 6), "u": (3, 40)}
    body = (
        "  %i = snn.linear %x, %w : (tensor<6xf32>, tensor<40x6xf32>) -> tensor<40xf32>"
        + lif("s", "i", "40")
        + "  %y = snn.linear %s, %u : (tensor<40xi1>, tensor<3x40xf32>) -> tensor<3xf32>"
        + "  snn.yield %y : tensor<3xf32>\n"
    )
    net = Network(parse(network('"x" %x : tensor<6xf32>', '"y" : tensor<3xf32>', body, sizes)))
    alone, trained = tmp_path / "alone", tmp_path / "trained"
    plain = snncc.compile(net, train=None, prefix="net").package
    alone.mkdir()
    write_files(plain.files, alone)
    training = snncc.compile(
        net, train="bptt", loss="mse", steps=5, surrogate=atan(), prefix="net", **options
    )
    training.save(trained)
    names = sorted(p.name for p in (alone / "src").glob("*.[cS]"))
    assert {"net.c", "net_weights.c"} <= set(names)
    for flags in (("-O3", "-march=native"), ("-Os", "-DNET_PORTABLE")):
        assert objects(alone, names, flags) == objects(trained, names, flags)
    assert b"train" not in (trained / "src" / "net.c").read_bytes()
