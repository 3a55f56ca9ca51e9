"""What is read from files: names, modules, sizes, states, and the corpus against its traces."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from snncc.dialects.arrays import Array
from snncc.errors import SnnccError
from snncc.importers.graph.model import Model
from snncc.importers.graph.values import cone
from snncc.importers.onnx.importer import read_onnx
from snncc.importers.onnx.names import ModulePaths, parameter_name, recorded_module
from tests.importers.graph.evaluate import evaluate
from tests.importers.onnx.build import floats, model, node, read, run

SHARED = Path(__file__).parents[4] / "shared"
CORPUS = SHARED / "corpus"
X = floats(2, 3)


# --- names


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("fc.weight", "fc.weight"),
        ("w", "w"),
        ("onnx::MatMul_12", None),
        ("190", None),
        ("/cell/Constant_output_0", None),
        ("val_3", None),
        ("val_0_2", None),
        ("cell.lifted_tensor_1", None),
    ],
)
def test_parameters_are_told_by_their_names(name: str, expected: str | None) -> None:
    assert parameter_name(name, None) == expected


def test_parameters_are_told_by_metadata() -> None:
    kind = "pkg.torch.export.graph_signature.InputSpec.kind"
    folded = "pkg.onnxscript.optimizer.folded_from"
    assert parameter_name("w", {kind: "PARAMETER"}) == "w"
    assert parameter_name("bn.running_mean", {kind: "BUFFER"}) == "bn.running_mean"
    assert parameter_name("cell.lifted_tensor_1", {kind: "CONSTANT_TENSOR"}) is None
    assert parameter_name("val_0", {folded: "['fc.weight']"}) == "fc.weight"
    assert parameter_name("clamp", {folded: "['cell.beta', 'val_1']"}) == "cell.beta"
    assert parameter_name("mul", {folded: "['cell.beta', 'cell.threshold']"}) is None
    assert parameter_name("mul", {folded: "['val_1']"}) is None
    assert parameter_name("mul", {}) is None


def test_modules_are_told_by_scopes() -> None:
    assert recorded_module("['', 'net', 'net.0', 'conv2d']") == "net.0"
    assert recorded_module("['', 'linear']") is None
    assert recorded_module("['mul']") is None
    assert recorded_module("") is None


def test_modules_are_told_by_node_names() -> None:
    names = [
        "/net/net.0/Gemm",
        "/net/net.1/net.1.0/Relu",
        "/layers.0/conv/Conv",
        "/step/cell/Sub",
        "/step/cell_1/Sub_3",
        "/step/cell_12/Sub",
        "/fc/Gemm",
        "/fc_1/Gemm",
        "/only_1/Add",
        "/Add",
        "Add_3",
    ]
    paths = ModulePaths(names, ["step.cell.beta", "fc.weight", "fc_1.weight"])
    assert [paths.module(name) for name in names] == [
        "net.0",
        "net.1.0",
        "layers.0.conv",
        "step.cell",
        "step.cell",
        "step.cell",
        "fc",
        "fc_1",
        "only_1",
        None,
        None,
    ]


def test_scopes_and_names_of_values(tmp_path: Path) -> None:
    legacy = node("MatMul", "x fc.weight", "y")
    legacy.name = "/fc/MatMul"
    found = read(model([legacy], {"x": X}, tensors={"fc.weight": floats(3, 4)}), tmp_path)
    value = found.outputs["y"]
    assert value.op == "linear"
    assert value.scope == "fc"
    assert value.operands[0].name == "x"
    assert value.operands[1].name == "fc.weight"
    assert found.inputs == {"x": value.operands[0]}
    assert found.graph.scope is None


def test_equal_constants_without_a_name_are_one(tmp_path: Path) -> None:
    """Or copies of a step would differ."""
    tensors = {"val_1": np.float32(2), "val_2": np.float32(2)}
    nodes = [node("Mul", "x val_1", "a"), node("Mul", "x val_2", "b")]
    found = read(model(nodes, {"x": X}, ["a", "b"], tensors), tmp_path)
    assert found.outputs["a"] is found.outputs["b"]


def test_tensors_of_no_parameter_are_kept(tmp_path: Path) -> None:
    """A state that was lost is among them."""
    tensors = {"onnx::Add_13": floats(2, 3), "fc.bias": floats(3), "val_1": np.float32(2)}
    found = read(
        model([node("Sum", "x " + " ".join(tensors))], {"x": X}, tensors=tensors), tmp_path
    )
    assert list(found.constants) == ["onnx::Add_13"]
    np.testing.assert_array_equal(found.constants["onnx::Add_13"], floats(2, 3))


# --- inputs and outputs


def test_inputs_with_an_initializer_are_parameters(tmp_path: Path) -> None:
    given = {"x": X, "w": floats(3)}
    found = read(model([node("Add", "x w")], given, tensors={"w": floats(3)}), tmp_path)
    assert list(found.inputs) == ["x"]


def test_outputs_that_stand_twice(tmp_path: Path) -> None:
    nodes = [node("Neg", "x", "a"), node("Abs", "x", "b")]
    found = read(model(nodes, {"x": X}, ["a", "b", "a", "a"]), tmp_path)
    assert list(found.outputs) == ["a", "b", "a.1", "a.2"]
    assert found.outputs["a.2"] is found.outputs["a"]


def test_an_output_may_be_an_input_or_a_parameter(tmp_path: Path) -> None:
    found = read(model([], {"x": X}, ["x", "w"], {"w": floats(3)}), tmp_path)
    assert found.outputs["x"] is found.inputs["x"]
    assert found.outputs["w"].name == "w"


def with_sizes(*sizes: Any) -> Any:
    proto = model([node("Neg", "x")], {"x": X})
    proto.graph.input[0].CopyFrom(helper.make_tensor_value_info("x", TensorProto.FLOAT, sizes))
    return proto


def test_open_sizes(tmp_path: Path) -> None:
    assert read(with_sizes("batch", 3, None), tmp_path).inputs["x"].shape == (1, 3, 1)
    found = read(with_sizes("batch", 3), tmp_path, sizes={"batch": 5})
    assert found.inputs["x"].shape == (5, 3)
    with pytest.raises(SnnccError, match=r"no open size 'T'(?s:.)*batch"):
        read(with_sizes("batch", 3), tmp_path, sizes={"T": 5})
    with pytest.raises(SnnccError, match="SNC-I014"):
        read(with_sizes("batch", 3), tmp_path, sizes={"batch": 0})


def test_a_shape_that_is_computed_from_an_open_size(tmp_path: Path) -> None:
    nodes = [
        node("Shape", "x", "s"),
        node("Gather", "s zero", "n", axis=0),
        node("Unsqueeze", "n first", "n1"),
        node("Concat", "n1 rest", "target", axis=0),
        node("Reshape", "x target"),
    ]
    tensors = {"zero": np.array(0), "first": np.array([0]), "rest": np.array([-1])}
    proto = with_sizes("batch", 3, 4)
    proto.graph.ClearField("node")
    proto.graph.node.extend(nodes)
    proto.graph.initializer.extend(numpy_helper.from_array(v, k) for k, v in tensors.items())
    assert read(proto, tmp_path).outputs["y"].shape == (1, 12)
    assert read(proto, tmp_path, sizes={"batch": 7}).outputs["y"].shape == (7, 12)


def test_types_of_inputs(tmp_path: Path) -> None:
    for dtype in (np.float64, np.int32, np.uint8, np.bool_):
        x = np.zeros((2, 3), dtype)
        (found,) = run(model([node("Identity", "x")], {"x": x}), tmp_path, {"x": x})
        assert found.dtype == dtype
    proto = model([node("Identity", "x")], {"x": X})
    proto.graph.input[0].type.tensor_type.elem_type = TensorProto.BFLOAT16
    with pytest.raises(SnnccError, match="bfloat16 is not supported"):
        read(proto, tmp_path)


def test_an_input_that_changes_nothing_is_warned_of(tmp_path: Path) -> None:
    found = read(model([node("Neg", "x")], {"x": X, "state": X}), tmp_path)
    assert [(p.code, p.node) for p in found.warnings] == [("SNC-W004", "state")]


# --- states


def stepping(**metadata: str) -> Any:
    nodes = [node("Mul", "v half", "d"), node("Add", "d x", "w"), node("Greater", "w half", "y")]
    proto = model(nodes, {"x": X, "v": X}, ["y", "w"], {"half": np.float32(0.5)})
    for name, text in metadata.items():
        proto.metadata_props.add(key=f"snncc.state.{name}", value=text)
    return proto


def test_no_state_is_guessed(tmp_path: Path) -> None:
    found = read(stepping(), tmp_path)
    assert found.states == []
    assert list(found.inputs) == ["x", "v"]
    assert list(found.outputs) == ["y", "w"]


def test_declared_states(tmp_path: Path) -> None:
    proto = stepping(membrane="v|w")
    found = read(proto, tmp_path)
    assert list(found.inputs) == ["x"]
    assert list(found.outputs) == ["y"]
    (state,) = found.states
    assert state.name == "membrane"
    assert state.before.name == "v"
    assert state.after.op == "add"
    assert state.initial is None
    proto.graph.initializer.append(numpy_helper.from_array(X, "v"))
    (state,) = read(proto, tmp_path).states
    np.testing.assert_array_equal(state.initial, X)
    assert state.before.op == "input"


@pytest.mark.parametrize("text", ["v", "v|z", "z|w", "v|y"])
def test_states_that_do_not_fit(text: str, tmp_path: Path) -> None:
    with pytest.raises(SnnccError):
        read(stepping(membrane=text), tmp_path)


# --- refusals


def test_all_unknown_operators_are_named(tmp_path: Path) -> None:
    nodes = [
        node("Fancy", "x", "a", name="one"),
        node("Fancy", "a", "b", name="two"),
        node("Neg", "b", "c", domain="com.example", name="three"),
        node("If", "true", "y", then_branch=branch("Softmax"), else_branch=branch("Neg")),
    ]
    proto = model(nodes, {"x": X}, tensors={"true": np.array(True)})
    with pytest.raises(SnnccError) as found:
        read(proto, tmp_path)
    problems = found.value.problems
    assert [(p.code, p.node) for p in problems[:2]] == [("SNC-I012", "one"), ("SNC-I012", "three")]
    assert "'Fancy' of the domain ai.onnx" in problems[0].message
    assert "com.example" in problems[1].message
    assert "'Softmax'" in problems[2].message
    assert all(p.remedy for p in problems)


def branch(op: str) -> Any:
    return model([node(op, "c", "z")], {}, ["z"]).graph


def test_the_node_is_named(tmp_path: Path) -> None:
    proto = model([node("Add", "x w", name="/fc/Add")], {"x": X}, tensors={"w": floats(4)})
    with pytest.raises(SnnccError) as found:
        read(proto, tmp_path)
    assert found.value.problems[0].node == "/fc/Add"
    assert found.value.code == "SNC-I014"


def test_arrays_beside_the_file(tmp_path: Path) -> None:
    weight = floats(3, 4)
    tensor = numpy_helper.from_array(weight, "w")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    for key, value in {"location": "sub/w.bin", "offset": "8", "length": "48"}.items():
        tensor.external_data.add(key=key, value=value)
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "w.bin").write_bytes(bytes(8) + weight.tobytes())
    (found,) = run(
        model([node("MatMul", "x w")], {"x": X}, tensors={"w": tensor}), tmp_path, {"x": X}
    )
    np.testing.assert_allclose(found, X @ weight, rtol=1e-6)


@pytest.mark.parametrize(
    "dtype", [np.float32, np.float64, np.float16, np.int8, np.uint16, np.int32, np.uint64, bool]
)
@pytest.mark.parametrize("raw", [False, True])
def test_types_of_tensors(dtype: Any, raw: bool, tmp_path: Path) -> None:
    array = np.array([[0, 1, 1], [2, 3, 100]]).astype(dtype)
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    data = array.tobytes() if raw else array.reshape(-1).tolist()
    tensor = helper.make_tensor("w", kind, array.shape, data, raw=raw)
    found = read(model([], {}, ["w"], {"w": tensor}), tmp_path).outputs["w"].content
    assert found.dtype == dtype
    np.testing.assert_array_equal(found, array)


def test_limits(tmp_path: Path) -> None:
    proto = model([node("Add", "x w")], {"x": X}, tensors={"w": floats(1000, 1, 3)})
    with pytest.raises(SnnccError, match="SNC-I017"):
        read(proto, tmp_path, max_bytes=4000)


# --- the corpus: networks that five sources trained or wrote, by two exporters


def corpus_files(pattern: str) -> list[Path]:
    if not CORPUS.is_dir():
        assert "CI" not in os.environ, "the corpus is missing"
        return []
    return sorted(CORPUS.glob(pattern))


def label(path: Path) -> str:
    return f"{path.parent.name}-{path.stem}"


EXPORTED_WRONG = {"pt_buffer_inplace-step", "pt_buffer_inplace-step_legacy", "pt_spytorch-step"}
"""The first lost the update of its state, the other reads one state for another."""


def compare(found: Array, expected: Array) -> None:
    """Spikes of `pt_detach_trick` are 0.99999994 in the trace."""
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("path", corpus_files("*/step*.onnx"), ids=label)
def test_steps_of_the_corpus(path: Path) -> None:
    """Every step from the state that the framework had before it."""
    name = label(path)
    meta = json.loads((path.parent / "meta.json").read_text())
    with np.load(path.parent / "io.npz") as trace:
        found = read_onnx(path)
        assert found.warnings == [] or name in EXPORTED_WRONG
        if name in EXPORTED_WRONG:
            return
        names = meta["state_names"]
        for step, x in enumerate(trace["x"]):
            before = [
                trace[f"state/{s}"][step - 1] if step else trace[f"state0/{s}"] for s in names
            ]
            inputs = dict(zip(found.inputs, [x, *before], strict=True))
            expected = [trace[f"step/{o}"][step] for o in meta["step_outputs"]]
            expected += [trace[f"state/{s}"][step] for s in names]
            outputs = evaluate(list(found.outputs.values()), inputs)
            for a, b in zip(outputs, expected, strict=True):
                compare(a, b)


@pytest.mark.parametrize("path", corpus_files("*/seq*.onnx"), ids=label)
def test_sequences_of_the_corpus(path: Path) -> None:
    meta = json.loads((path.parent / "meta.json").read_text())
    with np.load(path.parent / "io.npz") as trace:
        found = read_onnx(path)
        assert found.warnings == []
        (name,) = found.inputs
        outputs = evaluate(list(found.outputs.values()), {name: trace["x"]})
        for output, a in zip(meta["seq_outputs"], outputs, strict=True):
            compare(a, trace[f"seq/{output}"])


def test_masked_assignment_of_the_second_exporter() -> None:
    """NonZero and ScatterND, of one where the mask holds, have become the mask."""
    for path in corpus_files("pt_spytorch/step.onnx"):
        spikes = read_onnx(path).outputs["index_put"]
        assert spikes.op == "cast"
        assert spikes.operands[0].op == "gt"


def operations(found: Model) -> Iterator[tuple[str, str | None]]:
    for value in cone(found.outputs.values()):
        if value.op not in ("input", "constant", "reshape", "take", "concat", "cast"):
            yield value.op, value.scope


def test_modules_of_the_corpus() -> None:
    """Both exporters leave the module of a neuron; copies of a loop have one module."""
    for form in ("seq", "seq_legacy"):
        for path in corpus_files(f"sn_leaky_sub/{form}.onnx"):
            scopes = {scope for op, scope in operations(read_onnx(path))}
            assert scopes == {"step.pre", "step.cell"}


@pytest.mark.parametrize(
    ("net", "layer"), [("conv_if_digits", "if3"), ("mlp_lif_digits", "lif2"), ("ttfs_digits", "o")]
)
def test_trained_networks(net: str, layer: str, nets: Path) -> None:
    found = read_onnx(nets / net / "twin.onnx")
    with np.load(nets / net / "test.npz") as trace:
        x = trace["x"][:, :16] if trace["x"].ndim == 3 else trace["x"][:16]
        (spikes,) = evaluate(list(found.outputs.values()), {"x": x})
        np.testing.assert_array_equal(spikes, trace[f"trace16/{layer}"])
