"""Saved IR: text and arrays, round trips, and everything that may be wrong with them."""

from __future__ import annotations

import random
import re
import stat
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import snncc
from snncc.dialects import snn
from snncc.dialects.arrays import Array, blob_of
from snncc.errors import SnnccError
from snncc.network import Network
from tests.importers.nir.nirfile import (
    affine,
    chain,
    cuba_lif,
    graph,
    if_,
    input_node,
    lif,
    linear,
    output_node,
    write_nir,
)
from tests.small_networks import RECURRENT, TWO_INPUTS, network

DT = 1e-4


def recurrent() -> dict[str, Any]:
    """Weights beside the text, parameters in it, states, delays, windows."""
    rng = np.random.default_rng(0)
    nodes = {
        "x": input_node(2, 6, 6),
        "conv": {"type": "Conv2d", "weight": rng.normal(size=(3, 2, 3, 3)), "padding": "same"},
        "if": if_(1, r=np.full((3, 1, 1), 1e4), v_threshold=np.full((3, 1, 1), 0.7)),
        "pool": {"type": "AvgPool2d", "kernel_size": (2, 2)},
        "flat": {"type": "Flatten"},
        "fc": affine(rng.normal(size=(6, 27)), rng.normal(size=6)),
        "lif": cuba_lif(6, tau_mem=rng.uniform(5e-4, 2e-3, 6), v_threshold=np.full(6, 0.02)),
        "rec": linear(rng.normal(size=(6, 6))),
        "late": {"type": "Delay", "delay": np.arange(6) * DT},
        "y": output_node(6),
    }
    names = ["x", "conv", "if", "pool", "flat", "fc", "lif", "late", "y"]
    edges = [f"{a} > {b}" for a, b in pairwise(names)]
    return graph(nodes, *edges, "lif > rec", "rec > lif")


@pytest.fixture
def net(tmp_path: Path) -> Network:
    return snncc.load(write_nir(tmp_path / "net.nir", **recurrent()), like="nir-ode", dt=DT)


def stimulus() -> Array:
    return np.random.default_rng(1).uniform(0, 1, (12, 2, 2, 6, 6)).astype(np.float32)


def refusal(path: Path, **options: Any) -> SnnccError:
    with pytest.raises(SnnccError) as refused:
        snncc.load(path, **options)
    return refused.value


