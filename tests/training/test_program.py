"""Training in C: gradients, updates, memory, and what is written to a folder."""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp

import snncc
from snncc.dialects import kernel
from snncc.dialects.arrays import Array
from snncc.dialects.kernel.buffers import Role
from snncc.interpreters.program import ProgramInterpreter, in_model_order
from snncc.network import Network
from snncc.training import MeanSquaredError, value_and_grad
from snncc.training.optimizers import SGD, Adam, Optimizer, optimizer_of
from snncc.training.program import TrainProgram
from tests.backward_networks import atan
from tests.mlir_tools import compile_scheduled
from tests.random_networks import draw_case
from tests.text_networks import lif, network, parse
from tests.tools import require_module, require_tool

torch = require_module("torch")

STEPS, BATCH = 14, 3

TEXT = """
snn.parameter learnable @w1 : tensor<6x5xf32> = dense<W1>
snn.parameter learnable @b1 : tensor<6xf32> = dense<0.1>
snn.parameter learnable @rec : tensor<6x6xf32> = dense<REC>
snn.parameter learnable @tau : tensor<6xf32> = dense<TAU>
snn.parameter fixed @theta : tensor<f32> = dense<1.0>
snn.parameter learnable @w2 : tensor<3x6xf32> = dense<W2>
snn.network @net ("x" %x : tensor<5xf32>) -> ("y" : tensor<3xf32>) {
  %zero = snn.constant dense<0.0> : tensor<f32>
  %off = snn.constant dense<false> : tensor<i1>
  %w1 = snn.use @w1 : tensor<6x5xf32>
  %b1 = snn.use @b1 : tensor<6xf32>
  %rec = snn.use @rec : tensor<6x6xf32>
  %tau = snn.use @tau : tensor<6xf32>
  %theta = snn.use @theta : tensor<f32>
  %w2 = snn.use @w2 : tensor<3x6xf32>
  %back = snn.delay %s by 1 init %off : tensor<6xi1>, tensor<i1> -> tensor<6xi1>
  %i = snn.linear %x, %w1 bias %b1 last : (tensor<5xf32>, tensor<6x5xf32>, tensor<6xf32>)
       -> tensor<6xf32>
  %r = snn.linear %back, %rec : (tensor<6xi1>, tensor<6x6xf32>) -> tensor<6xf32>
  %u = snn.add %i, %r : (tensor<6xf32>, tensor<6xf32>) -> tensor<6xf32>
  %decay = snn.neuron () params (%tau = %tau : tensor<6xf32>) -> (tensor<6xf32>) {
    %0 = arith.mulf %tau, %tau : f32
    snn.next (%0 : f32)
  }
  %s = snn.neuron as "lif" (%x = %u : tensor<6xf32>) state (%v = %zero : tensor<f32>)
       params (%beta = %decay : tensor<6xf32>, %theta = %theta : tensor<f32>) -> (tensor<6xi1>) {
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    %2 = arith.subf %1, %theta : f32
    %z = snn.spike gt %2 surrogate <"snntorch.atan", alpha = 2.0> : f32
    %f = arith.uitofp %z : i1 to f32
    %3 = arith.mulf %f, %theta : f32
    %4 = arith.subf %1, %3 : f32
    snn.next (%z : i1) state (%4 : f32)
  }
  %o = snn.linear %s, %w2 as "fc2" : (tensor<6xi1>, tensor<3x6xf32>) -> tensor<3xf32>
  %y = snn.neuron as "li" (%x = %o : tensor<3xf32>) state (%v = %zero : tensor<f32>)
       -> (tensor<3xf32>) {
    %beta = arith.constant 0.8 : f32
    %0 = arith.mulf %beta, %v : f32
    %1 = arith.addf %0, %x : f32
    snn.next (%1 : f32) state (%1 : f32)
  }
  snn.yield %y : tensor<3xf32>
}
"""


@pytest.fixture(scope="module")
def net() -> Network:
    rng = np.random.default_rng(3)
    shapes = {"W1": (6, 5), "REC": (6, 6), "TAU": (6,), "W2": (3, 6)}
    text = TEXT
    for name, shape in shapes.items():
        scale = 0.2 if name == "TAU" else 0.7
        values = (rng.normal(0.1, scale, shape) + 0.8 * (name == "TAU")).astype(np.float32)
        text = text.replace(f"<{name}>", f"<{values.tolist()}>")
    return Network(parse(text))


@pytest.fixture(scope="module")
def data() -> tuple[Array, Array]:
    rng = np.random.default_rng(5)
    return rng.random((STEPS, BATCH, 5), np.float32) * 2, np.array([0, 2, 1])


