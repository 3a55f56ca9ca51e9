"""NAME_train.h."""

from __future__ import annotations

import numpy as np

from snncc.backends.c.structs import ALIGNMENT, Group, declare
from snncc.backends.c.training.layout import Layout
from snncc.backends.c.training.online import begin_signature, end_signature, steps_signature
from snncc.backends.c.training.samples import batch_declaration, samples_macro
from snncc.backends.c.training.signatures import (
    predict_signature,
    step_signature,
    wrapped,
)
from snncc.backends.c.weights import (
    clean,
)

_HEADS = {
    False: (
        "   Backpropagation through time: forward with a tape, backward, update. The caller",
        "   owns one struct, which holds the parameters; there is no allocation and no",
        "   mutable global. */",
    ),
    True: (
        "   Online learning (e-prop): eligibility traces run beside the network, and gradients",
        "   add up as it runs. There is no tape: the memory does not depend on the steps of a",
        "   sample. The caller owns one struct, which holds the parameters; there is no",
        "   allocation and no mutable global. */",
    ),
}
"""What the header says first, by whether it learns online."""


def header_text(layout: Layout, title: str, const_bytes: int) -> str:
    p, u, t = layout.prefix, layout.unit.upper, layout.training
    aligned = f"{u}_ALIGNED"
    structs: list[str] = []
    for name, program in layout.programs.items():
        structs.append(f"typedef struct {p}_{name}_state {{")
        structs.extend(declare(program.state, ALIGNMENT, aligned))
        structs.extend([f"}} {p}_{name}_state_t;", ""])
    lines: list[str] = []
    for member in layout.state.members:
        if isinstance(member, Group) and member.name in layout.programs:
            lines.append(f"  {p}_{member.name}_state_t {member.name};")
        else:
            lines.extend(declare(Group("", "struct", [member]), ALIGNMENT, aligned))
    sizes: list[str] = []
    for terminal in layout.terminals([*t.inputs, *t.targets]):
        shape = "x".join(map(str, terminal.shape)) or "1"
        steps = f"{t.steps} steps of " if terminal.has_rows else ""
        sizes.append(f"/* {clean(terminal.name)}: {steps}{shape} */")
        rows = f"{t.steps}u * " if terminal.has_rows else ""
        sizes.append(f"#define {u}_{terminal.symbol.upper()}_SIZE ({rows}{terminal.size}u)")
    return "\n".join(
        [
            f"/* {clean(title)}: its training in C11, made by snncc.",
            "",
            *_HEADS[t.is_online],
            f"#ifndef {u}_H",
            f"#define {u}_H",
            "",
            "#include <stddef.h>",
            "#include <stdint.h>",
            "",
            "#ifdef __cplusplus",
            'extern "C" {',
            f"#define {u}_ALIGNED(bytes) alignas(bytes)",
            "#else",
            f"#define {u}_ALIGNED(bytes) _Alignas(bytes)",
            "#endif",
            "",
            "/* the steps of a sample, and those that run through a layer before the next one */",
            f"#define {u}_STEPS {t.steps}u",
            *samples_macro(layout),
            f"#define {u}_BLOCK_STEPS {layout.forward.op.block_steps}u",
            *([] if t.is_online else _tape_steps(layout)),
            *sizes,
            *_rate(layout),
            f"#define {u}_BYTES {layout.state.size}u",
            f"#define {u}_CONST_BYTES {const_bytes}u",
            "",
            "typedef enum {",
            f"  {u}_OK = 0, /* the call did what it says */",
            f"  {u}_ERR_ARG = -1, /* a pointer is NULL */",
            f"  {u}_ERR_STATE = -3, /* {p}_train_begin was not called */",
            *([f"  {u}_ERR_SAMPLE = -4, /* no sample was begun */"] if t.is_online else []),
            f"}} {p}_train_status_t;",
            "",
            *structs,
            "/* Everything that is trained or needed for it. Parameters are in `apply`, as the",
            "   kernels read them, and what is computed of them (integers that they are rounded",
            "   to, among others) in `derived`; gradients, summed over samples, in `sums`. */",
            f"typedef struct {p}_train {{",
            *lines,
            f"}} {p}_train_t;",
            "",
            "/* Once, before any other call: parameters as they were when this was made. */",
            f"{p}_train_status_t {p}_train_begin({p}_train_t *s);",
            "",
            "/* After parameters were written by hand: computes again what depends on them. */",
            f"{p}_train_status_t {p}_train_refresh({p}_train_t *s);",
            "",
            f"/* One sample of {u}_STEPS steps, from its first one: adds its gradients, gives its",
            "   loss. */",
            *wrapped(f"{step_signature(layout)};", 0),
            "",
            *(_in_parts(layout) if t.is_online else []),
            *batch_declaration(layout),
            "/* The update by the mean gradient of the samples since the last one. */",
            f"{p}_train_status_t {p}_apply_gradients({p}_train_t *s, {t.rate_type} rate);",
            "",
            "/* `steps` steps from the first on, with the parameters as they are now. */",
            *wrapped(f"{predict_signature(layout)};", 0),
            "",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            f"#endif /* {u}_H */",
            "",
        ]
    )


def _rate(layout: Layout) -> list[str]:
    u, t = layout.unit.upper, layout.training
    if not t.is_integer:
        return [f"#define {u}_RATE {float(np.float32(t.rate))!r}f"]
    return [
        f"/* the learning rate {t.rate:g}; half of the number is half of it, at most twice */",
        f"#define {u}_RATE 65536u",
    ]


def _tape_steps(layout: Layout) -> list[str]:
    return [
        "/* the steps that the tape holds: fewer than those of a sample are run twice */",
        f"#define {layout.unit.upper}_TAPE_STEPS {layout.training.segment}u",
    ]


def _in_parts(layout: Layout) -> list[str]:
    """A sample that comes in parts."""
    p, u = layout.prefix, layout.unit.upper
    outputs = [t.symbol for t in layout.online_outputs]
    whose = f" {' and '.join(outputs)}: the outputs of these\n   steps, or NULL." if outputs else ""
    return [
        "/* The same in parts of any length, which may be more or fewer steps together:",
        "   begin, then the next `steps` steps of the sample as often as there are some (the",
        f"   arrays hold these alone), then its loss.{whose}",
        f"   {p}_apply_gradients may stand between two parts: it updates by the gradients of the",
        "   steps so far, and the sample goes on with its states and traces. What a loss takes of",
        "   the last step alone (a count of spikes) joins the gradients at the end; means over",
        f"   the steps are those of {u}_STEPS steps. */",
        f"{begin_signature(layout)};",
        *wrapped(f"{steps_signature(layout)};", 0),
        f"{end_signature(layout)};",
        "",
    ]
