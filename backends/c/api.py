"""The functions behind the header of the emitted C, and the stages that they call."""

from __future__ import annotations

from snncc.backends.c.entries import entries
from snncc.backends.c.header import STATUS, output_parameters
from snncc.backends.c.program import CProgram, Unit
from snncc.backends.c.stages import StagePrinter, unused
from snncc.backends.c.states import initial
from snncc.backends.c.weights import Constant
from snncc.backends.c.whole import floats_text, stages_signature, whole_text
from snncc.dialects.kernel.buffers import Role

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
/* GCC joins stores to neighbouring arrays and then takes them for those to the first (seen in
   12.2, -O3 -mavx): a state is read as it was before. Loops are vectorized all the same. */
#pragma GCC optimize("no-tree-slp-vectorize")
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
            *(_shared(program) if isinstance(program, CProgram) and program.converts else []),
            f"#endif /* {u}_INTERNAL_H */",
            "",
        ]
    )


def _shared(program: CProgram) -> list[str]:
    """What NAME_float.c knows of NAME.c."""
    return [
        f"#define {program.upper}_MAGIC {program.magic}u",
        "",
        "/* `steps` steps of what is computed in whole numbers, at most a block. */",
        f"{stages_signature(program)};",
        "",
    ]


def _head(program: CProgram) -> list[str]:
    p, u = program.prefix, program.upper
    return [
        ARITHMETIC,
        f'#include "{p}_internal.h"',
        "",
        "#include <string.h>",
        "",
        f'#include "{p}_kernels.h"',
        "",
        *([APART.replace("@U@", u)] if program.keeps_apart else []),
    ]


def float_source(program: CProgram) -> str:
    """NAME_float.c: the functions that take and give floats of a network of integers."""
    text = [
        "/* Floats for a network of whole numbers. Leave this file out where only functions",
        "   that end with _q are called: then no float is computed. */",
        *_head(program),
        *floats_text(program),
        *entries(program),
        ARITHMETIC_END,
    ]
    return "\n".join(text)


def source(program: CProgram) -> str:
    """NAME.c: stages, and the public functions; of a network of integers those without floats."""
    p, u = program.prefix, program.upper
    converts = program.converts
    return "\n".join(
        [
            *_head(program),
            f'_Static_assert(sizeof({p}_state_t) == {u}_STATE_BYTES, "{u}_STATE_BYTES");',
            f'_Static_assert(_Alignof({p}_state_t) == {u}_STATE_ALIGN, "{u}_STATE_ALIGN");',
            "",
            *([] if converts else [f"#define {u}_MAGIC {program.magic}u", ""]),
            *(whole_text(program) if converts else stages_text(program)),
            _reset(program),
            _init(program),
            _status_text(program),
            *entries(program, whole=converts),
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