def program(net: Network, **options: object) -> TrainProgram:
    """Not fused, whatever the flags: bits are compared."""
    require_tool("gcc")
    options = {"steps": STEPS, "cc": "gcc", "prefix": "net", "fused": False, **options}
    return TrainProgram(net, options.pop("loss", "ce_count"), **options)  # type: ignore[arg-type]


VARIANTS = (
    {},
    {"time_block": 1},
    {"time_block": 3, "cflags": ("-O0",)},
    {"tape_steps": 4},
    {"tape_steps": 5, "time_block": 2, "cflags": ("-O2", "-DNET_TRAIN_PORTABLE")},
)


def test_gradients_are_those_of_the_interpreter(net: Network, data: tuple[Array, Array]) -> None:
    """The same bits whatever the blocks, the tape and the compiler's level."""
    x, labels = data
    loss, wanted = value_and_grad(net, "ce_count", x, labels)
    first: dict[str, Array] | None = None
    for options in VARIANTS:
        trained = program(net, **options)
        assert trained.train_step(x, labels) == pytest.approx(loss, rel=1e-6)
        found = trained.gradients()
        assert set(found) == set(wanted.parameters) == {"w1", "b1", "rec", "tau", "w2"}
        for name, array in wanted.parameters.items():
            worst = abs(found[name] - array).max() / abs(array).max()
            assert worst < 2e-5, (options, name)
        first = found if first is None else first
        assert all(found[name].tobytes() == first[name].tobytes() for name in first), options


@pytest.mark.parametrize("time_block", [1, 4])
def test_c_equals_the_scheduled_programs(
    net: Network, data: tuple[Array, Array], time_block: int
) -> None:
    """Bit for bit: tape as bits, sums as they are stored, parameters that are held."""
    x, labels = data
    trained = program(net, time_block=time_block)
    trained.train_step(x[:, :1], labels[:1])
    p = trained.programs
    held = {name: p.learned.stored(name, array) for name, array in trained.parameters().items()}
    if p.prepare is not None:
        inputs = {b.known_as: held[b.known_as] for b in p.prepare.buffers(Role.INPUT)}
        run = interpreted(p.prepare, {n: a[None, None] for n, a in inputs.items()})
        held |= {name: array[0, 0] for name, array in run.items()}
    (target,) = p.targets
    held[target] = np.eye(3, dtype=np.float32)[labels[0]]
    tape = interpreted(p.forward, {"x": x[:, :1]}, held)
    assert p.backward is not None
    sums = interpreted(p.backward, {"x": x[:, :1], **tape}, held)
    for buffer in p.backward.buffers(Role.OUTPUT):
        stored = trained._running.array(trained.package.manifest["sums"][buffer.known_as])
        got = in_model_order(buffer, stored.reshape(buffer.shape))
        assert got.tobytes() == sums[buffer.known_as][0].tobytes(), buffer.known_as


def test_scheduled_programs_through_mlir(
    net: Network, data: tuple[Array, Array], tmp_path: Path
) -> None:
    """The tape's bits, and the sums of a block of weights that lie transposed."""
    x, labels = data
    p = program(net, time_block=4).programs
    held = {q.name: q.initial for q in p.parameters}
    assert p.prepare is not None
    inputs = {b.known_as: held[b.known_as] for b in p.prepare.buffers(Role.INPUT)}
    run = interpreted(p.prepare, {n: a[None, None] for n, a in inputs.items()})
    held |= {name: array[0, 0] for name, array in run.items()}
    held[next(iter(p.targets))] = np.eye(3, dtype=np.float32)[labels[0]]
    streams = {"x": x[:, :1]}
    assert p.backward is not None
    for number, op in enumerate((p.forward, p.backward)):
        wanted = interpreted(op, streams, held)
        folder = tmp_path / str(number)
        folder.mkdir()
        compiled = compile_scheduled(ModuleOp([op.clone()]), folder)
        compiled.reset()
        got = compiled.run({**{n: a[:, 0] for n, a in streams.items()}, **held})
        for buffer in op.buffers(Role.OUTPUT):
            name = buffer.known_as
            array = wanted[name][:, 0] if buffer.has_rows else wanted[name][0]
            assert in_model_order(buffer, got[name]).tobytes() == array.tobytes(), name
        streams |= wanted


def interpreted(
    op: kernel.ProgramOp, x: dict[str, Array], held: dict[str, Array] | None = None
) -> dict[str, Array]:
    copy = op.clone()
    inputs = {b.known_as for b in op.buffers(Role.INPUT) if b.has_rows}
    same = {b.known_as for b in op.buffers(Role.INPUT) if not b.has_rows}
    run = ProgramInterpreter(ModuleOp([copy]), copy).run(
        {name: array for name, array in x.items() if name in inputs},
        held={name: array for name, array in (held or {}).items() if name in same},
    )
    return run.outputs


