"""Prints stages: one operation of the scheduled level, one piece of C."""

from __future__ import annotations

import re
from collections.abc import Callable
from math import prod
from typing import Any, TypeAlias

from xdsl.dialects import arith, linalg, scf
from xdsl.dialects.builtin import IntegerAttr, StringAttr
from xdsl.ir import Block, Operation, SSAValue

from snncc.backends.c import weighted
from snncc.backends.c.kernels import (
    bits,
    compress,
    gathers,
    moves,
    outer_rows,
    pools,
    products,
    projections,
)
from snncc.backends.c.loops import loop_function
from snncc.backends.c.names import Scope
from snncc.backends.c.program import CProgram, stored_type
from snncc.backends.c.states import initial
from snncc.backends.c.types import CType, c_type
from snncc.dialects import kernel
from snncc.dialects.arrays import splat_shape
from snncc.dialects.kernel.buffers import Role
from snncc.dialects.kernel.operands import memref_shape, memref_type
from snncc.dialects.kernel.packing import Packing
from snncc.errors import error

Rule: TypeAlias = "Callable[[StagePrinter, Any], None]"


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

    def type_of(self, value: SSAValue) -> CType:
        """The C type of a buffer's elements: the buffer says whether they are signed."""
        ref = value.owner
        if isinstance(ref, kernel.RefOp):
            return stored_type(self.program.buffers[ref.symbol])
        return c_type(memref_type(value).element_type)

    def packing_of(self, value: SSAValue) -> Packing | None:
        """How the buffer of a reference is stored; None: each element in its type."""
        ref = value.owner
        return self.program.buffers[ref.symbol].packing if isinstance(ref, kernel.RefOp) else None

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


def _of_indices(p: StagePrinter, op: arith.AddiOp) -> None:
    """Of numbers of steps."""
    sign = {arith.AddiOp: "+", arith.SubiOp: "-", arith.MuliOp: "*", arith.DivUIOp: "/"}[type(op)]
    p.indices[op.result] = f"({p.indices[op.lhs]} {sign} {p.indices[op.rhs]})"


def _restart(p: StagePrinter, op: kernel.RestartOp) -> None:
    """A function of the stage: its states as they are at first."""
    program = p.program
    lines: list[str] = []
    for state in op.states:
        assert isinstance(state.owner, kernel.RefOp)
        tables, statements = initial(program, state.owner.declaration)
        p.functions.extend(tables)
        lines.extend(statements)
    name = f"{program.stage(p.stage.stage_name.data)}_restart"
    p.functions.append(
        "\n".join([f"static void {name}({program.prefix}_state_t *s)", "{", *lines, "}", ""])
    )
    p.line(f"{name}(s);")


def _for(p: StagePrinter, op: scf.ForOp) -> None:
    step = "i" if p.indent == 1 and p.program.op.sample_steps is not None else "k"
    p.indices[op.body.block.args[0]] = step
    p.line(f"for (size_t {step} = 0; {step} < {p.indices[op.ub]}; ++{step}) {{")
    p.indent += 1
    p.lines.extend(p._body(op.body.block))
    p.indent -= 1
    p.line("}")


def _ref(p: StagePrinter, op: kernel.RefOp) -> None:
    p.texts[op.result] = p.ref(op)


def _compress(p: StagePrinter, op: kernel.CompressOp) -> None:
    name = compress.compress(p.program.kernels, p.type_of(op.source), p.type_of(op.list))
    count = p.counts.local("active")
    p.indices[op.count] = count
    p.call_kernel(
        name,
        p.texts[op.source],
        _size(op.source),
        p.texts[op.list],
        result=f"const size_t {count} = ",
    )


def _gather_steps(p: StagePrinter, op: kernel.GatherStepsOp) -> None:
    inputs, outputs = memref_shape(op.weight)
    write = gathers.gather_steps if op.panel is None else gathers.gather_panels
    p.call_kernel(
        write(
            p.program.kernels,
            p.type_of(op.out),
            p.type_of(op.input),
            spikes=op.spikes is not None,
        ),
        p.texts[op.weight],
        f"{inputs}u",
        f"{outputs}u",
        p.texts[op.input],
        p.indices[op.steps],
        p.texts[op.list],
        weighted.init_text(p, op.init),
        *([] if op.panel is None else [p.texts[op.panel]]),
        p.texts[op.out],
    )


def _outer(p: StagePrinter, op: kernel.OuterOp) -> None:
    _, positions, groups, columns, rows = op.sizes
    name = products.outer(
        p.program.kernels,
        p.type_of(op.out),
        p.type_of(op.right),
        p.type_of(op.list),
        single=positions == 1,
    )
    p.call_kernel(
        name,
        p.texts[op.left],
        p.texts[op.right],
        p.indices[op.steps],
        *(f"{size}u" for size in (positions, groups, columns, rows)),
        p.texts[op.list],
        p.texts[op.out],
    )