class TestRoundTrip:
    def check(self, net: Network, x: Any, path: Path) -> None:
        net.save(path)
        again = snncc.load(path)
        assert again.mlir() == net.mlir() == path.read_text()
        a, b = net.run(x, trace=True), again.run(x, trace=True)
        a.update(a.pop("final"))
        b.update(b.pop("final"))
        assert a.keys() == b.keys()
        for name, value in a.items():
            assert value.tobytes() == b[name].tobytes(), name

    def test_a_network_from_nir(self, net: Network, tmp_path: Path) -> None:
        assert net.run(stimulus())["y"].sum() > 0
        self.check(net, stimulus(), tmp_path / "saved.mlir")

    @pytest.mark.parametrize("like", ["snntorch", "norse", "sinabs", "rockpool", "spyx", "lava"])
    def test_the_neurons_of_each_profile(self, like: str, tmp_path: Path) -> None:
        given = chain(("n", lif(5)), ("fc", linear(np.eye(5))), ("m", lif(5)), shape=(5,))
        net = snncc.load(write_nir(tmp_path / "net.nir", **given), like=like)
        x = np.random.default_rng(0).uniform(0, 8, (20, 5)).astype(np.float32)
        self.check(net, x, tmp_path / "saved.mlir")

    @pytest.mark.parametrize("text", [RECURRENT, TWO_INPUTS])
    def test_a_network_from_text(self, text: str, tmp_path: Path) -> None:
        (tmp_path / "text").mkdir()
        net = network(text, tmp_path / "text")
        x = {name: np.ones((6, *shape)) for name, shape in net.inputs.items()}
        self.check(net, x, tmp_path / "saved.mlir")

    def test_saved_twice(self, net: Network, tmp_path: Path) -> None:
        """Over an older file, and the same bytes from what was loaded."""
        first, second = tmp_path / "a" / "net.mlir", tmp_path / "b" / "net.mlir"
        for path in (first, second):
            path.parent.mkdir()
        net.save(first)
        net.save(first)
        snncc.load(first).save(second)
        for suffix in (".mlir", ".safetensors"):
            a, b = (path.with_suffix(suffix).read_bytes() for path in (first, second))
            assert a == b
        assert sorted(path.name for path in first.parent.iterdir()) == [
            "net.mlir",
            "net.safetensors",
        ]

    def test_files_have_the_usual_rights(self, net: Network, tmp_path: Path) -> None:
        net.save(tmp_path / "net.mlir")
        (tmp_path / "other").touch()
        usual = stat.S_IMODE((tmp_path / "other").stat().st_mode)
        for suffix in (".mlir", ".safetensors"):
            path = (tmp_path / "net").with_suffix(suffix)
            assert stat.S_IMODE(path.stat().st_mode) == usual

    def test_parameters_have_their_nodes_names(self, net: Network, tmp_path: Path) -> None:
        net.save(tmp_path / "net.mlir")
        arrays = load_file(tmp_path / "net.safetensors")
        assert {"conv.weight", "fc.weight", "fc.bias", "rec.weight"} <= set(arrays)
        fc = recurrent()["nodes"]["fc"]["weight"]
        np.testing.assert_array_equal(arrays["fc.weight"], fc)

    @pytest.mark.parametrize(
        "name",
        [
            "with spaces",
            "quote\"s and 'apostrophes'",
            "back\\slash",
            "%value",
            "@symbol",
            "0",
            "a.b.c",
            "}",
            "..",
        ],
    )
    def test_names(self, name: str, tmp_path: Path) -> None:
        given = chain((name, lif(5, tau=np.linspace(1e-3, 2e-3, 5))), shape=(5,))
        given["nodes"][f"out {name}"] = given["nodes"].pop("output")
        given["edges"][-1] = (name, f"out {name}")
        net = snncc.load(write_nir(tmp_path / "net.nir", **given), like="nir-ode", dt=DT)
        x = np.random.default_rng(0).uniform(0, 8, (20, 5)).astype(np.float32)
        assert f"{name}.v" in net.run(x, trace=True)
        self.check(net, x, tmp_path / "saved.mlir")

    @pytest.mark.parametrize("stem", ["0", "a b", "net-1.5", "ümlaut", "for"])
    def test_names_of_files(self, stem: str, tmp_path: Path) -> None:
        """They become the network's name and its `source`."""
        given = chain(("n", lif(2)), shape=(2,))
        net = snncc.load(write_nir(tmp_path / f"{stem}.nir", **given), like="nir-ode", dt=DT)
        self.check(net, np.ones((3, 2)), tmp_path / f"{stem}.mlir")

    @pytest.mark.parametrize("name", ["net", "net.txt", "net.safetensors"])
    def test_other_suffixes(self, name: str, net: Network, tmp_path: Path) -> None:
        """They could not be loaded again, and one is the arrays' own."""
        with pytest.raises(SnnccError) as refused:
            net.save(tmp_path / name)
        assert refused.value.code == "SNC-C004"
        assert not (tmp_path / name).exists()

    def test_a_folder_that_cannot_be_written(self, net: Network, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        (tmp_path / "dir.mlir").mkdir()
        for path in (
            tmp_path / "file" / "net.mlir",
            tmp_path / "dir.mlir",
            tmp_path / "no" / "net.mlir",
        ):
            with pytest.raises(SnnccError) as refused:
                net.save(path)
            assert refused.value.code == "SNC-C004"
        assert not (tmp_path / "no").exists()


class TestArrays:
    """What stands beside the text must be what the text names."""

    @pytest.fixture
    def saved(self, net: Network, tmp_path: Path) -> Path:
        net.save(tmp_path / "net.mlir")
        return tmp_path / "net.mlir"

    def changed(self, saved: Path, change: Callable[[dict[str, Array]], object]) -> SnnccError:
        weights = saved.with_suffix(".safetensors")
        arrays = load_file(weights)
        change(arrays)
        save_file(arrays, weights)
        return refusal(saved)

    def test_missing_file(self, saved: Path) -> None:
        saved.with_suffix(".safetensors").unlink()
        (problem,) = refusal(saved).problems
        assert problem.code == "SNC-I022"
        weights = saved.with_suffix(".safetensors")
        assert problem.message.startswith(f"{weights}: no such file, and the IR names ")
        assert problem.remedy == "keep the .safetensors file beside the .mlir file"

    def test_missing_array(self, saved: Path) -> None:
        (problem,) = self.changed(saved, lambda a: a.pop("fc.weight")).problems
        assert (problem.code, problem.message) == (
            "SNC-I022",
            f"{saved.with_suffix('.safetensors')} has no 'fc.weight'",
        )

    def test_another_shape(self, saved: Path) -> None:
        error = self.changed(saved, lambda a: a.update({"fc.bias": np.zeros(7, np.float32)}))
        assert error.code == "SNC-I022"
        assert error.problems[0].message == "fc.bias: expected tensor<6xf32>, got shape [7]"

    @pytest.mark.parametrize("dtype", [np.float64, np.float16, np.int32, np.uint8])
    def test_another_type(self, dtype: type, saved: Path) -> None:
        error = self.changed(saved, lambda a: a.update({"fc.bias": a["fc.bias"].astype(dtype)}))
        assert error.code == "SNC-I022"
        assert "fc.bias" in error.problems[0].message

    def test_another_content(self, saved: Path) -> None:
        """Every array that differs is reported; one bit is enough."""

        def change(arrays: dict[str, Array]) -> None:
            arrays["fc.bias"] = np.nextafter(arrays["fc.bias"], np.float32(9))
            arrays["rec.weight"][0, 0] *= -1

        problems = self.changed(saved, change).problems
        assert {(p.code, p.message) for p in problems} == {
            ("SNC-I022", "fc.bias: its content differs from its digest"),
            ("SNC-I022", "rec.weight: its content differs from its digest"),
        }

    def test_more_arrays_do_not_matter(self, saved: Path) -> None:
        weights = saved.with_suffix(".safetensors")
        save_file({**load_file(weights), "another": np.zeros(3)}, weights)
        snncc.load(saved)

    def test_damaged_files(self, saved: Path) -> None:
        """Cut short at any place, or with another header."""
        weights = saved.with_suffix(".safetensors")
        data = weights.read_bytes()
        header = int.from_bytes(data[:8], "little")
        damaged = [data[:size] for size in (0, 1, 7, 8, 20, header, 8 + header, len(data) - 1)]
        damaged += [
            data + b"more",
            b"\xff" * 8 + data[8:],
            data[:8] + b"x" * header + data[8 + header :],
            data[:8] + data[8 : 8 + header].replace(b"F32", b"F99") + data[8 + header :],
            data[:8] + data[8 : 8 + header].replace(b"[6]", b"[9]") + data[8 + header :],
        ]
        for content in damaged:
            weights.write_bytes(content)
            assert refusal(saved).code == "SNC-I022", content[:40]

    def test_random_damage(self, saved: Path) -> None:
        weights = saved.with_suffix(".safetensors")
        data = weights.read_bytes()
        header = 8 + int.from_bytes(data[:8], "little")
        for seed in range(100):
            rng = random.Random(seed)
            changed = bytearray(data)
            at = rng.randrange(header if seed % 2 else len(data))
            changed[at] ^= 1 << rng.randrange(8)
            weights.write_bytes(changed)
            assert refusal(saved).code == "SNC-I022", (seed, at)

    def test_a_link_to_itself(self, saved: Path) -> None:
        weights = saved.with_suffix(".safetensors")
        weights.unlink()
        weights.symlink_to(weights)
        assert refusal(saved).code == "SNC-I022"

    @pytest.mark.parametrize("value", [np.nan, np.inf])
    def test_values_that_are_not_finite(self, value: float, net: Network, tmp_path: Path) -> None:
        """With the digest of just these values; and in the text."""
        for name in ("fc.bias", "if.theta"):
            (parameter,) = (
                op
                for op in net.module.ops
                if isinstance(op, snn.ParameterOp) and op.sym_name.data == name
            )
            parameter.value = blob_of(np.full(parameter.type.get_shape(), value, np.float32))
        net.save(tmp_path / "net.mlir")
        assert {(p.code, p.message) for p in refusal(tmp_path / "net.mlir").problems} == {
            ("SNC-I015", f"parameter {name!r} has values that are not finite")
            for name in ("fc.bias", "if.theta")
        }


class TestText:
    def refused(self, text: str | bytes, folder: Path) -> SnnccError:
        path = folder / "net.mlir"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return refusal(path)

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("", "net.mlir: line 1: "),
            ("\n// nothing\n", "net.mlir: line 3: "),
            ("builtin.module {}", "net.mlir: expected one snn.network, got 0"),
            (RECURRENT + RECURRENT.replace("@net", "@other"), "net.mlir: "),
            ("garbage", "net.mlir: line 1: "),
            ("\n\n%%%", "net.mlir: line 3: "),
            (b"\xff\xfe\x00", "net.mlir: 'utf-8' codec can't decode byte 0xff"),
            (RECURRENT.replace("snn.linear", "snn.lineal", 1), "net.mlir: line "),
            (RECURRENT.replace("tensor<5x3xf32>", "tensor<5x4xf32>"), "net.mlir: "),
            (RECURRENT.replace("%w = snn.use @fc.w", "%w = snn.use @ghost"), "net.mlir: "),
            (RECURRENT.replace("}", ""), "net.mlir: line "),
            ('"' + "a" * 200, "net.mlir: line 1: a string that does not end"),
            (RECURRENT.replace('"fc"', '"fc'), "net.mlir: line 15: a string that does not end"),
            (r'"\q"', "net.mlir: line 1: a string that does not end"),
            ("module {" * 3000, "net.mlir: "),
            ("(" * 100_000, "net.mlir: "),
        ],
    )
    def test_what_is_no_network(self, text: str | bytes, message: str, tmp_path: Path) -> None:
        error = self.refused(text, tmp_path)
        assert error.code == "SNC-I021"
        assert error.problems[0].message.startswith(f"{tmp_path}/{message}")

    @pytest.mark.parametrize("size", ["1000000000", "100000000x100000000"])
    def test_claims(self, size: str, tmp_path: Path) -> None:
        """Streams, delays and constants that no machine holds."""
        text = f"""
        snn.parameter @p : tensor<{size}xf32> = dense<0.0>
        snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {{
          snn.yield %x : tensor<2xf32>
        }}
        """
        assert self.refused(text, tmp_path).code == "SNC-I017"
        text = f"""
        snn.network @net ("x" %x : tensor<{size}xf32>) -> ("y" : tensor<{size}xf32>) {{
          snn.yield %x : tensor<{size}xf32>
        }}
        """
        assert self.refused(text, tmp_path).code == "SNC-I017"

    def test_a_delay_of_many_steps(self, tmp_path: Path) -> None:
        text = """
        snn.network @net ("x" %x : tensor<2xf32>) -> ("y" : tensor<2xf32>) {
          %zero = snn.constant dense<0.0> : tensor<f32>
          %y = snn.delay %x by STEPS : i64 init %zero : tensor<2xf32>, tensor<f32> -> tensor<2xf32>
          snn.yield %y : tensor<2xf32>
        }
        """
        path = tmp_path / "ok.mlir"
        path.write_text(text.replace("STEPS", "3"))
        assert snncc.load(path).run(np.ones((5, 2)))["y"][:, 0].tolist() == [0, 0, 0, 1, 1]
        error = self.refused(text.replace("STEPS", "1000000000"), tmp_path)
        assert error.code == "SNC-I017"
        assert "1000000000 steps of tensor<2xf32>" in error.problems[0].message

    def test_semantics_cannot_be_changed(self, net: Network, tmp_path: Path) -> None:
        net.save(tmp_path / "net.mlir")
        error = refusal(tmp_path / "net.mlir", like="norse", dt=1e-3)
        assert error.code == "SNC-C003"
        assert error.problems[0].message == (
            f"{tmp_path / 'net.mlir'} states its semantics; like, dt cannot change them"
        )

    @pytest.mark.parametrize(
        ("name", "what"), [("missing.mlir", "no such file"), ("folder.mlir", "is a folder")]
    )
    def test_what_is_no_file(self, name: str, what: str, tmp_path: Path) -> None:
        (tmp_path / "folder.mlir").mkdir()
        error = refusal(tmp_path / name)
        message = f"{tmp_path / name}: {what}"
        assert (error.code, error.problems[0].message) == ("SNC-I010", message)

    def test_other_kinds_of_file(self, tmp_path: Path) -> None:
        for name in ("model.bin", "model", "model.mlir.txt"):
            (tmp_path / name).touch()
            error = refusal(tmp_path / name)
            assert error.code == "SNC-I010"
            assert (error.problems[0].remedy or "").startswith("known: .nir, .h5")

    def test_random_damage(self, net: Network, tmp_path: Path) -> None:
        """A changed text is another network, or refused with a code."""
        path = tmp_path / "net.mlir"
        net.save(path)
        text = path.read_text()
        loaded = 0
        for seed in range(300):
            path.write_text(damaged(text, random.Random(seed)))
            with suppress(SnnccError):
                snncc.load(path)
                loaded += 1
        # mostly refused: a text that says something else is rarely consistent
        assert 0 < loaded < 100


