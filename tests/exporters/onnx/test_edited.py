"""Files that were changed after their export: the graph is what counts, or it is any other file."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import ModelProto, NodeProto, helper, numpy_helper

import snncc
from snncc.errors import CODES, SnnccError
from snncc.exporters.onnx.model import onnx_model
from snncc.importers.onnx.reader import document_of
from snncc.importers.onnx.snncc_domain import exported_network
from snncc.network import Network
from tests.exporters.onnx.networks import exact_input, exact_network
from tests.exporters.onnx.runtime import run_steps
from tests.tools import REPOSITORY

pytestmark = pytest.mark.filterwarnings("ignore")


def digits() -> Network:
    file = REPOSITORY / "examples" / "digits" / "mlp_lif_digits.nir"
    return snncc.load(file, like="snntorch", reset="subtract", reset_timing="next")


def load(model: ModelProto, folder: Path) -> Network:
    (folder / "edited.onnx").write_bytes(model.SerializeToString())
    return snncc.load(folder / "edited.onnx")


def attempt(model: ModelProto, folder: Path) -> tuple[Network | None, list[str]]:
    """The network, or the codes of what is wrong."""
    try:
        return load(model, folder), []
    except SnnccError as found:
        return None, [problem.code for problem in found.problems]


def codes(net: Network) -> list[str]:
    return [problem.code for problem in net.warnings]


def metadata(model: ModelProto, key: str) -> onnx.StringStringEntryProto:
    return next(entry for entry in model.metadata_props if entry.key == key)


def initializer(model: ModelProto, name: str) -> onnx.TensorProto:
    return next(tensor for tensor in model.graph.initializer if tensor.name == name)


def main_node(model: ModelProto, op: str) -> NodeProto:
    notes = ((node, entry) for node in model.graph.node for entry in node.metadata_props)
    return next(node for node, e in notes if (e.key, e.value) == ("snncc.op", op))


def test_other_weights_are_taken(tmp_path: Path) -> None:
    """Someone trained on: the same network with the file's numbers."""
    net = digits()
    model = onnx_model(net.module, net.op)
    tensor = initializer(model, "fc1.weight")
    weights = numpy_helper.to_array(tensor) * np.float32(2)
    tensor.CopyFrom(numpy_helper.from_array(weights, "fc1.weight"))
    again = load(model, tmp_path)
    assert not again.warnings
    assert again.mlir() != net.mlir()
    assert [op.name for op in again.op.body.block.ops] == [op.name for op in net.op.body.block.ops]
    rng = np.random.default_rng(0)
    x = (rng.random((5, 2, 64)) < 0.3).astype(np.float32)
    assert not np.array_equal(again.run(x)["output"], net.run(x)["output"])


def test_another_constant_in_a_body_is_taken(tmp_path: Path) -> None:
    net = exact_network()
    model = onnx_model(net.module, net.op)
    half = next(
        node
        for function in model.functions
        for node in function.node
        if node.op_type == "Constant"
        and any(e.key == "snncc.op" for e in node.metadata_props)
        and numpy_helper.to_array(node.attribute[0].t) == 0.5
    )
    half.attribute[0].t.CopyFrom(numpy_helper.from_array(np.array(0.25, np.float32)))
    again = load(model, tmp_path)
    assert not again.warnings
    assert "2.500000e-01" in again.mlir()


def test_notes_of_other_tools_do_not_count(tmp_path: Path) -> None:
    net = digits()
    model = onnx_model(net.module, net.op)
    helper.set_model_props(
        model, {**{e.key: e.value for e in model.metadata_props}, "author": "someone"}
    )
    model.doc_string = "edited"
    for node in model.graph.node:
        node.name = f"{node.name}_renamed"
    assert load(model, tmp_path).mlir() == net.mlir()


def add_node(model: ModelProto) -> None:
    """The input is doubled."""
    first = main_node(model, "snn.linear")
    model.graph.node.insert(0, helper.make_node("Add", [first.input[0]] * 2, ["twice"]))
    first.input[0] = "twice"


def change_body(model: ModelProto) -> None:
    """A subtraction becomes an addition, its note stays."""
    node = next(n for f in model.functions for n in f.node if n.op_type == "Sub")
    node.op_type = "Add"


def change_kind(model: ModelProto) -> None:
    for function in model.functions:
        for attribute in function.attribute_proto:
            if attribute.name == "kind":
                attribute.s = b"li"


def rename_operation(model: ModelProto) -> None:
    node = main_node(model, "snn.linear")
    next(e for e in node.metadata_props if e.key == "snncc.op").value = "snn.conv1d"


def change_format(model: ModelProto) -> None:
    entry = metadata(model, "snncc.network")
    entry.value = json.dumps({**json.loads(entry.value), "format": 2})


def drop_network(model: ModelProto) -> None:
    metadata(model, "snncc.network").value = "{}"


def other_states(model: ModelProto) -> None:
    states = [e for e in model.metadata_props if e.key.startswith("snncc.state.")]
    states[0].key = "snncc.state.renamed"


