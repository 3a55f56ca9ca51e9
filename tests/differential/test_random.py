"""Interpreter, scheduled interpreter and C agree bit for bit on random live networks."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from xdsl.dialects.builtin import ModuleOp

from snncc.compiled import Compiled, compile
from snncc.dialects import kernel, snn
from snncc.dialects.snn.attributes import Comparison, ComparisonAttr
from snncc.interpreters.network import NetworkInterpreter, Run
from snncc.interpreters.program import ProgramInterpreter
from snncc.network import Network
from snncc.pipelines import PipelineOptions, run_pipeline
from snncc.storage import context
from snncc.verification import compare
from tests.random_networks import RATES, STEPS, Case, draw_case
from tests.seeds import examples
from tests.tools import require_tool

LEVELS = (("-O0",), ("-O3", "-march=native"))
BLOCKS = (1, 3, STEPS)


def reference(case: Case) -> Run:
    return NetworkInterpreter(case.network.module, case.network.op).run(case.x, trace=True)


def seeded_case(seed: int) -> Case | None:
    rng = np.random.default_rng(seed)
    return draw_case(
        lambda options: options[rng.integers(len(options))],
        lambda low, high: int(rng.integers(low, high + 1)),
    )


@pytest.mark.slow
@settings(max_examples=examples(40))
@given(
    data=st.data(),
    block=st.sampled_from(BLOCKS),
    compiler=st.sampled_from(["gcc", "clang-19"]),
    flags=st.sampled_from(LEVELS),
    trace=st.booleans(),
)
def test_c_equals_interpreter(
    data: st.DataObject, block: int, compiler: str, flags: tuple[str, ...], trace: bool
) -> None:
    require_tool(compiler)
    case = draw_case(
        lambda options: data.draw(st.sampled_from(options)),
        lambda low, high: data.draw(st.integers(low, high)),
    )
    assume(case is not None)
    assert case is not None
    program = compile(case.network, time_block=block, cc=compiler, cflags=flags)
    other = program.run_traced(case.x) if trace else program.native.run(case.x)
    check = compare("C", reference(case), other)
    assert check.differing == 0, check.first


@settings(max_examples=examples(30))
@given(data=st.data(), block=st.sampled_from(BLOCKS))
def test_schedule_equals_interpreter(data: st.DataObject, block: int) -> None:
    case = draw_case(
        lambda options: data.draw(st.sampled_from(options)),
        lambda low, high: data.draw(st.integers(low, high)),
    )
    assume(case is not None)
    assert case is not None
    wanted = reference(case)
    for phase in ("canonicalize", "fold", "fuse"):
        module = run_pipeline(case.network.module, context(), PipelineOptions(), until=phase)
        check = compare(phase, wanted, NetworkInterpreter(module, _network(module)).run(case.x))
        assert check.differing == 0, (phase, check.first)
    module = run_pipeline(case.network.module, context(), PipelineOptions(block))
    program = next(op for op in module.ops if isinstance(op, kernel.ProgramOp))
    check = compare("schedule", wanted, ProgramInterpreter(module, program).run(case.x))
    assert check.differing == 0, check.first


def _network(module: ModuleOp) -> snn.NetworkOp:
    return next(op for op in module.ops if isinstance(op, snn.NetworkOp))


def test_networks_are_alive_and_cover_everything() -> None:
    """What the generator promises, on the seeds that the fault tests use too."""
    cases = [case for seed in range(60) if (case := seeded_case(seed)) is not None]
    assert len(cases) >= 40
    for case in cases:
        assert all(RATES[0] <= rate <= RATES[1] for rate in case.rates.values())
    seen = Counter(name for case in cases for name in case.operations)
    operations = (
        "linear conv1d conv2d pool2d reshape rearrange concat delay scale batch_norm add threshold "
        "neuron cycle lif if_subtract lif_next cuba_lif counting adaptive refractory exponential "
        "gated turning quantized li cuba_li i"
    )
    missing = [name for name in operations.split() if not seen[name]]
    assert not missing
    assert {1, 2, 3, 4, 5} <= {steps for case in cases for steps in case.delays}


def test_thresholds_are_met_exactly() -> None:
    """In at least one case of twenty a membrane is exactly at its threshold: > is not >=."""
    changed = total = 0
    for seed in range(40):
        case = seeded_case(seed)
        if case is None:
            continue
        total += 1
        changed += _differs(case, _swap_comparisons)
    assert changed * 20 >= total


def _swap_comparisons(module: ModuleOp) -> int:
    """`>` for `>=` and the other way round, in the spikes that leave a neuron."""
    count = 0
    for op in module.walk():
        if isinstance(op, snn.SpikeOp):
            strict = op.comparison.data is Comparison.GT
            op.comparison = ComparisonAttr(Comparison.GE if strict else Comparison.GT)
            count += 1
    return count


def _wrong_reset(module: ModuleOp) -> int:
    """The membrane keeps what it had before the reset of the same step."""
    count = 0
    for op in module.walk():
        if isinstance(op, snn.NeuronOp) and op.outputs and op.initial_states:
            spikes = [inner for inner in op.body.block.ops if isinstance(inner, snn.SpikeOp)]
            membrane = op.terminator.states[len(op.initial_states) - 1]
            before = spikes[-1].argument.owner if spikes else None
            if before is None or before is membrane.owner or not hasattr(before, "operands"):
                continue
            unreset = before.operands[0]
            if unreset is membrane:
                continue
            op.terminator.operands[len(op.outputs) + len(op.initial_states) - 1] = unreset
            op.kind = None
            count += 1
    return count


def _longer_delays(module: ModuleOp) -> int:
    """Every delay of one number takes one step more."""
    count = 0
    for op in list(module.walk()):
        if isinstance(op, snn.DelayOp) and len(op.steps_per_element) == 1:
            longer = snn.DelayOp(op.stream, op.depth + 1, op.init)
            block = op.parent_block()
            assert block is not None
            block.insert_op_before(longer, op)
            op.result.replace_all_uses_with(longer.result)
            block.erase_op(op)
            count += 1
    return count


def _differs(case: Case, fault) -> bool:
    """Whether a fault in the network shows in the outputs of its reference run."""
    module = case.network.module.clone()
    if not fault(module):
        return False
    faulty = NetworkInterpreter(module, _network(module)).run(case.x)
    wanted = reference(case)
    return any((faulty.outputs[name] != values).any() for name, values in wanted.outputs.items())


@pytest.mark.slow
@pytest.mark.parametrize("fault", [_swap_comparisons, _wrong_reset, _longer_delays])
def test_planted_faults_are_caught(fault) -> None:
    """
    The test of the test: the same comparison, against C of a network with a fault in it.
    A fault that shows in the outputs must be reported; it must show in several networks.
    """
    require_tool("gcc")
    caught = 0
    for seed in range(60):
        case = seeded_case(seed)
        if case is None or not _differs(case, fault):
            continue
        module = case.network.module.clone()
        fault(module)
        faulty: Compiled = compile(Network(module), cc="gcc", cflags=("-O0",))
        check = compare("faulty", reference(case), faulty.native.run(case.x))
        assert check.differing > 0
        assert check.first is not None
        caught += 1
        if caught == 3:
            return
    pytest.fail(f"the fault showed in {caught} networks, expected at least 3")
