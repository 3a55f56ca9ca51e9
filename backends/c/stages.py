"""Prints stages: one operation of the scheduled level, one piece of C."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

from xdsl.dialects import arith, linalg, scf
from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.ir import Block, Operation, SSAValue
from xdsl.ir.affine import AffineConstantExpr, AffineDimExpr, AffineMap

from snncc.backends.c.names import LOOP_LOCALS, LocalScope, Scope
from snncc.backends.c.program import CProgram
from snncc.backends.c.scalars import MAXIMUM, MINIMUM, called_functions, statements
from snncc.backends.c.types import CType, c_type
from snncc.dialects import kernel
from snncc.dialects.arrays import splat_shape
from snncc.dialects.kernel.kernels import memref_shape, memref_type
from snncc.dialects.kernel.program import Role
from snncc.errors import error

Rule: TypeAlias = "Callable[[StagePrinter, Any], None]"


def element_type(value: SSAValue) -> CType:
    return c_type(memref_type(value).element_type)


class StagePrinter:
    """The functions of one stage: its elementwise loops, then the stage itself."""

    def __init__(self, program: CProgram, stage: kernel.StageOp):
        self.program = program
        self.stage = stage
        self.lines: list[str] = []
        self.functions: list[str] = []
        self.texts: dict[SSAValue, str] = {}
        self.indices: dict[SSAValue, str] = {}
        self.counts = Scope()
        for terminal in (*program.inputs, *program.outputs):
            self.counts.local(terminal.symbol)
        self.indent = 1

    def print(self) -> str:
        """The stage as C; `steps` steps from the start of the caller's arrays."""
        program, stage = self.program, self.stage
        name = stage.stage_name.data
        self.indices[stage.steps] = "steps"
        body_lines = self._body(stage.body.block)
        parameters = [f"{program.prefix}_state_t *s", *self._terminals(), "size_t steps"]
        voids = unused(parameters, body_lines)
        title = f"/* Stage {name}"
        if stage.nodes.data:
            title += ": " + ", ".join(node.data for node in stage.nodes)
        if stage.recurrent is not None:
            title += " (recurrent: step by step)"
        head = f"static void {program.stage(name)}({', '.join(parameters)})"
        text = "\n".join([f"{title}. */", head, "{", *voids, *body_lines, "}", ""])
        return "\n".join([*self.functions, text])

    def call(self) -> str:
        """The call of this stage with the names of its caller's parameters."""
        arguments = ["s", *(t.split()[-1].lstrip("*") for t in self._terminals()), "steps"]
        return f"{self.program.stage(self.stage.stage_name.data)}({', '.join(arguments)});"

    def _terminals(self) -> list[str]:
        """The caller's arrays that this stage touches, as parameters."""
        touched = {op.symbol for op in self.stage.walk() if isinstance(op, kernel.RefOp)}
        found = [
            f"const {t.type.name} *{t.symbol}" for t in self.program.inputs if t.buffer in touched
        ]
        return found + [
            f"{t.type.name} *{t.symbol}" for t in self.program.outputs if t.buffer in touched
        ]

    def _body(self, block: Block) -> list[str]:
        outer, self.lines = self.lines, []
        for op in block.ops:
            self._print(op)
        lines, self.lines = self.lines, outer
        return lines

    def _print(self, op: Operation) -> None:
        rule = RULES.get(type(op))
        if rule is None:
            raise error(
                "SNC-C001",
                f"{op.name} has no rule in C",
                node=self.stage.stage_name.data,
                remedy=f"operations with a rule: {', '.join(sorted(k.name for k in RULES))}",
            )
        rule(self, op)

    def line(self, text: str) -> None:
        self.lines.append("  " * self.indent + text)

    def call_kernel(self, name: str, *arguments: str, result: str = "") -> None:
        """A call, broken where it is long."""
        text = f"{result}{name}({', '.join(arguments)});"
        pad = "  " * self.indent
        if len(pad) + len(text) <= 100:
            self.line(text)
            return
        self.line(f"{result}{name}(")
        current = ""
        for index, argument in enumerate(arguments):
            piece = argument + (", " if index + 1 < len(arguments) else ");")
            if len(pad) + 4 + len(current) + len(piece) > 100:
                self.line(f"    {current.rstrip()}")
                current = ""
            current += piece
        self.line(f"    {current}")

    def ref(self, op: kernel.RefOp) -> str:
        """A pointer to the first element of a reference."""
        program, name = self.program, op.symbol
        role = program.buffers[name].role.data
        if role is Role.CONST:
            return program.constant(name)
        if role in (Role.INPUT, Role.OUTPUT):
            base = next(t.symbol for t in (*program.inputs, *program.outputs) if t.buffer == name)
        else:
            base = f"s->{program.member(name)}"
        if op.step is None:
            return base
        step = self.indices[op.step]
        if step == "0u":
            return base
        return f"{base} + {step} * {prod(memref_shape(op.result))}u"


