"""The functions behind the header of the emitted C, and the stages that they call."""

from __future__ import annotations

from snncc.backends.c.header import STATUS, output_parameters, signature
from snncc.backends.c.program import CProgram, Terminal, Unit
from snncc.backends.c.stages import StagePrinter, unused
from snncc.backends.c.states import initial
from snncc.backends.c.weights import Constant
from snncc.dialects.kernel.program import Role
from snncc.dialects.snn.network import STREAM

ARITHMETIC = """\
/* The results are the same bits under every flag but those that change the arithmetic. */
#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || \\
    defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__) || \\
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "-ffast-math, -Ofast and what they imply change the results: leave them out"
#endif
#if defined(__FLT_EVAL_METHOD__) && (__FLT_EVAL_METHOD__ == 1 || __FLT_EVAL_METHOD__ == 2)
#error "float is computed in a wider type here, which changes the results: -msse2 -mfpmath=sse"
#endif
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC optimize("fp-contract=off") /* no a * b + c in one operation, with one rounding */
#else
#pragma STDC FP_CONTRACT OFF
#endif
"""
"""What stands in front of all else in NAME.c: functions of headers are inlined into ours."""

ARITHMETIC_END = """\
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC pop_options
#endif
"""


APART = """\
/* Loops over populations stay functions of their own: what gcc 12 makes of one that it inlines
   into the loop over the steps (-O3 with wide vectors) loses some of its stores. */
#if defined(__GNUC__)
#define @U@_APART __attribute__((noinline))
#else
#define @U@_APART
#endif
"""


def internal_header(program: CProgram | Unit, constants: list[Constant]) -> str:
    """NAME_internal.h: what the files of the package share."""
    p, u = program.prefix, program.upper
    return "\n".join(
        [
            f"/* Shared by the files of {p}; not for its users. */",
            f"#ifndef {u}_INTERNAL_H",
            f"#define {u}_INTERNAL_H",
            "",
            f'#include "{p}.h"',
            "",
            "/* Where constants go: define it for a section of your own. */",
            f"#ifndef {u}_CONST",
            "#if defined(__GNUC__)",
            f"#define {u}_CONST __attribute__((aligned({program.alignment})))",
            "#else",
            f"#define {u}_CONST",
            "#endif",
            "#endif",
            "",
            *(f"extern {c.declaration};" for c in constants),
            "",
            f"#endif /* {u}_INTERNAL_H */",
            "",
        ]
    )


def source(program: CProgram) -> str:
    """NAME.c: stages, and the public functions."""
    p, u = program.prefix, program.upper
    return "\n".join(
        [
            ARITHMETIC,
            f'#include "{p}_internal.h"',
            "",
            "#include <string.h>",
            "",
            f'#include "{p}_kernels.h"',
            "",
            f'_Static_assert(sizeof({p}_state_t) == {u}_STATE_BYTES, "{u}_STATE_BYTES");',
            f'_Static_assert(_Alignof({p}_state_t) == {u}_STATE_ALIGN, "{u}_STATE_ALIGN");',
            "",
            f"#define {u}_MAGIC {program.magic}u",
            "",
            *([APART.replace("@U@", u)] if program.keeps_apart else []),
            *stages_text(program),
            _reset(program),
            _init(program),
            _status_text(program),
            _step_f32(program),
            _step_counts(program),
            _step_events(program),
            _run(program),
            ARITHMETIC_END,
        ]
    )


def stages_text(program: CProgram) -> list[str]:
    """The functions of the stages, and the one that runs a block of steps through all."""
    stages = [StagePrinter(program, stage) for stage in program.op.stages]
    printed = [stage.print() for stage in stages]
    calls = [stage.call() for stage in stages]
    return [
        *printed,
        "/* `steps` steps of the whole network, at most a block. */",
        f"static void {program.prefix}_block({', '.join(_block_parameters(program))})",
        "{",
        *unused(_block_parameters(program), calls),
        *(f"  {call}" for call in calls),
        "}",
        "",
    ]


