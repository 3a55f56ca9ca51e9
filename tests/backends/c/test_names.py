"""Names of the model next to the names of the emitted C: every one compiles, and means itself."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import numpy as np
import pytest

import snncc
from snncc.backends.c import names
from snncc.backends.c.names import LocalScope, Scope, SymbolScope, identifier
from snncc.verification import differing_bits
from tests.small_networks import RECURRENT, network
from tests.tools import require_tool

WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Wshadow", "-Werror")

FAMILIES = re.findall(
    r"\w+",
    "i0 i7 n0 n12 t1 t_2 i_ t_ active_2 x x_count X x_2 "
    "uint8_t int32_t uint_fast16_t intptr_t UINT8_MAX INT64_C SIZE_MAX "
    "stage_fc stage_x Stage_x initial_v steps_2 reorder reorder_2 "
    "gather_f32_u16_f32 compress_f32_u16 COMPRESS_F32_U16 vec_f32 maximum_f32 bits_f64 "
    "net net_block net_state_t net_maximum_f32 NET_OK NET_STATE_BYTES NET_X_SIZE xnet_block "
    "stream work staged magic",
)
"""Examples of numbered names and of families of symbols, for a network with the prefix net."""

WORDS = sorted(
    {
        *names._KEYWORDS,
        *names._LIBRARY,
        *names.STEP_LOCALS,
        *names.LOOP_LOCALS,
        *names.PACKAGE,
        *FAMILIES,
    }
)


def words_network(words: list[str]) -> str:
    """Each word as an input, output, node, parameter, port, state and value of a body."""
    count = len(words)
    parameters, inputs, outputs, lines = [], [], [], []
    for index, word in enumerate(words):
        port, state, parameter, value = (words[(index + k) % count] for k in range(4))
        parameters.append(f"snn.parameter @{word} : tensor<2xf32> = dense<[{index}.5, 0.25]>")
        inputs.append(f'"{word}" %in{index} : tensor<2xf32>')
        outputs.append(f'"{word}" : tensor<2xf32>')
        lines.append(
            f"""
  %p{index} = snn.use @{word} : tensor<2xf32>
  %y{index} = snn.neuron as "{word}" (%{port} = %in{index} : tensor<2xf32>)
      state (%{state} = %start : tensor<2xf32>) params (%{parameter} = %p{index} : tensor<2xf32>)
      -> (tensor<2xf32>) {{
    %{value} = arith.maximumf %{port}, %{state} : f32
    %sum = arith.addf %{value}, %{parameter} : f32
    snn.next (%{value} : f32) state (%sum : f32)
  }}"""
        )
    types = ", ".join(["tensor<2xf32>"] * count)
    results = ", ".join(f"%y{index}" for index in range(count))
    return "\n".join(
        [
            *parameters,
            f"snn.network @words_of_c ({', '.join(inputs)}) -> ({', '.join(outputs)}) {{",
            "  %start = snn.constant dense<[0.5, -3.0]> : tensor<2xf32>",
            *lines,
            f"  snn.yield {results} : {types}",
            "}",
        ]
    )


def test_every_word_as_every_name(tmp_path: Path) -> None:
    require_tool("gcc")
    net = network(words_network(WORDS), tmp_path)
    program = snncc.compile(net, prefix="net", time_block=2, cc="gcc", cflags=("-O0",))
    folder = program.save(tmp_path / "c")
    includes = [f"-I{folder / 'include'}", f"-I{folder / 'src'}"]
    for standard in ("c11", "gnu11"):
        for source in program.package.sources:
            subprocess.run(
                ["gcc", f"-std={standard}", "-fsyntax-only", *WARNINGS, *includes, folder / source],
                check=True,
                timeout=120,
            )
    rng = np.random.default_rng(0)
    x = {word: rng.normal(size=(5, 2)).astype(np.float32) for word in WORDS}
    wanted, found = net.run(x), program.run(x)
    for name, values in wanted.items():
        assert not differing_bits(values, found[name]).any(), name
    # and in C++, which has words of its own
    require_tool("g++")
    use = tmp_path / "use.cpp"
    use.write_text('#include "net.h"\nint main() { static net_state_t s; return net_init(&s); }\n')
    command = ["g++", "-std=gnu++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror"]
    subprocess.run([*command, f"-I{folder / 'include'}", use], check=True, timeout=120)


@pytest.mark.parametrize("words", [["x", "X"], ["x", "x_count"], ["x", "x_2"], ["a b", "a_b"]])
def test_inputs_of_different_size(words: list[str], tmp_path: Path) -> None:
    """Their macros and their numbers of events have names of their own."""
    require_tool("gcc")
    first, second = words
    text = f"""
