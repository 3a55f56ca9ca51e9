"""Training in C of several samples at once, and with products that are not rounded."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

import snncc
from snncc.dialects import kernel
from snncc.dialects.arrays import Array
from snncc.dialects.kernel.buffers import Role
from snncc.interpreters.program import ProgramInterpreter, in_model_order
from snncc.interpreters.sums import fused
from snncc.network import Network
from snncc.runtime.toolchain import has_fast_fma
from snncc.training import MeanSquaredError, value_and_grad
from snncc.training.optimizers import Adam
from snncc.training.program import TrainProgram
from tests.backward_networks import atan
from tests.mlir_tools import compile_scheduled
from tests.random_networks import draw_case
from tests.text_networks import lif, network, parse
from tests.tools import require_tool

STEPS, BATCH = 11, 5
SIZES = {"w": (173, 20), "b": (173,), "u": (150, 173), "o": (9, 150), "r": (9, 9)}
"""More rows and columns than tiles, panels and parts of weights have; parts of vectors."""

FAST, NATIVE = ("-O3", "-march=native"), ("-O1", "-march=native")
PLAIN = ("-O1", "-DNET_TRAIN_PORTABLE")


@pytest.fixture(scope="module")
def net() -> Network:
    """Two layers and a recurrent one, a bias that is learned, a delay of two steps."""
    body = (
        "  %l = snn.delay %x by 2 init %zero : tensor<20xf32>, tensor<f32> -> tensor<20xf32>"
        "  %back = snn.delay %y by 1 init %off : tensor<9xi1>, tensor<i1> -> tensor<9xi1>"
        "  %i = snn.linear %l, %w bias %b last :"
        "    (tensor<20xf32>, tensor<173x20xf32>, tensor<173xf32>) -> tensor<173xf32>"
        + lif("s", "i", "173")
        + "  %j = snn.linear %s, %u : (tensor<173xi1>, tensor<150x173xf32>) -> tensor<150xf32>"
        + lif("q", "j", "150")
        + "  %k = snn.linear %q, %o : (tensor<150xi1>, tensor<9x150xf32>) -> tensor<9xf32>"
        "  %f = snn.linear %back, %r : (tensor<9xi1>, tensor<9x9xf32>) -> tensor<9xf32>"
        "  %sum = snn.add %k, %f : (tensor<9xf32>, tensor<9xf32>) -> tensor<9xf32>"
        + lif("y", "sum", "9")
        + "  snn.yield %y : tensor<9xi1>\n"
    )
    return Network(parse(network('"x" %x : tensor<20xf32>', '"y" : tensor<9xi1>', body, SIZES)))


@pytest.fixture(scope="module")
def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(1)
    x = rng.normal(-0.4, 0.5, (STEPS, BATCH, 20)) * (rng.random((STEPS, BATCH, 20)) < 0.4)
    return x.astype(np.float32), rng.integers(0, 9, BATCH)


def program(net: Network, **options: object) -> TrainProgram:
    require_tool("gcc")
    options = {"loss": "ce_count", "steps": STEPS, "prefix": "net", "cc": "gcc", **options}
    options = {"surrogate": atan(), "cflags": NATIVE, **options}
    return TrainProgram(net, **options)  # type: ignore[arg-type]


def bits(trained: TrainProgram, x: Array, target: Array) -> dict[str, bytes]:
    """Losses, gradients, and parameters after an update."""
    trained.train_step(x, target)
    found = {"loss": np.float64(trained.loss).tobytes()}
    found |= {f"d.{name}": array.tobytes() for name, array in trained.gradients().items()}
    trained.apply()
    found |= {name: array.tobytes() for name, array in trained.parameters().items()}
    return found


@pytest.mark.parametrize("fused", [False, True])
def test_samples_change_no_bit(net: Network, data: tuple[Array, Array], fused: bool) -> None:
    """
    Also where they are no multiple, whatever the blocks, the tape and the flags; of inputs that
    are 0 or 1 too, and of more steps than a kernel takes at once.
    """
    x, labels = np.tile(data[0], (1, 12, 1)), np.tile(data[1], 12)
    spikes = (x != 0).astype(np.float32)

    def found_by(trained: TrainProgram) -> list[dict[str, bytes]]:
        return [bits(trained, array, labels) for array in (x, spikes)]

    one = program(net, fused=fused, samples=1)
    wanted = found_by(one)
    others: list[dict[str, object]] = [
        {"samples": 3, "cflags": FAST if fused else NATIVE},
        {"samples": 60, "cflags": FAST},
        {"samples": 12, "cflags": PLAIN},
    ]
    if fused:
        others.append({"time_block": 1, "cflags": ("-O1",)})
        others.append({"samples": 13, "cflags": ("-O1", "-mavx2", "-mfma")})
        others.append({"time_block": 4, "tape_steps": 7, "cflags": ("-O1", "-mavx2", "-mfma")})
    for options in others:
        assert found_by(program(net, fused=fused, **options)) == wanted, options
    value, gradients = value_and_grad(
        net, "ce_count", *data, surrogate=atan(), parameters=one.parameters()
    )
    one.train_step(*data)
    assert one.loss == pytest.approx(value, rel=1e-6)
    for name, array in one.gradients().items():
        other = gradients.parameters[name]
        assert abs(array - other).max() <= 1e-4 * abs(other).max(), name


def test_a_batch_runs_at_once_by_itself(net: Network, data: tuple[Array, Array]) -> None:
    """Whatever ran before it goes on: sums of gradients, parameters, and moments."""
    x, labels = data
    one, trained = (program(net, optimizer="adam", samples=n) for n in (1, None))
    for other in (one, trained):
        other.train_step(x[:, :1], labels[:1])
        other.apply(0.01)
        other.train_step(x[:, 1:2], labels[1:2])
        other.train_step(x, labels)
    assert trained._running.at_once == 5
    assert trained.package.manifest["samples_at_once"] == 1
    assert trained.loss == one.loss
    wanted = one.gradients()
    assert {n: a.tobytes() for n, a in trained.gradients().items()} == {
        n: a.tobytes() for n, a in wanted.items()
    }
    for other in (one, trained):
        other.apply(0.01)
    for name, array in one.parameters().items():
        assert trained.parameters()[name].tobytes() == array.tobytes(), name


def test_products_are_fused_where_that_is_fast(net: Network) -> None:
    for flags, is_fast in ((("-O1", "-mfma", "-mavx2"), True), (("-O1", "-mno-fma"), False)):
        trained = program(net, cflags=flags)
        assert trained.fused is trained.package.manifest["fused"] is is_fast
    assert not has_fast_fma(("no-such-compiler",), ())


def inputs_of(trained: TrainProgram, x: Array, labels: Array) -> tuple[dict[str, Array], ...]:
    """Two samples one behind the other: (streams, what is held)."""
    p = trained.programs
    held = {name: p.learned.stored(name, array) for name, array in trained.parameters().items()}
    if p.prepare is not None:
        given = {b.known_as: held[b.known_as] for b in p.prepare.buffers(Role.INPUT)}
        run = run_program(p.prepare, {n: a[None, None] for n, a in given.items()}, {})
        held |= {name: array[0, 0] for name, array in run.items()}
    (target,) = p.targets
    one_hot = np.eye(9, dtype=np.float32)[labels[:2]]
    rows = x[:, :2].swapaxes(0, 1).reshape(2 * STEPS, 1, 20)
    return {"x": rows, target: one_hot[:, None]}, held


def run_program(
    op: kernel.ProgramOp, x: dict[str, Array], held: dict[str, Array]
) -> dict[str, Array]:
    copy = op.clone()
    names = {b.known_as: b.held is not None for b in op.buffers(Role.INPUT)}
    return (
        ProgramInterpreter(ModuleOp([copy]), copy)
        .run(
            {name: array for name, array in x.items() if names.get(name) is False},
            held={name: array for name, array in held.items() if names.get(name)},
        )
        .outputs
    )


@pytest.fixture(scope="module")
def pair(net: Network) -> TrainProgram:
    return program(net, samples=2, fused=True)


def test_c_equals_the_scheduled_programs(pair: TrainProgram, data: tuple[Array, Array]) -> None:
    """Bit for bit: each sample from the first states, sums of both, a loss for each."""
    x, labels = data
    pair.train_step(x[:, :2], labels[:2])
    p = pair.programs
    streams, held = inputs_of(pair, x, labels)
    forward = run_program(p.forward, streams, held)
    (loss,) = p.losses
    assert forward[loss].shape == (2, 1, 1)
    assert forward[loss].mean(dtype=np.float64) == pair.loss
    assert p.backward is not None
    sums = run_program(p.backward, {**streams, **forward}, held)
    for buffer in p.backward.buffers(Role.OUTPUT):
        stored = pair._running.array(pair.package.manifest["sums"][buffer.known_as])
        got = in_model_order(buffer, stored.reshape(buffer.shape))
        assert got.tobytes() == sums[buffer.known_as][0].tobytes(), buffer.known_as


def test_scheduled_programs_through_mlir(
    pair: TrainProgram, data: tuple[Array, Array], tmp_path: Path
) -> None:
    p = pair.programs
    streams, held = inputs_of(pair, *data)
    assert p.backward is not None
    for number, op in enumerate((p.forward, p.backward)):
        wanted = run_program(op, streams, held)
        folder = tmp_path / str(number)
        folder.mkdir()
        compiled = compile_scheduled(ModuleOp([op.clone()]), folder)
        compiled.reset()
        got = compiled.run({**{n: a[:, 0] for n, a in streams.items()}, **held})
        for buffer in op.buffers(Role.OUTPUT):
            name = buffer.known_as
            has_rows = buffer.has_rows or buffer.sampled is not None
            array = wanted[name][:, 0] if has_rows else wanted[name][0]
            assert in_model_order(buffer, got[name]).tobytes() == array.tobytes(), name
        streams |= wanted


@pytest.mark.parametrize("seed", [0, 6])
def test_random_networks(seed: int) -> None:
    """Convolutions, pools, delays and other neurons, each of whose states starts again."""
    rng = np.random.default_rng(seed)
    case = draw_case(
        lambda options: options[rng.integers(len(options))],
        lambda low, high: int(rng.integers(low, high + 1)),
    )
    assert case is not None
    output = next(iter(case.network.op.outputs))
    steps, batch = next(iter(case.x.values())).shape[:2]
    shape = case.network.run(case.x)[output].shape[2:]
    target = np.random.default_rng(seed).normal(size=(steps, batch, *shape)).astype(np.float32)
    options = {"loss": MeanSquaredError(output=output), "steps": steps, "cflags": ("-O1",)}
    one, several = (program(case.network, samples=n, **options) for n in (1, batch + 1))
    assert bits(one, case.x, target) == bits(several, case.x, target)


def test_fused_sums_round_once() -> None:
    """A half of two floats and what float64 does not hold beside it; the least numbers."""
    a, b = np.float32(8191), np.float32(4095)  # 33542145, between two floats
    least, tiny = np.float32(2.0**-149), np.float32(2.0**-60)
    for sign in (np.float32(1), np.float32(-1)):
        assert fused(sign * a, b, sign * tiny) == sign * 33542146
        assert fused(sign * a, b, -sign * tiny) == sign * 33542144
        assert fused(sign * a, b, np.float32(0)) == sign * 33542144  # to even
        assert fused(sign * a, b, -sign * np.float32(33542144)) == sign
        assert fused(sign * least, np.float32(0.5), sign * least) == sign * 2 * least
        assert fused(sign * least, np.float32(0.5), -sign * least) == 0


MAIN = """
#include "net_train.h"
static net_train_t s;
static float x[5 * NET_TRAIN_X_SIZE], target[5 * NET_TRAIN_TARGET_Y_SIZE], loss[5], first[5];
int main(void) {
  for (unsigned i = 0; i < 5 * NET_TRAIN_X_SIZE; ++i) x[i] = (float)(i % 7) * 0.2f - 0.3f;
  for (unsigned i = 0; i < 5; ++i) target[i * NET_TRAIN_TARGET_Y_SIZE + i % 3] = 1.0f;
  if (net_train_batch(&s, x, target, 5, loss) != NET_TRAIN_ERR_STATE) return 1;
  if (net_train_begin(&s) != NET_TRAIN_OK) return 2;
  if (net_train_batch(&s, x, target, 5, NULL) != NET_TRAIN_ERR_ARG) return 3;
  if (net_train_batch(&s, x, target, 5, first) != NET_TRAIN_OK) return 4;
  for (unsigned i = 0; i < 5; ++i) {
    const float *at = x + i * NET_TRAIN_X_SIZE;
    if (net_train_step(&s, at, target + i * NET_TRAIN_TARGET_Y_SIZE, loss + i)) return 5;
    if (loss[i] != first[i]) return 6;
  }
  if (s.samples[0] != 10) return 7;
  return net_apply_gradients(&s, 0.01f) != NET_TRAIN_OK;
}
"""


def test_what_is_saved(net: Network, tmp_path: Path) -> None:
    """A folder that compiles without warnings, and reads and writes what is its own."""
    require_tool("gcc")
    trained = program(net, samples=2, fused=True, optimizer=Adam(lr=0.01), weights="c")
    folder = trained.save(tmp_path / "out")
    (folder / "main.c").write_text(MAIN, encoding="utf-8")
    flags = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-Isrc"]
    sources = sorted(f"src/{p.name}" for p in (folder / "src").glob("net_train*.c"))
    for level in (("-O0", "-fsanitize=undefined,address"), NATIVE):
        built = subprocess.run(
            ["gcc", *flags, *level, *sources, "main.c", "-o", "main"],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert built.returncode == 0, built.stderr
        assert subprocess.run([folder / "main"], check=False).returncode == 0


def test_samples_are_whole(net: Network) -> None:
    for options in ({"tape_steps": 4}, {"time_block": 4}):
        with pytest.raises(snncc.SnnccError, match="SNC-C003 samples: 2 samples run at once"):
            program(net, samples=2, **options)
    with pytest.raises(snncc.SnnccError, match="SNC-C003 samples: expected a whole number"):
        program(net, samples=0)
