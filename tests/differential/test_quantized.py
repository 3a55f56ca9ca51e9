"""
Float networks become integers with a proof, and these run alike everywhere.

The networks are those of `test_random`, of every operation and kind of neuron. What is checked
is that quantization gives valid IR whose operations are proved not to wrap, and that the
interpreter, the schedule and C give the same bits of it.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import PassFailedException

from snncc.compiled import compile
from snncc.dialects import kernel, snn
from snncc.dialects.snn.types import integer_width, is_float, stream_type
from snncc.interpreters.network import NetworkInterpreter
from snncc.interpreters.program import ProgramInterpreter
from snncc.network import Network
from snncc.passes.quantization.attributes import InputRange, write_input_ranges
from snncc.passes.ranges import network_ranges
from snncc.passes.snn_narrow import SnnNarrow
from snncc.passes.snn_quantize import SnnQuantize
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context
from snncc.verification import compare
from tests.differential.sanitized import run_sanitized
from tests.differential.test_random import BLOCKS, seeded_case
from tests.random_networks import Case, draw_case
from tests.seeds import examples, is_long, seeds
from tests.tools import require_tool
from tests.whole_numbers import expect_same_in_whole_numbers

WIDTHS = ("int8", "int4", "int3", "ternary")
CHECKS = ("-fsanitize=undefined", "-fsanitize-undefined-trap-on-error")
BUILDS = (
    ("gcc", "-O0"),
    ("clang-19", "-O3", "-march=native"),
    ("gcc", "-O3", "-march=native"),
    ("clang-19", "-O0"),
    ("gcc", "-O1", *CHECKS),
    ("clang-19", "-O1"),
    ("gcc", "-O2"),
    ("clang-19", "-O2", *CHECKS),
)
"""The width follows from the seed as well: each four networks are of one build."""

SEEDS = seeds(2 * len(BUILDS) * len(WIDTHS))
MET = 427
"""What the long run found: gcc 12 with -O3 and AVX took states for those of the step before."""

OPTIONS = st.builds(
    SnnQuantize,
    weights=st.sampled_from(WIDTHS),
    per_channel=st.booleans(),
    power_of_two=st.booleans(),
    clip=st.sampled_from(["max", "mse"]),
    state_bits=st.sampled_from([0, 16, 32]),
    decay=st.sampled_from(["multiply", "shift"]),
    input_bits=st.sampled_from([8, 16]),
)


def network_of(module: ModuleOp) -> snn.NetworkOp:
    return next(op for op in module.ops if isinstance(op, snn.NetworkOp))


def quantized(case: Case, options: SnnQuantize, *, narrow: bool = True) -> Network:
    """The network in integers; inputs have the range that they have in the case."""
    module = run_pipeline(case.network.module, context(), PipelineOptions(fold="all"), until="fuse")
    network = network_of(module)
    write_input_ranges(
        network,
        {
            name: InputRange(float(case.x[name].min()), float(case.x[name].max()))
            for name, value in network.inputs.items()
            if is_float(stream_type(value).element_type)
        },
    )
    options.apply(context(), module)
    module.verify()
    if narrow:
        SnnNarrow().apply(context(), module)
        module.verify()
    return Network(module)


@settings(max_examples=examples(15))
@given(data=st.data(), options=OPTIONS)
def test_nothing_wraps_and_nothing_is_left_in_float(
    data: st.DataObject, options: SnnQuantize
) -> None:
    case = draw_case(
        lambda given: data.draw(st.sampled_from(given)),
        lambda low, high: data.draw(st.integers(low, high)),
    )
    assume(case is not None)
    assert case is not None
    try:
        network = quantized(case, options)
    except PassFailedException:
        assume(False)
    assert not network_ranges(network.op).doubts
    ends = {"x", *(value for value in network.op.yield_op.streams)}
    for op in network.op.body.block.ops:
        for result in op.results:
            element = stream_type(result).element_type
            assert (
                not is_float(element)
                or isinstance(op, snn.UseOp | snn.ConstantOp)
                or (result in ends)
            ), op.name


@pytest.mark.slow
@pytest.mark.parametrize("seed", sorted({*SEEDS, MET}))
def test_c_equals_interpreter(seed: int) -> None:
    require_tool("clang-19")
    case = seeded_case(seed)
    if case is None:
        pytest.skip("the draw gave no live network")
    rng = np.random.default_rng(seed)
    options = SnnQuantize(
        weights=WIDTHS[seed % 4],
        state_bits=(0, 16, 32)[seed % 3],
        per_channel=bool(rng.integers(2)),
        decay=("multiply", "shift")[seed % 2],
    )
    try:
        network = quantized(case, options)
    except PassFailedException as fault:
        pytest.skip(f"refused: {fault}")
    wanted = NetworkInterpreter(network.module, network.op).run(case.x, trace=True)
    block = BLOCKS[seed % len(BLOCKS)]
    module = run_pipeline(network.module, context(), PipelineOptions(block))
    program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
    check = compare("schedule", wanted, ProgramInterpreter(module, program).run(case.x))
    assert check.differing == 0, check.first
    compiler, *flags = BUILDS[seed // 4 % len(BUILDS)]
    compiled = compile(network, prefix="q", time_block=block, cc=compiler, cflags=tuple(flags))
    for run in (compiled.native.run(case.x), compiled.run_traced(case.x)):
        check = compare("C", wanted, run)
        assert check.differing == 0, (compiler, flags, check.first)
    if any("whole" in end for end in compiled.package.manifest["inputs"]):
        expect_same_in_whole_numbers(compiled, case.x, seed)


@pytest.mark.slow
@pytest.mark.parametrize("weights", WIDTHS)
def test_sanitizers(weights: str, tmp_path: Path) -> None:
    """A program of its own, in which nothing is undefined and nothing out of bounds."""
    require_tool("gcc")
    done = 0
    for seed in itertools.count(WIDTHS.index(weights) * 100):
        case = seeded_case(seed)
        if case is None:
            continue
        try:
            network = quantized(case, SnnQuantize(weights=weights, state_bits=(0, 16)[seed % 2]))
        except PassFailedException:
            continue
        wanted = NetworkInterpreter(network.module, network.op).run(case.x)
        program = compile(network, prefix="q", time_block=BLOCKS[seed % len(BLOCKS)])
        flags = (("-O1",), ("-O3", "-march=native"))[seed % 2]
        folder = tmp_path / str(seed)
        folder.mkdir()
        for name, outputs in run_sanitized(program, case.x, folder, flags=flags).items():
            np.testing.assert_array_equal(outputs, wanted.outputs[name], str(seed))
        done += 1
        if done == 4:
            break


def test_few_networks_are_refused() -> None:
    """A network without integers is refused by name; of these kinds at most one in ten is."""
    refused: list[str] = []
    total = 0
    for seed in range(60 if is_long() else 30):
        case = seeded_case(seed)
        if case is None:
            continue
        total += 1
        try:
            quantized(case, SnnQuantize())
        except PassFailedException as fault:
            refused.append(f"{seed}: {fault}")
    assert len(refused) * 10 <= total, refused


def test_what_is_narrowed_computes_the_same() -> None:
    case = next(case for seed in range(20) if (case := seeded_case(seed)) is not None)
    wide = quantized(case, SnnQuantize(), narrow=False)
    narrow = quantized(case, SnnQuantize())
    wanted = NetworkInterpreter(wide.module, wide.op).run(case.x, trace=True)
    check = compare("narrow", wanted, NetworkInterpreter(narrow.module, narrow.op).run(case.x))
    assert check.differing == 0, check.first
    widths = {
        integer_width(stream_type(result).element_type)
        for op in narrow.op.body.block.ops
        if isinstance(op, snn.LinearOp | snn.Conv2dOp)
        for result in op.results
    }
    assert 16 in widths or not widths


def test_a_float_input_needs_a_range() -> None:
    case = next(
        case
        for seed in range(40)
        if (case := seeded_case(seed)) is not None
        and any(is_float(stream_type(v).element_type) for v in case.network.op.inputs.values())
    )
    module = run_pipeline(case.network.module, context(), PipelineOptions(), until="fuse")
    with pytest.raises(PassFailedException, match="its range is not known"):
        SnnQuantize().apply(context(), module)
