"""Exported models in onnxruntime against the reference interpreter, bit for bit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest
from xdsl.dialects import math
from xdsl.interpreter import Interpreter
from xdsl.ir import Operation, SSAValue

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of, dtype_of
from snncc.dialects.snn.attributes import Pool
from snncc.dialects.snn.types import shape_of, stream_type
from snncc.exporters.onnx.model import onnx_model
from snncc.exporters.onnx.network import NetworkWriter
from snncc.interpreters.network import _delayed, run_neuron
from snncc.interpreters.scalars import ScalarFunctions
from snncc.interpreters.streams import StreamFunctions
from snncc.network import Network
from tests.exporters.onnx.networks import everything, exact_input, exact_network
from tests.exporters.onnx.runtime import Session, next_states, run_scan, run_steps
from tests.random_networks import draw_case
from tests.small_networks import RECURRENT, TWO_INPUTS, network, stimulus
from tests.tools import REPOSITORY

STEPS, BATCH = 12, 3


@pytest.mark.parametrize("seed", range(4))
def test_exact_network_in_steps_and_in_a_scan(seed: int) -> None:
    net = exact_network(seed)
    x = exact_input(seed, STEPS, BATCH)
    expected = net.run(x)
    assert 0.02 < expected["spikes"].mean() < 0.9
    assert expected["y"].max() > 1
    for run in (run_steps, run_scan):
        found = run(net, x)
        for name, wanted in expected.items():
            assert found[name].dtype == np.float32
            assert np.array_equal(found[name], wanted), (run, name)


def test_any_batch_and_number_of_steps() -> None:
    """One session takes them all."""
    net = exact_network()
    model = Session(onnx_model(net.module, net.op, scan=True))
    for steps, batch in ((1, 1), (5, 1), (3, 4)):
        x = exact_input(1, steps, batch)
        found = model(x)
        for name, wanted in net.run(x).items():
            assert np.array_equal(found[name], wanted)


def test_states_are_inputs_with_a_default(tmp_path: Path) -> None:
    net = network(RECURRENT, tmp_path)
    model = onnx_model(net.module, net.op)
    assert [i.name for i in model.graph.input] == ["x", "back", "lif.v"]
    assert [o.name for o in model.graph.output] == ["spikes", "v", "back.next", "lif.v.next"]
    assert next_states(model) == {"back": "back.next", "lif.v": "lif.v.next"}
    x = stimulus(2, 3)
    session = Session(model)
    zeros = {"back": np.zeros((2, 3, 5), np.float32), "lif.v": np.zeros((2, 5), np.float32)}
    without, given = session({"x": x}), session({"x": x, **zeros})
    for name, array in given.items():
        assert array.shape == without[name].shape
        assert np.array_equal(array, without[name])


def test_several_inputs(tmp_path: Path) -> None:
    net = network(TWO_INPUTS, tmp_path)
    x = {"a": stimulus(6, 2, 4, seed=1), "b": stimulus(6, 2, 4, seed=2)}
    for run in (run_steps, run_scan):
        assert np.array_equal(run(net, x)["y"], net.run(x)["y"])


@pytest.mark.parametrize("file", ["mlp_lif_digits.nir", "conv_if_digits.nir"])
def test_digits_node_by_node(file: str) -> None:
    like = "snntorch" if "mlp" in file else "sinabs"
    net = snncc.load(REPOSITORY / "examples" / "digits" / file, like=like)
    with np.load(REPOSITORY / "examples" / "digits" / "digits.npz") as held:
        pixels = np.asarray(held["x"][:4], np.float32)
    (shape,) = net.inputs.values()
    frames = np.repeat(pixels.reshape(1, 4, *shape), 6, axis=0)
    compared = _compare(net, dict.fromkeys(net.inputs, frames))
    assert compared["exact"] >= 3


def test_everything_that_is_rare(tmp_path: Path) -> None:
    """Logic of spikes, odd names, delays for each element, counts, values that leave twice."""
    net = network(everything(), tmp_path)
    rng = np.random.default_rng(0)
    x = {"": stimulus(8, 3, 3), "x|y": (rng.random((8, 3, 4)) < 0.5).astype(np.float32)}
    assert _compare(net, x)["exact"] >= 48
    model = onnx_model(net.module, net.op)
    names = [terminal.name for terminal in (*model.graph.input, *model.graph.output)]
    assert names[:3] == ["input0", "input1", "out.v"]
    feed = {"input0": x[""][0], "input1": x["x|y"][0]}
    found, wanted = Session(model)(feed), net.run({name: a[:1] for name, a in x.items()})
    for name, terminal in zip(wanted, model.graph.output, strict=False):
        assert np.array_equal(found[terminal.name], wanted[name][0]), name


def test_random_networks_node_by_node() -> None:
    """
    Every operation on what onnxruntime gave it: bits are equal but where a runtime has its
    own order of a sum, or its own function.
    """
    compared: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    for seed in range(60):
        rng = np.random.default_rng(seed)
        case = draw_case(
            lambda options, rng=rng: options[rng.integers(len(options))],
            lambda low, high, rng=rng: int(rng.integers(low, high + 1)),
        )
        if case is not None:
            compared += _compare(case.network, case.x)
            kinds.update(case.operations)
    assert compared["exact"] > 400
    assert compared["near"] > 50
    for kind in ("delay", "add", "concat", "reshape", "threshold", "adaptive", "counting", "gated"):
        assert kinds[kind] >= 2, kind


def _compare(net: Network, x: Mapping[str, Array]) -> Counter[str]:
    """Runs a network step by step and compares every value and state of every step."""
    model = onnx_model(net.module, net.op)
    onnx.checker.check_model(model, full_check=True)
    writer = NetworkWriter(net.module, net.op)
    step = writer.write()
    streams = step.streams
    inputs = dict(zip(net.inputs, step.inputs, strict=True))
    held = {value: constant_of(value) for value in streams}
    names = {value: stream.name for value, stream in streams.items() if held[value] is None}
    arguments = set(net.op.body.block.args)
    session = Session(model, [name for value, name in names.items() if value not in arguments])
    interpreter = Interpreter(net.module)
    interpreter.register_implementations(ScalarFunctions())
    interpreter.register_implementations(StreamFunctions())
    before = {
        key: net_initial(writer, key, len(next(iter(x.values()))[0])) for key in writer.before
    }
    counted: Counter[str] = Counter()
    for t in range(next(iter(x.values())).shape[0]):
        feed = {terminal.name: x[name][t] for name, terminal in inputs.items()}
        found = feed | session(
            feed | {writer.before[key].name: array for key, array in before.items()}
        )

        def value_of(value: SSAValue, found: dict[str, Array] = found) -> Array:
            content = held[value]
            if content is not None:
                return content
            dtype = dtype_of(stream_type(value).element_type)
            return found[names[value]].astype(dtype)

        after = {key: found[terminal.name] for key, terminal in writer.after.items()}
        for op in net.op.body.block.ops:
            wanted = _wanted(interpreter, op, value_of, before)
            got = [value_of(result) for result in op.results] if wanted else []
            if isinstance(op, snn.NeuronOp):
                got += [after[op, i] for i in range(len(op.initial_states))]
            for a, b in zip(got, wanted, strict=True):
                b = np.broadcast_to(b, a.shape)
                if _is_exact(op):
                    assert a.astype(b.dtype).tobytes() == b.tobytes(), op
                    counted["exact"] += 1
                else:
                    np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5, err_msg=str(op))
                    counted["near"] += 1
            if isinstance(op, snn.DelayOp):
                line = before[op, 0]
                if op.depth > 1:
                    line = np.concatenate([line[:, 1:], value_of(op.stream)[:, None]], axis=1)
                else:
                    line = value_of(op.stream)
                assert np.array_equal(after[op, 0], line)
        before = after
    return counted


def net_initial(writer: NetworkWriter, key: tuple[Operation, int], batch: int) -> Array:
    array = writer.step.initial[writer.before[key].name]
    return np.repeat(array, batch, axis=0)


def _wanted(interpreter, op: Operation, value_of, before) -> list[Array]:
    """What the interpreter gives for one operation."""
    if isinstance(op, snn.UseOp | snn.ConstantOp | snn.YieldOp):
        return []
    if isinstance(op, snn.DelayOp):
        line = before[op, 0] if op.depth > 1 else before[op, 0][:, None]
        now = value_of(op.stream) if op.is_instantaneous else None
        return [_delayed(op, line, now)]
    arguments = [value_of(operand) for operand in op.operands]
    if isinstance(op, snn.NeuronOp):
        first = len(op.inputs)
        for index in range(len(op.initial_states)):
            arguments[first + index] = before[op, index]
        outputs, states = run_neuron(interpreter, op, arguments)
        return [*outputs, *states]
    return [*interpreter.run_op(op, tuple(arguments))]


def _is_exact(op: Operation) -> bool:
    """Sums and averages have a runtime's order; onnxruntime has no float64 erf."""
    if isinstance(op, snn.LinearOp | snn.Conv1dOp | snn.Conv2dOp | snn.BatchNormOp):
        return False
    if isinstance(op, snn.Pool2dOp):
        return op.pool.data is Pool.MAX
    if isinstance(op, snn.NeuronOp):
        return not any(isinstance(inner, math.ErfOp) for inner in op.body.block.ops)
    return bool(shape_of(op.results[0]))
