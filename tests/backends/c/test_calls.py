"""What callers get from a built package: the same bits, however its inputs come."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.runtime.toolchain import EXACT
from tests.small_networks import RECURRENT, network, stimulus
from tests.tools import require_tool


def _plain_library(root: Path, sources: list[str], out: Path, *flags: str) -> ctypes.CDLL:
    """As users build it by hand: gcc's own mode and no flag that keeps the bits."""
    includes = [f"-I{root / 'include'}", f"-I{root / 'src'}"]
    files = [str(root / name) for name in sources]
    command = ["gcc", *flags, "-shared", "-fPIC", *includes, *files, "-o", str(out)]
    subprocess.run(command, check=True, timeout=120)
    return ctypes.CDLL(str(out))


def _outputs(library: ctypes.CDLL, program: snncc.Compiled, x: np.ndarray) -> list[bytes]:
    manifest = program.package.manifest
    state = _aligned(manifest["state_bytes"])
    types = {"float": np.float32, "uint8_t": np.uint8}
    arrays = [
        np.zeros((len(x), *entry["shape"]), types[entry["type"]]) for entry in manifest["outputs"]
    ]
    pointers = [ctypes.c_void_p(array.ctypes.data) for array in (state, x, *arrays)]
    assert getattr(library, f"{program.prefix}_init")(pointers[0]) == 0
    run = getattr(library, f"{program.prefix}_run")
    assert run(*pointers[:2], ctypes.c_size_t(len(x)), *pointers[2:]) == 0
    return [array.tobytes() for array in arrays]


@pytest.mark.parametrize("weights", ["c", "bin"])
def test_gcc_without_flags_gives_the_same_bits(weights: str, tmp_path: Path) -> None:
    """gcc contracts a * b + c unless the sources say no; that they do is what keeps the bits."""
    require_tool("gcc")
    net = network(RECURRENT, tmp_path)
    program = snncc.compile(net, weights=weights)
    root = program.save(tmp_path / "c")
    x = stimulus(200, 3)
    wanted = [value.tobytes() for value in net.run(x).values()]
    fused = ["-O3", "-march=native"]
    for index, flags in enumerate([fused, [*fused, "-flto"], ["-O1", "-march=native"], ["-O0"]]):
        library = _plain_library(root, program.package.sources, tmp_path / f"{index}.so", *flags)
        assert _outputs(library, program, x) == wanted, flags
    defined = subprocess.run(
        ["gcc", *fused, "-dM", "-E", "-xc", "-"], input="", capture_output=True, text=True
    ).stdout
    if "__FMA__" not in defined:
        pytest.skip("this processor has no fused multiply-add: nothing could differ")
    source = root / "src" / f"{program.prefix}.c"
    text = source.read_text()
    assert "#pragma GCC optimize" in text
    source.write_text(text.replace("#pragma GCC optimize", "// #pragma GCC optimize"))
    library = _plain_library(root, program.package.sources, tmp_path / "fused.so", *fused)
    assert _outputs(library, program, x) != wanted


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> tuple[ctypes.CDLL, snncc.Compiled]:
    require_tool("gcc")
    folder = tmp_path_factory.mktemp("library")
    program = snncc.compile(network(RECURRENT, folder), prefix="net")
    root = program.save(folder / "c")
    out = folder / "libnet.so"
    sources = [str(root / name) for name in program.package.sources]
    subprocess.run(
        [
            "gcc",
            *EXACT,
            "-O2",
            "-shared",
            "-fPIC",
            f"-I{root / 'include'}",
            f"-I{root / 'src'}",
            *sources,
            "-o",
            str(out),
        ],
        check=True,
    )
    return ctypes.CDLL(str(out)), program


def _aligned(size: int) -> np.ndarray:
    raw = np.zeros(size + 64, np.uint8)
    return raw[-raw.ctypes.data % 64 :][:size]


def test_events_counts_and_floats_are_one_input(
    library: tuple[ctypes.CDLL, snncc.Compiled],
) -> None:
    """The same spikes in three forms, events in any order and doubled, give the same bits."""
    lib, program = library
    rng = np.random.default_rng(3)
    size = program.package.manifest["state_bytes"]
    states = [_aligned(size) for _ in range(3)]
    pointers = [ctypes.c_void_p(s.ctypes.data) for s in states]
    for pointer in pointers:
        assert lib.net_init(pointer) == 0
    for _ in range(20):
        counts = rng.integers(0, 3, 3).astype(np.uint8)
        addresses = rng.permutation(np.repeat(np.arange(3), counts)).astype(np.uint16)
        dense = counts.astype(np.float32)
        results = [(np.zeros(5, np.uint8), np.zeros(5, np.float32)) for _ in range(3)]
        outs = [tuple(ctypes.c_void_p(a.ctypes.data) for a in pair) for pair in results]
        assert lib.net_step_f32(pointers[0], ctypes.c_void_p(dense.ctypes.data), *outs[0]) == 0
        assert lib.net_step_counts(pointers[1], ctypes.c_void_p(counts.ctypes.data), *outs[1]) == 0
        assert (
            lib.net_step_events(
                pointers[2],
                ctypes.c_void_p(addresses.ctypes.data),
                ctypes.c_size_t(len(addresses)),
                *outs[2],
            )
            == 0
        )
        for spikes, v in results[1:]:
            np.testing.assert_array_equal(spikes, results[0][0])
            np.testing.assert_array_equal(v.view(np.uint32), results[0][1].view(np.uint32))


