"""What the header says to callers without floats: units, bounds, functions."""

from __future__ import annotations

from collections.abc import Callable

from xdsl.dialects.builtin import f32, f64

from snncc.backends.c.program import CProgram, Terminal, Whole
from snncc.backends.c.scalars import float_literal, integer_literal

Signature = Callable[[CProgram, str], str]


def whole_macros(upper: str, t: Terminal, whole: Whole) -> list[str]:
    """What one whole number of a float input or output is worth, and the ends of an input."""
    name = f"{upper}_{t.symbol.upper()}"
    element = f32 if t.type.name == "float" else f64
    scales = [float_literal(scale, element) for scale in whole.scales]
    held = "" if whole.within is None else "; they are held at LOW to HIGH"
    worth = "what one is worth is not known"
    lines: list[str] = []
    if len(scales) == 1:
        worth = "what one is worth"
        lines.append(f"#define {name}_SCALE {scales[0]}")
    elif scales:
        worth = f"what one is worth, of each {'element' if len(scales) == t.size else 'channel'}"
        rows = [", ".join(scales[i : i + 6]) for i in range(0, len(scales), 6)]
        lines.append(f"#define {name}_SCALES {{ \\\n    " + ", \\\n    ".join(rows) + " \\\n  }")
    if whole.within is not None:
        ends = [integer_literal(end, whole.type) for end in whole.within]
        low, high = (f"({end})" if end.startswith("-") else end for end in ends)
        lines += [f"#define {name}_LOW {low}", f"#define {name}_HIGH {high}"]
    return [f"/* the same in whole numbers ({whole.type.name}): {worth}{held} */", *lines]


def whole_text(program: CProgram, signature: Signature) -> list[str]:
    """The functions that have whole numbers in the place of floats."""
    forms = ["step_q", "run_q"]
    if program.takes_events(whole=True):
        forms[1:1] = ["step_counts_q", "step_events_q"]
    if not program.converts:
        return [
            "/* All inputs and outputs are whole numbers, and no float is computed: the functions",
            "   of networks of integers, which end with _q, are the same. */",
            *(line for form in forms for line in _forwarded(program, signature(program, form))),
        ]
    first = "   of floats."
    if not program.computes_floats:
        first += f" No float is computed: src/{program.prefix}_float.c, which holds the functions"
    lines = [
        "/* For callers without floats: the functions that end with _q have whole numbers in place",
        first,
    ]
    if not program.computes_floats:
        lines.append("   above, is only needed where these are called.")
    lines += [f"     {_unit(program, t)}" for t in program.terminals]
    lines[-1] += " */"
    return [*lines, *(f"{signature(program, form)};" for form in forms), ""]


def _unit(program: CProgram, t: Terminal) -> str:
    """The type of an argument, what one is worth, and what it is held at."""
    name = f"{program.upper}_{t.symbol.upper()}"
    element = f"{t.symbol}: {t.element(whole=True).name}"
    if t.spikes:
        return f"{element}, spikes, 0 or 1"
    if t.whole is None:
        return f"{element}, as above"
    one = {0: "", 1: f", one is worth {name}_SCALE"}.get(
        len(t.whole.scales), f", one is worth its {name}_SCALES"
    )
    held = "" if t.whole.within is None else f", held at {name}_LOW to {name}_HIGH"
    return f"{element}{one}{held}"


def _forwarded(program: CProgram, head: str) -> list[str]:
    """A function of the header that calls the one without _q."""
    name, _, parameters = head.partition("(")
    target = name.split()[-1].removesuffix("_q")
    target = f"{program.prefix}_step_f32" if target == f"{program.prefix}_step" else target
    names = [each.split()[-1].lstrip("*") for each in parameters.rstrip(")").split(", ")]
    return [f"static inline {head}", "{", f"  return {target}({', '.join(names)});", "}", ""]
