"""
The equations of a chip's neuron, as its description writes them, and the body that they make.

    for k in receptors:
        i[k] = arrive(i[k], k)
        i[k] = i[k] - loss(i[k], dash_syn[k], 1)
    u = saturate(v + total(i), 16)
    spikes = count(u, threshold, 31)
    v = u - spikes * threshold

The text has the syntax of Python and is never run: it is parsed, checked against the few forms
named here, and written operation by operation into a body of whole numbers, in the order in
which it stands. Statements are assignments to a name or to name[k], and `for k in receptors:`.
Expressions are whole numbers, names, + - * << >> (>> rounds down), comparisons, `a if c else b`
and the functions of `FUNCTIONS`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from xdsl.utils.exceptions import VerifyException

from snncc.dialects.snn.attributes import SurrogateAttr
from snncc.dialects.snn.body import Body, Scalar
from snncc.dialects.snn.neurons import arithmetic
from snncc.dialects.snn.types import is_spike

MOST_NODES = 2000
"""Of a text's syntax tree: descriptions are files that users write."""

RECEPTORS = "receptors"

Value: TypeAlias = "Scalar | list[Scalar]"


class EquationError(ValueError):
    """What is wrong, with the line of the text, counted from 1, and the key of the text."""

    def __init__(self, line: int, message: str, key: str = "step"):
        super().__init__(message)
        self.line, self.key = line, key


@dataclass
class Scope:
    """What the names of a text mean while a body is written."""

    values: dict[str, Value]
    receptors: int
    arrive: Callable[[Scalar, int], Scalar]
    surrogate: SurrogateAttr | None = None
    """Of the neuron's spikes: a function of what the membrane is above the threshold."""
    unit: Scalar | None = None
    """What 1 of the surrogate's argument is in whole numbers, a float; None: they are its unit."""
    index: int | None = None
    """Of the receptor, inside the loop."""
    width: int = 32
    """Of the arithmetic."""


