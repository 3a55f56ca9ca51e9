"""README.md of a training: the calls in their order, a main loop that compiles, sizes."""

from __future__ import annotations

from collections.abc import Mapping

from snncc.backends.c.program import Terminal
from snncc.backends.c.training.layout import Layout
from snncc.backends.c.training.signatures import wrapped
from snncc.backends.c.weights import clean

MEMORY = {
    "apply": "parameters, and the moments of the optimiser",
    "derived": "what is computed of parameters alone",
    "sums": "gradients, summed over samples",
    "ends": "gradients that a sample has at its end",
    "tape": "the tape",
    "checkpoints": "states at the start of the tape's segments",
    "forward": "states and work space of the forward program",
    "backward": "states and work space of the backward program",
    "online": "states, traces and work space of the online program",
    "rates": "averages of rates",
    "predict": "states and work space of `PREFIX_train_predict`",
    "prepare": "work space of what is computed of parameters",
}
"""Part of the struct -> what it is for."""


def readme(layout: Layout, title: str, memory: Mapping[str, int], const_bytes: int) -> str:
    p, u = layout.prefix, layout.unit.upper
    how = "online (e-prop, no tape)" if layout.training.is_online else "backpropagation"
    if layout.training.fused:
        how += " with fused products"
    parts = [(MEMORY[name], size) for name, size in memory.items() if name in MEMORY and size]
    rest = layout.state.size - sum(size for _, size in parts)
    return "\n".join(
        [
            f"# {p}: training",
            "",
            f"The training of {clean(title)} as C11, made by snncc: {how}. No allocation,",
            "no mutable globals, no library but the four memory functions of `string.h`.",
            "",
            "| call | |",
            "| --- | --- |",
            *(f"| `{call}` | {what} |" for call, what in _calls(layout)),
            "",
            "A main loop. Data come from `sample`, which is yours:",
            "",
            "```c",
            *(_online(layout) if layout.training.is_online else _whole(layout)),
            "```",
            "",
            "| argument | C | |",
            "| --- | --- | --- |",
            *(_argument(layout, t) for t in _given(layout)),
            "",
            "| memory | bytes |",
            "| --- | --- |",
            f"| `{p}_train_t` (`{u}_BYTES`) | {layout.state.size} |",
            *(f"| of it {what.replace('PREFIX', p)} | {size} |" for what, size in parts),
            f"| of it the rest | {rest} |",
            f"| constants (`{u}_CONST_BYTES`) | {const_bytes} |",
            "",
            f"Build `src/{p}_train*` with `include` and `src` on the include path. Parameters are",
            f"in `s.apply`, as the kernels read them; `{p}_train.json` says where each lies, and",
            f"where its gradient. After you wrote some yourself, call `{p}_train_refresh`. The",
            "results are the same bits at every level of gcc and clang; `-ffast-math` is refused.",
            "",
        ]
    )


def _calls(layout: Layout) -> list[tuple[str, str]]:
    p = layout.prefix
    steps = f"one sample of {layout.training.steps} steps: adds its gradients, gives its loss"
    several = f"such samples, {layout.training.samples} of them at once"
    parts = [
        (f"{p}_train_sample_begin", "the first step of a sample comes next"),
        (f"{p}_train_steps", "its next steps: adds their gradients, gives the outputs"),
        (f"{p}_train_sample_end", "gives its loss"),
    ]
    return [
        (f"{p}_train_begin", "once: parameters as they were when this was made"),
        (f"{p}_train_step", steps),
        *(parts if layout.training.is_online else []),
        *([(f"{p}_train_batch", several)] if layout.training.samples > 1 else []),
        (f"{p}_apply_gradients", "the update by the mean gradient of the samples since the last"),
        (f"{p}_train_predict", "outputs, with the parameters as they are now"),
    ]


def _given(layout: Layout) -> list[Terminal]:
    return layout.terminals([*layout.training.inputs, *layout.training.targets])


def _argument(layout: Layout, t: Terminal) -> str:
    shape = "x".join(map(str, t.shape)) or "1"
    is_target = t.name in layout.training.targets
    if t.has_rows:
        what = f"{'target' if is_target else 'input'}, {shape} at each step, in the order of time"
    else:
        what = f"weights of the {shape} classes: 1 at the label, else 0"
    return f"| `{t.symbol}` | `{t.type.name}` | {what} |"


def _head(layout: Layout, rows: bool) -> list[str]:
    """What the loop declares; with `rows` arrays for a whole sample."""
    p, u = layout.prefix, layout.unit.upper
    given = _given(layout)

    def size(t: Terminal) -> str:
        return f"{u}_{t.symbol.upper()}_SIZE" if rows or not t.has_rows else f"{t.size}"

    parameters = [f"{t.type.name} *{t.symbol}" for t in given]
    if not rows:
        parameters = ["unsigned long step", *parameters]
    unread = [f"  (void){name.split('*')[-1].split(' ')[-1]};" for name in parameters]
    return [
        f'#include "{p}_train.h"',
        "",
        f"static {p}_train_t s; /* {layout.state.size} bytes */",
        *(f"static {t.type.name} {t.symbol}[{size(t)}];" for t in given),
        "",
        f"/* Yours: the {'next sample' if rows else 'next step of a sample'}. */",
        *wrapped(f"static void sample({', '.join(parameters)})", 0),
        "{",
        *unread,
        "}",
        "",
    ]


def _whole(layout: Layout) -> list[str]:
    p, u = layout.prefix, layout.unit.upper
    names = [t.symbol for t in _given(layout)]
    return [
        *_head(layout, rows=True),
        "int main(void)",
        "{",
        "  float loss = 0.0f;",
        f"  {p}_train_begin(&s);",
        "  for (unsigned batch = 0; batch < 100; ++batch) {",
        "    for (unsigned i = 0; i < 16; ++i) {",
        f"      sample({', '.join(names)});",
        f"      {p}_train_step({', '.join(['&s', *names, '&loss'])});",
        "    }",
        f"    {p}_apply_gradients(&s, {u}_RATE);",
        "  }",
        "  return 0;",
        "}",
    ]


def _online(layout: Layout) -> list[str]:
    p, u = layout.prefix, layout.unit.upper
    names = [t.symbol for t in _given(layout)]
    outputs = layout.online_outputs
    return [
        *_head(layout, rows=False),
        "int main(void)",
        "{",
        f"  {layout.training.loss_type} loss = 0;",
        *(f"  {t.type.name} {t.symbol}[{t.size}]; /* as the network runs */" for t in outputs),
        f"  {p}_train_begin(&s);",
        "  for (unsigned batch = 0; batch < 100; ++batch) {",
        "    for (unsigned i = 0; i < 16; ++i) {",
        f"      {p}_train_sample_begin(&s);",
        f"      for (unsigned long t = 0; t < {u}_STEPS; ++t) {{",
        f"        sample({', '.join(['t', *names])});",
        f"        {p}_train_steps({', '.join(['&s', *names, '1', *(t.symbol for t in outputs)])});",
        "      }",
        f"      {p}_train_sample_end(&s, &loss);",
        "    }",
        f"    {p}_apply_gradients(&s, {u}_RATE);",
        "  }",
        "  return 0;",
        "}",
    ]


def joined(training: bytes, inference: bytes) -> bytes:
    """The page of a folder that holds both."""
    return training + b"\n" + inference
