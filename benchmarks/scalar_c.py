"""The bodies of neurons as plain C statements: one operation, one statement."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xdsl.dialects import arith
from xdsl.dialects.builtin import Float32Type, FloatAttr, IntegerAttr
from xdsl.ir import Attribute, Block, Operation, SSAValue

from snncc.dialects import snn
from snncc.dialects.snn.attributes import Comparison


def float_text(value: float) -> str:
    """A float32 literal without rounding."""
    return f"{float(value).hex()}f"


def c_type(type: Attribute) -> str:
    """Spikes and counts of a body are plain `int`s."""
    return "float" if isinstance(type, Float32Type) else "int"


def _constant(op: arith.ConstantOp) -> str:
    if isinstance(op.value, FloatAttr):
        return float_text(op.value.value.data)
    assert isinstance(op.value, IntegerAttr)
    return str(op.value.value.data)


def _spike(op: snn.SpikeOp, u: str) -> str:
    return f"{u} {'>' if op.comparison.data is Comparison.GT else '>='} 0"


def _count(op: snn.CountOp, q: str) -> str:
    largest = float_text(op.maximum.value.data)
    return f"(int)({q} >= 1.0f ? ({q} < {largest} ? {q} : {largest}) : 0.0f)"


RULES: dict[type[Operation], Callable[..., str]] = {
    arith.ConstantOp: _constant,
    arith.AddfOp: lambda _, a, b: f"{a} + {b}",
    arith.SubfOp: lambda _, a, b: f"{a} - {b}",
    arith.MulfOp: lambda _, a, b: f"{a} * {b}",
    arith.DivfOp: lambda _, a, b: f"{a} / {b}",
    arith.NegfOp: lambda _, a: f"-{a}",
    # as one writes them by hand: NaN and the sign of zero are left aside
    arith.MaximumfOp: lambda _, a, b: f"{a} > {b} ? {a} : {b}",
    arith.MinimumfOp: lambda _, a, b: f"{a} < {b} ? {a} : {b}",
    arith.SelectOp: lambda _, z, a, b: f"{z} ? {a} : {b}",
    arith.UIToFPOp: lambda _, n: f"(float){n}",
    snn.SpikeOp: _spike,
    snn.CountOp: _count,
    snn.DetachOp: lambda _, a: a,
}
"""Operation -> the C expression over the texts of its operands."""


def statements(block: Block, arguments: Mapping[SSAValue, str]) -> tuple[list[str], list[str]]:
    """
    A body as C: (statements, texts of the values of `snn.next` in order). `arguments`
    are the texts of the block's arguments. Raises NotImplementedError, which names the
    operation, for one without a rule.
    """
    texts = dict(arguments)
    lines: list[str] = []
    for op in block.ops:
        if op is block.last_op:
            break
        rule = RULES.get(type(op))
        if rule is None:
            raise NotImplementedError(f"the dense C loop has no {op.name}")
        (result,) = op.results
        texts[result] = f"t{len(lines)}"
        expression = rule(op, *(texts[operand] for operand in op.operands))
        lines.append(f"const {c_type(result.type)} {texts[result]} = {expression};")
    assert block.last_op is not None
    return lines, [texts[value] for value in block.last_op.operands]
