"""
Every operation of integer bodies on the corners of its operands: the interpreter against
Python's integers, C (two compilers, plain and fast) and MLIR against the interpreter.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import isnan, trunc
from pathlib import Path

import numpy as np
import pytest
from xdsl.dialects.builtin import ModuleOp
from xdsl.parser import Parser

from snncc.compiled import compile
from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.interpreters.network import NetworkInterpreter
from snncc.network import Network
from snncc.storage import context
from tests.mlir_tools import compile_with_mlir
from tests.tools import require_tool

WIDTHS = (8, 16, 32, 64)
BUILDS = (
    ("gcc", "-O0"),
    ("gcc", "-O3", "-march=native"),
    ("clang-19", "-O0"),
    ("clang-19", "-O3", "-march=native"),
    ("gcc", "-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error"),
    ("clang-19", "-O1", "-fsanitize=undefined", "-fsanitize-trap=all"),
)


def wrapped(number: int, width: int) -> int:
    """The signed number of the low bits."""
    half = 1 << (width - 1)
    return (number + half) % (1 << width) - half


def bits(number: int, width: int) -> int:
    return number % (1 << width)


def divided(a: int, b: int) -> int:
    return 0 if b == 0 else abs(a) // abs(b) * (1 if (a < 0) == (b < 0) else -1)


def whole(x: float, width: int) -> int:
    """Truncated, held in the range; 0 for what is no number."""
    low, high = -(1 << (width - 1)), (1 << (width - 1)) - 1
    if isnan(x):
        return 0
    return low if x <= low else high if x > high else trunc(x)


@dataclass(frozen=True)
class Operation:
    """`text` writes %r from %a and %b, of the width's type T; `meaning` is of signed numbers."""

    text: str
    meaning: Callable[[int, int, int], int]
    """(a, b, width) -> the result's bits, or its number."""
    result: int = 0
    """Its width; 0 for that of the operands."""


BINARY: dict[str, Callable[[int, int, int], int]] = {
    "addi": lambda a, b, w: a + b,
    "subi": lambda a, b, w: a - b,
    "muli": lambda a, b, w: a * b,
    "andi": lambda a, b, w: a & b,
    "ori": lambda a, b, w: a | b,
    "xori": lambda a, b, w: a ^ b,
    "maxsi": lambda a, b, w: max(a, b),
    "minsi": lambda a, b, w: min(a, b),
    "divsi": lambda a, b, w: divided(a, b),
    "shli": lambda a, b, w: a << bits(b, w) if bits(b, w) < w else 0,
    "shrui": lambda a, b, w: bits(a, w) >> bits(b, w) if bits(b, w) < w else 0,
    "shrsi": lambda a, b, w: a >> min(bits(b, w), w - 1),
}
RELATIONS: dict[str, Callable[[int, int, int], int]] = {
    "eq": lambda a, b, w: a == b,
    "ne": lambda a, b, w: a != b,
    "slt": lambda a, b, w: a < b,
    "sle": lambda a, b, w: a <= b,
    "sgt": lambda a, b, w: a > b,
    "sge": lambda a, b, w: a >= b,
    "ult": lambda a, b, w: bits(a, w) < bits(b, w),
    "ule": lambda a, b, w: bits(a, w) <= bits(b, w),
    "ugt": lambda a, b, w: bits(a, w) > bits(b, w),
    "uge": lambda a, b, w: bits(a, w) >= bits(b, w),
}


def constant_operand(name: str, width: int) -> list[Operation]:
    """The same with a constant: amounts around the width, divisors with a rule of their own."""
    numbers = {"divsi": (1, -1, 0, 3, -7), "muli": (0, 1, -1, 115), "addi": (0, -5, 127)}
    amounts = (0, 1, width - 1, width, width + 3)
    meaning = BINARY[name]
    return [
        Operation(
            f"%c = arith.constant {c} : T\n%r = arith.{name} %a, %c : T",
            lambda a, b, w, c=c: meaning(a, c, w),
        )
        for c in numbers.get(name, amounts)
    ]


