"""Archives: what is read of them, and what is refused with a code."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snncc.errors import SnnccError
from snncc.importers.torch.archive import read_archive
from snncc.importers.torch.exported import Ref
from tests.importers.torch.build import Program, ints, packed, small, write

WEIGHTS = "net/data/weights/model_weights_config.json"
MODEL = "net/models/model.json"
Members = dict[str, bytes]


def changed(members: Members, name: str, change: Callable[[Any], object]) -> Members:
    """The members with a JSON changed in place."""
    text = json.loads(members[name])
    change(text)
    return {**members, name: packed(text)}


def refusal(members: Members, folder: Path, **options: Any) -> SnnccError:
    with pytest.raises(SnnccError) as caught:
        read_archive(write(members, folder / "net.pt2"), **options)
    return caught.value


def weight(text: Any) -> Any:
    """The record of the first tensor."""
    return text["config"]["fc.weight"]


def test_a_program_is_read(tmp_path: Path) -> None:
    program = read_archive(write(small().members(), tmp_path / "net.pt2"))
    assert [given.kind for given in program.inputs] == [
        *("parameter", "parameter", "buffer", "buffer", "user")
    ]
    assert [given.tensor for given in program.inputs][:2] == ["fc.weight", "fc.bias"]
    assert program.inputs[-1].shape == (1, 3)
    linear, *_, write_back = program.body.nodes
    assert linear.target == "aten.linear"
    assert linear.scope == "fc"
    assert linear.arguments["input"] == Ref("x")
    assert write_back.target == "aten.copy_"
    np.testing.assert_array_equal(program.tensors["fc.weight"], [[1, 2, 3], [4, 5, 6]])
    assert program.tensors["fc.weight"].dtype == np.float32


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SnnccError, match=r"SNC-I010 .+/net\.pt2: no such file"):
        read_archive(tmp_path / "net.pt2")


@pytest.mark.parametrize("content", [b"", b"PK", b"\x80\x04", b"\x89HDF\r\n\x1a\n" * 9])
def test_what_is_no_archive_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "net.pt2"
    path.write_bytes(content)
    with pytest.raises(SnnccError, match="SNC-I010"):
        read_archive(path)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("net/serialized_exported_program.json", "2.7 or older"),
        ("net/data.pkl", "a checkpoint"),
        ("net/data/aotinductor/model/x.so", "a library"),
        ("net/readme", "without a program"),
    ],
)
def test_other_archives_of_torch_are_told_apart(member: str, message: str, tmp_path: Path) -> None:
    found = refusal({member: b""}, tmp_path)
    assert found.code == "SNC-I010"
    assert message in str(found)
    assert "torch 2.9 or newer" in str(found)


def test_pickled_weights_of_an_older_torch_are_refused(tmp_path: Path) -> None:
    members = {**small().members(), "net/data/weights/model.pt": b"\x80"}
    assert refusal(members, tmp_path).code == "SNC-I010"


def test_a_pickled_tensor_is_not_read(tmp_path: Path) -> None:
    members = changed(small().members(), WEIGHTS, lambda t: weight(t).update(use_pickle=True))
    found = refusal(members, tmp_path)
    assert found.code == "SNC-I010"
    assert found.problems[0].node == "fc.weight"


def test_two_programs_are_ambiguous(tmp_path: Path) -> None:
    members = small().members()
    members["net/models/other.json"] = members[MODEL]
    assert "model, other" in str(refusal(members, tmp_path))


# --- tensors


def test_strides_and_shared_bytes(tmp_path: Path) -> None:
    def change(text: Any) -> None:
        weight(text)["tensor_meta"].update(sizes=ints((3, 2)), strides=ints((1, 3)))
        bias = text["config"]["fc.bias"]
        bias["path_name"] = "weight_0"
        bias["tensor_meta"]["storage_offset"] = {"as_int": 4}

    members = changed(small().members(), WEIGHTS, change)
    tensors = read_archive(write(members, tmp_path / "net.pt2")).tensors
    np.testing.assert_array_equal(tensors["fc.weight"], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(tensors["fc.bias"], [5, 6])


def test_tensors_without_elements(tmp_path: Path) -> None:
    program = Program()
    x = program.input("x", (1,))
    program.tensor("lost.memory", np.zeros((0, 3), np.float32), "tensor_constant")
    archive = read_archive(write(program.returns(x).members(), tmp_path / "net.pt2"))
    assert archive.tensors["lost.memory"].shape == (0, 3)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda m: m.update(sizes=ints((2, 4))), "SNC-I011"),
        (lambda m: m.update(sizes=ints((2, 3, 1))), "SNC-I011"),
        (lambda m: m.update(storage_offset={"as_int": 1}), "SNC-I011"),
        (lambda m: m.update(storage_offset=None), "SNC-I011"),
        (lambda m: m.update(strides=ints((1 << 39, 1))), "SNC-I011"),
        (lambda m: m.update(strides=ints((-3, 1))), "SNC-I011"),
        (lambda m: m.update(sizes=ints((1 << 30, 1 << 30)), strides=ints((0, 0))), "SNC-I017"),
        (lambda m: m.update(sizes=[{"as_expr": {}}], strides=ints((1,))), "SNC-I011"),
        (lambda m: m.update(dtype=13), "SNC-I012"),
        (lambda m: m.update(dtype=[7]), "SNC-I011"),
        (lambda m: m.update(layout=1), "SNC-I012"),
        (lambda m: m.pop("strides"), "SNC-I011"),
    ],
)
def test_claims_about_a_tensor_are_checked(change: Any, code: str, tmp_path: Path) -> None:
    members = changed(small().members(), WEIGHTS, lambda t: change(weight(t)["tensor_meta"]))
    assert refusal(members, tmp_path).code == code


@pytest.mark.parametrize("path", ["../weight_0", "/etc/passwd", "..", "a/b", "a\\b", ""])
def test_data_stands_in_the_archive(path: str, tmp_path: Path) -> None:
    members = changed(small().members(), WEIGHTS, lambda t: weight(t).update(path_name=path))
    assert refusal(members, tmp_path).code == "SNC-I020"


@pytest.mark.parametrize("name", ["../escape", "net/../../escape", "/absolute"])
def test_members_have_names_within_the_archive(name: str, tmp_path: Path) -> None:
    assert refusal({**small().members(), name: b""}, tmp_path).code == "SNC-I020"


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_are_finite(value: float, tmp_path: Path) -> None:
    program = small()
    program.tensors["fc.bias"] = np.float32([0, value])
    found = refusal(program.members(), tmp_path)
    assert found.code == "SNC-I015"
    assert found.problems[0].node == "fc.bias"


def test_all_faulty_tensors_are_listed(tmp_path: Path) -> None:
    program = small()
    program.tensors["fc.bias"] = np.float32([0, np.nan])
    program.tensors["cell.beta"] = np.float32(np.inf)
    found = refusal(program.members(), tmp_path)
    assert [p.node for p in found.problems] == ["cell.beta", "fc.bias"]


def test_a_tensor_that_is_not_there(tmp_path: Path) -> None:
    members = changed(small().members(), WEIGHTS, lambda t: t["config"].pop("fc.weight"))
    assert refusal(members, tmp_path).code == "SNC-I011"


def test_big_endian_is_refused(tmp_path: Path) -> None:
    assert refusal({**small().members(), "net/byteorder": b"big"}, tmp_path).code == "SNC-I011"


# --- limits


def test_the_limit_of_bytes(tmp_path: Path) -> None:
    found = refusal(small().members(), tmp_path, max_bytes=20)
    assert found.code == "SNC-I017"
    assert "max_bytes" in str(found)


def test_a_member_of_more_than_it_claims(tmp_path: Path) -> None:
    """What a directory says is compared with what is read."""
    path = write(small().members(), tmp_path / "net.pt2")
    with zipfile.ZipFile(path) as archive:
        size = archive.getinfo("net/data/weights/weight_0").file_size
    content = path.read_bytes()
    at = content.rindex(b"net/data/weights/weight_0") - 46
    claim = content[: at + 20] + (size * 9).to_bytes(4, "little") * 2 + content[at + 28 :]
    path.write_bytes(claim)
    with pytest.raises(SnnccError, match=r"SNC-I0(10|11)"):
        read_archive(path)


def test_a_schema_of_another_version(tmp_path: Path) -> None:
    members = changed(small().members(), MODEL, lambda t: t["schema_version"].update(major=9))
    assert "schema 9" in str(refusal(members, tmp_path))


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda t: t.clear(), "SNC-I011"),
        (lambda t: t.update(graph_module=[]), "SNC-I011"),
        (lambda t: t["graph_module"]["graph"].pop("nodes"), "SNC-I011"),
        (lambda t: t["graph_module"]["graph"]["inputs"].pop(), "SNC-I011"),
        (lambda t: t["graph_module"]["graph"]["nodes"][0].update(target="os.system;x"), "SNC-I011"),
        (lambda t: t["graph_module"]["graph"]["nodes"][0].update(outputs=[{}]), "SNC-I011"),
        (lambda t: t["graph_module"]["graph"]["nodes"][0]["inputs"][0].pop("arg"), "SNC-I011"),
        (
            lambda t: t["graph_module"]["graph"]["nodes"][0]["inputs"][0].update(
                arg={"as_custom_obj": {"name": "a", "class_fqn": "b"}}
            ),
            "SNC-I012",
        ),
        (
            lambda t: t["graph_module"]["graph"]["nodes"][3]["inputs"][1].update(
                arg={"as_float": "NaN"}
            ),
            "SNC-I015",
        ),
        (
            lambda t: t["graph_module"]["graph"]["tensor_values"]["x"].update(
                sizes=[{"as_expr": {"expr_str": "s0", "hint": None}}]
            ),
            "SNC-I014",
        ),
        (
            lambda t: t["graph_module"]["signature"]["input_specs"][-1].update(
                user_input={"arg": {"as_int": 3}}
            ),
            "SNC-I012",
        ),
        (
            lambda t: t["graph_module"]["signature"]["output_specs"].append(
                {"gradient_to_parameter": {}}
            ),
            "SNC-I012",
        ),
    ],
)
def test_what_is_not_the_schema_is_refused(change: Any, code: str, tmp_path: Path) -> None:
    assert refusal(changed(small().members(), MODEL, change), tmp_path).code == code


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[" * 100_000, b'{"a": 1' + b"0" * 5000 + b"}", b"\xff"]
)
def test_text_that_is_no_json(text: bytes, tmp_path: Path) -> None:
    found = refusal({**small().members(), MODEL: text}, tmp_path)
    assert found.code in ("SNC-I011", "SNC-I017")


def test_a_dynamic_axis_is_read_with_its_example(tmp_path: Path) -> None:
    size = {"as_expr": {"expr_str": "s0", "hint": {"as_int": 1}}}
    members = changed(
        small().members(),
        MODEL,
        lambda t: t["graph_module"]["graph"]["tensor_values"]["x"]["sizes"].__setitem__(0, size),
    )
    program = read_archive(write(members, tmp_path / "net.pt2"))
    assert program.inputs[-1].shape == (1, 3)
    assert [w.code for w in program.warnings] == ["SNC-W007"]
