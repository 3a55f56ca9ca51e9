"""Whether two networks give the same bits, operation by operation, whatever their names."""

from __future__ import annotations

import numpy as np
from xdsl.ir import BlockArgument, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import Array, constant_of
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import node_name, shape_of
from snncc.exporters.nir.bodies import matching_ports

IGNORED = ("node", "kind", "surrogate", "operandSegmentSizes", "bias_position")


class Comparison:
    """
    Compares the outputs of two networks. `inputs` are the names of the first network's inputs
    in the second. `apart` is the first operation that has no equal.
    """

    def __init__(self, a: snn.NetworkOp, b: snn.NetworkOp, inputs: dict[str, str]):
        self.inputs = {a.inputs[own]: b.inputs[other] for own, other in inputs.items()}
        self.assumed: set[tuple[SSAValue, SSAValue]] = set()
        self.apart: Operation | None = None
        self.pending: list[tuple[SSAValue, SSAValue]] = []

    def same(self, x: SSAValue, y: SSAValue) -> bool:
        """Loops are followed once: what is compared already is taken as equal."""
        self.pending.append((x, y))
        while self.pending:
            pair = self.pending.pop()
            x, y = map(_transparent, pair)
            if (x, y) in self.assumed:
                continue
            self.assumed.add((x, y))
            if not self._values(x, y):
                if self.apart is None and isinstance(x.owner, Operation):
                    self.apart = x.owner
                return False
        return True

    def _values(self, x: SSAValue, y: SSAValue) -> bool:
        if x.type != y.type:
            return False
        if isinstance(x, BlockArgument):
            return self.inputs.get(x) is y
        p, q = x.owner, y.owner
        if not isinstance(p, Operation) or not isinstance(q, Operation):
            return False
        content, other = constant_of(x), constant_of(y)
        if content is not None or other is not None:
            return content is not None and other is not None and _equal(content, other)
        if type(p) is not type(q):
            return False
        if isinstance(p, snn.NeuronOp) and isinstance(q, snn.NeuronOp):
            return self._neurons(p, q)
        if isinstance(p, snn.AddOp) and isinstance(q, snn.AddOp):
            left, right = _summands(p), _summands(q)
            self.pending.extend(zip(left, right, strict=False))
            return len(left) == len(right)
        if isinstance(p, snn.DelayOp) and isinstance(q, snn.DelayOp):
            self.pending.append((p.stream, q.stream))
            return _steps(p) == _steps(q) and _equal_init(p, q)
        if any(
            p.properties.get(key) != q.properties.get(key)
            for key in p.properties.keys() | q.properties.keys()
            if key not in IGNORED
        ):
            return False
        if isinstance(p, WeightedSum) and isinstance(q, WeightedSum):
            if p.adds_bias_first != q.adds_bias_first:
                return False
            self.pending += [(p.input, q.input), (p.weight, q.weight)]
            return _equal_bias(p, q)
        self.pending.extend(zip(p.operands, q.operands, strict=False))
        return len(p.operands) == len(q.operands)

    def _neurons(self, p: snn.NeuronOp, q: snn.NeuronOp) -> bool:
        places = matching_ports(p, q)
        if places is None or p.population != q.population:
            return False
        for index, place in enumerate(places):
            content, other = constant_of(p.operands[index]), constant_of(q.operands[place])
            if content is None or other is None:
                self.pending.append((p.operands[index], q.operands[place]))
            elif not _equal(
                np.broadcast_to(content, p.population), np.broadcast_to(other, p.population)
            ):
                return False
        return True


def _transparent(value: SSAValue) -> SSAValue:
    """Through what changes no number: a spike as a float, and a reshape to the same shape."""
    while True:
        op = value.owner
        if isinstance(op, snn.AddOp) and len(op.inputs) == 1:
            value = op.inputs[0]
        elif isinstance(op, snn.ReshapeOp) and shape_of(op.input) == shape_of(op.result):
            value = op.input
        else:
            return value


def _summands(op: snn.AddOp) -> list[SSAValue]:
    """What is added from left to right, sums in the first place written out."""
    first, *others = op.inputs
    inner = _transparent(first).owner
    if isinstance(inner, snn.AddOp):
        return [*_summands(inner), *others]
    return [first, *others]


def _steps(op: snn.DelayOp) -> tuple[int, ...]:
    steps = op.steps_per_element
    return steps[:1] if len(set(steps)) == 1 else steps


def _equal(a: Array, b: Array) -> bool:
    return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()


def _equal_init(p: snn.DelayOp, q: snn.DelayOp) -> bool:
    a, b = constant_of(p.init), constant_of(q.init)
    if a is None or b is None:
        return False
    shape = shape_of(p.stream)
    return _equal(np.broadcast_to(a, shape), np.broadcast_to(b, shape))


def _equal_bias(p: WeightedSum, q: WeightedSum) -> bool:
    """No bias is one of zeros: a sum from +0 is never -0, and +0 changes nothing else."""
    found = [None if op.bias is None else constant_of(op.bias) for op in (p, q)]
    if p.bias is not None and q.bias is not None:
        a, b = found
        return a is not None and b is not None and _equal(a, b)
    return all(content is None or not content.any() for content in found)


def described(op: Operation | None) -> str:
    """Where two networks part, for a message."""
    if op is None:
        return "an input"
    name = node_name(op)
    return op.name if name is None else f"{op.name} {name!r}"