def operations(width: int) -> list[Operation]:
    found = [
        Operation(f"%r = arith.{name} %a, %b : T", meaning) for name, meaning in BINARY.items()
    ]
    for name in ("divsi", "muli", "addi", "shli", "shrui", "shrsi"):
        found += constant_operand(name, width)
    found += [
        Operation(f"%r = arith.cmpi {name}, %a, %b : T", meaning, 1)
        for name, meaning in RELATIONS.items()
    ]
    found += [
        Operation("%r = snn.spike gt %a : T", lambda a, b, w: a > 0, 1),
        Operation("%r = snn.spike ge %a : T", lambda a, b, w: a >= 0, 1),
        Operation(
            "%c = arith.cmpi slt, %a, %b : T\n%r = arith.select %c, %b, %a : T",
            lambda a, b, w: max(a, b),
        ),
        Operation(
            "%c = arith.cmpi slt, %a, %b : T\n%r = arith.extsi %c : i1 to T",
            lambda a, b, w: -(a < b),
        ),
        Operation(
            "%c = arith.cmpi slt, %a, %b : T\n%r = arith.extui %c : i1 to T",
            lambda a, b, w: a < b,
        ),
        # the rounding shift of a negative number, and one that wraps before it is shifted
        Operation(
            "%h = arith.constant 4 : T\n%s = arith.constant 3 : T\n"
            "%u = arith.addi %a, %h : T\n%r = arith.shrsi %u, %s : T",
            lambda a, b, w: wrapped(a + 4, w) >> 3,
        ),
        Operation("%r = arith.trunci %a : T to i1", lambda a, b, w: a & 1, 1),
    ]
    for other in WIDTHS:
        wide, narrow = f"i{max(width, other)}", f"i{min(width, other)}"
        if other > width:
            found += [
                # up and down again, as one and as the other
                Operation(
                    f"%u = arith.extsi %a : T to {wide}\n%k = arith.constant 3 : {wide}\n"
                    f"%v = arith.muli %u, %k : {wide}\n%s = arith.constant 1 : {wide}\n"
                    f"%t = arith.shrsi %v, %s : {wide}\n%r = arith.trunci %t : {wide} to T",
                    lambda a, b, w: a * 3 >> 1,
                ),
                Operation(
                    f"%u = arith.extui %a : T to {wide}\n%k = arith.constant 1 : {wide}\n"
                    f"%v = arith.shrsi %u, %k : {wide}\n%r = arith.trunci %v : {wide} to T",
                    lambda a, b, w: bits(a, w) >> 1,
                ),
            ]
        elif other < width:
            for extension, read in (("extsi", wrapped), ("extui", bits)):
                found.append(
                    Operation(
                        f"%u = arith.trunci %a : T to {narrow}\n"
                        f"%r = arith.{extension} %u : {narrow} to T",
                        lambda a, b, w, n=other, read=read: read(a, n),
                    )
                )
    return found


def corners(width: int) -> list[int]:
    half = 1 << (width - 1)
    near = [0, 1, -1, 2, -2, 3, -3, 7, width - 1, width, width + 1, 100, -100]
    return [*near, half - 1, half - 2, -half, -half + 1, half >> 1, -(half >> 1), 0x55555555 % half]


def body_text(operation: Operation, number: int) -> str:
    """The operation's values under names of their own."""
    names = "r c k h s t u v"
    text = operation.text
    for name in names.split():
        text = text.replace(f"%{name} ", f"%{name}{number} ").replace(
            f"%{name},", f"%{name}{number},"
        )
    return text


def network_of(width: int, count: int) -> ModuleOp:
    """One output for each operation; those of 64 bits come and go in halves."""
    element = f"i{width}"
    port = "i32" if width == 64 else element
    names = [f"{side}{half}" for side in "ab" for half in (("l", "h") if width == 64 else ("",))]
    lines: list[str] = []
    if width == 64:
        lines.append("%s32 = arith.constant 32 : i64")
        for side in "ab":
            lines += [
                f"%{side}w = arith.extsi %{side}h : i32 to i64",
                f"%{side}x = arith.shli %{side}w, %s32 : i64",
                f"%{side}y = arith.extui %{side}l : i32 to i64",
                f"%{side} = arith.ori %{side}x, %{side}y : i64",
            ]
    results: list[tuple[str, str]] = []
    for number, operation in enumerate(operations(width)):
        lines += (
            body_text(operation, number)
            .replace(": T", f": {element}")
            .replace("to T", f"to {element}")
            .splitlines()
        )
        if operation.result == 1:
            results.append((f"%r{number}", "i1"))
        elif width < 64:
            results.append((f"%r{number}", element))
        else:
            lines += [
                f"%q{number} = arith.shrui %r{number}, %s32 : i64",
                f"%rl{number} = arith.trunci %r{number} : i64 to i32",
                f"%rh{number} = arith.trunci %q{number} : i64 to i32",
            ]
            results += [(f"%rl{number}", "i32"), (f"%rh{number}", "i32")]
    return parsed(dict.fromkeys(names, port), lines, results, count)


