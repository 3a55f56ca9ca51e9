"""Programs on RANC's cores: the files that are written do what the chip's model does."""

from __future__ import annotations

import numpy as np
import pytest

from snncc.cores.wraps import wrapped
from snncc.dialects.core.conformance import departures
from snncc.dialects.core.description import Description
from snncc.passes.core_route import place_on_mesh
from snncc.passes.core_route.relays import delayed
from tests.backends.cores.ranc_programs import (
    Drawn,
    expect_same,
    golden_of,
    program_of,
    small_ranc,
)
from tests.seeds import seeds

STEPS = 24


def draw(seed: int) -> tuple[Drawn, Description]:
    """Feed-forward and recurrent, with skips and delays; cores that are more or less full."""
    net = Drawn(seed)
    rng = net.rng
    levels = None if rng.random() < 0.5 else int(rng.integers(2, 5))
    layers = int(rng.integers(1, 5))
    names = ["x", *(f"p{i}" for i in range(layers))]
    net.input("x", int(rng.integers(1, 9)))
    for name in names[1:]:
        net.population(name, int(rng.integers(1, 13)), levels)
    for i, name in enumerate(names[1:]):
        net.connect(names[i], name, 0.7, int(rng.integers(0, 3)))
        if i and rng.random() < 0.5:
            net.connect(names[int(rng.integers(0, i + 1))], name, 0.4, int(rng.integers(0, 15)))
        if rng.random() < 0.4:
            net.connect(name, name, 0.3, int(rng.integers(0, 15)))
    for name in {names[-1], names[int(rng.integers(1, len(names)))]}:
        net.output(f"{name}.out", name)
    return net, small_ranc(int(rng.integers(20, 40)), int(rng.integers(40, 64)))


@pytest.mark.parametrize("seed", seeds(10))
def test_placed_networks_do_what_the_model_does(seed: int) -> None:
    net, chip = draw(seed)
    program = program_of(place_on_mesh(net.module(), chip, {}).module)
    assert departures(program, chip) == []
    x = {
        name: (net.rng.random((STEPS, op.size)) < 0.4).astype(np.uint8)
        for name, op in program.inputs.items()
    }
    golden = golden_of(program, chip, x)
    expect_same(program, chip, golden)
    # what is said of registers that wrap is what happens
    batch = {name: array[:, None] for name, array in x.items()}
    if wrapped(program, chip, batch):
        with pytest.raises(OverflowError, match="leaves 9 bits"):
            expect_same(program, chip, golden, wrap=False)
    else:
        expect_same(program, chip, golden, wrap=False)


def crowded(delays: tuple[int, ...]) -> tuple[Drawn, Description]:
    """Neurons of many destinations, whose copies would each need all of their many inputs."""
    net = Drawn(3)
    net.input("x", 4)
    net.population("p", 20)
    net.population("q", 10)
    net.population("r", 6)
    net.connect("x", "p", 0.9)
    net.connect("p", "q", 0.9)
    for delay in delays:
        net.connect("q", "r", 0.8, delay)
    net.output("y", "r")
    return net, small_ranc(40, 60, 4, 2)


@pytest.mark.parametrize(("delays", "late"), [((1, 2, 5, 9), 0), ((0, 2, 5, 9), 1)])
def test_relays_take_the_place_of_copies(delays: tuple[int, ...], late: int) -> None:
    net, chip = crowded(delays)
    placed = place_on_mesh(net.module(), chip, {})
    assert placed.relayed == ("q",)
    # where all spikes of q have a step to spare nothing is late
    assert placed.later == {"p": 0, "q": 0, "r": late}
    program = program_of(placed.module)
    assert departures(program, chip) == []
    assert [int(op.lag.value.data) for op in program.outputs.values()] == [late]
    x = {"x": (net.rng.random((STEPS, 4)) < 0.5).astype(np.uint8)}
    golden = golden_of(program, chip, x)
    expect_same(program, chip, golden)
    assert golden.trace["q.relay"][1:].tolist() == golden.trace["q"][:-1].tolist()
    assert golden.trace["q"].any()


def test_no_relay_in_a_loop_without_a_step_to_spare() -> None:
    net, chip = crowded((1, 2))
    assert delayed(program_of(net.module()), chip, ["q"]) == {"p": 0, "q": 0, "r": 0}
    net.connect("r", "q", 0.5, 0)
    # the loop from q to r and back has one step beside the latencies, for one relay
    assert delayed(program_of(net.module()), chip, ["q"]) is not None
    assert delayed(program_of(net.module()), chip, ["q", "r"]) is None
