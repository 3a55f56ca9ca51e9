"""The building blocks of chips' arithmetic, against Python's integers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from xdsl.dialects.builtin import TensorType, i32

from snncc.compiled import compile
from snncc.dialects.arrays import Array
from snncc.dialects.snn.body import Body, Outputs, Scalar, build_neuron
from snncc.dialects.snn.neurons import arithmetic as chip
from snncc.dialects.snn.neurons.assembly import Assembly
from snncc.network import Network

EDGES = [0, 1, 2, 3, 5, 7, 8, 100, 127, 128, 129, 255, 256, 257, 32767, 32768, 32769, 65535, 99999]
X = np.array(EDGES + [-value for value in EDGES])
Y = np.roll(X, 7)

Write = Callable[[Scalar, Scalar], Scalar]
Reference = Callable[[int, int], int]


def toward_zero(x: int, amount: int) -> int:
    return x >> amount if x >= 0 else -(-x >> amount)


def leaked(x: int) -> int:
    loss = x >> 3
    return x - (1 if loss == 0 and x > 0 else loss)


def twice(x: int, y: int, low: int, high: int) -> int:
    return min(max(min(max(x + y, low), high) + y, low), high)


CASES: dict[str, tuple[Write, Reference]] = {
    "saturate": (lambda x, y: chip.saturate(x, 8), lambda x, y: min(max(x, -128), 127)),
    "saturate_symmetric": (
        lambda x, y: chip.fit(x, 8, "saturate_symmetric"),
        lambda x, y: min(max(x, -127), 127),
    ),
    "wrap": (lambda x, y: chip.wrap(x, 8), lambda x, y: (x + 128) % 256 - 128),
    "wrap_high": (lambda x, y: chip.fit(x, 8, "wrap_high"), lambda x, y: (x + 127) % 256 - 127),
    "accumulate": (
        lambda x, y: chip.accumulate(x, [y, y], 16, "saturate"),
        lambda x, y: twice(x, y, -32768, 32767),
    ),
    "floor": (lambda x, y: chip.decay_multiply(x, 115, 7, "floor"), lambda x, y: x * 115 >> 7),
    "toward_zero": (
        lambda x, y: chip.decay_multiply(x, 115, 7, "toward_zero"),
        lambda x, y: toward_zero(x * 115, 7),
    ),
    "half_up": (
        lambda x, y: chip.decay_multiply(x, 115, 7, "half_up"),
        lambda x, y: (x * 115 + 64) >> 7,
    ),
    "no_shift": (lambda x, y: chip.shift_right(x, 0, "half_up"), lambda x, y: x),
    "decay_shift": (
        lambda x, y: chip.decay_shift(x, 3, least_one=False),
        lambda x, y: x - (x >> 3),
    ),
    "least_one": (lambda x, y: chip.decay_shift(x, 3, least_one=True), lambda x, y: leaked(x)),
    "decay_subtract": (
        lambda x, y: chip.decay_subtract(x, 100),
        lambda x, y: 0 if abs(x) <= 100 else x - 100 if x > 0 else x + 100,
    ),
    "decay_subtract_parameter": (
        lambda x, y: chip.decay_subtract(x, y.body.maximum(y, 0)),
        lambda x, y: 0 if abs(x) <= max(y, 0) else x - max(y, 0) if x > 0 else x + max(y, 0),
    ),
    "gt": (
        lambda x, y: x.body.extend(chip.fires(x, y, "gt"), 32),
        lambda x, y: int(x > y),
    ),
    "ge": (
        lambda x, y: x.body.extend(chip.fires(x, y, "ge"), 32),
        lambda x, y: int(x >= y),
    ),
    "count_spikes": (
        lambda x, y: chip.count_spikes(x, y.body.maximum(y, 1), 31),
        lambda x, y: min(max(x, 0) // max(y, 1), 31),
    ),
}


def network(writes: dict[str, Write]) -> Network:
    """One output for each function, of inputs x and y, which their sum makes signed."""
    writes = {**writes, "sum": lambda x, y: x + y}
    type = TensorType(i32, [len(X)])
    a = Assembly("arithmetic", {"x": type, "y": type})

    def equations(b: Body, x: Scalar, y: Scalar) -> Outputs:
        return [write(x, y) for write in writes.values()], []

    neuron = build_neuron(
        equations, inputs=a.inputs, states={}, parameters={}, population=(len(X),), node="n"
    )
    a.add(neuron)
    return Network(a.finish(dict(zip(writes, neuron.outputs, strict=True))))


def expected(reference: Reference) -> Array:
    return np.array([[reference(int(x), int(y)) for x, y in zip(X, Y, strict=True)]])


@pytest.mark.parametrize("name", CASES)
def test_interpreter(name: str) -> None:
    write, reference = CASES[name]
    found = network({name: write}).run({"x": X[None], "y": Y[None]})[name]
    np.testing.assert_array_equal(found, expected(reference))


def test_c() -> None:
    net = network({name: write for name, (write, _) in CASES.items()})
    found = compile(net, cflags=("-O1",)).run({"x": X[None], "y": Y[None]})
    for name, (_, reference) in CASES.items():
        np.testing.assert_array_equal(found[name], expected(reference), err_msg=name)