def unused(parameters: list[str], lines: list[str]) -> list[str]:
    """Statements that say of parameters that the lines leave out that this is meant."""
    text = "\n".join(lines)
    names = [parameter.split()[-1].lstrip("*") for parameter in parameters]
    return [f"  (void){name};" for name in names if not _mentions(text, name)]


def _mentions(text: str, name: str) -> bool:
    return re.search(rf"\b{re.escape(name)}\b", text) is not None


def _size(value: SSAValue) -> str:
    return f"{splat_shape(memref_shape(value))}u"


# one rule for each operation


def _constant(p: StagePrinter, op: arith.ConstantOp) -> None:
    assert isinstance(op.value, IntegerAttr)
    p.indices[op.result] = f"{op.value.value.data}u"


def _for(p: StagePrinter, op: scf.ForOp) -> None:
    step = "k"
    p.indices[op.body.block.args[0]] = step
    p.line(f"for (size_t {step} = 0; {step} < {p.indices[op.ub]}; ++{step}) {{")
    p.indent += 1
    p.lines.extend(p._body(op.body.block))
    p.indent -= 1
    p.line("}")


def _ref(p: StagePrinter, op: kernel.RefOp) -> None:
    p.texts[op.result] = p.ref(op)


def _compress(p: StagePrinter, op: kernel.CompressOp) -> None:
    name = p.program.kernels.compress(element_type(op.source), element_type(op.list))
    count = p.counts.local("active")
    p.indices[op.count] = count
    p.call_kernel(
        name,
        p.texts[op.source],
        _size(op.source),
        p.texts[op.list],
        result=f"const size_t {count} = ",
    )


def _values(p: StagePrinter, values: SSAValue | None) -> list[str]:
    return [] if values is None else [p.texts[values]]


def _init(p: StagePrinter, init: SSAValue | None) -> str:
    return "NULL" if init is None else p.texts[init]


def _gather(p: StagePrinter, op: kernel.GatherOp) -> None:
    values = op.values
    name = p.program.kernels.gather(
        element_type(op.weight),
        element_type(op.list),
        None if values is None else element_type(values),
    )
    p.call_kernel(
        name,
        p.texts[op.weight],
        _size(op.out),
        p.texts[op.list],
        p.indices[op.count],
        *_values(p, values),
        _init(p, op.init),
        p.texts[op.out],
    )


def _dense(p: StagePrinter, op: kernel.DenseOp) -> None:
    name = p.program.kernels.dense(element_type(op.weight), element_type(op.input))
    p.call_kernel(
        name,
        p.texts[op.weight],
        _size(op.input),
        _size(op.out),
        p.texts[op.input],
        _init(p, op.init),
        p.texts[op.out],
    )


