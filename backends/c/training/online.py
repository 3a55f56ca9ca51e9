"""The functions of a training without a tape: a sample comes in any number of parts."""

from __future__ import annotations

from snncc.backends.c.training.layout import ONLINE, Layout
from snncc.backends.c.training.pieces import (
    add_ends,
    guard,
    loss_places,
    loss_terms,
    rates_call,
    resets,
    sum_places,
)
from snncc.backends.c.training.signatures import (
    sample_parameters,
    sample_places,
    step_signature,
    wrapped,
)

BEGUN, COUNTED = 1, 2
"""What `open` says of a sample: that it was begun; that its gradients are among the sums."""


def begin_signature(layout: Layout) -> str:
    p = layout.prefix
    return f"{p}_train_status_t {p}_train_sample_begin({p}_train_t *s)"


def steps_signature(layout: Layout) -> str:
    p = layout.prefix
    outputs = [f"{t.type.name} *{t.symbol}" for t in layout.online_outputs]
    parameters = [f"{p}_train_t *s", *sample_parameters(layout)[0], "size_t steps", *outputs]
    return f"{p}_train_status_t {p}_train_steps({', '.join(parameters)})"


def end_signature(layout: Layout) -> str:
    p = layout.prefix
    loss = f"{layout.training.loss_type} *loss"
    return f"{p}_train_status_t {p}_train_sample_end({p}_train_t *s, {loss})"


def online_text(layout: Layout) -> list[str]:
    """What trains on a sample: its begin, its steps, its end, and all of them in one call."""
    return [_begin(layout), _steps(layout), _end(layout), _step(layout)]


def _begin(layout: Layout) -> str:
    return "\n".join(
        [
            begin_signature(layout),
            "{",
            *guard(layout, []),
            *resets(layout, [ONLINE]),
            "  memset(&s->losses, 0, sizeof s->losses);",
            *(["  memset(&s->ends, 0, sizeof s->ends);"] if layout.ends else []),
            f"  s->open[0] = {BEGUN}u;",
            f"  return {layout.unit.upper}_OK;",
            "}",
            "",
        ]
    )


def _steps(layout: Layout) -> str:
    u = layout.unit.upper
    outputs = layout.online_outputs
    places = sample_places(layout, "t") | sum_places(layout)
    places |= loss_places(layout, "losses")
    places |= {o.name: (f"{o.symbol}_rows", "") for o in outputs}
    rows = [
        f"    {o.type.name} *const {o.symbol}_rows = "
        f"{o.symbol} == NULL ? {layout.member[f'outputs.{o.name}']} : {o.symbol} + t * {o.size}u;"
        for o in outputs
    ]
    return "\n".join(
        [
            *wrapped(steps_signature(layout), 0),
            "{",
            *guard(layout, sample_parameters(layout)[1]),
            "  if (s->open[0] == 0 || steps == 0) {",
            f"    return steps == 0 ? {u}_OK : {u}_ERR_SAMPLE;",
            "  }",
            f"  if (s->open[0] == {BEGUN}u) {{",
            "    ++s->samples[0];",
            f"    s->open[0] = {COUNTED}u;",
            "  }",
            f"  for (size_t t = 0; t < steps; t += {u}_BLOCK_STEPS) {{",
            "    const size_t left = steps - t;",
            f"    const size_t block = left < {u}_BLOCK_STEPS ? left : {u}_BLOCK_STEPS;",
            *rows,
            *wrapped(layout.call(ONLINE, places, "block"), 2),
            "  }",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _end(layout: Layout) -> str:
    u = layout.unit.upper
    count = [
        f"  if (s->open[0] == {BEGUN}u) {{ /* the last update was behind its last step */",
        "    ++s->samples[0];",
        "  }",
    ]
    return "\n".join(
        [
            end_signature(layout),
            "{",
            *guard(layout, ["loss"]),
            "  if (s->open[0] == 0) {",
            f"    return {u}_ERR_SAMPLE;",
            "  }",
            *rates_call(layout),
            *(f"  {line}" for line in loss_terms(layout)),
            "  *loss = sum;",
            *add_ends(layout),
            *(count if layout.ends else []),
            "  s->open[0] = 0;",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _step(layout: Layout) -> str:
    p, u = layout.prefix, layout.unit.upper
    _, symbols = sample_parameters(layout)
    unasked = ["NULL"] * len(layout.online_outputs)
    arguments = ", ".join(["s", *symbols, f"{u}_STEPS", *unasked])
    return "\n".join(
        [
            *wrapped(step_signature(layout), 0),
            "{",
            *guard(layout, [*symbols, "loss"]),
            f"  {p}_train_sample_begin(s);",
            *wrapped(f"{p}_train_steps({arguments});", 1),
            f"  return {p}_train_sample_end(s, loss);",
            "}",
            "",
        ]
    )
