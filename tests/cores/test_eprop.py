"""
E-prop on ReckOn: the product's model of the engine against the one written from the chip's RTL, on
the command files that the product writes; and what a learning description becomes in registers.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest

from snncc.backends.cores.reckon.learning import Lesson, emit_learning
from snncc.cores.chips import chip_named
from snncc.cores.configuration import Configuration, configure
from snncc.cores.eprop.engine import Engine
from snncc.cores.eprop.fitting import slope_of, table_of
from snncc.cores.eprop.settings import Settings
from snncc.cores.eprop.shift_register import ShiftRegister
from snncc.dialects.core.placement import places_of
from snncc.errors import SnnccError
from snncc.training.surrogates import surrogate_of
from tests.backends.cores import shift_registers
from tests.backends.cores.random_programs import Builder
from tests.backends.cores.reckon_chip import ReckonChip
from tests.cores.networks import small, spikes
from tests.seeds import seeds

CHIP = chip_named("reckon")


@pytest.mark.parametrize(("length", "tap", "outputs"), [(25, 3, 512), (22, 1, 448)])
def test_shift_registers(length: int, tap: int, outputs: int) -> None:
    """Many draws at once are the bits of the other one's, draw by draw."""
    ours = ShiftRegister(length, tap, outputs, 0x1234567 & (1 << length) - 1)
    theirs = shift_registers.ShiftRegister(length, tap, outputs, 0x1234567 & (1 << length) - 1)
    for count in (1, 3, 0, 40):
        for row in ours.draws(count):
            assert sum(int(bit) << i for i, bit in enumerate(row)) == theirs.next()


def random_network(draw: np.random.Generator) -> Configuration:
    """Two populations and two inputs, sizes even and odd; o is in the sigmoid's range at times."""
    b = Builder(CHIP)
    b.input("x", int(draw.integers(1, 12)))
    b.input("y", int(draw.integers(1, 30)))
    for name in ("h", "g"):
        size = int(draw.integers(2, 14))
        alpha = np.repeat(draw.choice([0x7000, 0x7A31, 0x7FFF]), size)
        b.population(
            name, "recurrent", threshold=np.full(size, draw.integers(200, 900)), alpha=alpha
        )
    size = int(draw.integers(1, 9))
    b.population("out", "readout", kappa=np.full(size, int(draw.choice([0x60, 0x7A, 0x80]))))
    for source in ("x", "y", "h", "g"):
        for target in ("h", "g", "out") if source in "hg" else ("h", "g"):
            shape = (b.sizes[source], b.sizes[target])
            b.connect(source, target, draw.integers(-120, 128, shape) * (draw.random(shape) < 0.8))
    settings = {f"FP_LOC_W{m}": int(draw.integers(0, 4)) for m in ("INP", "REC", "OUT")}
    settings["RST_MODE"] = int(draw.integers(0, 2))
    x = {name: np.zeros((2, b.sizes[name]), np.uint8) for name in ("x", "y")}
    return b.finish(["out"], settings, x)


def random_settings(draw: np.random.Generator) -> Settings:
    def three(low: int, high: int) -> tuple[int, int, int]:
        a, b, c = draw.integers(low, high, 3).tolist()
        return a, b, c

    first, second, third = (draw.random(3) < 0.8).tolist()
    return Settings(
        (first, second, third or not (first or second)),
        tuple(np.sort(draw.integers(-300, 700, 4)).tolist()),
        tuple(draw.integers(-16, 16, 5).tolist()),
        three(0, 8),
        three(-3, 20),
        int(draw.integers(0, 12)),
        three(1, 1 << 22),
    )