def _scatter(p: StagePrinter, op: kernel.ScatterOp) -> None:
    values = op.values
    name = p.program.kernels.scatter(
        element_type(op.weight),
        element_type(op.list),
        None if values is None else element_type(values),
    )
    height, width, channels = op.input_sizes
    out_height, out_width, outputs = op.output_sizes
    _, kernel_height, kernel_width, _ = memref_shape(op.weight)
    numbers = (
        height,
        width,
        channels,
        out_height,
        out_width,
        outputs,
        kernel_height,
        kernel_width,
        *op.strides,
        *op.paddings,
        *op.dilations,
        op.group_count,
    )
    p.call_kernel(
        name,
        p.texts[op.weight],
        p.texts[op.list],
        p.indices[op.count],
        *_values(p, values),
        _init(p, op.init),
        p.texts[op.out],
        *map(str, numbers),
    )


def _pool(p: StagePrinter, op: kernel.PoolOp) -> None:
    name = p.program.kernels.pool(
        op.pool.data.value,
        element_type(op.input),
        element_type(op.out),
        exclude_padding=op.exclude_padding is not None,
    )
    height, width, channels = memref_shape(op.input)
    out_height, out_width, _ = memref_shape(op.out)
    numbers = (
        height,
        width,
        channels,
        out_height,
        out_width,
        *op.kernels,
        *op.strides,
        *op.paddings,
    )
    p.call_kernel(name, p.texts[op.input], p.texts[op.out], *map(str, numbers))


def _insert(p: StagePrinter, op: kernel.InsertOp) -> None:
    """Runs of elements that are neighbours on both sides, one copy each."""
    source, out = memref_shape(op.source), memref_shape(op.out)
    inner = len(source) - 1
    while inner > 0 and source[inner] == out[inner]:
        inner -= 1
    run = prod(source[inner:])
    names = [f"i{axis}" for axis in range(inner)]
    for name, size in zip(names, source, strict=False):
        p.line(f"for (size_t {name} = 0; {name} < {size}u; ++{name}) {{")
        p.indent += 1

    def at(shape: tuple[int, ...], places: tuple[int, ...]) -> str:
        terms: list[str] = []
        fixed = 0
        for axis, place in enumerate(places):
            stride = prod(shape[axis + 1 :])
            fixed += place * stride
            if axis < inner:
                terms.append(f"{names[axis]} * {stride}u")
        if fixed:
            terms.append(f"{fixed}u")
        return "".join(f" + {term}" for term in terms)

    p.line(
        f"memcpy({p.texts[op.out]}{at(out, op.places)}, "
        f"{p.texts[op.source]}{at(source, (0,) * len(source))}, "
        f"{run}u * sizeof({element_type(op.out).name}));"
    )
    for _ in names:
        p.indent -= 1
        p.line("}")


def _rearrange(p: StagePrinter, op: kernel.RearrangeOp) -> None:
    name = p.program.kernels.rearrange(
        element_type(op.out), element_type(op.places), zeros=op.zeros is not None
    )
    sizes = [_size(op.source)] if op.zeros is not None else []
    p.call_kernel(
        name,
        p.texts[op.source],
        *sizes,
        p.texts[op.places],
        _size(op.places),
        f"{op.run}u",
        p.texts[op.out],
    )


def _delay_read(p: StagePrinter, op: kernel.DelayReadOp) -> None:
    depth = memref_shape(op.line)[0]
    each = len(op.per_element) > 1
    name = p.program.kernels.delay_read(element_type(op.out), each=each)
    position = f"{p.texts[op.position]}[0]"
    head = (p.texts[op.line], position, f"{depth}u", _size(op.out))
    if not each:
        p.call_kernel(name, *head, f"{op.per_element[0]}u", p.texts[op.out])
        return
    table = f"{p.program.prefix}_{p.program.symbols.local('steps')}"
    rows = [
        ", ".join(f"{v}u" for v in op.per_element[i : i + 16])
        for i in range(0, len(op.per_element), 16)
    ]
    p.functions.append(
        f"static const uint32_t {table}[{len(op.per_element)}] = {{\n  "
        + ",\n  ".join(rows)
        + "};\n"
    )
    now = p.texts[op.now] if op.now is not None else p.texts[op.line]
    p.call_kernel(name, *head, table, now, p.texts[op.out])


