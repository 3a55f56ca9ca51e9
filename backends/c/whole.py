"""
A network of integers that callers with floats use as well, in two files.

NAME.c computes in whole numbers: the stages, and the functions that take and give such numbers.
NAME_float.c converts: floats to whole numbers in front of the stages, and back behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

from snncc.backends.c.header import output_parameters
from snncc.backends.c.program import CProgram, Terminal, Whole
from snncc.backends.c.scalars import integer_literal
from snncc.backends.c.stages import StagePrinter, unused
from snncc.backends.c.types import is_signed
from snncc.dialects import kernel
from snncc.dialects.kernel.buffers import Role


def stages_parameters(program: CProgram) -> list[str]:
    """The parameters of NAME_stages: what it reads and writes of the caller is no float."""
    return [
        f"{program.prefix}_state_t *s",
        *(f"const {t.type.name} *{t.symbol}" for t in program.inputs if t.whole is None),
        *(f"{t.type.name} *{t.symbol}" for t in program.outputs if t.whole is None),
        "size_t steps",
    ]


def stages_signature(program: CProgram) -> str:
    return f"void {program.prefix}_stages({', '.join(stages_parameters(program))})"


def whole_text(program: CProgram) -> list[str]:
    """Of NAME.c: the stages between the conversions, and a block of whole numbers."""
    kept = [StagePrinter(program, stage) for stage in program.op.stages if stage.converts is None]
    printed = [stage.print() for stage in kept]
    calls = [stage.call() for stage in kept]
    return [
        *printed,
        "/* `steps` steps of what is computed in whole numbers, at most a block. */",
        stages_signature(program),
        "{",
        *unused(stages_parameters(program), calls),
        *(f"  {call}" for call in calls),
        "}",
        "",
        *_block_of_whole_numbers(program),
    ]


def floats_text(program: CProgram) -> list[str]:
    """Of NAME_float.c: the conversions, and a block of floats."""
    stages = [stage for stage in program.op.stages if stage.converts is not None]
    printers = {stage: StagePrinter(program, stage) for stage in stages}
    printed = [printer.print() for printer in printers.values()]
    before = [printers[stage].call() for stage in stages if _reads_input(stage)]
    after = [printers[stage].call() for stage in stages if not _reads_input(stage)]
    parameters = [
        f"{program.prefix}_state_t *s",
        *(f"const {t.type.name} *{t.symbol}" for t in program.inputs),
        *output_parameters(program),
        "size_t steps",
    ]
    return [
        *printed,
        "/* `steps` steps of the whole network, at most a block. */",
        f"static void {program.prefix}_block({', '.join(parameters)})",
        "{",
        *(f"  {call}" for call in (*before, _stages_call(program), *after)),
        "}",
        "",
    ]


def _reads_input(stage: kernel.StageOp) -> bool:
    refs = (op for op in stage.walk() if isinstance(op, kernel.RefOp))
    return any(ref.declaration.role.data is Role.INPUT for ref in refs)


def _stages_call(program: CProgram) -> str:
    names = [t.symbol for t in program.terminals if t.whole is None]
    return f"{program.prefix}_stages({', '.join(['s', *names, 'steps'])});"


def _block_of_whole_numbers(program: CProgram) -> list[str]:
    parameters = [
        f"{program.prefix}_state_t *s",
        *(f"const {t.element(whole=True).name} *{t.symbol}" for t in program.inputs),
        *output_parameters(program, whole=True),
        "size_t steps",
    ]
    taken = [(t, t.whole) for t in program.inputs if t.whole is not None]
    given = [(t, t.whole) for t in program.outputs if t.whole is not None]
    return [
        "/* `steps` steps of the caller's whole numbers, at most a block. */",
        f"static void {program.prefix}_block_q({', '.join(parameters)})",
        "{",
        *(line for t, whole in taken for line in _take(program, t, whole)),
        f"  {_stages_call(program)}",
        *(line for t, whole in given for line in _give(program, t, whole)),
        "}",
        "",
    ]


def _take(program: CProgram, t: Terminal, whole: Whole) -> list[str]:
    """The statements that fill the stream of an input, held at its ends."""
    stream = f"s->{program.member(whole.stream)}"
    low, high = _ends(whole)
    if low is None and high is None and not whole.channel_last:
        return [f"  memcpy({stream}, {t.symbol}, steps * {t.size}u * sizeof *{t.symbol});"]

    def held(place: str) -> str:
        text = f"{t.symbol}[{place}]"
        value = text
        if high is not None:
            value = f"{text} > {high} ? {high} : {value}"
        if low is not None:
            value = f"{text} < {low} ? {low} : {value}"
        return value if value == text else f"({whole.type.name})({value})"

    return _each(t, whole, lambda there, here: f"{stream}[{there}] = {held(here)};")


def _give(program: CProgram, t: Terminal, whole: Whole) -> list[str]:
    """The statements that hand out the stream of an output."""
    stream = f"s->{program.member(whole.stream)}"
    if not whole.channel_last:
        return [f"  memcpy({t.symbol}, {stream}, steps * {t.size}u * sizeof *{t.symbol});"]
    return _each(t, whole, lambda there, here: f"{t.symbol}[{here}] = {stream}[{there}];")


def _ends(whole: Whole) -> tuple[str | None, str | None]:
    """The least and largest number that an input may have, where its type has others."""
    if whole.within is None:
        return None, None
    low, high = whole.within
    bits = 8 * whole.type.size - is_signed(whole.type)
    least, most = (-(1 << bits) if is_signed(whole.type) else 0), (1 << bits) - 1
    return (
        None if low <= least else integer_literal(low, whole.type),
        None if high >= most else integer_literal(high, whole.type),
    )


def _each(t: Terminal, whole: Whole, statement: Callable[[str, str], str]) -> list[str]:
    """A statement for all elements of a block: (place in the stream, place of the caller)."""
    if not whole.channel_last:
        text = statement("i", "i")
        return [f"  for (size_t i = 0; i < steps * {t.size}u; ++i) {{", f"    {text}", "  }"]
    channels, places = t.shape[0], prod(t.shape[1:])
    text = statement(f"k * {t.size}u + i * {channels}u + e", f"k * {t.size}u + e * {places}u + i")
    return [
        "  for (size_t k = 0; k < steps; ++k) {",
        f"    for (size_t e = 0; e < {channels}u; ++e) {{ /* channels, which lie innermost */",
        f"      for (size_t i = 0; i < {places}u; ++i) {{",
        f"        {text}",
        "      }",
        "    }",
        "  }",
    ]