COUNTED = """
snn.network @net ("x" %x : tensor<3x@T@>) -> ("sum" : tensor<3xf64>) {
  %zero = snn.constant dense<0.0> : tensor<f64>
  %sum = snn.neuron as "sum" (%x = %x : tensor<3x@T@>) state (%v = %zero : tensor<f64>)
      -> (tensor<3xf64>) {
    @LOAD@
    %0 = arith.addf %v, %n : f64
    snn.next (%0 : f64) state (%0 : f64)
  }
  snn.yield %sum : tensor<3xf64>
}
"""
"""What came in, from the first step on."""
LOADS = {
    "i": "%n = arith.uitofp %x : @T@ to f64",
    "f32": "%n = arith.extf %x : f32 to f64",
    "f64": "%w = arith.constant 1.0 : f64\n    %n = arith.mulf %x, %w : f64",
}


@pytest.mark.parametrize(
    ("element", "most"), [("i1", 1), ("i8", 255), ("i16", 65535), ("i32", None), ("f64", None)]
)
def test_equal_events_add_up_as_counts_do(element: str, most: int | None, tmp_path: Path) -> None:
    """Up to what the input's type holds: there both forms of a step stop alike."""
    require_tool("gcc")
    load = LOADS.get(element, LOADS["i"]).replace("@T@", element)
    net = network(COUNTED.replace("@LOAD@", load).replace("@T@", element), tmp_path)
    program = snncc.compile(net, prefix="net")
    folder = program.save(tmp_path / "c")
    lib = _plain_library(folder, program.package.sources, tmp_path / "x.so", "-O2")

    def step(state: np.ndarray, form: str, *arguments: np.ndarray | int) -> list[float]:
        given = [
            ctypes.c_void_p(a.ctypes.data) if isinstance(a, np.ndarray) else ctypes.c_size_t(a)
            for a in arguments
        ]
        out = np.zeros(3)
        pointer = ctypes.c_void_p(state.ctypes.data)
        assert getattr(lib, f"net_{form}")(pointer, *given, ctypes.c_void_p(out.ctypes.data)) == 0
        return out.tolist()

    def fresh() -> np.ndarray:
        state = _aligned(program.package.manifest["state_bytes"])
        assert lib.net_init(ctypes.c_void_p(state.ctypes.data)) == 0
        return state

    for counts in ([0, 1, 3], [2, 0, 255]):
        addresses = np.repeat(np.arange(3, dtype=np.uint16), counts)[::-1].copy()
        wanted = [float(n if most is None else min(n, most)) for n in counts]
        assert step(fresh(), "step_events", addresses, addresses.size) == wanted
        assert step(fresh(), "step_counts", np.array(counts, np.uint8)) == wanted
    many = np.full(70_000, 2, np.uint16)
    held = 70_000.0 if most is None else float(most)
    state = fresh()
    assert step(state, "step_events", many, many.size) == [0, 0, held]
    assert step(state, "step_events", many, 0) == [0, 0, held]  # nothing is left of the last step


def test_bad_address_changes_nothing(library: tuple[ctypes.CDLL, snncc.Compiled]) -> None:
    lib, program = library
    state = _aligned(program.package.manifest["state_bytes"])
    pointer = ctypes.c_void_p(state.ctypes.data)
    outs = (np.full(5, 9, np.uint8), np.full(5, 9, np.float32))
    arguments = [ctypes.c_void_p(a.ctypes.data) for a in outs]
    lib.net_init(pointer)
    before = state.copy()
    events = np.array([0, 3], np.uint16)
    status = lib.net_step_events(
        pointer, ctypes.c_void_p(events.ctypes.data), ctypes.c_size_t(2), *arguments
    )
    assert status == -2
    np.testing.assert_array_equal(state, before)
    assert (outs[0] == 9).all()
    assert (outs[1] == 9).all()
    assert lib.net_step_events(None, None, ctypes.c_size_t(0), *arguments) == -1
    assert lib.net_step_events(pointer, None, ctypes.c_size_t(0), *arguments) == 0