def damaged(text: str, rng: random.Random) -> str:
    """One of: characters, a line left out, doubled or moved, a number, a word, a cut."""
    kind = rng.randrange(7)
    lines = text.splitlines()
    place = rng.randrange(len(lines))
    if kind == 0:
        letters = list(text)
        for _ in range(rng.choice([1, 1, 2, 4])):
            letters[rng.randrange(len(letters))] = rng.choice('0129<>%@"()[]{}xif,.: -#=\\\n\0é')
        return "".join(letters)
    if kind == 1:
        del lines[place]
    elif kind == 2:
        lines.insert(rng.randrange(len(lines)), lines[place])
    elif kind == 3:
        lines.insert(rng.randrange(len(lines)), lines.pop(place))
    elif kind == 4:
        number = rng.choice(list(re.finditer(r"\d+", text)))
        value = rng.choice([0, 1, 2, -1, 3, 64, 10**9, 2**63, 2**64, 10**30])
        return f"{text[: number.start()]}{value}{text[number.end() :]}"
    elif kind == 5:
        words = list(re.finditer(r"[A-Za-z_.]+", text))
        old, new = rng.choice(words), rng.choice(words)
        return f"{text[: old.start()]}{new.group()}{text[old.end() :]}"
    else:
        return text[: rng.randrange(len(text))]
    return "\n".join(lines)