def parsed(
    inputs: dict[str, str], lines: list[str], results: list[tuple[str, str]], count: int
) -> ModuleOp:
    """A network of one neuron without state; inputs and outputs by name and element type."""
    ins = ", ".join(f'"{name}" %{name} : tensor<{count}x{type}>' for name, type in inputs.items())
    ports = ", ".join(
        f"%{name} = %{name} : tensor<{count}x{type}>" for name, type in inputs.items()
    )
    types = [f"tensor<{count}x{type}>" for _, type in results]
    values = [f"%y{index}" for index in range(len(results))]
    outs = ", ".join(f'"y{index}" : {type}' for index, type in enumerate(types))
    body = "\n".join(f"    {line}" for line in lines)
    text = f"""
snn.network @scalars ({ins}) -> ({outs}) {{
  {", ".join(values)} = snn.neuron as "n" ({ports}) -> ({", ".join(types)}) {{
{body}
    snn.next ({", ".join(f"{name} : {type}" for name, type in results)})
  }}
  snn.yield {", ".join(values)} : {", ".join(types)}
}}
"""
    module = Parser(context(), text).parse_module()
    module.verify()
    return module


def pairs(width: int) -> tuple[list[int], list[int]]:
    numbers = corners(width)
    return [a for a in numbers for _ in numbers], [b for _ in numbers for b in numbers]


def stream(numbers: list[int], width: int) -> Array:
    """[1, 1, n] of bits."""
    array = np.array([bits(n, width) for n in numbers], np.uint64)
    return array.astype(f"u{max(width // 8, 1)}")[None, None]


def inputs_of(width: int) -> dict[str, Array]:
    a, b = pairs(width)
    if width < 64:
        return {"a": stream(a, width), "b": stream(b, width)}
    return {
        f"{side}{half}": stream([n >> shift for n in numbers], 32)
        for side, numbers in (("a", a), ("b", b))
        for half, shift in (("l", 0), ("h", 32))
    }


def float_cases() -> tuple[ModuleOp, dict[str, Array], list[tuple[str, int]]]:
    """To integers of every width from both floats; and back."""
    lines, results, wanted = [], [], []
    for source in ("f32", "f64"):
        for width in (8, 16, 32):
            name = f"%{source}_{width}"
            lines.append(f"{name} = arith.fptosi %{source} : {source} to i{width}")
            results.append((name, f"i{width}"))
            wanted.append((source, width))
        lines += [
            f"%{source}_64 = arith.fptosi %{source} : {source} to i64",
            f"%{source}_s = arith.constant 32 : i64",
            f"%{source}_q = arith.shrsi %{source}_64, %{source}_s : i64",
            f"%{source}_l = arith.trunci %{source}_64 : i64 to i32",
            f"%{source}_h = arith.trunci %{source}_q : i64 to i32",
        ]
        results += [(f"%{source}_l", "i32"), (f"%{source}_h", "i32")]
    numbers = [0.0, -0.0, 0.5, -0.5, 0.999, 1.0, -1.0, -1.5, 2.5, np.nan, np.inf, -np.inf, 1e30]
    for width in WIDTHS:
        half = 2.0 ** (width - 1)
        numbers += [half, -half, half - 1, -half - 1, half - 0.5, -half + 0.5, -half - 0.5]
        numbers += [float(np.nextafter(np.float32(half), np.float32(0))), half * 1.5]
    numbers += [-n for n in numbers]
    x64 = np.array(numbers)
    with np.errstate(over="ignore"):
        x = {"f32": x64.astype(np.float32)[None, None], "f64": x64[None, None]}
    module = parsed({"f32": "f32", "f64": "f64"}, lines, results, len(numbers))
    return module, x, wanted


