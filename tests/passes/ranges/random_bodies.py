"""Random bodies over every operation on integers, and some over floats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from xdsl.dialects import arith
from xdsl.dialects.builtin import IntegerType, TensorType, f32, f64, i1
from xdsl.ir import Attribute, SSAValue
from xdsl.utils.test_value import create_ssa_value

from snncc.dialects import snn
from snncc.dialects.snn.body import Body, Scalar, build_neuron

WIDTHS = (8, 16, 32, 64)
BINARY = (
    arith.AddiOp,
    arith.SubiOp,
    arith.MuliOp,
    arith.AndIOp,
    arith.OrIOp,
    arith.XOrIOp,
    arith.MaxSIOp,
    arith.MinSIOp,
    arith.DivSIOp,
)
SHIFTS = (arith.ShLIOp, arith.ShRSIOp, arith.ShRUIOp)
FLOATS = (
    arith.AddfOp,
    arith.SubfOp,
    arith.MulfOp,
    arith.MaximumfOp,
    arith.MinimumfOp,
)


class Draw:
    """Draws a body; `integer` and `choose` come from hypothesis."""

    def __init__(
        self,
        integer: Callable[[int, int], int],
        choose: Callable[[list[str]], str],
        floats: bool = False,
    ):
        self.integer = integer
        self.choose = choose
        self.kinds = ["binary"] * 5 + ["shift", "scale", "spike", "compare", "select"]
        self.kinds += ["logic", "extend", "narrow", "reuse"]
        if floats:
            self.kinds += ["to_float", "float", "float", "count", "to_integer"]

    def neuron(self, states: int, population: int, operations: int) -> snn.NeuronOp:
        """Inputs `x` and `z` (a spike), states of 8, 16 or 32 bits and a parameter `p`."""
        types: dict[str, Attribute] = {
            "x": IntegerType(self.width((8, 16, 32))),
            "z": i1,
            **{f"s{n}": IntegerType(self.width((8, 16, 32))) for n in range(states)},
            "p": IntegerType(self.width((8, 16, 32))),
        }

        def equations(b: Body, **ports: Scalar) -> tuple[list[Scalar], list[Scalar]]:
            pool = list(ports.values())
            for _ in range(operations):
                pool.append(self.operation(b, pool))
            names = [name for name in types if name.startswith("s")]
            following = [self.cast(b, self.of(pool, True), types[name]) for name in names]
            outputs = [self.of(pool, True), self.of(pool[-3:], False)]
            i64 = IntegerType(64)  # streams have 32 bits at most
            outputs = [self.cast(b, o, IntegerType(32)) if o.element == i64 else o for o in outputs]
            return outputs, following

        def port(name: str) -> SSAValue:
            return create_ssa_value(TensorType(types[name], [population]))

        return build_neuron(
            equations,
            inputs={"x": port("x"), "z": port("z")},
            states={name: port(name) for name in types if name.startswith("s")},
            parameters={"p": port("p")},
            population=[population],
            float_type=f32,
        )

    def width(self, widths: tuple[int, ...]) -> int:
        return widths[self.integer(0, len(widths) - 1)]

    def of(self, pool: list[Scalar], wide: bool) -> Scalar:
        """One of the last values more often than an early one; not a spike where `wide`."""
        fitting = [s for s in pool if not wide or _is_wide(s)] or pool
        if wide and not _is_wide(fitting[0]):
            return fitting[0]
        return fitting[self.integer(0, len(fitting) - 1)]

    def cast(self, b: Body, value: Scalar, type: Attribute) -> Scalar:
        if value.element in (f32, f64):
            value = b.insert(arith.FPToSIOp(value.value, IntegerType(32)))
        assert isinstance(type, IntegerType)
        assert isinstance(value.element, IntegerType)
        have, want = value.element.width.data, type.width.data
        if have == want:
            return value
        if have > want:
            return b.insert(arith.TruncIOp(value.value, type))
        signed = self.integer(0, 3) > 0 and have > 1
        op = arith.ExtSIOp if signed else arith.ExtUIOp
        return b.insert(op(value.value, type))

    def constant(self, b: Body, type: Attribute) -> Scalar:
        return b.constant(
            self.integer(-9, 9) if self.integer(0, 2) else self.integer(-120, 120), type
        )

    def operation(self, b: Body, pool: list[Scalar]) -> Scalar:
        kind = self.choose(self.kinds)
        a = self.of(pool, True)
        if a.element in (f32, f64) and kind not in ("float", "count", "to_integer", "spike"):
            a = self.cast(b, a, IntegerType(32))
        if kind == "reuse":  # x op (f of x): what plain intervals lose
            other = b.insert(
                arith.ShRSIOp(
                    (a * self.constant(b, a.element)).value,
                    b.constant(self.integer(0, 7), a.element).value,
                )
            )
            return a - other if self.integer(0, 1) else a + other
        if kind == "scale":
            return a * self.constant(b, a.element)
        if kind == "shift":
            amount = b.constant(self.integer(0, 9), a.element)
            return b.insert(SHIFTS[self.integer(0, 2)](a.value, amount.value))
        if kind == "spike":
            return b.spike(a, ("gt", "ge")[self.integer(0, 1)])
        if kind == "extend":
            return self.cast(b, a, IntegerType(64 if self.integer(0, 1) else 32))
        if kind == "narrow":
            return self.cast(b, a, IntegerType(self.width(WIDTHS)))
        if kind == "to_float":
            op = (arith.SIToFPOp, arith.UIToFPOp)[self.integer(0, 1)]
            return b.insert(op(a.value, f64))
        if kind in ("float", "count", "to_integer"):
            if a.element not in (f32, f64):
                a = b.insert(arith.SIToFPOp(a.value, f64))
            if kind == "count":
                return b.count(a, self.integer(1, 255), 8)
            if kind == "to_integer":
                return b.insert(arith.FPToSIOp(a.value, IntegerType(self.width(WIDTHS))))
            return b.insert(
                FLOATS[self.integer(0, 4)](
                    a.value, b.constant(self.integer(-20, 20) / 4, f64).value
                )
            )
        other = self.of(pool, True)
        if other.element in (f32, f64) or self.integer(0, 2) == 0:
            other = self.constant(b, a.element)
        other = self.cast(b, other, a.element)
        if kind == "compare":
            predicate = self.integer(0, 9)
            return b.insert(arith.CmpiOp(a.value, other.value, predicate))
        spikes = [s for s in pool if s.element == i1]
        if kind == "select":
            return b.select(spikes[self.integer(0, len(spikes) - 1)], a, other)
        if kind == "logic":
            one, two = (spikes[self.integer(0, len(spikes) - 1)] for _ in range(2))
            op = (arith.AndIOp, arith.OrIOp, arith.XOrIOp)[self.integer(0, 2)]
            return b.insert(op(one.value, two.value))
        return b.insert(BINARY[self.integer(0, len(BINARY) - 1)](a.value, other.value))


def _is_wide(scalar: Scalar) -> bool:
    return scalar.element != i1


def arrays(
    random: np.random.Generator, neuron: snn.NeuronOp, population: int
) -> tuple[dict[str, tuple[np.ndarray, np.ndarray]], dict[str, np.ndarray]]:
    """(input name -> (low, high), states and parameters -> values), int64."""
    inputs: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    for port in neuron.input_ports:
        if port.argument.type == i1:
            ends = np.sort(random.integers(0, 2, (2, population)), axis=0)
        else:
            ends = np.sort(random.integers(-50, 51, (2, population)), axis=0)
        inputs[port.name] = ends[0], ends[1]
    values = {
        port.name: random.integers(-40, 41, population)
        for port in (*neuron.state_ports, *neuron.parameter_ports)
    }
    return inputs, values