def _delay_write(p: StagePrinter, op: kernel.DelayWriteOp) -> None:
    name = p.program.kernels.delay_write(element_type(op.source))
    p.call_kernel(
        name,
        p.texts[op.source],
        p.texts[op.line],
        p.texts[op.position],
        f"{memref_shape(op.line)[0]}u",
        _size(op.source),
    )


def _generic(p: StagePrinter, op: linalg.ops.GenericOp) -> None:
    """An elementwise loop: a function of its own, whose pointers are known not to overlap."""
    maps = [m.data for m in op.indexing_maps]
    doc = op.doc.data if isinstance(op.doc, StringAttr) else "loop"
    if doc == "copy" and maps[0] == maps[1]:
        p.line(
            f"memcpy({p.texts[op.outputs[0]]}, {p.texts[op.inputs[0]]}, "
            f"{_size(op.outputs[0])} * sizeof({element_type(op.outputs[0]).name}));"
        )
        return
    symbols = p.program.symbols
    symbol = symbols.local("reorder") if doc == "copy" else symbols.fresh(f"{doc}_update")
    name = f"{p.program.prefix}_{symbol}"
    p.functions.append(_loop_function(p, op, name, doc))
    p.call_kernel(name, *(p.texts[operand] for operand in op.operands))


def _loop_function(p: StagePrinter, op: linalg.ops.GenericOp, name: str, doc: str) -> str:
    block = op.body.block
    maps = [m.data for m in op.indexing_maps]
    shape = _loop_shape(op, maps)
    scope = LocalScope(p.program.prefix, LOOP_LOCALS)
    hints = [arg.name_hint or "a" for arg in block.args]
    arrays = [scope.fresh(f"{hint}s") for hint in hints]
    nest, indices = _nest(maps, shape, [memref_shape(v) for v in op.operands])
    names: dict[SSAValue, str] = {}
    loads: list[str] = []
    parameters: list[str] = []
    inputs = len(op.inputs)
    for position, (argument, array, index) in enumerate(
        zip(block.args, arrays, indices, strict=True)
    ):
        type = c_type(argument.type)
        const = "const " if position < inputs else ""
        parameters.append(f"{const}{type.name} *restrict {array}")
        names[argument] = scope.fresh(hints[position])
        if argument.first_use is not None:
            loads.append(f"const {type.name} {names[argument]} = {array}[{index}];")
    lines, texts = statements(block, names, p.program.prefix, scope)
    stores: list[str] = []
    terminator = block.last_op
    assert isinstance(terminator, linalg.ops.YieldOp)
    for value, array, index in zip(
        terminator.operands, arrays[inputs:], indices[inputs:], strict=True
    ):
        stores.append(f"{array}[{index}] = {texts[value]};")
    for which in (MAXIMUM, MINIMUM):
        for type in (CType("float", "f32", 4), CType("double", "f64", 8)):
            if any(f"{p.program.prefix}_{which}_{type.short}(" in line for line in lines):
                p.program.kernels.extreme(which, type)
    for operation, type in called_functions(block):
        p.program.kernels.function(operation, type)
    text = [f"/* {doc}: {'order of axes' if doc == 'copy' else 'one step of the population'}. */"]
    text.append(f"static void {name}(")
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


def _nothing(p: StagePrinter, op: Operation) -> None:
    """A terminator."""


RULES: dict[type[Operation], Rule] = {
    arith.ConstantOp: _constant,
    scf.ForOp: _for,
    scf.YieldOp: _nothing,
    linalg.ops.GenericOp: _generic,
    kernel.RefOp: _ref,
    kernel.CompressOp: _compress,
    kernel.GatherOp: _gather,
    kernel.DenseOp: _dense,
    kernel.ScatterOp: _scatter,
    kernel.PoolOp: _pool,
    kernel.InsertOp: _insert,
    kernel.RearrangeOp: _rearrange,
    kernel.DelayReadOp: _delay_read,
    kernel.DelayWriteOp: _delay_write,
}
"""Operation -> how it prints."""