def from_integers() -> tuple[ModuleOp, dict[str, Array]]:
    lines, results = [], []
    for width in (8, 16, 32):
        for operation in ("sitofp", "uitofp"):
            for target in ("f32", "f64"):
                name = f"%{operation}{width}{target}"
                lines.append(f"{name} = arith.{operation} %x{width} : i{width} to {target}")
                results.append((name, target))
    lines += [
        "%wide = arith.extsi %x32 : i32 to i64",
        "%k = arith.constant 123456789123 : i64",
        "%product = arith.muli %wide, %k : i64",
    ]
    for operation in ("sitofp", "uitofp"):
        for target in ("f32", "f64"):
            lines.append(f"%{operation}{target} = arith.{operation} %product : i64 to {target}")
            results.append((f"%{operation}{target}", target))
    count = len(corners(8))
    x = {f"x{width}": stream(corners(width), width) for width in (8, 16, 32)}
    return parsed({f"x{w}": f"i{w}" for w in (8, 16, 32)}, lines, results, count), x


def interpreted(module: ModuleOp, x: dict[str, Array]) -> dict[str, Array]:
    network = next(op for op in module.ops if isinstance(op, snn.NetworkOp))
    return NetworkInterpreter(module, network).run(x).outputs


@pytest.mark.parametrize("width", WIDTHS)
def test_the_interpreter_computes_as_python_does(width: int) -> None:
    a, b = pairs(width)
    found = list(interpreted(network_of(width, len(a)), inputs_of(width)).values())
    at = 0
    for operation in operations(width):
        wanted = [operation.meaning(p, q, width) for p, q in zip(a, b, strict=True)]
        if operation.result == 1:
            got, read, at = found[at].ravel(), [int(n) for n in wanted], at + 1
        elif width < 64:
            got, read, at = found[at].ravel(), [bits(n, width) for n in wanted], at + 1
        else:
            low, high = (half.ravel().astype(np.uint64) for half in found[at : at + 2])
            got, read, at = low | (high << np.uint64(32)), [bits(n, 64) for n in wanted], at + 2
        np.testing.assert_array_equal(got, np.array(read, np.uint64), err_msg=operation.text)


def test_floats_become_the_nearest_integers() -> None:
    module, x, wanted = float_cases()
    found = interpreted(module, x)
    by_name = iter(found.values())
    for source in ("f32", "f64"):
        for width in (8, 16, 32):
            assert (source, width) in wanted
            expected = [bits(whole(float(n), width), width) for n in x[source].ravel()]
            np.testing.assert_array_equal(next(by_name).ravel(), np.array(expected, np.uint64))
        low, high = (next(by_name).ravel().astype(np.uint64) for _ in range(2))
        expected = [bits(whole(float(n), 64), 64) for n in x[source].ravel()]
        np.testing.assert_array_equal(low | (high << np.uint64(32)), np.array(expected, np.uint64))


@cache
def everything() -> dict[str, tuple[ModuleOp, dict[str, Array], dict[str, Array]]]:
    """Modules, their inputs, and what the interpreter makes of these."""
    found = {f"i{w}": (network_of(w, len(pairs(w)[0])), inputs_of(w)) for w in WIDTHS}
    found |= {"to integers": float_cases()[:2], "to floats": from_integers()}
    return {name: (module, x, interpreted(module, x)) for name, (module, x) in found.items()}


@pytest.mark.slow
@pytest.mark.parametrize("build", BUILDS, ids=" ".join)
def test_c(build: tuple[str, ...]) -> None:
    """Where the sanitizer finds something, the process traps."""
    compiler, *flags = build
    require_tool(compiler)
    for name, (module, x, wanted) in everything().items():
        program = compile(Network(module), cc=compiler, cflags=tuple(flags))
        got = program.native.run(x).outputs
        for output, array in wanted.items():
            assert got[output].tobytes() == array.tobytes(), (name, output)


@pytest.mark.slow
def test_mlir(tmp_path: Path) -> None:
    for number, (name, (module, x, wanted)) in enumerate(everything().items()):
        folder = tmp_path / str(number)
        folder.mkdir()
        compiled = compile_with_mlir(module, folder, 1)
        compiled.reset()
        got = compiled.run({key: array[:, 0] for key, array in x.items()})
        for output, array in wanted.items():
            assert got[output].tobytes() == array[:, 0].tobytes(), (name, output)
