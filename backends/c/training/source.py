"""NAME_train.c: the functions around the programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from snncc.backends.c.api import APART, ARITHMETIC, ARITHMETIC_END, initial, stages_text
from snncc.backends.c.program import CProgram
from snncc.backends.c.training.layout import APPLY, BACKWARD, FORWARD, PREDICT, PREPARE, Layout
from snncc.backends.c.training.samples import loss_terms, samples_text
from snncc.backends.c.training.signatures import (
    predict_signature,
    sample_parameters,
    sample_places,
    step_signature,
    wrapped,
)
from snncc.backends.c.weights import Constant
from snncc.dialects.kernel.program import Role


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
    if layout.training.samples > 1:
        return samples_text(layout, _guard)
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
        more, statements = initial(program, buffer)
        tables.extend(more)
        lines.extend(statements)
    if not lines:
        return ""
    head = f"static void {program.prefix}_reset({program.prefix}_state_t *s)"
    return "\n".join([*tables, head, "{", *lines, "}", ""])


def _has_states(program: CProgram) -> bool:
    return bool(program.op.buffers(Role.STATE))


def _guard(layout: Layout, pointers: Sequence[str]) -> list[str]:
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
            *_guard(layout, []),
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
            f"  {layout.programs[APPLY].prefix}_reset(&s->{APPLY});",
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
        kept = {name: (layout.member[f"{group}.{name}"], "") for name in t.losses}
        return layout.call(FORWARD, {**places, **kept}, "block")

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
    places |= {name: (layout.member[f"sums.{name}"], "") for name in t.sums}
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
    resets = [
        f"  {layout.programs[name].prefix}_reset(&s->{name});"
        for name in (FORWARD, BACKWARD)
        if _has_states(layout.programs[name])
    ]
    if t.segments == 1:
        body = [
            f"  {p}_train_forward({given}, 0, {t.steps}u);",
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
            *_guard(layout, [*symbols, "loss"]),
            "  memset(&s->losses, 0, sizeof s->losses);",
            *resets,
            *body,
            "  float sum = 0.0f;",
            *(f"  {line}" for line in loss_terms(layout)),
            "  *loss = sum;",
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
    return "\n".join(
        [
            f"{p}_train_status_t {p}_apply_gradients({p}_train_t *s, float rate)",
            "{",
            *_guard(layout, []),
            "  if (s->samples[0] == 0) {",
            f"    return {u}_OK;",
            "  }",
            "  const float scale = 1.0f / (float)s->samples[0];",
            *wrapped(layout.call(APPLY, places, "1u"), 1),
            "  memset(&s->sums, 0, sizeof s->sums);",
            "  s->samples[0] = 0;",
            f"  return {p}_train_refresh(s);",
            "}",
            "",
        ]
    )


def _predict(layout: Layout) -> str:
    u, program = layout.unit.upper, layout.programs[PREDICT]
    own = [t for t in (*program.inputs, *program.outputs) if t.has_rows or t in program.outputs]
    places = {t.name: (t.symbol, "t" if t.has_rows else "") for t in own}
    resets = [f"  {program.prefix}_reset(&s->{PREDICT});"] if _has_states(program) else []
    return "\n".join(
        [
            *wrapped(predict_signature(layout), 0),
            "{",
            *_guard(layout, [t.symbol for t in own]),
            *resets,
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
