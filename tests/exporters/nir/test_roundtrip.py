"""Written as NIR and read again with the same choices: the same text, bit for bit."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snncc
from snncc.exporters.nir.inverses import INVERSES
from snncc.importers.nir.model import NODE_CLASSES
from snncc.importers.nir.profiles import get_all_profiles
from snncc.network import Network
from tests.importers.nir.nirfile import chain, write_nir
from tests.importers.nir.test_profiles import cases, nodes_of
from tests.seeds import is_long
from tests.tools import REPOSITORY

pytestmark = pytest.mark.filterwarnings("ignore")
LIKES = list(INVERSES)
ROUNDS = 5 if is_long() else 2


def exported(net: Network, path: Path, **options: Any) -> Network:
    """Written under the name of the file that the network came from, and read again."""
    folder = path.parent / "written"
    folder.mkdir(exist_ok=True)
    net.export(folder / path.name)
    return snncc.load(folder / path.name, **options)


@pytest.mark.parametrize("name", [name for name, case in cases().items() if "graph" in case])
def test_networks_of_every_framework(name: str, tmp_path: Path) -> None:
    """Those that are compared with the frameworks themselves."""
    case = cases()[name]
    nodes = nodes_of(case["graph"]["nodes"])
    path = write_nir(tmp_path / "model.nir", nodes, [tuple(e) for e in case["graph"]["edges"]])
    net = snncc.load(path, **case["options"])
    assert exported(net, path, **case["options"]).mlir() == net.mlir()


@pytest.mark.parametrize("like", LIKES)
@pytest.mark.parametrize("file", ["mlp_lif_digits.nir", "conv_if_digits.nir"])
def test_digits(file: str, like: str, tmp_path: Path) -> None:
    path = tmp_path / file
    path.write_bytes((REPOSITORY / "examples" / "digits" / file).read_bytes())
    options = {"like": like, "dt": 1e-4}
    try:
        net = snncc.load(path, **options)
    except snncc.SnnccError:
        pytest.skip(f"{like} does not read {file}")
    assert exported(net, path, **options).mlir() == net.mlir()


@pytest.mark.slow
def test_published_networks(nets: Path, tmp_path: Path) -> None:
    """Recurrent and convolutional ones, as every framework that takes them reads them."""
    done: Counter[str] = Counter()
    for file in sorted(nets.glob("*/*.nir")):
        for like in LIKES:
            try:
                net = snncc.load(file, like=like, dt=1e-4)
            except snncc.SnnccError:
                continue
            assert exported(net, tmp_path / file.name, like=like, dt=1e-4).mlir() == net.mlir()
            done[file.name] += 1
    assert sum(done.values()) > 30


@pytest.mark.parametrize(
    ("like", "kind"), [(like, kind) for like in LIKES for kind in INVERSES[like]]
)
def test_every_class_of_every_profile(like: str, kind: str, tmp_path: Path) -> None:
    """Random fields, in both types of float, uniform or not, under every choice of a profile."""
    seed = LIKES.index(like) * 10 + list(NODE_CLASSES).index(kind)
    rng = np.random.default_rng(seed)
    profile = get_all_profiles()[like]()
    same = 0
    for _ in range(ROUNDS):
        dt = float(rng.choice([1e-4, 1e-3, 2.5e-3, 1.0]))
        options: dict[str, Any] = {"like": like, "dt": dt}
        reset, timing = profile.resets[rng.integers(len(profile.resets))]
        if rng.random() < 0.7:
            options |= {"reset": reset, "reset_timing": timing}
        options["integrator"] = str(rng.choice(profile.integrators))
        shape = (int(rng.integers(1, 9)),)
        node = {"type": kind, **_fields(rng, like, kind, dt, shape)}
        path = write_nir(tmp_path / "model.nir", **chain(("n", node), shape=shape))
        net = snncc.load(path, **options)
        assert exported(net, path, **options).mlir() == net.mlir()
        same += 1
    assert same == ROUNDS


def _fields(
    rng: np.random.Generator, like: str, kind: str, dt: float, shape: tuple[int, ...]
) -> dict[str, Any]:
    """Fields that the framework's importer takes."""
    uniform = like == "spikingjelly" or rng.random() < 0.3
    dtype = rng.choice([np.float32, np.float64])

    def values(low: float, high: float) -> Any:
        drawn = np.full(shape, rng.uniform(low, high)) if uniform else rng.uniform(low, high, shape)
        return drawn.astype(dtype)

    wanted = (*NODE_CLASSES[kind].required, *NODE_CLASSES[kind].optional)
    found = {
        name: values(2 * dt, 80 * dt)
        if name.startswith("tau")
        else values(-0.5, 0.5)
        if name in ("v_leak", "v_reset")
        else values(0.3, 3.0)
        for name in wanted
    }
    if like in ("snntorch", "sinabs", "spikingjelly") or (like, kind) == ("lava", "CubaLIF"):
        found["v_leak"] = np.zeros(shape)
    match like, kind:
        case (("snntorch" | "lava" | "spikingjelly"), "CubaLIF"):
            found["r"] = found["tau_mem"] / dt
            if like != "lava":
                found["w_in"] = found["tau_syn"] / dt
        case "snntorch", "LIF":
            found["r"] = found["tau"] / dt
        case ("snntorch", "IF") | ("sinabs", "LI"):
            found["r"] = np.ones(shape)
        case "lava", "IF":
            found["r"] = np.full(shape, 0.7)
        case "spikingjelly", "IF":
            found["r"] = np.full(shape, 1 / dt)
        case "spikingjelly", "LIF":
            found["r"] = np.ones(shape) if rng.random() < 0.5 else found["tau"] / dt
            found["v_leak"] = found["v_reset"]
        case "rockpool", "LI":
            found["tau"] = found["tau"] + 1  # that importer cuts it to whole seconds
    if like == "snntorch" or (like, kind) == ("lava", "IF"):
        found["v_threshold"] = np.full(shape, 1.25)
    return {name: found[name] for name in wanted}


@pytest.mark.parametrize("like", LIKES)
def test_nir_reads_what_is_written(like: str, tmp_path: Path) -> None:
    nir = pytest.importorskip("nir")
    file = "conv_if_digits.nir" if like in ("nir-ode", "sinabs") else "mlp_lif_digits.nir"
    net = snncc.load(REPOSITORY / "examples" / "digits" / file, like=like, dt=1e-4)
    net.export(tmp_path / "out.nir")
    graph = nir.read(tmp_path / "out.nir")
    original = nir.read(REPOSITORY / "examples" / "digits" / file)
    assert set(graph.nodes) == set(original.nodes)
    assert set(graph.edges) == set(original.edges)
    assert {n: type(node) for n, node in graph.nodes.items()} == {
        n: type(node) for n, node in original.nodes.items()
    }
