"""The functions of bodies: how near they are to the real ones, and their special values."""

from __future__ import annotations

import csv
import math as libm
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
from xdsl.builder import Builder
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import Float32Type, Float64Type, FloatAttr, f16, f32, f64
from xdsl.ir import Block, Operation
from xdsl.rewriter import InsertPoint
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.functions import FUNCTIONS, apply, evaluate, folded, program_of
from snncc.dialects.snn.functions.program import Type, trace
from tests.tools import REPOSITORY

BY_NAME = {function.name: operation for operation, function in FUNCTIONS.items()}
TYPES = {np.float32: Type.F32, np.float64: Type.F64}
ELEMENTS: dict[type, Float32Type | Float64Type] = {np.float32: f32, np.float64: f64}


def value(name: str, *arguments: object, dtype: type = np.float32) -> Array:
    arrays = [np.asarray(argument, dtype) for argument in arguments]
    return evaluate(program_of(BY_NAME[name], TYPES[dtype]), arrays)


def same(got: Array, wanted: Array) -> Array:
    """Equal with the sign of zero, or neither a number."""
    return ((got == wanted) & (np.signbit(got) == np.signbit(wanted))) | (
        np.isnan(got) & np.isnan(wanted)
    )


REFERENCES: dict[str, Callable[..., Array]] = {
    "absolute": np.abs,
    "atan": np.arctan,
    "ceil": np.ceil,
    "cos": np.cos,
    "erf": np.vectorize(libm.erf, otypes=[np.float64]),
    "exp": np.exp,
    "floor": np.floor,
    "log": np.log,
    "power": np.power,
    "round_even": np.rint,
    "sin": np.sin,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "trunc": np.trunc,
}
"""In float64, with errors of about one place of 53."""

EXACT = ("absolute", "ceil", "floor", "round_even", "sqrt", "trunc")
TRANSCENDENTAL = sorted({*REFERENCES} - {*EXACT})


def arguments(name: str, dtype: type, count: int = 60_000) -> list[Array]:
    """Arbitrary bits, and numbers of usual sizes."""
    rng = np.random.default_rng(2)
    width = np.dtype(dtype).itemsize
    found = []
    for _ in range(FUNCTIONS[BY_NAME[name]].arity):
        anything = rng.integers(0, 2 ** (8 * width), count, dtype=np.uint64)
        usual = rng.normal(size=count) * 10.0 ** rng.uniform(-4, 1.5, count)
        found.append(
            np.concatenate([anything.astype(f"u{width}").view(dtype), usual.astype(dtype)])
        )
    return found


def test_every_function_is_tested() -> None:
    assert {*BY_NAME} == {*REFERENCES}


@pytest.mark.parametrize("name", TRANSCENDENTAL)
def test_single_precision_is_rounded_correctly(name: str) -> None:
    """Half a place and the error of float64 arithmetic."""
    given = arguments(name, np.float32)
    got = value(name, *given)
    with np.errstate(all="ignore"):
        exact = REFERENCES[name](*(array.astype(np.float64) for array in given))
        nearest = exact.astype(np.float32)
    finite = np.isfinite(nearest) & np.isfinite(got)
    assert same(got, nearest)[~finite].all()
    exponent = np.maximum(np.frexp(exact[finite])[1] - 24, -149)
    error = np.abs(got[finite].astype(np.float64) - exact[finite]) / np.ldexp(1.0, exponent)
    assert error.max() < 0.5000001


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", EXACT)
def test_exact_functions(name: str, dtype: type) -> None:
    given = arguments(name, dtype)
    halves = (np.arange(-99, 100) / 4).astype(dtype)
    limits = np.array([2**23, 2**24, 2**31, 2**52, 2**53, 2**63, 1e30], dtype)
    around = [np.nextafter(limits, dtype(0)), limits, np.nextafter(limits, dtype(np.inf))]
    for part in (*given, halves, *around, *(-limit for limit in around)):
        with np.errstate(all="ignore"):
            wanted = REFERENCES[name](part)
        assert same(value(name, part, dtype=dtype), wanted).all()


def test_square_root_of_every_mantissa() -> None:
    """Of both parities of the exponent: every other exponent scales them."""
    x = np.arange(0x3F800000, 0x40800000, 7, dtype=np.uint32).view(np.float32)
    np.testing.assert_array_equal(value("sqrt", x), np.sqrt(x))
    squares = np.arange(1.0, 200_000.0) ** 2
    for x in (squares, np.nextafter(squares, 0), np.nextafter(squares, np.inf), 4 - 2.0**-51):
        np.testing.assert_array_equal(value("sqrt", x, dtype=np.float64), np.sqrt(x))