def kernels_header(program: CProgram | Unit) -> str:
    """NAME_kernels.h: the micro-kernels that the stages call. Print the stages first."""
    p, u = program.prefix, program.upper
    return "\n".join(
        [
            f"/* The kernels of {p}: a plain body each, and faster ones with the same bits. */",
            f"#ifndef {u}_KERNELS_H",
            f"#define {u}_KERNELS_H",
            "",
            "#include <stddef.h>",
            "#include <stdint.h>",
            "#include <string.h>",
            "",
            program.kernels.text(),
            f"#endif /* {u}_KERNELS_H */",
            "",
        ]
    )


def _block_parameters(program: CProgram) -> list[str]:
    return [
        f"{program.prefix}_state_t *s",
        *(f"const {t.type.name} *{t.symbol}" for t in program.inputs),
        *output_parameters(program),
        "size_t steps",
    ]


def _reset(program: CProgram) -> str:
    p, u = program.prefix, program.upper
    tables: list[str] = []
    lines: list[str] = []
    for buffer in program.op.buffers(Role.STATE):
        tables_, line = initial(program, buffer)
        tables.extend(tables_)
        lines.extend(line)
    return "\n".join(
        [
            *tables,
            f"{p}_status_t {p}_reset({p}_state_t *s)",
            "{",
            "  if (s == NULL) {",
            f"    return {u}_ERR_ARG;",
            "  }",
            f"  if (s->magic != {u}_MAGIC) {{",
            f"    return {u}_ERR_STATE;",
            "  }",
            *lines,
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _init(program: CProgram) -> str:
    p, u = program.prefix, program.upper
    return "\n".join(
        [
            f"{p}_status_t {p}_init({p}_state_t *s)",
            "{",
            "  if (s == NULL) {",
            f"    return {u}_ERR_ARG;",
            "  }",
            "  memset(s, 0, sizeof *s);",
            f"  s->magic = {u}_MAGIC;",
            f"  return {p}_reset(s);",
            "}",
            "",
        ]
    )


def _status_text(program: CProgram) -> str:
    p, u = program.prefix, program.upper
    cases = [
        line
        for name, _, meaning in STATUS
        for line in (f"  case {u}_{name}:", f'    return "{meaning}";')
    ]
    return "\n".join(
        [
            f"const char *{p}_status_text({p}_status_t status)",
            "{",
            "  switch (status) {",
            *cases,
            "  }",
            '  return "unknown status";',
            "}",
            "",
        ]
    )


def _guard(program: CProgram, pointers: list[str]) -> list[str]:
    """Checks of arguments that every step makes."""
    u = program.upper
    tests = " || ".join(f"{pointer} == NULL" for pointer in ("s", *pointers))
    return [
        f"  if ({tests}) {{",
        f"    return {u}_ERR_ARG;",
        "  }",
        f"  if (s->magic != {u}_MAGIC) {{",
        f"    return {u}_ERR_STATE;",
        "  }",
    ]


def _symbols(terminals: list[Terminal]) -> list[str]:
    return [t.symbol for t in terminals]


def _call_block(program: CProgram, inputs: list[str], outputs: list[str], steps: str) -> str:
    return f"{program.prefix}_block({', '.join(['s', *inputs, *outputs, steps])});"


def _step_f32(program: CProgram) -> str:
    inputs, outputs = _symbols(program.inputs), _symbols(program.outputs)
    return "\n".join(
        [
            signature(program, "step_f32"),
            "{",
            *_guard(program, [*inputs, *outputs]),
            f"  {_call_block(program, inputs, outputs, '1u')}",
            f"  return {program.upper}_OK;",
            "}",
            "",
        ]
    )


def _staged(program: CProgram) -> list[str]:
    return [f"s->staged.{name}" for name in _symbols(program.inputs)]


def _step_counts(program: CProgram) -> str:
    inputs, outputs = _symbols(program.inputs), _symbols(program.outputs)
    lines: list[str] = []
    for t in program.inputs:
        lines.extend(
            [
                f"  for (size_t i = 0; i < {t.size}u; ++i) {{",
                f"    s->staged.{t.symbol}[i] = {_of_count(t)};",
                "  }",
            ]
        )
    return "\n".join(
        [
            signature(program, "step_counts"),
            "{",
            *_guard(program, [*inputs, *outputs]),
            *lines,
            f"  {_call_block(program, _staged(program), outputs, '1u')}",
            f"  return {program.upper}_OK;",
            "}",
            "",
        ]
    )


def _of_count(t: Terminal) -> str:
    """The element that a count gives."""
    count = f"{t.symbol}[i]"
    if t.type.name == "int8_t":
        return f"({t.type.name})({count} < INT8_MAX ? {count} : INT8_MAX)"
    return f"({t.type.name})({count} != 0)" if t.spikes else f"({t.type.name}){count}"


def _of_event(t: Terminal) -> list[str]:
    """The statements that add an event. A float that holds no more stays what it is."""
    place = f"s->staged.{t.symbol}[{t.symbol}[e]]"
    if t.spikes:
        return [f"{place} = 1;"]
    if t.type.name in ("float", "double"):
        return [f"{place} += {'1.0f' if t.type.name == 'float' else '1.0'};"]
    largest = f"{t.type.name.removesuffix('_t').upper()}_MAX"
    return [f"if ({place} < {largest}) {{", f"  ++{place};", "}"]


def _step_events(program: CProgram) -> str:
    outputs = _symbols(program.outputs)
    checks: list[str] = []
    fills: list[str] = []
    guards = [f"  if ({' || '.join(f'{o} == NULL' for o in ('s', *outputs))}"]
    for t in program.inputs:
        guards.append(f" || ({t.symbol} == NULL && {t.count} != 0)")
        checks.extend(
            [
                f"  for (size_t e = 0; e < {t.count}; ++e) {{",
                f"    if ((size_t){t.symbol}[e] >= {t.size}u) {{",
                f"      return {program.upper}_ERR_RANGE;",
                "    }",
                "  }",
            ]
        )
        fills.extend(
            [
                f"  memset(s->staged.{t.symbol}, 0, sizeof s->staged.{t.symbol});",
                f"  for (size_t e = 0; e < {t.count}; ++e) {{",
                *(f"    {line}" for line in _of_event(t)),
                "  }",
            ]
        )
    return "\n".join(
        [
            signature(program, "step_events"),
            "{",
            "".join([*guards, ") {"]),
            f"    return {program.upper}_ERR_ARG;",
            "  }",
            f"  if (s->magic != {program.upper}_MAGIC) {{",
            f"    return {program.upper}_ERR_STATE;",
            "  }",
            *checks,
            *fills,
            f"  {_call_block(program, _staged(program), outputs, '1u')}",
            f"  return {program.upper}_OK;",
            "}",
            "",
        ]
    )


def _run(program: CProgram) -> str:
    u = program.upper
    inputs = [f"{t.symbol} + t * {t.size}u" for t in program.inputs]
    outputs = [
        f"{t.symbol} + t * {t.size}u" if t.kind == STREAM else t.symbol for t in program.outputs
    ]
    if program.op.is_reverse:
        return "\n".join(
            [
                signature(program, "run"),
                "{",
                *_guard(program, [*_symbols(program.inputs), *_symbols(program.outputs)]),
                "  for (size_t t = steps; t > 0;) {",
                f"    const size_t block = t < {u}_BLOCK_STEPS ? t : {u}_BLOCK_STEPS;",
                "    t -= block;",
                f"    {_call_block(program, inputs, outputs, 'block')}",
                "  }",
                f"  return {u}_OK;",
                "}",
                "",
            ]
        )
    return "\n".join(
        [
            signature(program, "run"),
            "{",
            *_guard(program, [*_symbols(program.inputs), *_symbols(program.outputs)]),
            f"  for (size_t t = 0; t < steps; t += {u}_BLOCK_STEPS) {{",
            "    const size_t left = steps - t;",
            f"    const size_t block = left < {u}_BLOCK_STEPS ? left : {u}_BLOCK_STEPS;",
            f"    {_call_block(program, inputs, outputs, 'block')}",
            "  }",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )
