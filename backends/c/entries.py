"""
The functions of NAME.h that run steps. Each exists in two forms: with the model's types, and for
callers who have whole numbers in the place of floats (`_q`).
"""

from __future__ import annotations

from snncc.backends.c.header import signature
from snncc.backends.c.program import CProgram, Terminal
from snncc.backends.c.types import is_integer
from snncc.dialects.snn.network import STREAM


def entries(program: CProgram, *, whole: bool = False) -> list[str]:
    """The functions of one form, which call NAME_block or NAME_block_q."""
    dense = [_step(program, whole), _run(program, whole)]
    if not program.takes_events(whole=whole):
        return dense
    return [dense[0], _step_counts(program, whole), _step_events(program, whole), dense[1]]


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


def _call(program: CProgram, whole: bool, inputs: list[str], outputs: list[str], steps: str) -> str:
    block = "block_q" if whole else "block"
    return f"{program.prefix}_{block}({', '.join(['s', *inputs, *outputs, steps])});"


def _step(program: CProgram, whole: bool) -> str:
    inputs, outputs = _symbols(program.inputs), _symbols(program.outputs)
    return "\n".join(
        [
            signature(program, "step_q" if whole else "step_f32"),
            "{",
            *_guard(program, [*inputs, *outputs]),
            f"  {_call(program, whole, inputs, outputs, '1u')}",
            f"  return {program.upper}_OK;",
            "}",
            "",
        ]
    )


def _staged(program: CProgram) -> list[str]:
    return [f"s->staged.{name}" for name in _symbols(program.inputs)]


def _step_counts(program: CProgram, whole: bool) -> str:
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
            signature(program, "step_counts_q" if whole else "step_counts"),
            "{",
            *_guard(program, [*inputs, *outputs]),
            *lines,
            f"  {_call(program, whole, _staged(program), outputs, '1u')}",
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
    if not is_integer(t.type):
        return [f"{place} += {'1.0f' if t.type.name == 'float' else '1.0'};"]
    largest = f"{t.type.name.removesuffix('_t').upper()}_MAX"
    return [f"if ({place} < {largest}) {{", f"  ++{place};", "}"]


def _step_events(program: CProgram, whole: bool) -> str:
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
            signature(program, "step_events_q" if whole else "step_events"),
            "{",
            "".join([*guards, ") {"]),
            f"    return {program.upper}_ERR_ARG;",
            "  }",
            f"  if (s->magic != {program.upper}_MAGIC) {{",
            f"    return {program.upper}_ERR_STATE;",
            "  }",
            *checks,
            *fills,
            f"  {_call(program, whole, _staged(program), outputs, '1u')}",
            f"  return {program.upper}_OK;",
            "}",
            "",
        ]
    )


def _run(program: CProgram, whole: bool) -> str:
    u = program.upper
    inputs = [f"{t.symbol} + t * {t.size}u" for t in program.inputs]
    outputs = [
        f"{t.symbol} + t * {t.size}u" if t.kind == STREAM else t.symbol for t in program.outputs
    ]
    call = _call(program, whole, inputs, outputs, "block")
    if program.op.is_reverse:
        loop = [
            "  for (size_t t = steps; t > 0;) {",
            f"    const size_t block = t < {u}_BLOCK_STEPS ? t : {u}_BLOCK_STEPS;",
            "    t -= block;",
            f"    {call}",
            "  }",
        ]
    else:
        loop = [
            f"  for (size_t t = 0; t < steps; t += {u}_BLOCK_STEPS) {{",
            "    const size_t left = steps - t;",
            f"    const size_t block = left < {u}_BLOCK_STEPS ? left : {u}_BLOCK_STEPS;",
            f"    {call}",
            "  }",
        ]
    return "\n".join(
        [
            signature(program, "run_q" if whole else "run"),
            "{",
            *_guard(program, [*_symbols(program.inputs), *_symbols(program.outputs)]),
            *loop,
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )
