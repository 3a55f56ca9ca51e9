"""The heads of the functions that users call, which two files write."""

from __future__ import annotations

from snncc.backends.c.training.layout import PREDICT, Layout


def wrapped(text: str, indent: int) -> list[str]:
    """A call or head of a function, broken where it is long."""
    pad = "  " * indent
    if len(pad) + len(text) <= 100:
        return [pad + text]
    head, rest = text.split("(", 1)
    lines, current = [f"{pad}{head}("], ""
    for piece in rest.split(", "):
        if current and len(pad) + 4 + len(current) + len(piece) + 2 > 100:
            lines.append(f"{pad}    {current}")
            current = ""
        current += f"{piece}, "
    return [*lines, f"{pad}    {current.removesuffix(', ')}"]


def sample_parameters(layout: Layout) -> tuple[list[str], list[str]]:
    """(the parameters that hand a sample on, their names)."""
    terminals = layout.terminals([*layout.training.inputs, *layout.training.targets])
    return (
        [f"const {t.type.name} *{t.symbol}" for t in terminals],
        [t.symbol for t in terminals],
    )


def sample_places(layout: Layout, row: str) -> dict[str, tuple[str, str]]:
    names = [*layout.training.inputs, *layout.training.targets]
    return {t.name: (t.symbol, row) for t in layout.terminals(names)}


def step_signature(layout: Layout) -> str:
    p = layout.prefix
    parameters = [
        f"{p}_train_t *s",
        *sample_parameters(layout)[0],
        f"{layout.training.loss_type} *loss",
    ]
    return f"{p}_train_status_t {p}_train_step({', '.join(parameters)})"


def predict_signature(layout: Layout) -> str:
    p, program = layout.prefix, layout.programs[PREDICT]
    inputs = [f"const {t.type.name} *{t.symbol}" for t in program.inputs if t.has_rows]
    outputs = [f"{t.type.name} *{t.symbol}" for t in program.outputs]
    parameters = [f"{p}_train_t *s", *inputs, "size_t steps", *outputs]
    return f"{p}_train_status_t {p}_train_predict({', '.join(parameters)})"