def test_engine_is_the_chips() -> None:
    """Membranes, outputs and every weight after a few samples, bit for bit; underflows too."""
    moved = []
    for seed in seeds(8):
        draw = np.random.default_rng(seed)
        c, settings = random_network(draw), random_settings(draw)
        engine = Engine(c.program, CHIP, settings)
        before = [w.copy() for w in engine.weights]
        outputs, traces, lessons = engine.outputs, [], []
        for _ in range(4):
            steps = int(draw.integers(3, 9))
            x = {
                name: (draw.random((steps, op.size)) < 0.3).astype(np.uint8)
                for name, op in c.program.inputs.items()
            }
            valid = draw.random(steps) < 0.6
            valid[0] = False
            lesson = Lesson(x, int(draw.integers(0, outputs)), valid)
            lessons.append(lesson)
            traces.append(engine.sample(x, lesson.label, valid))
        files = emit_learning(c.program, CHIP, settings.registers(), lessons)
        chip = ReckonChip().play(files["learning.txt"].decode() + files["samples.txt"].decode())
        ticks = iter(chip.ticks)
        for trace in traces:
            for u, o in zip(trace.u, trace.o, strict=True):
                tick = next(ticks)
                assert tick.u[: len(u)].tolist() == u.tolist(), seed
                assert tick.o[: len(o)].tolist() == o.tolist(), seed
            next(ticks)
        places = {name: slots for name, (_, slots) in places_of(c.program).items()}
        used = np.unique(np.concatenate([places[name] for name in ("h", "g")]))
        memories = (chip.network.winp, chip.network.wrec, chip.network.wout)
        inputs = np.unique(np.concatenate([places[name] for name in c.program.inputs]))
        for memory, ours, old, rows, columns in zip(
            memories,
            engine.weights,
            before,
            (inputs, used, used),
            (used, used, np.arange(outputs)),
            strict=True,
        ):
            at = np.ix_(rows, columns)
            np.testing.assert_array_equal(memory.values[at], ours[at], err_msg=str(seed))
            moved.append(float((ours[at] != old[at]).mean()))
    assert np.mean(np.array(moved) > 0) > 0.5
    assert max(moved) > 0.3


def test_table_is_the_nearest() -> None:
    """Steps are found as they are; of an arc the error is small, and grows with fewer segments."""
    draw = np.random.default_rng(0)
    u = draw.integers(-1000, 1000, 20_000)
    edges, levels = [-500, -20, 130, 700], np.array([0, 4, 15, 7, -2])
    slope = levels[np.searchsorted(edges, u, side="right")] * 0.25
    found = table_of(u, slope, 5, -16, 15, (-32768, 32767))
    np.testing.assert_array_equal(found.levels, levels)
    np.testing.assert_allclose(found.thresholds, edges, atol=4)  # bins of 1/512 of the samples
    assert found.scale == pytest.approx(0.25, rel=0.02)
    # no other thresholds do better, but for the rounding of levels to fifteen steps
    arc = slope_of(surrogate_of("atan(a=2.0)"), u / 500)
    best = table_of(u, arc, 3, -16, 15, (-32768, 32767))
    tried = np.quantile(u, np.linspace(0.02, 0.98, 49))
    part = np.searchsorted(tried, u, side="right")
    n, total = np.bincount(part), np.bincount(part, arc)
    least = 1.0
    for first, second in combinations(range(1, len(n)), 2):
        parts = [slice(0, first), slice(first, second), slice(second, None)]
        explained = sum(total[p].sum() ** 2 / n[p].sum() for p in parts)
        least = min(least, 1 - explained / (arc**2).sum())
    assert best.error < least + (best.scale / 2) ** 2 / (arc**2).mean()
    assert table_of(u, arc, 1, -16, 15, (-32768, 32767)).error > 2 * best.error


def test_slope_is_the_surrogates() -> None:
    above = np.linspace(-2, 2, 9)
    got = slope_of(surrogate_of("atan(a=2.0)"), above)
    np.testing.assert_allclose(got, 1 / (1 + (np.pi * above) ** 2), rtol=1e-6)


def test_learning_is_refused_where_there_is_none() -> None:
    c = random_network(np.random.default_rng(0))
    x = {name: np.zeros((4, 2, op.size), np.uint8) for name, op in c.program.inputs.items()}
    with pytest.raises(SnnccError, match="SNC-C003 optimizer: the engine of reckon moves weights"):
        c.on_chip(x, optimizer="adam")
    with pytest.raises(SnnccError, match=r"trainable: .*: the engine learns all input connections"):
        c.on_chip(x, trainable=["x.to.h"])
    xylo = configure(small(), chip_named("xylo"), spikes())
    with pytest.raises(SnnccError, match="SNC-C003 xylo does not learn"):
        xylo.on_chip(spikes())