snn.network @net ("{first}" %a : tensor<4xf32>, "{second}" %b : tensor<2xf32>)
    -> ("y" : tensor<4xi1>, "z" : tensor<2xi1>) {{
  %th = snn.constant dense<0.5> : tensor<f32>
  %y = snn.threshold ge %a, %th as "th" : (tensor<4xf32>, tensor<f32>) -> tensor<4xi1>
  %z = snn.threshold ge %b, %th as "th2" : (tensor<2xf32>, tensor<f32>) -> tensor<2xi1>
  snn.yield %y, %z : tensor<4xi1>, tensor<2xi1>
}}
"""
    net = network(text, tmp_path)
    rng = np.random.default_rng(0)
    x = {first: rng.normal(size=(3, 4)), second: rng.normal(size=(3, 2))}
    x = {name: values.astype(np.float32) for name, values in x.items()}
    wanted, found = net.run(x), snncc.compile(net, cc="gcc", cflags=("-O0",)).run(x)
    for name, values in wanted.items():
        np.testing.assert_array_equal(values, found[name])


def own_identifiers(text: str) -> set[str]:
    """The identifiers of C that are neither members nor in comments, strings and directives."""
    text = re.sub(r"\\\n", "", text)
    text = re.sub(r"/\*.*?\*/|//[^\n]*|\"[^\"\n]*\"|^#[^\n]*", " ", text, flags=re.S | re.M)
    text = re.sub(r"typedef (struct|enum).*?^\}", " ", text, flags=re.S | re.M)
    text = re.sub(r"->[\w.]+", " ", text)
    return set(re.findall(r"\b[A-Za-z_]\w*", text))


JOINED = """
snn.network @joined ("x" %x : tensor<2x3xi1>, "c" %c : tensor<2x3xi8>, "v" %v : tensor<2x3xf32>)
    -> ("y" : tensor<2x6xf32>, "z" : tensor<2x3xi1>) {
  %off = snn.constant dense<false> : tensor<i1>
  %d = snn.delay %x by dense<[[1, 2, 3], [3, 2, 1]]> : tensor<2x3xi64> init %off as "d"
    : tensor<2x3xi1>, tensor<i1> -> tensor<2x3xi1>
  %s = snn.add %d, %c : (tensor<2x3xi1>, tensor<2x3xi8>) -> tensor<2x3xf32>
  %y = snn.concat %s, %v axis 1 as "y" : (tensor<2x3xf32>, tensor<2x3xf32>) -> tensor<2x6xf32>
  snn.yield %y, %d : tensor<2x6xf32>, tensor<2x3xi1>
}
"""
"""Spikes and counts as inputs, a delay for each element, a loop over rows."""


@pytest.mark.parametrize("text", [RECURRENT, JOINED], ids=["recurrent", "joined"])
def test_everything_that_is_printed_is_reserved(text: str, tmp_path: Path) -> None:
    """A template with a new local must reserve it: else an input of that name is hidden by it."""
    text = re.sub(r"%([a-z]\w*)", r"%user_\1", re.sub(r'"(\w+)"', r'"user_\1"', text))
    files = snncc.compile(network(text, tmp_path), prefix="net").package.files
    printed = "\n".join(files[name].decode() for name in ("include/net.h", "src/net.c"))
    assert "for (size_t" in printed
    reserved = {*names.STEP_LOCALS, *names.LOOP_LOCALS}
    unknown = {
        word
        for word in own_identifiers(printed)
        if not word.lower().startswith(("user_", "net_", "_"))
        and word not in reserved
        and identifier(word) == word  # no word of the language or of a header
        # values of loops, which have a scope of their own, and numbered locals
        and re.fullmatch(r"(t|active|[axy]\d*s?)(_\d+)?|[in]\d+", word) is None
    }
    assert unknown == set()


def test_local_names() -> None:
    scope = LocalScope("net", ("s", "Steps"))
    given = ["s", "S", "steps", "net_x", "NET_OK", "i0", "int", "uint8_t", "x", "X", "net"]
    wanted = ["s_", "S__2", "steps_", "xnet_x", "xNET_OK", "i0_", "int_", "uint8_t_", "x", "X_2"]
    assert [scope.fresh(name) for name in given] == [*wanted, "net"]
    assert scope["y"] == scope["y"] == "y"
    assert scope.local("s") == "s"
    for prefix in ("x", "xx", "x_"):
        assert not LocalScope(prefix).fresh(f"{prefix}_block").startswith(f"{prefix}_")


def test_symbols() -> None:
    scope = SymbolScope()
    given = ["run", "RUN", "stage_x", "Initial_v", "gather_f32_u16", "fc_weight", "active"]
    found = [scope.fresh(name) for name in given]
    assert found == ["run_", "RUN__2", "xstage_x", "xInitial_v", "gather_f32_u16_", *given[5:]]


def test_no_two_names_share_an_identifier() -> None:
    for scope in (Scope(("a",)), LocalScope("n", names.STEP_LOCALS), SymbolScope()):
        given = [*WORDS, "a b", "a_b", "a-b", "a_b_2", "A_B"]
        found = {scope[name].lower() for name in given}
        assert len(found) == len(given)
