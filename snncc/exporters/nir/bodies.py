"""Whether two neurons compute the same: their bodies as equations, whatever the names."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from xdsl.dialects import arith
from xdsl.ir import BlockArgument, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.arrays import constant_of

COMMUTATIVE = (arith.AddfOp, arith.MulfOp)
"""Operations whose operands may be exchanged without changing a bit."""
MAX_WORK = 1 << 14
"""Comparisons before two bodies count as different: exchanges multiply."""
GRADIENT = ("surrogate",)
"""Properties that the forward value does not depend on."""


def matching_ports(a: snn.NeuronOp, b: snn.NeuronOp) -> list[int] | None:
    """
    For each operand of `a` the operand of `b` in its place, where both bodies have the same
    equations in the same order of rounding; else None. What only a gradient sees (detach,
    surrogates) does not count.
    """
    groups = [
        (len(n.inputs), len(n.initial_states), len(n.parameters), len(n.outputs)) for n in (a, b)
    ]
    if groups[0] != groups[1]:
        return None
    for states in _orders(a, b):
        matcher = _Matcher(a, b)
        outputs = zip(a.terminator.outputs, b.terminator.outputs, strict=True)
        if not all(matcher.same(x, y) for x, y in outputs):
            continue
        found = [
            matcher.same(a.terminator.states[i], b.terminator.states[j])
            and matcher.bind(_state(a, i), _state(b, j))
            for i, j in enumerate(states)
        ]
        if all(found) and matcher.units_are_one():
            return matcher.ports()
    return None


def _orders(a: snn.NeuronOp, b: snn.NeuronOp) -> Sequence[Sequence[int]]:
    """Which state of `b` may stand for each of `a`: in order, or two exchanged."""
    count = len(a.initial_states)
    straight = list(range(count))
    return [straight, straight[::-1]] if count == 2 else [straight]


def _state(neuron: snn.NeuronOp, index: int) -> BlockArgument:
    return neuron.state_ports[index].argument


class _Matcher:
    """Compares values of two bodies and notes which arguments stand for each other."""

    def __init__(self, a: snn.NeuronOp, b: snn.NeuronOp):
        self.a, self.b = a, b
        self.bound: dict[SSAValue, SSAValue] = {}
        self.taken: dict[SSAValue, SSAValue] = {}
        self.equal: dict[tuple[SSAValue, SSAValue], bool] = {}
        self.units: list[tuple[snn.NeuronOp, BlockArgument]] = []
        """Factors that have to be 1, and on which side."""
        self.budget = MAX_WORK

    def ports(self) -> list[int] | None:
        """By place; arguments that nothing reads stand for each other in their order."""
        unread = [arg for arg in self.b.body.block.args if arg not in self.taken]
        found: list[int] = []
        for arg in self.a.body.block.args:
            other = self.bound.get(arg)
            if other is None:
                group = self._group(self.a, arg.index)
                other = next((u for u in unread if self._group(self.b, u.index) == group), None)
                if other is None:
                    return None
                unread.remove(other)
            assert isinstance(other, BlockArgument)
            found.append(other.index)
        return found

    @staticmethod
    def _group(neuron: snn.NeuronOp, index: int) -> int:
        inputs, states = len(neuron.inputs), len(neuron.initial_states)
        return (index >= inputs) + (index >= inputs + states)

    def bind(self, x: BlockArgument, y: BlockArgument) -> bool:
        if self._group(self.a, x.index) != self._group(self.b, y.index) or x.type != y.type:
            return False
        return self.bound.setdefault(x, y) is y and self.taken.setdefault(y, x) is x

    def same(self, x: SSAValue, y: SSAValue) -> bool:
        x, y = _undetached(x), _undetached(y)
        if (x, y) in self.equal:
            return True
        self.budget -= 1
        if self.budget < 0:
            return False
        if self._attempt(lambda: self._equations(x, y)):
            self.equal[x, y] = True
        for factor, port in _products(x):
            if (x, y) not in self.equal and self._unit(factor, y, port, self.a):
                self.equal[x, y] = True
        for factor, port in _products(y):
            if (x, y) not in self.equal and self._unit(x, factor, port, self.b):
                self.equal[x, y] = True
        return (x, y) in self.equal

    def _attempt(self, compare: Callable[[], bool]) -> bool:
        """A comparison that leaves no trace where it fails."""
        before = dict(self.bound), dict(self.taken), list(self.units), dict(self.equal)
        if compare():
            return True
        self.bound, self.taken, self.units, self.equal = before
        return False

    def _unit(self, x: SSAValue, y: SSAValue, arg: BlockArgument, side: snn.NeuronOp) -> bool:
        """Equal where a factor of one side is 1, which importers fold away."""

        def compare() -> bool:
            self.units.append((side, arg))
            return self.same(x, y)

        return self._attempt(compare)

    def _equations(self, x: SSAValue, y: SSAValue) -> bool:
        if isinstance(x, BlockArgument) and isinstance(y, BlockArgument):
            return self.bind(x, y)
        p, q = x.owner, y.owner
        if not isinstance(p, Operation) or not isinstance(q, Operation):
            return False
        left, right = _operands(p), _operands(q)
        if type(p) is not type(q) or x.type != y.type or len(left) != len(right):
            return False
        keys = (p.properties.keys() | q.properties.keys()) - set(GRADIENT)
        if any(p.properties.get(k) != q.properties.get(k) for k in keys):
            return False
        if self._attempt(lambda: all(map(self.same, left, right))):
            return True
        exchanged = right[::-1]
        return isinstance(p, COMMUTATIVE) and self._attempt(
            lambda: all(map(self.same, left, exchanged))
        )

    def units_are_one(self) -> bool:
        """Whether the factors that were taken as 1 are, by the contents of `b`."""
        for side, arg in self.units:
            other = self.bound.get(arg) if side is self.a else arg
            if not isinstance(other, BlockArgument):
                return False
            content = constant_of(self.b.operands[other.index])
            if content is None or (content != 1).any():
                return False
        return True


def _products(value: SSAValue) -> list[tuple[SSAValue, BlockArgument]]:
    """(factor, port) of a product with a port of the body."""
    op = value.owner
    if not isinstance(op, arith.MulfOp):
        return []
    pairs = ((op.lhs, op.rhs), (op.rhs, op.lhs))
    return [(factor, port) for factor, port in pairs if isinstance(port, BlockArgument)]


def _operands(op: Operation) -> Sequence[SSAValue]:
    """Without what only a surrogate reads."""
    return op.operands[:1] if isinstance(op, snn.SpikeOp | snn.CountOp) else op.operands


def _undetached(value: SSAValue) -> SSAValue:
    while isinstance(value.owner, snn.DetachOp):
        value = value.owner.argument
    return value
