"""Online training in C: gradients, samples in parts, feedback weights, memory."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.dialects.arrays import Array
from snncc.dialects.kernel.buffers import Role
from snncc.interpreters.program import in_model_order
from snncc.network import Network
from snncc.runtime.toolchain import FAST
from snncc.training import OnlineProgram, value_and_grad
from snncc.training.optimizers import SGD, Adam
from tests.random_networks import draw_case
from tests.tools import require_tool
from tests.training.test_online_gradients import LOSSES, attribute_of, published
from tests.training.test_program import (
    STEPS,
    build_and_run,
    data,
    example_of,
    interpreted,
    net,
)

__all__ = ["data", "net"]  # fixtures

LIMIT = 2e-5
"""Of a gradient in float32, relative to its largest element: as for programs with a tape."""


def program(net: Network, loss: object = "ce_per_step", **options: object) -> OnlineProgram:
    require_tool("gcc")
    options = {"steps": STEPS, "cc": "gcc", "prefix": "net", "cflags": ("-O1",), **options}
    return OnlineProgram(net, loss, **options)  # type: ignore[arg-type]


def expect_same(found: dict[str, Array], wanted: dict[str, Array], limit: float = LIMIT) -> None:
    assert set(found) == set(wanted)
    for name, array in wanted.items():
        assert abs(array).max() > 0, name
        assert abs(found[name] - array).max() <= limit * abs(array).max(), name


@pytest.mark.parametrize(
    ("name", "loss"), [("rec_attached", "mse_lowpass"), ("rec_detached", "ce_per_step")]
)
def test_published_cases(name: str, loss: str) -> None:
    network, arrays = published(name)
    written, target = LOSSES[loss]
    x = arrays["data/x"].astype(np.float32)
    trained = program(network, written, steps=len(x), surrogate=attribute_of("superspike"))
    value = trained.train_step(x, arrays[target])
    assert value == pytest.approx(float(arrays[f"loss/superspike/{loss}"]), rel=1e-6)
    found = trained.gradients()
    found["w_rec"] *= 1 - np.eye(len(found["w_rec"]))  # the published ones have no such synapses
    wanted = {n: arrays[f"eprop/superspike/{loss}/{n}"] for n in found}
    expect_same(found, wanted)


@pytest.mark.parametrize(
    ("loss", "feedback"),
    [("ce_per_step", "symmetric"), ("ce_count", "adaptive"), ("ce_per_step", "random")],
)
def test_gradients_are_those_of_value_and_grad(
    net: Network, data: tuple[Array, Array], loss: str, feedback: str
) -> None:
    x, labels = data
    options = {"feedback": feedback, "seed": 3}
    engine = "c" if feedback == "symmetric" else "interpreter"
    value, wanted = value_and_grad(net, loss, x, labels, mode="eprop", engine=engine, **options)
    first: dict[str, Array] | None = None
    for more in ({}, {"time_block": 5, "cflags": FAST}):
        trained = program(net, loss, **options, **more)
        assert trained.train_step(x, labels) == pytest.approx(value, rel=1e-6)
        found = trained.gradients()
        expect_same(found, wanted.parameters)
        first = found if first is None else first
        assert all(found[name].tobytes() == first[name].tobytes() for name in first), more


def test_c_equals_the_scheduled_program(net: Network, data: tuple[Array, Array]) -> None:
    """Bit for bit: sums where they are computed, last values, what is derived of parameters."""
    x, labels = data
    trained = program(net, "ce_count + 0.5 * ce_per_step", time_block=4)
    trained.train_step(x[:, :1], labels[:1])
    p = trained.programs
    held = {name: p.learned.stored(name, array) for name, array in trained.parameters().items()}
    assert p.prepare is not None
    inputs = {b.known_as: held[b.known_as] for b in p.prepare.buffers(Role.INPUT)}
    run = interpreted(p.prepare, {n: a[None, None] for n, a in inputs.items()})
    held |= {name: array[0, 0] for name, array in run.items()}
    held[next(iter(p.targets))] = np.eye(3, dtype=np.float32)[labels[0]]
    wanted = interpreted(p.backward, {"x": x[:, :1]}, held)
    kinds = set()
    for buffer in p.backward.buffers(Role.OUTPUT):
        if buffer.known_as not in p.sums:
            continue
        kinds.add(buffer.kind)
        stored = trained._running.array(trained.package.manifest["sums"][buffer.known_as])
        got = in_model_order(buffer, stored.reshape(buffer.shape))
        np.testing.assert_array_equal(got, wanted[buffer.known_as][0], buffer.known_as)
    assert kinds == {"sum", "last"}


@pytest.mark.parametrize("loss", ["ce_per_step", "ce_count"])
def test_a_sample_in_parts(net: Network, data: tuple[Array, Array], loss: str) -> None:
    """However it is cut: the same bits, and the outputs of the network on the way."""
    x, labels = data
    whole, parts = (program(net, loss, time_block=block) for block in (1, 3))
    value = whole.train_step(x[:, 1], labels[1])
    for cuts in ((0, 5, 6, STEPS), (0, 13, STEPS)):
        parts.begin_sample()
        outputs = [
            parts.train_steps(x[first:last, 1], labels[1])["y"] for first, last in pairwise(cuts)
        ]
        assert parts.end_sample() == value
        assert np.concatenate(outputs).tobytes() == parts.run(x[:, 1])["y"].tobytes()
        for name, array in whole.gradients().items():
            np.testing.assert_array_equal(parts.gradients()[name], array, name)
        parts.apply(0.0)
    with pytest.raises(snncc.SnnccError, match="SNC-C003 no sample was begun"):
        parts.train_steps(x[:, 1], labels[1])
    with pytest.raises(snncc.SnnccError, match="SNC-C003 no sample was begun"):
        parts.end_sample()


def test_updates_within_a_sample(net: Network, data: tuple[Array, Array]) -> None:
    """The gradient of the steps so far counts as one sample; states and traces go on."""
    x, labels = data
    trained = program(net, optimizer=SGD(lr=0.1))
    trained.begin_sample()
    trained.apply()  # of nothing
    before = trained.parameters()
    trained.train_steps(x[:9, 0], labels[0])
    _, wanted = value_and_grad(net, "ce_per_step", x[:9, :1], labels[:1], mode="eprop")
    found = {name: array * STEPS / 9 for name, array in trained.gradients().items()}
    expect_same(found, wanted.parameters)
    gradients = trained.gradients()
    trained.apply()
    for name, array in trained.parameters().items():
        np.testing.assert_allclose(array, before[name] - 0.1 * gradients[name], atol=1e-6)
    assert not any(array.any() for array in trained.gradients().values())
    trained.train_steps(x[9:, 0], labels[0])
    trained.end_sample()
    assert all(array.any() for array in trained.gradients().values())


def test_random_feedback_is_constant(net: Network) -> None:
    symmetric, random, adaptive = (
        program(net, feedback=kind) for kind in ("symmetric", "random", "adaptive")
    )
    assert set(random.parameters()) == set(symmetric.parameters())
    assert set(adaptive.parameters()) == {*symmetric.parameters(), "feedback.w2"}
    manifests = [p.package.manifest for p in (random, adaptive)]
    assert manifests[0]["sums"].keys() == manifests[1]["sums"].keys()  # one sum serves both
    assert manifests[0]["memory"]["apply"] < manifests[1]["memory"]["apply"]
    assert "feedback_w2" in random.package.files["src/net_train_weights.c"].decode()
    assert "feedback" not in adaptive.trained().mlir()


@pytest.mark.parametrize("optimizer", [SGD(lr=0.1, weight_decay=0.5), Adam(lr=0.02)])
def test_adaptive_feedback(net: Network, data: tuple[Array, Array], optimizer: SGD | Adam) -> None:
    """It gets the update of the weight that it stands in for; with decay both become alike."""
    x, labels = data
    trained = program(net, feedback="adaptive", optimizer=optimizer)
    apart = []
    for _ in range(4):
        now = trained.parameters()
        apart.append(abs(now["w2"] - now["feedback.w2"]).max())
        trained.train_step(x, labels)
        _, wanted = value_and_grad(
            net, "ce_per_step", x, labels, mode="eprop", feedback="adaptive", parameters=now
        )
        expect_same(trained.gradients(), wanted.parameters)
        np.testing.assert_array_equal(*(trained.gradients()[n] for n in ("w2", "feedback.w2")))
        trained.apply()
    if isinstance(optimizer, SGD):
        np.testing.assert_allclose(np.array(apart[1:]) / apart[:-1], 1 - 0.1 * 0.5, rtol=1e-5)


def test_memory_does_not_depend_on_the_number_of_steps(net: Network) -> None:
    sizes = {program(net, "ce_count", steps=n).package.manifest["bytes"] for n in (2, 20, 2000)}
    assert len(sizes) == 1


def test_training_lowers_the_loss(net: Network, data: tuple[Array, Array]) -> None:
    x, labels = data
    trained = snncc.compile(
        net, train="eprop", loss="ce_per_step", steps=STEPS, optimizer=Adam(lr=0.03), cc="gcc"
    )
    first = trained.train_step(x, labels)
    for _ in range(80):
        trained.apply()
        trained.train_step(x, labels)
    assert trained.loss < 0.5 * first
    assert trained.run(x)["y"].tobytes() == trained.trained().run(x)["y"].tobytes()


@pytest.mark.parametrize("seed", [0, 2, 5])
def test_random_networks(seed: int) -> None:
    """Convolutions, pools, delays, adaptive and other neurons: where there is a gradient."""
    rng = np.random.default_rng(seed)
    case = draw_case(
        lambda options: options[rng.integers(len(options))],
        lambda low, high: int(rng.integers(low, high + 1)),
    )
    assert case is not None
    output = next(iter(case.network.op.outputs))
    steps, batch = next(iter(case.x.values())).shape[:2]
    shape = case.network.run(case.x)[output].shape[2:]
    target = rng.normal(size=(steps, batch, *shape)).astype(np.float32)
    loss = f"mse(output={output!r})"
    options = {"surrogate": "atan"}
    value, wanted = value_and_grad(case.network, loss, case.x, target, mode="eprop", **options)
    trained = program(case.network, loss, steps=steps, **options)
    assert trained.train_step(case.x, target) == pytest.approx(value, rel=1e-5)
    found = trained.gradients()
    assert set(found) == set(wanted.parameters)
    for name, array in wanted.parameters.items():
        assert abs(found[name] - array).max() <= 1e-4 * max(abs(array).max(), 1e-20), name


MAIN = """
#include "net_train.h"
static net_train_t s;
int main(void) {
  const float target[NET_TRAIN_TARGET_Y_SIZE] = {0.0f, 1.0f, 0.0f};
  float first = 0.0f, loss = 0.0f, y[3];
  if (net_train_sample_begin(&s) != NET_TRAIN_ERR_STATE) return 1;
  if (net_train_begin(&s) != NET_TRAIN_OK) return 2;
  if (net_train_sample_end(&s, &loss) != NET_TRAIN_ERR_SAMPLE) return 3;
  for (int sample = 0; sample < 20; ++sample) {
    if (net_train_sample_begin(&s) != NET_TRAIN_OK) return 4;
    for (unsigned t = 0; t < 300; ++t) {
      float x[5];
      for (unsigned i = 0; i < 5; ++i) {
        x[i] = (float)((i + t) % 7) * 0.3f;
      }
      if (net_train_steps(&s, x, target, 1, t % 2 ? y : NULL) != NET_TRAIN_OK) return 5;
    }
    if (net_train_sample_end(&s, &loss) != NET_TRAIN_OK) return 6;
    if (net_apply_gradients(&s, 0.01f) != NET_TRAIN_OK) return 7;
    first = sample == 0 ? loss : first;
  }
  return loss < 0.5f * first ? 0 : 8;
}
"""


def test_firmware(net: Network, tmp_path: Path) -> None:
    """A loop over steps as they come, with no sample in memory."""
    require_tool("gcc")
    folder = program(net, feedback="random").save(tmp_path / "out")
    for main, flags in ((MAIN, ["-O1", "-fsanitize=undefined,address"]), (example_of(folder), [])):
        build_and_run(folder, main, flags)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"train": "eprop", "tape_steps": 3}, 'tape_steps: there is no tape, with train="eprop"'),
        ({"train": "bptt", "feedback": "random"}, "feedback: an option of online training"),
        ({"train": "eprop", "feedback": "none"}, "feedback: expected one of symmetric, random"),
        ({"train": "rtrl"}, "train: expected bptt or eprop, got 'rtrl'"),
    ],
)
def test_wrong_options(net: Network, options: dict[str, object], message: str) -> None:
    with pytest.raises(snncc.SnnccError, match=f"SNC-C003 {message}"):
        snncc.compile(net, loss="ce_count", steps=STEPS, **options)  # type: ignore[call-overload]