@pytest.mark.parametrize(
    "edit",
    [
        add_node,
        change_body,
        change_kind,
        rename_operation,
        change_format,
        drop_network,
        other_states,
    ],
)
def test_a_changed_structure_is_any_other_file(
    edit: Callable[[ModelProto], None], tmp_path: Path
) -> None:
    """Its neurons are found again as populations, with the states that the file declares."""
    net = digits()
    model = onnx_model(net.module, net.op)
    edit(model)
    again = load(model, tmp_path)
    assert "SNC-W011" in codes(again)
    assert list(again.inputs.values()) == list(net.inputs.values())
    neurons = [op for op in again.op.body.block.ops if op.name == "snn.neuron"]
    assert len([op for op in neurons if op.initial_states]) == 2
    if edit in (add_node, change_body):
        return
    rng = np.random.default_rng(0)
    x = (rng.random((20, 2, 64)) < 0.3).astype(np.float32)
    (wanted,), (found,) = net.run(x).values(), again.run(x).values()
    assert wanted.any()
    assert np.array_equal(found, wanted)


def test_a_doubled_input_is_read_as_it_runs(tmp_path: Path) -> None:
    """The edited graph, not the notes beside it."""
    net = exact_network()
    model = onnx_model(net.module, net.op)
    conv = main_node(model, "snn.conv2d")
    model.graph.node.insert(0, helper.make_node("Add", ["image", "image"], ["twice"]))
    conv.input[0] = "twice"
    again = load(model, tmp_path)
    assert "SNC-W011" in codes(again)
    x = exact_input(0, 6, 1)
    doubled = {**x, "image": x["image"] * 2}
    assert np.array_equal(again.run(x)["spikes"], net.run(doubled)["spikes"])
    assert np.array_equal(run_steps(net, doubled)["spikes"], again.run(x)["spikes"])


def test_options_that_the_file_settles_are_refused(tmp_path: Path) -> None:
    net = digits()
    net.export(tmp_path / "net.onnx")
    for options in ({"like": "norse"}, {"states": ["v"]}, {"time_axis": 0}):
        with pytest.raises(SnnccError) as caught:
            snncc.load(tmp_path / "net.onnx", **options)
        assert caught.value.code == "SNC-C003"


def test_random_damage(tmp_path: Path) -> None:
    """Whatever is changed: a network, or an error with a code."""
    chance = random.Random(0)
    nets = (digits(), exact_network())
    models = [onnx_model(n.module, n.op, scan=scan) for n in nets for scan in (False, True)]
    ends: Counter[str] = Counter()
    for _ in range(150):
        model = ModelProto()
        model.CopyFrom(chance.choice(models))
        for _ in range(chance.randint(1, 3)):
            _damage(model, chance)
        try:
            own = exported_network(document_of(model))
        except SnnccError:
            own = None
        ends["own" if own is not None else "other"] += 1
        again, problems = attempt(model, tmp_path)
        if again is None:
            ends["refused"] += 1
            assert all(code in CODES and not code.startswith("SNC-X") for code in problems)
        else:
            assert own is None or again.mlir() == Network(own).mlir()
    assert min(ends[kind] for kind in ("own", "other", "refused")) > 3, ends


def _damage(model: ModelProto, chance: random.Random) -> None:
    step, whole = model.graph, metadata(model, "snncc.network").value
    for node in model.graph.node:
        for attribute in node.attribute:
            if attribute.name == "body":
                step = attribute.g
    node = chance.choice([*step.node, *(n for f in model.functions for n in f.node)])
    match chance.randint(0, 9):
        case 0:
            step.node.remove(chance.choice(step.node))
        case 1 if node.input:
            node.input[chance.randrange(len(node.input))] = chance.choice(step.node).output[0]
        case 2 if node.metadata_props:
            entry = chance.choice(node.metadata_props)
            entry.value = chance.choice(["", "[]", "null", '"x"', "snn.add", "-1", "[" * 5000])
        case 3 if whole.endswith("}") and whole.startswith('{"format'):
            entry = metadata(model, "snncc.network")
            notes = json.loads(whole)
            key = chance.choice(list(notes))
            notes[key] = chance.choice([None, 7, "text", [], {}, [[]], [{"name": 3}]])
            entry.value = json.dumps(notes)
        case 4 if node.attribute:
            attribute = chance.choice(node.attribute)
            attribute.i, attribute.f = chance.choice([-1, 0, 1 << 40]), 1e30
            if attribute.ints:
                attribute.ints[0] = chance.choice([-1, 0, 1 << 40])
        case 5:
            tensor = chance.choice(model.graph.initializer)
            array = numpy_helper.to_array(tensor)
            other = (array + 1).astype(array.dtype)
            tensor.CopyFrom(numpy_helper.from_array(other, tensor.name))
        case 6:
            value = chance.choice([*model.graph.input, *model.graph.output])
            size = chance.choice(value.type.tensor_type.shape.dim)
            size.dim_value = chance.choice([0, 1, 3, 1 << 40])
        case 7 if model.functions:
            function = chance.choice(model.functions)
            if function.attribute_proto:
                del function.attribute_proto[chance.randrange(len(function.attribute_proto))]
        case 8:
            entry = chance.choice(model.metadata_props)
            entry.value = entry.value[: chance.randrange(len(entry.value) + 1)].rstrip("}")
        case _:
            node.op_type = chance.choice(["Add", "Identity", "Gemm", "SpikeGe", "lif", "Nothing"])