@pytest.mark.parametrize(
    "optimizer",
    [
        SGD(lr=0.05),
        SGD(lr=0.05, momentum=0.9, weight_decay=0.01),
        Adam(lr=0.01),
        Adam(lr=0.01, beta1=0.8, beta2=0.95, weight_decay=0.1),
    ],
)
def test_updates_are_those_of_torch(
    net: Network, data: tuple[Array, Array], optimizer: Optimizer
) -> None:
    x, labels = data
    trained = program(net, optimizer=optimizer)
    twins = {n: torch.nn.Parameter(torch.tensor(a)) for n, a in trained.parameters().items()}
    if isinstance(optimizer, SGD):
        other = torch.optim.SGD(
            twins.values(),
            lr=optimizer.lr,
            momentum=optimizer.momentum,
            weight_decay=optimizer.weight_decay,
        )
    else:
        assert isinstance(optimizer, Adam)
        other = torch.optim.Adam(
            twins.values(),
            lr=optimizer.lr,
            betas=(optimizer.beta1, optimizer.beta2),
            eps=optimizer.eps,
            weight_decay=optimizer.weight_decay,
        )
    for _ in range(4):
        trained.train_step(x, labels)
        for name, gradient in trained.gradients().items():
            twins[name].grad = torch.tensor(gradient)
        trained.apply()
        other.step()
        for name, array in trained.parameters().items():
            np.testing.assert_allclose(array, twins[name].detach().numpy(), atol=2e-6)
        trained.set_parameters({n: t.detach().numpy() for n, t in twins.items()})
        assert all(not array.any() for array in trained.gradients().values())


def test_training_lowers_the_loss(net: Network, data: tuple[Array, Array]) -> None:
    x, labels = data
    trained = program(net, optimizer=Adam(lr=0.03), tape_steps=6)
    first = trained.train_step(x, labels)
    for _ in range(80):
        trained.apply()
        trained.train_step(x, labels)
    assert trained.loss < 0.5 * first
    after = trained.trained().run(x)["y"]
    assert trained.run(x)["y"].tobytes() == after.tobytes()
    assert (after.sum(axis=0).argmax(axis=1) == labels).all()


def test_restarted_it_is_as_compiled(net: Network, data: tuple[Array, Array]) -> None:
    """With a momentum, and several samples at once, which begin with the first batch."""
    require_tool("gcc")
    found = program(net, optimizer=SGD(lr=0.1, momentum=0.9))

    def trained() -> list[bytes]:
        for _ in range(2):
            found.train_step(*data)
            found.apply()
        return [array.tobytes() for array in found.parameters().values()]

    first = trained()
    assert trained() != first
    found.restart()
    assert trained() == first


@pytest.mark.parametrize("seed", [0, 2, 4, 5, 6, 34])
def test_random_networks(seed: int) -> None:
    """Convolutions, pools, delays, adaptive and other neurons."""
    rng = np.random.default_rng(seed)
    case = draw_case(
        lambda options: options[rng.integers(len(options))],
        lambda low, high: int(rng.integers(low, high + 1)),
    )
    assert case is not None
    network = case.network
    output = next(iter(network.op.outputs))
    steps, batch = next(iter(case.x.values())).shape[:2]
    shape = network.run(case.x)[output].shape[2:]
    target = np.random.default_rng(seed).normal(size=(steps, batch, *shape)).astype(np.float32)
    loss = MeanSquaredError(output=output)
    value, wanted = value_and_grad(network, loss, case.x, target, surrogate=atan())
    options = ({}, {"tape_steps": 5}, {"time_block": 1})[seed % 3]
    trained = program(network, loss=loss, steps=steps, surrogate=atan(), **options)
    assert trained.train_step(case.x, target) == pytest.approx(value, rel=1e-5)
    found = trained.gradients()
    assert set(found) == set(wanted.parameters)
    for name, array in wanted.parameters.items():
        assert abs(found[name] - array).max() <= 1e-4 * max(abs(array).max(), 1e-20), name