def parse(text: str) -> ast.Module:
    """The text's tree. Raises EquationError where it has a form that is not known."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
        line = fault.lineno if isinstance(fault, SyntaxError) and fault.lineno else 1
        raise EquationError(line, f"not an equation: {getattr(fault, 'msg', fault)}") from None
    if sum(1 for _ in ast.walk(tree)) > MOST_NODES:
        raise EquationError(1, f"expected at most {MOST_NODES} terms")
    for statement in tree.body:
        _check_statement(statement, nested=False)
    return tree


def names_read(tree: ast.Module) -> dict[str, int]:
    """Name -> the first line that reads it before it is assigned, functions apart."""
    found: dict[str, int] = {}
    assigned: set[str] = set()

    def visit(statement: ast.stmt) -> None:
        if isinstance(statement, ast.For):
            for inner in statement.body:
                visit(inner)
            return
        assert isinstance(statement, ast.Assign)
        functions = {node.func for node in ast.walk(statement.value) if isinstance(node, ast.Call)}
        for node in ast.walk(statement.value):
            if isinstance(node, ast.Name) and node not in functions and node.id not in assigned:
                found.setdefault(node.id, node.lineno)
        target = statement.targets[0]
        assigned.add(target.id if isinstance(target, ast.Name) else target.value.id)  # type: ignore[attr-defined]

    for statement in tree.body:
        visit(statement)
    found.pop("k", None)
    return found


def _check_statement(statement: ast.stmt, *, nested: bool) -> None:
    match statement:
        case ast.For(ast.Name("k"), ast.Name("receptors"), body, []) if not nested:
            for inner in body:
                _check_statement(inner, nested=True)
        case ast.Assign([ast.Name()], value):
            _check(value, nested)
        case ast.Assign([ast.Subscript(ast.Name(), index)], value):
            _check_index(index, nested)
            _check(value, nested)
        case _:
            raise EquationError(
                statement.lineno, "expected NAME = ..., NAME[k] = ... or `for k in receptors:`"
            )


def _check_index(index: ast.expr, nested: bool) -> None:
    match index:
        case ast.Name("k") if nested:
            return
        case ast.Constant(int()):
            return
    raise EquationError(
        index.lineno, "index: expected k inside of `for k in receptors:`, or a number"
    )


def _check(node: ast.expr, nested: bool) -> None:
    match node:
        case ast.Constant(value) if type(value) is int and abs(value) < 1 << 40:
            return
        case ast.Name():
            return
        case ast.Subscript(ast.Name(), index):
            _check_index(index, nested)
        case ast.UnaryOp(ast.USub(), operand):
            _check(operand, nested)
        case ast.BinOp(left, op, right) if type(op) in _BINARY:
            if isinstance(op, ast.LShift | ast.RShift) and not _is_amount(right):
                raise EquationError(node.lineno, "shift: expected a name, or 0 to 31")
            _check(left, nested)
            _check(right, nested)
        case ast.Compare(left, [op], [right]) if type(op) in _RELATIONS:
            _check(left, nested)
            _check(right, nested)
        case ast.IfExp(test, body, orelse):
            for part in (test, body, orelse):
                _check(part, nested)
        case ast.Call(ast.Name(name), arguments, []):
            if name not in FUNCTIONS:
                raise EquationError(
                    node.lineno, f"{name}: expected one of {', '.join(sorted(FUNCTIONS))}"
                )
            wanted = FUNCTIONS[name].arguments
            if len(arguments) not in wanted:
                counts = " or ".join(map(str, wanted))
                raise EquationError(
                    node.lineno, f"{name}: expected {counts} arguments, got {len(arguments)}"
                )
            for argument in arguments:
                _check(argument, nested)
        case _:
            raise EquationError(node.lineno, f"{ast.unparse(node)[:40]}: no form of an equation")


def _is_amount(node: ast.expr) -> bool:
    """Whether a shift by it is defined: by a parameter, whose range is checked, or few bits."""
    match node:
        case ast.Constant(value):
            return type(value) is int and 0 <= value <= 31
    return isinstance(node, ast.Name | ast.Subscript)


_BINARY: dict[type[ast.operator], Callable[[Scalar, Scalar], Scalar]] = {
    ast.Add: lambda a, b: a + b,
    ast.Sub: lambda a, b: a - b,
    ast.Mult: lambda a, b: a * b,
    ast.LShift: lambda a, b: a << b,
    ast.RShift: lambda a, b: a >> b,
}

_RELATIONS: dict[type[ast.cmpop], str] = {
    ast.Gt: "gt",
    ast.GtE: "ge",
    ast.Lt: "lt",
    ast.LtE: "le",
    ast.Eq: "eq",
    ast.NotEq: "ne",
}


@dataclass(frozen=True)
class Function:
    """A function of the text: how many arguments, what it means, what it writes."""

    arguments: tuple[int, ...]
    meaning: str
    write: Callable[[_Writer, list[ast.expr]], Scalar]


class _Writer:
    """Writes a parsed text into a body."""

    def __init__(self, b: Body, scope: Scope):
        self.b = b
        self.scope = scope

    def run(self, tree: ast.Module) -> None:
        for statement in tree.body:
            if isinstance(statement, ast.For):
                for k in range(self.scope.receptors):
                    self.scope.index = k
                    for inner in statement.body:
                        self._assign(inner)
                self.scope.index = None
            else:
                self._assign(statement)

    def _assign(self, statement: ast.stmt) -> None:
        assert isinstance(statement, ast.Assign)
        try:
            value = self.scalar(statement.value)
        except EquationError:
            raise
        except RecursionError:
            raise EquationError(statement.lineno, "is nested too deeply") from None
        except (ValueError, VerifyException) as fault:  # of the body
            raise EquationError(statement.lineno, str(fault).splitlines()[0]) from None
        match statement.targets[0]:
            case ast.Name(name):
                self.scope.values[name] = value
            case ast.Subscript(ast.Name(name), index):
                held = self.scope.values.setdefault(name, [])
                place = self.place(index)
                if not isinstance(held, list) or not 0 <= place <= len(held):
                    raise EquationError(statement.lineno, f"{name}: there is no {name}[{place}]")
                held[place : place + 1] = [value]

    def place(self, index: ast.expr) -> int:
        if isinstance(index, ast.Constant):
            assert isinstance(index.value, int)
            return index.value
        assert self.scope.index is not None
        return self.scope.index

    def scalar(self, node: ast.expr) -> Scalar:
        match node:
            case ast.Constant(int(value)):
                return self.constant(value)
            case ast.Name(name):
                held = self._held(name, node)
                if isinstance(held, list):
                    raise EquationError(node.lineno, f"{name}: expected an index, {name}[k]")
                return held
            case ast.Subscript(ast.Name(name), index):
                values = self._held(name, node)
                place = self.place(index)
                if not isinstance(values, list) or not 0 <= place < len(values):
                    raise EquationError(node.lineno, f"{name}: there is no {name}[{place}]")
                return values[place]
            case ast.UnaryOp(ast.USub(), operand):
                return -self.number(operand)
            case ast.BinOp(left, op, right):
                return _BINARY[type(op)](self.number(left), self.number(right))
            case ast.Compare(left, [op], [right]):
                relation = _RELATIONS[type(op)]
                return self.b.compare(relation, self.number(left), self.number(right))  # type: ignore[arg-type]
            case ast.IfExp(test, body, orelse):
                return self.b.select(self.truth(test), self.number(body), self.number(orelse))
            case ast.Call(ast.Name(name), arguments, []):
                return FUNCTIONS[name].write(self, arguments)
        raise EquationError(node.lineno, "no form of an equation")

    def _held(self, name: str, node: ast.expr) -> Value:
        if name not in self.scope.values:
            raise EquationError(node.lineno, f"{name}: is read before it is assigned")
        return self.scope.values[name]

    def number(self, node: ast.expr) -> Scalar:
        """A number; spikes and truth values count as 0 and 1."""
        x = self.scalar(node)
        return self.b.extend(x, self.scope.width) if is_spike(x.element) else x

    def truth(self, node: ast.expr) -> Scalar:
        x = self.scalar(node)
        if not is_spike(x.element):
            raise EquationError(node.lineno, "condition: expected a comparison or a spike")
        return x

    def constant(self, value: int) -> Scalar:
        from xdsl.dialects.builtin import IntegerType

        return self.b.constant(value, IntegerType(self.scope.width))

    def literal(self, node: ast.expr) -> int:
        match node:
            case ast.Constant(int(value)):
                return value
            case ast.Name("k") if self.scope.index is not None:
                return self.scope.index
        raise EquationError(node.lineno, "expected a number that stands in the text")

    def bits(self, node: ast.expr, least: int = 1) -> int:
        """A literal that is a number of bits of the arithmetic."""
        value = self.literal(node)
        if not least <= value < self.scope.width:
            raise EquationError(
                node.lineno, f"expected {least} to {self.scope.width - 1} bits, got {value}"
            )
        return value


def _arrive(w: _Writer, arguments: list[ast.expr]) -> Scalar:
    receptor = w.literal(arguments[1]) if len(arguments) > 1 else 0
    return w.scope.arrive(w.number(arguments[0]), receptor)


def _fit(overflow: arithmetic.Overflow) -> Callable[[_Writer, list[ast.expr]], Scalar]:
    return lambda w, a: arithmetic.fit(w.number(a[0]), w.bits(a[1]), overflow)


def _total(w: _Writer, arguments: list[ast.expr]) -> Scalar:
    match arguments[0]:
        case ast.Name(name):
            values = w.scope.values.get(name)
            if isinstance(values, list) and values:
                total = values[0]
                for value in values[1:]:
                    total = total + value
                return total
    raise EquationError(arguments[0].lineno, "total: expected the name of what receptors have")


def _spike(w: _Writer, arguments: list[ast.expr]) -> Scalar:
    match arguments[0]:
        case ast.Compare(left, [ast.Gt() | ast.GtE() as op], [right]):
            return _fired(w, w.number(left) - w.number(right), _RELATIONS[type(op)])
    raise EquationError(arguments[0].lineno, "spike: expected a > b or a >= b")


def _fired(w: _Writer, above: Scalar, comparison: str) -> Scalar:
    """A spike where `above` is above 0, or not below it, with the surrogate of the scope."""
    if w.scope.surrogate is None:
        return w.b.spike(above, comparison)
    argument = w.b.signed_to_float(above)
    if w.scope.unit is not None:
        argument = argument / w.scope.unit
    return w.b.spike(above, comparison, w.scope.surrogate, [argument])


def _count(w: _Writer, arguments: list[ast.expr]) -> Scalar:
    """
    With a surrogate it is that of the spike at the threshold which is nearest: a count is k - 1,
    and one more if the membrane has reached k thresholds, for every k that is off by 1 at most.
    """
    v, threshold = w.number(arguments[0]), w.number(arguments[1])
    most = w.literal(arguments[2])
    if most == 1:
        return _fired(w, v - threshold, "ge")
    if w.scope.surrogate is None:
        return arithmetic.count_spikes(v, threshold, most)
    b = w.b
    half = b.detach(v) + (b.detach(threshold) >> 1)
    nearest = b.clamp(b.divide(b.maximum(half, 0), b.detach(threshold)), 1, most)
    fired = _fired(w, v - nearest * threshold, "ge")
    return nearest - 1 + b.extend_unsigned(fired, w.scope.width)


def _rounded(rounding: arithmetic.Rounding) -> Callable[[_Writer, list[ast.expr]], Scalar]:
    return lambda w, a: arithmetic.shift_right(w.number(a[0]), w.bits(a[1], 0), rounding)


def _loss(w: _Writer, arguments: list[ast.expr]) -> Scalar:
    least = w.literal(arguments[2]) if len(arguments) > 2 else 0
    return arithmetic.shift_loss(
        w.number(arguments[0]), w.number(arguments[1]), least_one=bool(least)
    )


def _both(w: _Writer, a: list[ast.expr]) -> Scalar:
    left, right = w.truth(a[0]), w.truth(a[1])
    return w.b.select(left, right, left)


FUNCTIONS: dict[str, Function] = {
    "arrive": Function(
        (1, 2), "arrive(x), arrive(x, k): x after what arrives at receptor k in this step", _arrive
    ),
    "total": Function((1,), "total(i): the sum of i[0], i[1], ...", _total),
    "saturate": Function(
        (2,), "saturate(x, bits): held at the ends of a register", _fit("saturate")
    ),
    "saturate_symmetric": Function(
        (2,),
        "saturate_symmetric(x, bits): the same, where the lowest number is not used",
        _fit("saturate_symmetric"),
    ),
    "wrap": Function((2,), "wrap(x, bits): the low bits, two's complement", _fit("wrap")),
    "wrap_high": Function(
        (2,), "wrap_high(x, bits): wrapped to -h + 1 ... h, h = 2^(bits - 1)", _fit("wrap_high")
    ),
    "loss": Function(
        (2, 3),
        "loss(x, d): x >> d; loss(x, d, 1): at least 1 where x is positive",
        _loss,
    ),
    "towards_zero": Function(
        (2,), "towards_zero(x, n): x / 2^n, rounded towards zero", _rounded("toward_zero")
    ),
    "half_up": Function(
        (2,), "half_up(x, n): x / 2^n, to the nearest, half up", _rounded("half_up")
    ),
    "closer": Function(
        (2,),
        "closer(x, a): x moved towards 0 by a, and not beyond",
        lambda w, a: arithmetic.decay_subtract(w.number(a[0]), w.number(a[1])),
    ),
    "count": Function(
        (3,),
        "count(v, threshold, most): how often a threshold can be taken from v",
        _count,
    ),
    "spike": Function((1,), "spike(a >= b), spike(a > b): the Heaviside step", _spike),
    "both": Function((2,), "both(p, q): p and q", _both),
    "minimum": Function(
        (2,), "minimum(x, y)", lambda w, a: w.b.minimum(w.number(a[0]), w.number(a[1]))
    ),
    "maximum": Function(
        (2,), "maximum(x, y)", lambda w, a: w.b.maximum(w.number(a[0]), w.number(a[1]))
    ),
}
"""The functions that a text may call."""


def write(tree: ast.Module, b: Body, scope: Scope) -> Mapping[str, Value]:
    """Writes a parsed text into a body; what its names hold at the end."""
    _Writer(b, scope).run(tree)
    return scope.values
