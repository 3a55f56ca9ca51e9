"""Backward networks, which run in reverse, keep sums and last values: the same bits everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from snncc.compiled import compile
from snncc.dialects import kernel
from snncc.dialects.kernel.buffers import Role
from snncc.interpreters.network import NetworkInterpreter, Run
from snncc.interpreters.program import ProgramInterpreter, in_model_order
from snncc.network import Network
from snncc.passes.differentiation.bodies import NoDerivative
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context
from snncc.verification import compare
from tests.backward_networks import Backward, backward_of
from tests.differential.test_random import BLOCKS, LEVELS, seeded_case
from tests.mlir_tools import compile_with_mlir
from tests.random_networks import STEPS, draw_case
from tests.seeds import examples
from tests.tools import require_tool


def reference(case: Backward) -> Run:
    return NetworkInterpreter(case.module, case.network).run(case.x)


def drawn(data: st.DataObject) -> Backward:
    case = draw_case(
        lambda options: data.draw(st.sampled_from(options)),
        lambda low, high: data.draw(st.integers(low, high)),
    )
    assume(case is not None)
    assert case is not None
    try:
        return backward_of(case)
    except NoDerivative:
        assume(False)
        raise


@settings(max_examples=examples(20))
@given(data=st.data(), block=st.sampled_from(BLOCKS))
def test_schedule_equals_interpreter(data: st.DataObject, block: int) -> None:
    case = drawn(data)
    module = run_pipeline(case.module, context(), PipelineOptions(block))
    program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
    assert program.is_reverse
    check = compare("schedule", reference(case), ProgramInterpreter(module, program).run(case.x))
    assert check.differing == 0, check.first


@pytest.mark.slow
@settings(max_examples=examples(20))
@given(
    data=st.data(),
    block=st.sampled_from(BLOCKS),
    flags=st.sampled_from([*LEVELS, ("-O3", "-march=native", "-DNET_PORTABLE")]),
    trace=st.booleans(),
)
def test_c_equals_interpreter(
    data: st.DataObject, block: int, flags: tuple[str, ...], trace: bool
) -> None:
    require_tool("gcc")
    case = drawn(data)
    network = Network(case.module)
    program = compile(network, time_block=block, cc="gcc", cflags=flags, prefix="net")
    other = program.run_traced(case.x) if trace else program.native.run(case.x)
    wanted = NetworkInterpreter(case.module, case.network).run(case.x, trace=trace)
    check = compare("C", wanted, other)
    assert check.differing == 0, check.first


@pytest.mark.parametrize(("seed", "block"), [(0, 1), (2, 3), (5, STEPS)])
def test_c_of_seeded_networks(seed: int, block: int) -> None:
    require_tool("gcc")
    found = seeded_case(seed)
    assert found is not None
    case = backward_of(found)
    wanted = reference(case)
    for flags in LEVELS:
        program = compile(Network(case.module), time_block=block, cc="gcc", cflags=flags)
        check = compare("C", wanted, program.native.run(case.x))
        assert check.differing == 0, (flags, check.first)


@pytest.mark.parametrize(("seed", "block"), [(0, 3), (4, 1), (5, STEPS)])
def test_mlir(seed: int, block: int, tmp_path: Path) -> None:
    """In one call: a second one would go on with the steps before."""
    found = seeded_case(seed)
    assert found is not None
    case = backward_of(found)
    module = run_pipeline(case.module, context(), PipelineOptions(), until="fuse")
    compiled = compile_with_mlir(module, tmp_path, block)
    wanted = reference(case)
    scheduled = run_pipeline(case.module, context(), PipelineOptions(block))
    program = next(op for op in scheduled.ops if isinstance(op, kernel.ProgramOp))
    outputs = {b.known_as: b for b in program.buffers(Role.OUTPUT)}
    for sample in range(2):
        compiled.reset()
        got = compiled.run({name: array[:, sample] for name, array in case.x.items()})
        for name, array in wanted.outputs.items():
            stream = outputs[name].has_rows
            expected = array[:, sample] if stream else array[sample]
            result = in_model_order(outputs[name], got[name])
            assert np.ascontiguousarray(result).tobytes() == expected.tobytes(), name
