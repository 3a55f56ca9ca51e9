"""
Float networks become integers with a proof, and these run alike everywhere.

The networks are those of `test_random`, of every operation and kind of neuron. What is checked
is that quantization gives valid IR whose operations are proved not to wrap, and that the
interpreter, the schedule and C give the same bits of it.
"""

from __future__ import annotations

import os

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
from tests.differential.test_random import BLOCKS, LEVELS, seeded_case
from tests.random_networks import Case, draw_case
from tests.tools import require_tool

SEEDS = 10_000 if os.environ.get("SNNCC_LONG") else 60
"""How many networks run everywhere; the long run is asked for by SNNCC_LONG."""

OPTIONS = st.builds(
    SnnQuantize,
    weights=st.sampled_from(["int8", "int4", "int3", "ternary"]),
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


@settings(max_examples=25)
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
@pytest.mark.parametrize("seed", range(SEEDS))
def test_c_equals_interpreter(seed: int) -> None:
    require_tool("clang-19")
    case = seeded_case(seed)
    if case is None:
        pytest.skip("the draw gave no live network")
    rng = np.random.default_rng(seed)
    options = SnnQuantize(
        weights=("int8", "int4", "int3", "ternary")[seed % 4],
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
    compiler = ("gcc", "clang-19")[seed % 2]
    compiled = compile(
        network, prefix="q", time_block=block, cc=compiler, cflags=LEVELS[seed // 2 % len(LEVELS)]
    )
    for run in (compiled.native.run(case.x), compiled.run_traced(case.x)):
        check = compare("C", wanted, run)
        assert check.differing == 0, check.first


def test_few_networks_are_refused() -> None:
    """A network without integers is refused by name; of these kinds at most one in ten is."""
    refused: list[str] = []
    total = 0
    for seed in range(60):
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
