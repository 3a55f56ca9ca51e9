"""Statements that several of the functions share."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from xdsl.dialects.builtin import f32

from snncc.backends.c.program import CProgram, Terminal
from snncc.backends.c.scalars import float_literal
from snncc.backends.c.training.layout import RATES, Layout
from snncc.backends.c.training.signatures import wrapped
from snncc.dialects.kernel.buffers import Role


def guard(layout: Layout, pointers: Sequence[str]) -> list[str]:
    """Checks of arguments that every call makes."""
    u = layout.unit.upper
    tests = " || ".join(f"{pointer} == NULL" for pointer in ("s", *pointers))
    return [
        f"  if ({tests}) {{",
        f"    return {u}_ERR_ARG;",
        "  }",
        f"  if (s->magic != {u}_MAGIC) {{",
        f"    return {u}_ERR_STATE;",
        "  }",
    ]


def resets(layout: Layout, names: Sequence[str]) -> list[str]:
    """The states of programs as they are before the first step."""
    lines: list[str] = []
    for name in names:
        program = layout.programs[name]
        if program.op.buffers(Role.STATE):
            held = [layout.argument(name, terminal, {}) for terminal in starting(program)]
            call = f"{program.prefix}_reset({', '.join([f'&s->{name}', *held])});"
            lines += wrapped(call, 1)
    return lines


def starting(program: CProgram) -> list[Terminal]:
    """The inputs that states start from."""
    names = dict.fromkeys(b.starts_from for b in program.op.buffers(Role.STATE))
    return [terminal_of(program, name) for name in names if name is not None]


def terminal_of(program: CProgram, buffer: str) -> Terminal:
    """The input that is this buffer."""
    return next(t for t in program.inputs if t.buffer == buffer)


def loss_terms(layout: Layout, row: str = "") -> list[str]:
    """
    `sum`: the loss of a sample, from the outputs that hold its terms. `row` is the sample's,
    where there are several.
    """
    if layout.training.is_integer:
        (name,) = layout.training.losses
        return [f"const int32_t sum = {layout.member[f'losses.{name}']}[0];"]
    lines = ["float sum = 0.0f;"]
    index = "t" if row else "i"
    weights = layout.training.losses
    for terminal in layout.forward.outputs:
        if terminal.name not in weights:
            continue
        array = layout.member[f"losses.{terminal.name}"]
        place = f"{row} * {terminal.size}u + {index}" if row else index
        lines += [
            f"for (size_t {index} = 0; {index} < {terminal.size}u; ++{index}) {{",
            f"  sum += {_literal(weights[terminal.name])} * {array}[{place}];",
            "}",
        ]
    for name, weight in layout.training.rates.values():
        lines.append(f"sum += {_literal(weight)} * {layout.member[f'values.{name}']}[0];")
    return lines


def _literal(weight: float) -> str:
    return float_literal(weight, f32)


def loss_places(layout: Layout, group: str) -> dict[str, tuple[str, str]]:
    """Where the terms of the loss go."""
    names = (*layout.training.losses, *layout.training.rates)
    return {name: (layout.member[f"{group}.{name}"], "") for name in names}


def rates_call(layout: Layout) -> list[str]:
    """A sample's rates join their averages; from them follows what rates get."""
    if RATES not in layout.programs:
        return []
    places = {name: (layout.member[f"losses.{name}"], "") for name in layout.training.rates}
    for terminal in layout.rate_outputs:
        group = "values" if f"values.{terminal.name}" in layout.member else "seeds"
        places[terminal.name] = (layout.member[f"{group}.{terminal.name}"], "")
    return wrapped(layout.call(RATES, places, "1u"), 1)


def sum_places(layout: Layout) -> dict[str, tuple[str, str]]:
    """Where gradients go: sums over time are added at once, last values when a sample ends."""
    ends = {t.name for t in layout.ends}
    return {
        name: (layout.member[f"{'ends' if name in ends else 'sums'}.{name}"], "")
        for name in layout.training.sums
    }


def add_ends(layout: Layout) -> list[str]:
    """The last values of a sample join the sums."""
    lines: list[str] = []
    for t in layout.ends:
        total, last = layout.member[f"sums.{t.name}"], layout.member[f"ends.{t.name}"]
        lines += [
            f"  for (size_t i = 0; i < {prod(t.shape)}u; ++i) {{",
            f"    {total}[i] += {last}[i];",
            "  }",
        ]
    return lines
