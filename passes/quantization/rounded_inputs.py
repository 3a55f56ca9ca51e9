"""
Inputs that the model rounds itself: the first thing that it does with them says their grid.

The pattern is that of fake quantization: round(x * factor) or round(x / factor), perhaps a
zero point, and two ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from xdsl.dialects import arith, math
from xdsl.dialects.builtin import AnyFloat
from xdsl.ir import Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array
from snncc.dialects.snn.types import stream_type
from snncc.passes.quantization.classes import Classes


@dataclass(frozen=True)
class Rounding:
    """
    The whole numbers from `low` to `high` that x is rounded to: x * factor, or x / factor
    with `divides`. Each is worth `scale`.
    """

    factor: float
    divides: bool
    low: int
    high: int
    scale: float


def own_roundings(network: snn.NetworkOp) -> dict[str, Rounding]:
    """Of the float inputs of a fused network that are rounded by all who read them, alike."""
    found: dict[str, Rounding] = {}
    for name, value in network.inputs.items():
        if not isinstance(stream_type(value).element_type, AnyFloat):
            continue
        kinds = set(_roundings(value))
        if len(kinds) == 1 and (only := kinds.pop()) is not None:
            found[name] = only
    return found


def _roundings(value: SSAValue) -> Iterator[Rounding | None]:
    for use in value.uses:
        neuron = use.operation
        if not isinstance(neuron, snn.NeuronOp) or use.index >= len(neuron.inputs):
            yield None
            continue
        yield _rounding_of(Classes(neuron), neuron.input_ports[use.index].argument)


def _rounding_of(classes: Classes, x: SSAValue) -> Rounding | None:
    """How the only reader of a scalar rounds it."""
    product = _reader(x)
    if not isinstance(product, arith.MulfOp | arith.DivfOp):
        return None
    divides = isinstance(product, arith.DivfOp)
    factor = _number(classes, product.rhs if product.lhs is x else product.lhs)
    if factor is None or not factor > 0 or (divides and product.lhs is not x):
        return None
    op = _reader(product.result)
    if not isinstance(op, math.RoundEvenOp):
        return None
    low, high, shift, ends = -np.inf, np.inf, 0.0, 0
    value: SSAValue = op.result
    while (op := _reader(value)) is not None:
        other = [v for v in op.operands if v is not value]
        number = _number(classes, other[0]) if len(other) == 1 else None
        if number is None:
            return None
        match op:
            case arith.AddfOp() if not ends:
                shift += number
            case arith.MaximumfOp():
                low, ends = number, ends + 1
            case arith.MinimumfOp():
                high, ends = number, ends + 1
            case arith.SubfOp() if op.lhs is value and number == shift:
                low, high, shift = low - number, high - number, 0.0
            case arith.MulfOp() if ends == 2 and shift == 0 and number > 0:
                if not np.isfinite([low, high]).all() or low % 1 or high % 1:
                    return None
                return Rounding(factor, divides, int(low), int(high), number)
            case _:
                return None
        value = op.results[0]
    return None


def _reader(value: SSAValue) -> Operation | None:
    return next(iter(value.uses)).operation if value.has_one_use() else None


def _number(classes: Classes, value: SSAValue) -> float | None:
    """A coefficient that is one number."""
    found: Array | None = classes.coefficients.get(value)
    if found is None or not np.all(found == found.reshape(-1)[:1]):
        return None
    return float(found.reshape(-1)[0])