@pytest.mark.parametrize("flags", [("-O3", "-march=native"), ("-O2", "-DNET_TRAIN_PORTABLE")])
def test_wide_layers(flags: tuple[str, ...]) -> None:
    """More rows than a tile of registers has, and more steps than a block: nothing is lost."""
    steps, sizes = 37, {"w": (133, 20), "u": (70, 133), "o": (9, 70)}
    body = (
        "  %i = snn.linear %x, %w : (tensor<20xf32>, tensor<133x20xf32>) -> tensor<133xf32>"
        + lif("s", "i", "133")
        + "  %j = snn.linear %s, %u : (tensor<133xi1>, tensor<70x133xf32>) -> tensor<70xf32>"
        + lif("q", "j", "70")
        + "  %y = snn.linear %q, %o : (tensor<70xi1>, tensor<9x70xf32>) -> tensor<9xf32>"
        + "  snn.yield %y : tensor<9xf32>\n"
    )
    wide = Network(parse(network('"x" %x : tensor<20xf32>', '"y" : tensor<9xf32>', body, sizes)))
    rng = np.random.default_rng(0)
    x = rng.normal(-0.4, 0.4, (steps, 2, 20)).astype(np.float32)
    target = rng.normal(size=(steps, 2, 9)).astype(np.float32)
    value, wanted = value_and_grad(wide, "mse", x, target, surrogate=atan())
    trained = program(wide, loss="mse", steps=steps, surrogate=atan(), cflags=flags)
    assert trained.programs.prepare is None  # no weight is copied for its transpose
    assert trained.train_step(x, target) == pytest.approx(value, rel=1e-5)
    for name, array in trained.gradients().items():
        other = wanted.parameters[name]
        assert abs(array - other).max() <= 1e-4 * abs(other).max(), name


def test_only_what_is_trainable_is_in_memory(net: Network, data: tuple[Array, Array]) -> None:
    x, labels = data
    trained = program(net, trainable=["w2"])
    before = trained.parameters()
    assert set(before) == {"w2"}
    trained.train_step(x, labels)
    _, wanted = value_and_grad(net, "ce_count", x, labels, wrt=["w2"])
    np.testing.assert_allclose(trained.gradients()["w2"], wanted.parameters["w2"], rtol=1e-4)
    assert trained.package.manifest["bytes"] < program(net).package.manifest["bytes"]


def test_a_shorter_tape_takes_less_memory(net: Network) -> None:
    whole, short = (program(net, time_block=1, tape_steps=steps) for steps in (STEPS, 2))
    memory = [p.package.manifest["memory"] for p in (whole, short)]
    assert memory[1]["tape"] * 6 < memory[0]["tape"]
    assert memory[0]["checkpoints"] == 0 < memory[1]["checkpoints"]


MAIN = """
#include "net_train.h"
static net_train_t s;
static float x[NET_TRAIN_X_SIZE], y[3 * NET_TRAIN_STEPS];
int main(void) {
  const float target[NET_TRAIN_TARGET_Y_SIZE] = {0.0f, 1.0f, 0.0f};
  float first = 0.0f, loss = 0.0f;
  for (unsigned i = 0; i < NET_TRAIN_X_SIZE; ++i) {
    x[i] = (float)(i % 7) * 0.3f;
  }
  if (net_train_step(&s, x, target, &loss) != NET_TRAIN_ERR_STATE) return 1;
  if (net_train_begin(&s) != NET_TRAIN_OK) return 2;
  if (net_train_step(&s, x, NULL, &loss) != NET_TRAIN_ERR_ARG) return 3;
  if (net_train_step(&s, x, target, &first) != NET_TRAIN_OK) return 4;
  for (int i = 0; i < 20; ++i) {
    if (net_apply_gradients(&s, 0.01f) != NET_TRAIN_OK) return 5;
    if (net_train_step(&s, x, target, &loss) != NET_TRAIN_OK) return 6;
  }
  if (net_train_predict(&s, x, NET_TRAIN_STEPS, y) != NET_TRAIN_OK) return 7;
  return loss < first ? 0 : 8;
}
"""


def test_what_is_saved(net: Network, data: tuple[Array, Array], tmp_path: Path) -> None:
    """A folder that compiles alone; the files of inference are what they are without training."""
    require_tool("gcc")
    x, labels = data
    trained = program(net, optimizer=SGD(lr=0.1), tape_steps=5)
    trained.train_step(x, labels)
    trained.apply()
    folder = trained.save(tmp_path / "out")
    plain = snncc.compile(trained.trained(), prefix="net").package
    for name, content in plain.files.items():
        if name.startswith(("include/", "src/")):
            assert (folder / name).read_bytes() == content, name
    for manifest in ("net.json", "net_train.json"):
        for name, entry in json.loads((folder / manifest).read_text())["files"].items():
            content = (folder / name).read_bytes()
            assert hashlib.sha256(content).hexdigest() == entry["sha256"], name
    assert trained.save(folder) == folder  # over what it wrote itself
    for path in sorted((folder / "src").glob("net_train*")):
        text = path.read_text(encoding="utf-8")
        assert "malloc" not in text
        assert "math.h" not in text
    example = example_of(folder)
    assert f"| `net_train_t` (`NET_TRAIN_BYTES`) | {trained.package.manifest['bytes']} |" in (
        folder / "README.md"
    ).read_text(encoding="utf-8")
    for main, level in (
        (MAIN, ["-O0", "-fsanitize=undefined,address"]),
        (MAIN, ["-O2"]),
        (example, ["-O1"]),
    ):
        build_and_run(folder, main, level)


