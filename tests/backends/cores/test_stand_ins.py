"""Networks with biases, leaks and pools that a chip does not have, on models of these chips."""

from __future__ import annotations

import numpy as np
import pytest
from xdsl.dialects.builtin import TensorType, f32
from xdsl.ir import SSAValue

from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration, configure
from snncc.cores.folder import files_of, load
from snncc.cores.legalize import problems_of
from snncc.dialects import snn
from snncc.dialects.snn.body import build_neuron
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.dialects.snn.types import shape_of
from snncc.network import Network
from snncc.passes.legalization import fits, stand_ins
from snncc.passes.legalization.classes import classes_of
from snncc.passes.legalization.faults import Faults
from snncc.passes.legalization.forms import formed
from snncc.passes.legalization.graph import Output, SpikingGraph
from snncc.passes.legalization.timing import timed
from tests.backends.cores.ranc_programs import expect_same
from tests.backends.cores.test_reckon import expect_the_chip_has_it as expect_reckon
from tests.backends.cores.test_tinyodin import expect_the_chip_has_it as expect_tinyodin
from tests.passes.legalization.networks import lif
from tests.spiking_graphs import dynamics, graph, network_of
from tests.tools import require_module

INPUTS, HIDDEN, CLASSES = 10, 24, 5


def plain(reset: str = "subtract", decay: float = 0.9, seed: int = 0) -> SpikingGraph:
    """Two layers of leaky neurons with biases, as most libraries write them."""
    draw = np.random.default_rng(seed)
    layers = {
        "h": dynamics(HIDDEN, decay, reset, 1.0),
        "y": dynamics(CLASSES, decay, reset, 1.0),
    }
    edges = [
        ("x", "h", 0, draw.normal(0.1, 0.4, (HIDDEN, INPUTS))),
        ("h", "y", 0, draw.normal(0.1, 0.35, (CLASSES, HIDDEN))),
    ]
    found = graph("plain", {"x": INPUTS}, layers, edges)
    biases = {name: draw.normal(0.02, 0.04, d.size) for name, d in layers.items()}
    return found.with_populations(
        [
            type(p)(p.name, p.shape, p.dynamics.changed(bias=biases[name]))
            for name, p in found.populations.items()
        ]
    )


def spikes(samples: int = 24, steps: int = 20, inputs: int = INPUTS, seed: int = 0):
    """[T, B, n], each input of each sample with a rate of its own."""
    draw = np.random.default_rng(seed)
    return (draw.random((steps, samples, inputs)) < draw.random((samples, inputs)) * 0.5).astype(
        np.uint8
    )


def expect_the_judge_agrees(c: Configuration) -> None:
    """What was written for the chip, or the vendor's simulator, gives what the model gives."""
    if c.description.name == "ranc":
        expect_same(c.program, c.description, c.golden)
        return
    if c.description.name == "xylo":
        require_module("xylosim.v2")
        wanted, got = c.run(spikes(3, seed=9)), c.run(spikes(3, seed=9), engine="xylosim")
        for name, array in wanted.items():
            np.testing.assert_array_equal(got[name], array, name)
        return
    judge = expect_reckon if c.description.name == "reckon" else expect_tinyodin
    files = files_of(c)
    judge({n.removeprefix("config/"): f for n, f in files.items() if n.startswith("config/")})


@pytest.mark.parametrize("chip", ["xylo", "reckon", "tinyodin", "ranc"])
def test_plain_neurons_with_biases_fit(chip: str, tmp_path) -> None:
    network = network_of(plain())
    c = configure(network, chip_named(chip), spikes())
    expect_the_judge_agrees(c)
    x = spikes(32, seed=3)
    (given,), (wanted,) = c.run(x).values(), network.run(x.astype(np.float64)).values()
    counts = given.astype(float)[-1] if chip == "reckon" else given.astype(float).sum(axis=0)
    # rates of single neurons over samples: what a class is decided by
    assert np.corrcoef(counts.ravel(), wanted.sum(axis=0).ravel())[0, 1] > 0.8
    always = [name for name in c.program.inputs if name not in c.program.given]
    assert always == (["bias"] if chip in ("reckon", "tinyodin") else [])
    assert all((c.golden.inputs[name] == 1).all() for name in always)
    folder = c.save(tmp_path / "out")
    again = load(folder)
    assert again.warnings == c.warnings
    np.testing.assert_array_equal(again.run(x)["out"], given)
    told = {(p.code, p.node) for p in c.warnings}
    stands = {node for code, node in told if node and code in ("SNC-W029", "SNC-W030")}
    assert stands == (set() if chip == "reckon" else {"h", "y"})
    readme = (folder / "README.md").read_text()
    assert ("spike at every step" in readme) == bool(always)
    assert ("SNC-W0" in readme) == bool(c.warnings)


