"""NAME_train.c: the functions around the programs."""

from __future__ import annotations

from collections.abc import Mapping

from snncc.backends.c.api import APART, ARITHMETIC, ARITHMETIC_END, stages_text
from snncc.backends.c.program import CProgram
from snncc.backends.c.states import initial
from snncc.backends.c.training.layout import (
    APPLY,
    BACKWARD,
    FORWARD,
    PREDICT,
    PREPARE,
    RATES,
    Layout,
)
from snncc.backends.c.training.online import BEGUN, online_text
from snncc.backends.c.training.pieces import (
    add_ends,
    guard,
    loss_places,
    loss_terms,
    rates_call,
    resets,
    starting,
    sum_places,
    terminal_of,
)
from snncc.backends.c.training.samples import samples_text
from snncc.backends.c.training.signatures import (
    predict_signature,
    sample_parameters,
    sample_places,
    step_signature,
    wrapped,
)
from snncc.backends.c.weights import Constant
from snncc.dialects.kernel.buffers import Role


def source_text(layout: Layout, starts: Mapping[str, Constant]) -> str:
    p, u = layout.prefix, layout.unit.upper
    parts: list[str] = []
    for name, program in layout.programs.items():
        parts.extend(stages_text(program))
        if layout.training.samples == 1 or name not in (FORWARD, BACKWARD):
            parts.append(_reset(name, program, starts if name == APPLY else {}))
    return "\n".join(
        [
            ARITHMETIC,
            f'#include "{p}_train_internal.h"',
            "",
            "#include <string.h>",
            "",
            f'#include "{p}_train_kernels.h"',
            "",
            f'_Static_assert(sizeof({p}_train_t) == {u}_BYTES, "{u}_BYTES");',
            "",
            f"#define {u}_MAGIC {layout.magic}u",
            "",
            APART.replace("@U@", u),
            *parts,
            _refresh(layout),
            _begin(layout),
            *_passes(layout),
            _apply(layout),
            _predict(layout),
            ARITHMETIC_END,
        ]
    )


def _passes(layout: Layout) -> list[str]:
    """The functions from samples to gradients."""
    if layout.training.is_online:
        return online_text(layout)
    if layout.training.samples > 1:
        return samples_text(layout)
    return [_forward(layout), _backward(layout), _step(layout)]


def _reset(name: str, program: CProgram, starts: Mapping[str, Constant]) -> str:
    """A function that sets the states of a program to their first values."""
    tables: list[str] = []
    lines: list[str] = []
    for buffer in program.op.buffers(Role.STATE):
        symbol = buffer.sym_name.data
        if symbol in starts:
            member = program.member(symbol)
            lines.append(f"  memcpy(s->{member}, {starts[symbol].symbol}, sizeof s->{member});")
            continue
        if buffer.starts_from is not None:
            member = program.member(symbol)
            source = terminal_of(program, buffer.starts_from).symbol
            lines.append(f"  memcpy(s->{member}, {source}, sizeof s->{member});")
            continue
        more, statements = initial(program, buffer)
        tables.extend(more)
        lines.extend(statements)
    if not lines:
        return ""
    held = [f"const {t.type.name} *{t.symbol}" for t in starting(program)]
    parameters = ", ".join([f"{program.prefix}_state_t *s", *held])
    head = wrapped(f"static void {program.prefix}_reset({parameters})", 0)
    return "\n".join([*tables, *head, "{", *lines, "}", ""])