def example_of(folder: Path) -> str:
    """The main loop of the page about the training."""
    text = (folder / "README.md").read_text(encoding="utf-8")
    return text.split("```c\n", 1)[1].split("```", 1)[0]


def build_and_run(folder: Path, main: str, flags: Sequence[str]) -> None:
    (folder / "main.c").write_text(main, encoding="utf-8")
    fixed = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-Isrc"]
    sources = sorted(f"src/{p.name}" for p in (folder / "src").glob("*.c"))
    built = subprocess.run(
        ["gcc", *fixed, *flags, *sources, "main.c", "-o", "main"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    assert subprocess.run([folder / "main"], check=False).returncode == 0


def test_the_same_training_gives_the_same_bytes(net: Network) -> None:
    assert program(net).package.files == program(net).package.files


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"loss": "ce_count + 0.1 * rate"}, "SNC-C003 .*one by one"),
        ({"trainable": ["nothing"]}, "SNC-C003 trainable: no parameter or layer"),
        ({"optimizer": "lbfgs"}, "SNC-C003 optimizer: expected one of sgd, adam"),
        ({"steps": 0}, "SNC-C003 steps: expected a whole number"),
        ({"steps": "9"}, "SNC-C003 steps: expected a whole number"),
        ({"steps": None}, "SNC-C003 steps: expected a whole number"),
        ({"samples": 1 << 20}, "SNC-C003 samples: expected a whole number from 1 to 1024"),
        ({"fused": "yes"}, "SNC-C003 fused: expected True, False or None"),
        ({"prefix": "No"}, "SNC-C003 prefix: expected lower-case"),
    ],
)
def test_wrong_options(net: Network, options: dict[str, object], message: str) -> None:
    with pytest.raises(snncc.SnnccError, match=message):
        program(net, **options)


def test_one_sample_without_an_axis(net: Network, data: tuple[Array, Array]) -> None:
    x, labels = data
    trained = program(net)
    alone = trained.train_step(x[:, 1], int(labels[1]))
    assert trained.train_step(x[:, 1:2], labels[1:2]) == alone
    assert trained.run(x[:, 1])["y"].tobytes() == trained.run(x)["y"][:, 1].tobytes()
    mse = program(net, loss="mse")
    target = np.ones((STEPS, 3), np.float32)
    assert mse.train_step(x[:, 1], target) == mse.train_step(x[:, 1:2], target[:, None])


def test_wrong_arrays(net: Network, data: tuple[Array, Array]) -> None:
    x, labels = data
    trained = program(net)
    with pytest.raises(snncc.SnnccError, match="SNC-R001 expected 14 steps"):
        trained.train_step(x[:5], labels)
    with pytest.raises(snncc.SnnccError, match="SNC-R003 labels: expected whole numbers"):
        trained.train_step(x, labels + 1)
    for wrong in (np.zeros((BATCH, 2)), np.full((BATCH, 3), np.nan), np.full((BATCH, 3), "a")):
        with pytest.raises(snncc.SnnccError, match="SNC-R003 target"):
            trained.train_step(x, wrong)
    for rate in ("a", -1.0, float("nan"), 1e39, 10**400):
        with pytest.raises(snncc.SnnccError, match="SNC-R001 rate: expected a number"):
            trained.apply(rate)
    with pytest.raises(snncc.SnnccError, match=r"SNC-R001 expected .parameter: array"):
        trained.set_parameters([1.0])
    with pytest.raises(snncc.SnnccError, match="SNC-R001 parameter 'w2': expected numbers"):
        trained.set_parameters({"w2": "a"})
    with pytest.raises(snncc.SnnccError, match="SNC-R001 parameter 'w2': expected shape"):
        trained.set_parameters({"w2": np.zeros(3)})
    with pytest.raises(snncc.SnnccError, match="SNC-R001 parameter 'b1': has values that are not"):
        trained.set_parameters({"b1": np.full(6, 1e39)})
    with pytest.raises(snncc.SnnccError, match="SNC-C003 optimizer"):
        optimizer_of("sgd", speed=3)