def _outer_rows(p: StagePrinter, op: kernel.OuterRowsOp) -> None:
    rows, columns = memref_shape(op.out)
    p.call_kernel(
        outer_rows.outer_rows(
            p.program.kernels,
            p.type_of(op.out),
            p.type_of(op.right),
            spikes=op.spikes is not None,
        ),
        p.texts[op.left],
        p.texts[op.right],
        p.indices[op.steps],
        f"{columns}u",
        f"{rows}u",
        p.texts[op.active],
        p.texts[op.list],
        p.texts[op.panel],
        p.texts[op.out],
    )


def _project(p: StagePrinter, op: kernel.ProjectOp) -> None:
    rows, columns = memref_shape(op.weight)
    p.call_kernel(
        projections.project(p.program.kernels, p.type_of(op.weight), fused=op.fused is not None),
        p.texts[op.weight],
        f"{rows}u",
        f"{columns}u",
        p.texts[op.input],
        p.indices[op.steps],
        p.texts[op.room],
        p.texts[op.out],
    )


def _pack(p: StagePrinter, op: kernel.PackOp) -> None:
    name = bits.pack(p.program.kernels)
    p.call_kernel(name, p.texts[op.source], _size(op.source), p.texts[op.out])


def _unpack(p: StagePrinter, op: kernel.UnpackOp) -> None:
    name = bits.unpack(p.program.kernels)
    p.call_kernel(name, p.texts[op.source], p.texts[op.out], _size(op.out))


def _pool(p: StagePrinter, op: kernel.PoolOp) -> None:
    name = pools.pool(
        p.program.kernels,
        op.pool.data.value,
        p.type_of(op.input),
        p.type_of(op.out),
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
        f"{run}u * sizeof({p.type_of(op.out).name}));"
    )
    for _ in names:
        p.indent -= 1
        p.line("}")


def _rearrange(p: StagePrinter, op: kernel.RearrangeOp) -> None:
    type = p.type_of(op.out)
    name = moves.rearrange(
        p.program.kernels, type, p.type_of(op.places), zeros=op.zeros is not None
    )
    sizes = [_size(op.source)] if op.zeros is not None else []
    source = p.texts[op.source]
    if p.type_of(op.source) != type:  # the same bits, signed here or there
        source = f"(const {type.name} *)({source})"
    p.call_kernel(
        name,
        source,
        *sizes,
        p.texts[op.places],
        _size(op.places),
        f"{op.run}u",
        p.texts[op.out],
    )


def _delay_read(p: StagePrinter, op: kernel.DelayReadOp) -> None:
    depth = memref_shape(op.line)[0]
    each = len(op.per_element) > 1
    name = moves.delay_read(p.program.kernels, p.type_of(op.out), each=each)
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
    name = moves.delay_write(p.program.kernels, p.type_of(op.source))
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
            f"{_size(op.outputs[0])} * sizeof({p.type_of(op.outputs[0]).name}));"
        )
        return
    symbols = p.program.symbols
    symbol = symbols.local("reorder") if doc == "copy" else symbols.fresh(f"{doc}_update")
    name = f"{p.program.prefix}_{symbol}"
    types = [p.type_of(operand) for operand in op.operands]
    p.functions.append(loop_function(p.program, op, types, name, doc))
    p.call_kernel(name, *(p.texts[operand] for operand in op.operands))


def _nothing(p: StagePrinter, op: Operation) -> None:
    """A terminator."""


RULES: dict[type[Operation], Rule] = {
    arith.ConstantOp: _constant,
    arith.AddiOp: _of_indices,
    arith.SubiOp: _of_indices,
    arith.MuliOp: _of_indices,
    arith.DivUIOp: _of_indices,
    scf.ForOp: _for,
    scf.YieldOp: _nothing,
    linalg.ops.GenericOp: _generic,
    kernel.RefOp: _ref,
    kernel.CompressOp: _compress,
    kernel.GatherOp: weighted.gather,
    kernel.DenseOp: weighted.dense,
    kernel.GatherStepsOp: _gather_steps,
    kernel.OuterOp: _outer,
    kernel.OuterRowsOp: _outer_rows,
    kernel.ProjectOp: _project,
    kernel.PackOp: _pack,
    kernel.UnpackOp: _unpack,
    kernel.ScatterOp: weighted.scatter,
    kernel.PoolOp: _pool,
    kernel.InsertOp: _insert,
    kernel.RearrangeOp: _rearrange,
    kernel.RestartOp: _restart,
    kernel.DelayReadOp: _delay_read,
    kernel.DelayWriteOp: _delay_write,
}
"""Operation -> how it prints."""
