"""Samples that run at once: whole ones, one behind the other in a block of all their steps."""

from __future__ import annotations

from snncc.backends.c.training.layout import BACKWARD, FORWARD, Layout
from snncc.backends.c.training.pieces import guard, loss_terms
from snncc.backends.c.training.signatures import (
    sample_parameters,
    sample_places,
    step_signature,
    wrapped,
)


def samples_text(layout: Layout) -> list[str]:
    """The functions that train samples, some at once."""
    return [_some(layout), _step(layout), _batch(layout)]


def _some(layout: Layout) -> str:
    p, t = layout.prefix, layout.training
    parameters, _ = sample_parameters(layout)
    places = sample_places(layout, "")
    places |= {name: (layout.member[f"tape.{name}"], "") for name in t.tape}
    losses = {name: (layout.member[f"losses.{name}"], "") for name in t.losses}
    sums = {name: (layout.member[f"sums.{name}"], "") for name in t.sums}
    steps = f"samples * {t.steps}u"
    given = ", ".join([f"{p}_train_t *s", *parameters, "size_t samples", "float *loss"])
    return "\n".join(
        [
            f"/* At most {layout.unit.upper}_SAMPLES samples: adds to the gradients. The states",
            "   of each start again where it does. */",
            *wrapped(f"static void {p}_train_some({given})", 0),
            "{",
            "  memset(&s->losses, 0, sizeof s->losses);",
            *wrapped(layout.call(FORWARD, {**places, **losses}, steps), 1),
            *wrapped(layout.call(BACKWARD, {**places, **sums}, steps), 1),
            "  for (size_t i = 0; i < samples; ++i) {",
            *(f"    {line}" for line in loss_terms(layout, "i")),
            "    loss[i] = sum;",
            "  }",
            "  s->samples[0] += (uint32_t)samples;",
            "}",
            "",
        ]
    )


def _step(layout: Layout) -> str:
    p, u = layout.prefix, layout.unit.upper
    _, symbols = sample_parameters(layout)
    return "\n".join(
        [
            *wrapped(step_signature(layout), 0),
            "{",
            *guard(layout, [*symbols, "loss"]),
            f"  {p}_train_some({', '.join(['s', *symbols])}, 1, loss);",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _batch(layout: Layout) -> str:
    p, u, t = layout.prefix, layout.unit.upper, layout.training
    _, symbols = sample_parameters(layout)
    terminals = layout.terminals([*t.inputs, *t.targets])
    places = [f"{found.symbol} + i * {u}_{found.symbol.upper()}_SIZE" for found in terminals]
    return "\n".join(
        [
            *wrapped(_batch_signature(layout), 0),
            "{",
            *guard(layout, [*symbols, "loss"]),
            f"  for (size_t i = 0; i < samples; i += {u}_SAMPLES) {{",
            "    const size_t left = samples - i;",
            f"    const size_t some = left < {u}_SAMPLES ? left : {u}_SAMPLES;",
            *wrapped(f"{p}_train_some({', '.join(['s', *places])}, some, loss + i);", 2),
            "  }",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _batch_signature(layout: Layout) -> str:
    p = layout.prefix
    parameters = [f"{p}_train_t *s", *sample_parameters(layout)[0], "size_t samples", "float *loss"]
    return f"{p}_train_status_t {p}_train_batch({', '.join(parameters)})"


# --- in the header


def samples_macro(layout: Layout) -> list[str]:
    u, samples = layout.unit.upper, layout.training.samples
    if samples == 1:
        return []
    return [
        "/* the samples that run at once, all their steps as such a block */",
        f"#define {u}_SAMPLES {samples}u",
    ]


def batch_declaration(layout: Layout) -> list[str]:
    if layout.training.samples == 1:
        return []
    return [
        f"/* Samples, one behind the other in each array, {layout.unit.upper}_SAMPLES of them at",
        "   once: adds their gradients, gives the loss of each. The bits are those of one after",
        "   the other. */",
        *wrapped(f"{_batch_signature(layout)};", 0),
        "",
    ]