def table() -> dict[str, list[tuple[list[float], Fraction, float]]]:
    """Function -> (arguments, value, size of a place of the value)."""
    found: dict[str, list[tuple[list[float], Fraction, float]]] = {}
    path = REPOSITORY / "tests/data/functions.csv"
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            points = [float.fromhex(text) for text in (row["x"], row["y"]) if text]
            high, low = float.fromhex(row["value"]), float.fromhex(row["rest"])
            exact = Fraction(high) + Fraction(low)
            found.setdefault(row["function"], []).append((points, exact, libm.ulp(high)))
    return found


@pytest.mark.parametrize("name", [*TRANSCENDENTAL, "sqrt"])
def test_double_precision_is_within_a_place(name: str) -> None:
    rows = table()[name]
    assert len(rows) >= 25
    columns = zip(*(points for points, _, _ in rows), strict=True)
    got = value(name, *columns, dtype=np.float64)
    for (points, exact, place), result in zip(rows, got.tolist(), strict=True):
        error = abs(Fraction(result) - exact) / Fraction(place)
        assert error < (Fraction(1, 2) if name == "sqrt" else Fraction(9, 10)), points


@pytest.mark.parametrize("name", ["atan", "exp", "log", "tanh", "erf", "sqrt"])
def test_monotonic(name: str) -> None:
    """Runs of neighbouring numbers around the places where the computation changes its way."""
    starts = [1e-40, 1e-3, 0.3465735, 0.7071067, 0.875, 0.999, 1.0, 1.0397207, 1.4142135, 6.0]
    starts += [0.4375, 0.6875, 1.1875, 2.4375, 9.0, 22.0, 88.7, 1e5, 2.0**60]
    for start in starts:
        first = np.float32(start).view(np.uint32)
        x = np.arange(first - 2000, first + 2000, dtype=np.uint32).view(np.float32)
        results = value(name, x)
        assert (results[1:] >= results[:-1]).all()
        if name in ("atan", "exp", "tanh", "erf"):
            results = value(name, -x)
            assert (results[1:] <= results[:-1]).all()


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize(
    ("name", "argument", "wanted"),
    [
        ("exp", 0.0, 1.0),
        ("exp", -0.0, 1.0),
        ("exp", np.inf, np.inf),
        ("exp", -np.inf, 0.0),
        ("exp", 1e4, np.inf),
        ("exp", -1e4, 0.0),
        ("log", 1.0, 0.0),
        ("log", 0.0, -np.inf),
        ("log", -0.0, -np.inf),
        ("log", -1.0, np.nan),
        ("log", -np.inf, np.nan),
        ("log", np.inf, np.inf),
        ("tanh", -0.0, -0.0),
        ("tanh", np.inf, 1.0),
        ("tanh", -np.inf, -1.0),
        ("erf", -0.0, -0.0),
        ("erf", -np.inf, -1.0),
        ("atan", -0.0, -0.0),
        ("atan", np.inf, np.pi / 2),
        ("atan", -np.inf, -np.pi / 2),
        ("sqrt", -0.0, -0.0),
        ("sqrt", np.inf, np.inf),
        ("sqrt", -1.0, np.nan),
        ("sin", -0.0, -0.0),
        ("sin", np.inf, np.nan),
        ("cos", -np.inf, np.nan),
        ("cos", 0.0, 1.0),
        ("floor", -0.0, -0.0),
        ("floor", -0.5, -1.0),
        ("ceil", -0.5, -0.0),
        ("trunc", -0.5, -0.0),
        ("round_even", -0.5, -0.0),
        ("round_even", 2.5, 2.0),
        ("absolute", -0.0, 0.0),
    ],
)
def test_special_values(name: str, argument: float, wanted: float, dtype: type) -> None:
    got = value(name, argument, dtype=dtype)
    assert same(got, np.asarray(wanted, dtype))


SPECIAL = [0, 1, 2, 3, 0.5, 1.5, np.inf, 2**24 - 1, 2**53 - 1, 2**53, 1e30, 1e-30]