def moved_by_fits(chip: str, g: SpikingGraph) -> float:
    """The share of spikes that move where a chip's neurons stand for those of a graph."""
    description, faults = chip_named(chip), Faults()
    classes = classes_of(g, description, faults)
    placed = timed(g, description, classes)
    form = formed(placed.graph, description, classes, faults)
    x = spikes().astype(np.float64)
    wanted = network_of(g).run(x, trace=True)
    given = {"x": x, **{name: wanted[name] for name in g.populations}}
    found = fits.fitted(form, placed, description, classes, given)
    got = network_of(found.formed.graph).run(x, trace=True)
    moved = 0
    for name, lag in ((name, placed.lags[name]) for name in g.populations):
        late = got[name][lag:].astype(int)
        moved += np.abs(late - wanted[name][: len(late)]).sum()
    return moved / sum(wanted[name].sum() for name in g.populations)


@pytest.mark.parametrize("chip", ["tinyodin", "ranc"])
def test_leaks_are_fitted(chip: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fitted leak moves fewer spikes than none, and than the one that is taken without data."""
    g = plain("zero", 0.85)
    best = moved_by_fits(chip, g)
    assert best < 0.5
    monkeypatch.setattr(fits, "FLOORS", (None,))
    for leak in (0.0, stand_ins.USUAL):
        monkeypatch.setattr(fits, "LEAKS", (leak,))
        assert moved_by_fits(chip, g) > 1.1 * best


def test_a_readout_gets_its_bias_through_a_neuron() -> None:
    """ReckOn's outputs hear neurons only: one that fires at every step brings their biases."""
    draw = np.random.default_rng(1)
    layers = {"h": dynamics(6, 0.9375, "subtract", 1.0), "y": dynamics(3, 0.9375, bias=0.25)}
    edges = [
        ("x", "h", 0, draw.normal(0.3, 0.4, (6, 4))),
        ("h", "y", 1, draw.normal(0, 0.3, (3, 6))),
    ]
    network = network_of(graph("biased", {"x": 4}, layers, edges))
    x = spikes(8, inputs=4)
    c = configure(network, chip_named("reckon"), x)
    expect_reckon({n.removeprefix("config/"): f for n, f in files_of(c).items()})
    trace = c.run(x, trace=True)
    assert trace["bias.recurrent"].all()
    scale = c.program.populations["y"].scales()
    wanted = network.run(x.astype(np.float64), trace=True)
    same = (trace["h"] == wanted["h"]).all(axis=(0, 2))
    assert same.sum() >= 2
    off = (trace["out"] / scale - wanted["out"])[:, same]
    # the first bias is a step late, and what it would have brought is forgotten
    np.testing.assert_allclose(off[0], -0.25, atol=0.01)
    assert np.abs(off).max() < 0.3
    # each of 16 steps that are remembered rounds down, and has a weight that is off by 1/2
    unit = 2 ** c.program.setting["FP_LOC_WOUT"]
    assert np.abs(off[-1]).max() < 0.25 * 0.9375**19 + (16 * (1 + unit / 2) / scale).max()


def test_outputs_that_nobody_sees_go_through_neurons_that_are_seen() -> None:
    """Of a population that others hear, and that inputs reach: on Xylo it is hidden."""
    g = plain("subtract", 0.875)
    g = SpikingGraph(
        g.name, g.inputs, {"h": g.populations["h"]}, g.projections[:1], {"out": Output("h")}
    )
    c = configure(network_of(g), chip_named("xylo"), spikes())
    seen = c.program.outputs["out"].source.root_reference.data
    assert c.program.populations[seen].neuron_class.data == "readout"
    trace = c.run(spikes(), trace=True)
    fired, shown = trace["h"][:-1], trace[seen][1:]
    # readouts that are told of two spikes fire in two steps, and once more after eight in a row
    eight = np.stack([fired[k : k + 8].all(axis=0) for k in range(len(fired) - 7)])
    plain_ones = (fired.max(axis=0) <= 1) & ~eight.any(axis=0)
    assert fired[:, plain_ones].sum() > 200
    np.testing.assert_array_equal(fired[:, plain_ones], shown[:, plain_ones])


def pooled() -> Network:
    """Spikes of a convolution, the maxima of 2 x 2 of them, and classes."""
    draw = np.random.default_rng(0)
    a = Assembly("pooled", {"x": TensorType(f32, [1, 6, 6])})
    zero = a.zero(TensorType(f32, []))

    def neurons(name: str, drive: SSAValue) -> SSAValue:
        numbers = {"beta": 1.0, "theta": 1.0}
        shape = shape_of(drive)
        return a.add(
            build_neuron(
                lif("zero", "ge"),
                inputs={"x": drive},
                states={"v": zero},
                parameters={
                    key: a.parameter(f"{name}.{key}", np.full(shape, value, np.float32))
                    for key, value in numbers.items()
                },
                population=shape,
                node=name,
            )
        )

    kernel = a.weight("conv", draw.choice([-0.5, 0.5, 0.5], (2, 1, 3, 3)).astype(np.float32))
    around = {"stride": [1, 1], "padding": [1, 1, 1, 1], "dilation": [1, 1]}
    spiking = neurons("features", a.add(snn.Conv2dOp(a.inputs["x"], kernel, **around, node="c")))
    halves = {"kernel": [2, 2], "stride": [2, 2], "padding": [0, 0, 0, 0]}
    most = a.add(snn.Pool2dOp("max", spiking, **halves, node="most"))
    flat = a.add(snn.ReshapeOp(most, [18]))
    weight = a.weight("fc", draw.choice([-0.5, 0.0, 0.5], (4, 18)).astype(np.float32))
    drive = a.add(snn.LinearOp(flat, weight, element=f32, node="fc"))
    return Network(a.finish({"y": neurons("classes", drive)}))


@pytest.mark.parametrize("chip", ["ranc", "reckon"])
def test_maximum_pools_of_spikes_are_neurons(chip: str) -> None:
    network = pooled()
    x = spikes(12, inputs=36).reshape(20, 12, 1, 6, 6)
    c = configure(network, chip_named(chip), x)
    expect_the_judge_agrees(c)
    trace = c.run(x, trace=True)
    windows = trace["features"].reshape(-1, 12, 2, 3, 2, 3, 2)[:-1]
    maxima = windows.max(axis=(4, 6)).reshape(len(windows), 12, -1)
    assert 0.1 < maxima.mean() < 0.9
    np.testing.assert_array_equal(trace["most"][1:], maxima)  # a step later, as any neuron
    # weights of +-1/2 and thresholds are whole on RANC: nothing moves
    moved = c.steps[-1].cost
    assert moved is not None
    assert moved.moved == 0 or chip == "reckon"
    (wanted,), (given,) = network.run(x.astype(np.float32)).values(), c.run(x).values()
    assert (wanted == given).all() or chip == "reckon"


def test_chips_whose_neurons_cannot_pool_say_so() -> None:
    for chip, reason in (("tinyodin", "for each spike"), ("xylo", "above their threshold")):
        told = {(p.code, p.node): p.message for p in problems_of(pooled(), chip_named(chip))}
        assert reason in told["SNC-N004", "most"]


def test_biases_that_come_by_an_input_are_trained() -> None:
    c = configure(network_of(plain()), chip_named("reckon"), spikes())
    training = c.trainer("ce_count", optimizer="adam")
    trained = {name.rsplit(".", 1)[0] for name in training.shadows}
    assert {"bias.to.h", "bias.to.y"} <= trained
    x, y = spikes(8, seed=4), np.arange(8) % CLASSES
    losses = []
    for _ in range(6):
        losses.append(training.train_step(x, y))
        training.apply(0.03)
    assert losses[-1] < 0.9 * losses[0]
    tuned = training.configuration()
    before, after = (each.program.synapses for each in (c, tuned))
    tables = {op.sym_name.data: op.weight_array for op in before}
    assert any(
        not np.array_equal(op.weight_array, tables[op.sym_name.data])
        for op in after
        if op.source_name == "bias"
    )
    expect_the_judge_agrees(tuned)
