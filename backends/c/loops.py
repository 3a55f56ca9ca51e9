"""Elementwise work: a function for each loop, whose pointers are known not to overlap."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects import linalg
from xdsl.ir import SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from snncc.backends.c.kernels import arithmetic
from snncc.backends.c.names import LOOP_LOCALS, LocalScope
from snncc.backends.c.program import CProgram
from snncc.backends.c.scalars import (
    MAXIMUM,
    MINIMUM,
    Expression,
    called_functions,
    converted,
    statements,
)
from snncc.backends.c.types import CType
from snncc.dialects.kernel.operands import memref_shape

_SIZE = CType("size_t", "index", 4)


def loop_function(
    program: CProgram, op: linalg.ops.GenericOp, types: Sequence[CType], name: str, doc: str
) -> str:
    """The function of an elementwise loop; `types` are those of its operands' elements."""
    block = op.body.block
    maps = [m.data for m in op.indexing_maps]
    shape = _loop_shape(op, maps)
    scope = LocalScope(program.prefix, LOOP_LOCALS)
    hints = [arg.name_hint or "a" for arg in block.args]
    arrays = [scope.fresh(f"{hint}s") for hint in hints]
    nest, indices = _nest(maps, shape, [memref_shape(v) for v in op.operands])
    names: dict[SSAValue, Expression] = {}
    loads: list[str] = []
    parameters: list[str] = []
    inputs = len(op.inputs)
    for position, (argument, array, index, type) in enumerate(
        zip(block.args, arrays, indices, types, strict=True)
    ):
        const = "const " if position < inputs else ""
        parameters.append(f"{const}{type.name} *restrict {array}")
        names[argument] = Expression(scope.fresh(hints[position]), type)
        if argument.first_use is not None:
            loads.append(f"const {type.name} {names[argument]} = {array}[{index}];")
    for place in block.ops:
        if isinstance(place, linalg.ops.IndexOp):  # of a loop over one axis; none is left of 1
            names[place.result] = Expression(nest[0][0] if nest else "0u", _SIZE)
    lines, values, helpers = statements(block, names, program.kernels.prefix, scope)
    stores: list[str] = []
    terminator = block.last_op
    assert isinstance(terminator, linalg.ops.YieldOp)
    for value, array, index, type in zip(
        terminator.operands, arrays[inputs:], indices[inputs:], types[inputs:], strict=True
    ):
        stores.append(f"{array}[{index}] = {converted(values[value], type)};")
    for which in (MAXIMUM, MINIMUM):
        for type in (CType("float", "f32", 4), CType("double", "f64", 8)):
            if f"{which}_{type.short}" in helpers:
                arithmetic.extreme(program.kernels, which, type)
    for operation, type in called_functions(block):
        arithmetic.function(program.kernels, operation, type)
    for helper in sorted(helpers):
        arithmetic.integer_helper(program.kernels, helper)
    text = [f"/* {doc}: {'order of axes' if doc == 'copy' else 'one step of the population'}. */"]
    apart = f"{program.kernels.upper}_APART " if program.keeps_apart else ""
    text.append(f"static {apart}void {name}(")
    text.append("    " + ",\n    ".join(parameters) + ")")
    text.append("{")
    pad = "  "
    for variable, size in nest:
        text.append(f"{pad}for (size_t {variable} = 0; {variable} < {size}u; ++{variable}) {{")
        pad += "  "
    text.extend(f"{pad}{line}" for line in (*loads, *lines, *stores))
    for _ in nest:
        pad = pad[:-2]
        text.append(f"{pad}}}")
    text.extend(["}", ""])
    return "\n".join(text)


def _loop_shape(op: linalg.ops.GenericOp, maps: list[AffineMap]) -> tuple[int, ...]:
    sizes: dict[int, int] = {}
    for operand, map in zip(op.operands, maps, strict=True):
        for expression, size in zip(map.results, memref_shape(operand), strict=True):
            if isinstance(expression, AffineDimExpr):
                sizes[expression.position] = max(size, sizes.get(expression.position, 1))
    return tuple(sizes.get(axis, 1) for axis in range(maps[0].num_dims))


def _nest(
    maps: list[AffineMap], shape: tuple[int, ...], operands: list[tuple[int, ...]]
) -> tuple[list[tuple[str, int]], list[str]]:
    """
    (loops, index of each operand). Neighbouring axes become one loop where every operand
    walks through them as one.
    """
    strides: list[list[int]] = []
    for map, sizes in zip(maps, operands, strict=True):
        steps = [0] * len(shape)
        for axis, expression in enumerate(map.results):
            if isinstance(expression, AffineDimExpr):
                steps[expression.position] = prod(sizes[axis + 1 :])
            else:
                assert isinstance(expression, AffineConstantExpr)
        strides.append(steps)
    groups: list[list[int]] = []
    for axis, size in enumerate(shape):
        if size == 1:
            continue
        if groups and all(steps[groups[-1][-1]] == steps[axis] * size for steps in strides):
            groups[-1].append(axis)
        else:
            groups.append([axis])
    variables = ["n"] if len(groups) == 1 else [f"n{axis}" for axis in range(len(groups))]
    nest = [
        (variable, prod(shape[axis] for axis in group))
        for variable, group in zip(variables, groups, strict=True)
    ]
    indices: list[str] = []
    for steps in strides:
        terms = [
            variable if steps[group[-1]] == 1 else f"{variable} * {steps[group[-1]]}u"
            for variable, group in zip(variables, groups, strict=True)
            if steps[group[-1]]
        ]
        indices.append(" + ".join(terms) or "0")
    return nest, indices
