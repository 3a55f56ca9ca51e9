"""Interpreter, scheduled interpreter and C agree bit for bit on random live integer networks."""

from __future__ import annotations

from collections import Counter
from functools import lru_cache

import pytest

from snncc.compiled import compile
from snncc.dialects import kernel, snn
from snncc.interpreters.network import NetworkInterpreter, Run
from snncc.interpreters.program import ProgramInterpreter
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context
from snncc.verification import compare
from tests.random_integers import KINDS, seeded_case
from tests.random_networks import RATES, STEPS, Case
from tests.seeds import seeds
from tests.tools import require_tool

BLOCKS = (1, 3, STEPS)
CHECKS = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
BUILDS = (
    ("gcc", "-O0"),
    ("gcc", "-O3", "-march=native"),
    ("gcc", "-O3", "-march=native", "-DNET_PORTABLE"),
    ("gcc", "-O2"),
    ("gcc", "-O3", "-mavx2"),
    ("gcc", "-O1", *CHECKS),
    ("clang-19", "-O0"),
    ("clang-19", "-O3", "-march=native"),
    ("clang-19", "-O2", "-mavx2"),
    ("clang-19", "-O1", *CHECKS),
)
SEEDS = seeds(4 * len(BUILDS) * len(BLOCKS))
"""Each build with each time block four times."""

SHARE = 10
"""How many networks a test takes: a failure names them."""


def reference(case: Case) -> Run:
    return NetworkInterpreter(case.network.module, case.network.op).run(case.x, trace=True)


@lru_cache(len(BUILDS) * len(BLOCKS))
def cases(first: int) -> list[tuple[int, Case, Run]]:
    """Seeds with their networks and what the interpreter makes of them, for both tests."""
    taken = range(first, min(first + SHARE, SEEDS.stop))
    found = [(seed, case) for seed in taken if (case := seeded_case(seed)) is not None]
    return [(seed, case, reference(case)) for seed, case in found]


@pytest.mark.parametrize("first", SEEDS[::SHARE])
def test_levels(first: int) -> None:
    """The phase and the time block follow from the seed: many networks see all of them."""
    for seed, case, wanted in cases(first):
        phase, block = ("canonicalize", "fuse")[seed % 2], BLOCKS[seed % 3]
        module = run_pipeline(case.network.module, context(), PipelineOptions(), until=phase)
        network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
        check = compare(phase, wanted, NetworkInterpreter(module, network).run(case.x))
        assert check.differing == 0, (seed, phase, check.first)
        module = run_pipeline(case.network.module, context(), PipelineOptions(block))
        program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
        check = compare("schedule", wanted, ProgramInterpreter(module, program).run(case.x))
        assert check.differing == 0, (seed, block, check.first)


@pytest.mark.slow
@pytest.mark.parametrize("first", SEEDS[::SHARE])
def test_c(first: int) -> None:
    """The build and the time block follow from the seed, and whether neurons are traced."""
    for seed, case, wanted in cases(first):
        compiler, *flags = BUILDS[seed % len(BUILDS)]
        require_tool(compiler)
        block = BLOCKS[seed // len(BUILDS) % 3]
        program = compile(
            case.network, prefix="net", time_block=block, cc=compiler, cflags=tuple(flags)
        )
        traced = seed % 7 == 0
        found = program.run_traced(case.x) if traced else program.native.run(case.x)
        check = compare("C", wanted, found)
        assert check.differing == 0, (seed, compiler, flags, block, check.first)


def test_networks_are_alive_and_cover_everything() -> None:
    """What the generator promises."""
    found = [case for seed in range(60) if (case := seeded_case(seed)) is not None]
    assert len(found) >= 40
    for case in found:
        assert all(RATES[0] <= rate <= RATES[1] for rate in case.rates.values())
    seen = Counter(name for case in found for name in case.operations)
    operations = "linear conv1d conv2d pool2d reshape rearrange concat delay neuron cycle"
    missing = [name for name in (*operations.split(), *KINDS) if not seen[name]]
    assert not missing