@pytest.mark.parametrize("dtype", TYPES)
def test_special_powers(dtype: type) -> None:
    """The cases of C, annex F.10.4.4, with every sign; NumPy's are those of the C library."""
    numbers = np.array([*SPECIAL, np.nan], dtype)
    numbers = np.concatenate([numbers, -numbers])
    x, y = np.meshgrid(numbers, numbers)
    with np.errstate(all="ignore"):
        wanted = np.power(x, y)
    got = value("power", x, y, dtype=dtype)
    special = ~np.isfinite(wanted) | (wanted == 0) | (wanted == 1)
    assert same(got, wanted)[special].all()
    np.testing.assert_array_max_ulp(got[~special], wanted[~special])


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", TRANSCENDENTAL)
def test_no_number_has_one_text(name: str, dtype: type) -> None:
    """Whatever a NaN that comes in looks like: positive, quiet, without payload."""
    bits = f"u{np.dtype(dtype).itemsize}"
    quiet = np.array(np.nan, dtype).view(bits)
    sign = np.array(-0.0, dtype).view(bits)
    given = np.array([quiet, quiet + 1, quiet | sign, (quiet | sign) + 12345], bits)
    got = value(name, *[given.view(dtype)] * FUNCTIONS[BY_NAME[name]].arity, dtype=dtype)
    assert {*got.view(bits).tolist()} == {0x7FC00000 if bits == "u4" else 0x7FF8000000000000}


def test_integer_powers_are_products() -> None:
    """Where the product is a float32, halves of a place among them."""
    x = np.arange(-5000, 5001).astype(np.float32)
    np.testing.assert_array_equal(value("power", x, np.float32(2)), x * x)
    halves = np.arange(4097, 6000, 2).astype(np.float32)
    np.testing.assert_array_equal(value("power", halves, np.float32(2)), halves * halves)


def test_shapes() -> None:
    """Of scalars and of arguments that broadcast; what lies strided in memory is a value too."""
    assert value("exp", 0.0).shape == ()
    x, y = np.ones((3, 1, 2)), np.ones((4, 1))
    assert value("power", x, y).shape == (3, 4, 2)
    assert value("exp", np.zeros((0, 3))).shape == (0, 3)
    wide = np.linspace(-3, 3, 24).astype(np.float32).reshape(4, 6)
    np.testing.assert_array_equal(value("exp", wide[::2, ::3].T), value("exp", wide)[::2, ::3].T)


def test_chunks_do_not_show() -> None:
    x = np.linspace(-80, 80, 40_001).astype(np.float32)
    whole = value("exp", x)
    parts = np.concatenate([value("exp", part) for part in np.array_split(x, 7)])
    np.testing.assert_array_equal(whole, parts)


def test_bodies_write_each_function() -> None:
    block = Block(arg_types=[f32, f32])
    body = Body(Builder(InsertPoint.at_end(block)), f32)
    scalars = [Scalar(body, argument) for argument in block.args]
    for operation, function in FUNCTIONS.items():
        written = getattr(body, function.name)(*scalars[: function.arity])
        assert isinstance(written.value.owner, operation)


def constant(number: float, element: Float32Type | Float64Type = f32) -> arith.ConstantOp:
    return arith.ConstantOp(FloatAttr(number, element))


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("name", sorted(BY_NAME))
def test_folding_gives_the_value(name: str, dtype: type) -> None:
    operation: type[Operation] = BY_NAME[name]
    given = [constant(number, ELEMENTS[dtype]) for number in (1.7, 0.3)]
    given = given[: FUNCTIONS[operation].arity]
    op = operation(*given)
    result = folded(op, op.operands)
    assert result is not None
    assert result.type == ELEMENTS[dtype]
    wanted = apply(op, [np.asarray(c.value.value.data, dtype) for c in given])
    assert np.asarray(result.value.data, dtype) == wanted


def test_what_is_not_folded() -> None:
    """Variables; results that no text in C holds; other types."""
    variable = math.ExpOp(create_ssa_value(f32))
    assert folded(variable, variable.operands) is None
    endless = math.LogOp(constant(0.0))
    assert folded(endless, endless.operands) is None
    none = math.SqrtOp(constant(-1.0))
    assert folded(none, none.operands) is None
    half = math.ExpOp(arith.ConstantOp(FloatAttr(1.0, f16)))
    assert folded(half, half.operands) is None
    with pytest.raises(TypeError, match="f32 and f64"):
        apply(half, [np.zeros(1)])


def test_programs_have_no_spare_instruction() -> None:
    for operation in FUNCTIONS:
        for type in (Type.F32, Type.F64):
            instructions = program_of(operation, type).instructions
            used = {n for instruction in instructions for n in instruction.operands}
            assert used == {*range(len(instructions) - 1)}
            assert len({*map(repr, instructions)}) == len(instructions)


def test_a_program_keeps_the_signs_of_zeros() -> None:
    program = trace(lambda x: (x + 0.0) * (x + -0.0), [Type.F64])
    assert sum(instruction.code.value == "constant" for instruction in program.instructions) == 2