def _refresh(layout: Layout) -> str:
    p, u = layout.prefix, layout.unit.upper
    lines: list[str] = []
    if PREPARE in layout.programs:
        program = layout.programs[PREPARE]
        places = {t.name: (layout.parameter(t.name), "") for t in program.inputs}
        places |= {t.name: (layout.member[f"derived.{t.name}"], "") for t in program.outputs}
        lines = wrapped(layout.call(PREPARE, places, "1u"), 1)
    return "\n".join(
        [
            f"{p}_train_status_t {p}_train_refresh({p}_train_t *s)",
            "{",
            *guard(layout, []),
            *lines,
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _begin(layout: Layout) -> str:
    p, u = layout.prefix, layout.unit.upper
    return "\n".join(
        [
            f"{p}_train_status_t {p}_train_begin({p}_train_t *s)",
            "{",
            "  if (s == NULL) {",
            f"    return {u}_ERR_ARG;",
            "  }",
            "  memset(s, 0, sizeof *s);",
            *resets(layout, [APPLY, *([RATES] if RATES in layout.programs else [])]),
            f"  s->magic = {u}_MAGIC;",
            f"  return {p}_train_refresh(s);",
            "}",
            "",
        ]
    )


def _forward(layout: Layout) -> str:
    p, u, t = layout.prefix, layout.unit.upper, layout.training
    parameters, _ = sample_parameters(layout)
    places = sample_places(layout, "first + t")
    places |= {name: (layout.member[f"tape.{name}"], "t") for name in t.tape}

    def run(group: str) -> str:
        return layout.call(FORWARD, places | loss_places(layout, group), "block")

    lines = wrapped(run("losses"), 2)
    if t.segments > 1:
        lines = [
            "    if (again) { /* the loss is known from the first time */",
            *wrapped(run("again"), 3),
            "    } else {",
            *wrapped(run("losses"), 3),
            "    }",
        ]
    again = ["int again"] if t.segments > 1 else []
    return "\n".join(
        [
            "/* A segment of the sequence, from the states before it: fills the tape. */",
            *wrapped(
                f"static void {p}_train_forward("
                + ", ".join(
                    [f"{p}_train_t *s", *parameters, "size_t first", "size_t steps", *again]
                )
                + ")",
                0,
            ),
            "{",
            f"  for (size_t t = 0; t < steps; t += {u}_BLOCK_STEPS) {{",
            "    const size_t left = steps - t;",
            f"    const size_t block = left < {u}_BLOCK_STEPS ? left : {u}_BLOCK_STEPS;",
            *lines,
            "  }",
            "}",
            "",
        ]
    )


def _backward(layout: Layout) -> str:
    p, u, t = layout.prefix, layout.unit.upper, layout.training
    parameters, _ = sample_parameters(layout)
    places = sample_places(layout, "first + t")
    places |= {name: (layout.member[f"tape.{name}"], "t") for name in t.tape}
    places |= sum_places(layout)
    call = layout.call(BACKWARD, places, "block")
    unread = [
        f"  (void){symbol};"
        for symbol in (q.split("*")[-1] for q in parameters)
        if symbol not in call
    ]
    return "\n".join(
        [
            "/* A segment from its end to its start: adds to the gradients. */",
            *wrapped(
                f"static void {p}_train_backward("
                + ", ".join([f"{p}_train_t *s", *parameters, "size_t first", "size_t steps"])
                + ")",
                0,
            ),
            "{",
            *unread,
            *([] if "first" in call else ["  (void)first;"]),
            "  for (size_t t = steps; t > 0;) {",
            f"    const size_t block = t < {u}_BLOCK_STEPS ? t : {u}_BLOCK_STEPS;",
            "    t -= block;",
            *wrapped(call, 2),
            "  }",
            "}",
            "",
        ]
    )


def _step(layout: Layout) -> str:
    p, u, t = layout.prefix, layout.unit.upper, layout.training
    _, symbols = sample_parameters(layout)
    given = ", ".join(["s", *symbols])
    if t.segments == 1:
        body = [
            f"  {p}_train_forward({given}, 0, {t.steps}u);",
            *rates_call(layout),
            f"  {p}_train_backward({given}, 0, {t.steps}u);",
        ]
    else:
        keep, back = [], []
        if layout.kept:
            place = f"s->checkpoints + i * {layout.kept}u"
            keep = [f"    memcpy({place}, &s->{FORWARD}, {layout.kept}u);"]
            place = f"s->checkpoints + (i - 1) * {layout.kept}u"
            back = [f"      memcpy(&s->{FORWARD}, {place}, {layout.kept}u);"]
        body = [
            f"  for (size_t i = 0; i < {t.segments}u; ++i) {{",
            f"    const size_t first = i * {t.segment}u;",
            f"    const size_t left = {t.steps}u - first;",
            f"    const size_t steps = left < {t.segment}u ? left : {t.segment}u;",
            *keep,
            f"    {p}_train_forward({given}, first, steps, 0);",
            "  }",
            *rates_call(layout),
            f"  for (size_t i = {t.segments}u; i > 0; --i) {{",
            f"    const size_t first = (i - 1) * {t.segment}u;",
            f"    const size_t left = {t.steps}u - first;",
            f"    const size_t steps = left < {t.segment}u ? left : {t.segment}u;",
            f"    if (i < {t.segments}u) {{ /* the tape holds a later segment */",
            *back,
            f"      {p}_train_forward({given}, first, steps, 1);",
            "    }",
            f"    {p}_train_backward({given}, first, steps);",
            "  }",
        ]
    return "\n".join(
        [
            *wrapped(step_signature(layout), 0),
            "{",
            *guard(layout, [*symbols, "loss"]),
            "  memset(&s->losses, 0, sizeof s->losses);",
            *resets(layout, [FORWARD, BACKWARD]),
            *body,
            *(f"  {line}" for line in loss_terms(layout)),
            "  *loss = sum;",
            *add_ends(layout),
            "  ++s->samples[0];",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _apply(layout: Layout) -> str:
    p, u, t = layout.prefix, layout.unit.upper, layout.training
    places = {name: (layout.member[f"sums.{name}"], "") for name in t.sums}
    places |= {"rate": ("&rate", ""), "scale": ("&scale", "")}
    scale = ["  const float scale = 1.0f / (float)s->samples[0];"]
    if t.is_integer:  # one number: what the sums are multiplied with
        places["rate"] = ("&scale", "")
        scale = [
            f"  const uint32_t most = {1 << 17}u;",
            "  const int32_t scale = (int32_t)((rate < most ? rate : most) / s->samples[0]);",
        ]
    counted = [f"  s->open[0] = s->open[0] != 0 ? {BEGUN}u : 0;"] if t.is_online else []
    return "\n".join(
        [
            f"{p}_train_status_t {p}_apply_gradients({p}_train_t *s, {t.rate_type} rate)",
            "{",
            *guard(layout, []),
            "  if (s->samples[0] == 0) {",
            f"    return {u}_OK;",
            "  }",
            *scale,
            *wrapped(layout.call(APPLY, places, "1u"), 1),
            "  memset(&s->sums, 0, sizeof s->sums);",
            "  s->samples[0] = 0;",
            *counted,
            f"  return {p}_train_refresh(s);",
            "}",
            "",
        ]
    )


def _predict(layout: Layout) -> str:
    u, program = layout.unit.upper, layout.programs[PREDICT]
    own = [t for t in (*program.inputs, *program.outputs) if t.has_rows or t in program.outputs]
    places = {t.name: (t.symbol, "t" if t.has_rows else "") for t in own}
    return "\n".join(
        [
            *wrapped(predict_signature(layout), 0),
            "{",
            *guard(layout, [t.symbol for t in own]),
            *resets(layout, [PREDICT]),
            f"  for (size_t t = 0; t < steps; t += {u}_BLOCK_STEPS) {{",
            "    const size_t left = steps - t;",
            f"    const size_t block = left < {u}_BLOCK_STEPS ? left : {u}_BLOCK_STEPS;",
            *wrapped(layout.call(PREDICT, places, "block"), 2),
            "  }",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )
