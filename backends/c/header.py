"""The header of the emitted C: everything that a user of the network needs."""

from __future__ import annotations

from snncc.backends.c.program import EVENT_LIMIT, CProgram, Terminal
from snncc.backends.c.structs import declare
from snncc.backends.c.types import is_signed
from snncc.backends.c.weights import clean
from snncc.backends.c.whole_header import whole_macros, whole_text
from snncc.dialects.snn.network import LAST, SUM

STATUS = (
    ("OK", 0, "the call did what it says"),
    ("ERR_ARG", -1, "a pointer is NULL"),
    ("ERR_RANGE", -2, "an event's address is outside of the input; nothing was changed"),
    ("ERR_STATE", -3, "the state was not initialised"),
)
"""Status codes: name, value, meaning; the enum and the texts come from this one table."""


def _address(program: CProgram) -> str:
    return "uint16_t" if all(t.size <= EVENT_LIMIT for t in program.inputs) else "uint32_t"


def output_parameters(program: CProgram, *, whole: bool = False) -> list[str]:
    return [f"{t.element(whole=whole).name} *{t.symbol}" for t in program.outputs]


def signature(program: CProgram, form: str) -> str:
    """
    The parameters of step_f32, step_counts, step_events and run; of those that end with _q, which
    have whole numbers in the place of floats.
    """
    p = program.prefix
    whole = form.endswith("_q")
    inputs: list[str] = []
    for terminal in program.inputs:
        if form.startswith("step_counts"):
            inputs.append(f"const uint8_t *{terminal.symbol}")
        elif form.startswith("step_events"):
            inputs.append(f"const {p}_address_t *{terminal.symbol}")
            inputs.append(f"size_t {terminal.count}")
        else:
            inputs.append(f"const {terminal.element(whole=whole).name} *{terminal.symbol}")
    steps = ["size_t steps"] if form in ("run", "run_q") else []
    outputs = output_parameters(program, whole=whole)
    return f"{p}_status_t {p}_{form}({', '.join([f'{p}_state_t *s', *inputs, *steps, *outputs])})"


def _macros(program: CProgram, constants_bytes: int) -> list[str]:
    u = program.upper
    lines: list[str] = []
    for what, terminals in (("input", program.inputs), ("output", program.outputs)):
        for t in terminals:
            shape = "x".join(map(str, t.shape)) or "1"
            spikes = " spikes, 0 or 1" if t.spikes else ""
            worth = "" if t.scale is None else f"; 1 stands for {t.scale:.9g}"
            text = f"{what} {clean(t.name)}: {shape}{spikes}, in this order (C order){worth}"
            lines.extend(_comment(f"{text}{_meaning(t)}"))
            lines.append(f"#define {u}_{t.symbol.upper()}_SIZE {t.size}u")
            if program.converts and t.whole is not None:
                lines.extend(whole_macros(u, t, t.whole))
    lines.append("/* memory: the caller's struct for each sample, and constants */")
    lines.append(f"#define {u}_STATE_BYTES {program.state_bytes}u")
    lines.append(f"#define {u}_STATE_ALIGN {program.state_alignment}u")
    lines.append(f"#define {u}_CONST_BYTES {constants_bytes}u")
    lines.append("/* steps that run() takes through a layer before the next layer */")
    lines.append(f"#define {u}_BLOCK_STEPS {program.op.block_steps}u")
    return lines


def _comment(text: str) -> list[str]:
    """One comment; lines of at most 92 characters where the text has line breaks."""
    first, *rest = text.split("\n")
    return [f"/* {first}{'' if rest else ' */'}"] + [
        f"   {line}{' */' if line is rest[-1] else ''}" for line in rest
    ]


def _meaning(t: Terminal) -> str:
    """What an output without rows holds."""
    if t.kind == SUM:
        text = ";\nthe sum of all steps, which is added to what is there: set it to 0 first"
        if t.order:
            axes = " ".join(map(str, t.order))
            text += f";\nstored as {'x'.join(map(str, t.stored))}: axes {axes} of the product"
        return text
    return ";\nthe value of the last step that was run" if t.kind == LAST else ""


def _run_text(program: CProgram) -> list[str]:
    if not program.op.is_reverse:
        return ["/* `steps` steps: inputs and outputs are arrays [steps][size]. */"]
    return [
        "/* `steps` steps, from the last to the first: inputs and outputs are arrays",
        "   [steps][size] in the order of time. The functions that take one step are called",
        "   for the last one first. */",
    ]


def _values_text(program: CProgram) -> list[str]:
    if not any(is_signed(t.type) for t in (*program.inputs, *program.outputs)):
        return [
            "   (uint8_t), counts as uint16_t, graded values as float; the same bits on every",
            "   machine. */",
        ]
    return [
        "   (uint8_t), counts as uint16_t, graded values as float or as signed integers",
        "   (int8_t, int16_t, int32_t); the same bits on every machine. */",
    ]


def header(program: CProgram, title: str, constants_bytes: int) -> str:
    """NAME.h: everything a user of the network needs."""
    p, u = program.prefix, program.upper
    struct = declare(program.state, program.alignment, f"{u}_ALIGNED")
    codes = [f"  {u}_{name} = {value}, /* {meaning} */" for name, value, meaning in STATUS]
    size = f"{u}_{program.inputs[0].symbol.upper()}_SIZE"
    return "\n".join(
        [
            f"/* {clean(title)}: a spiking network in C11, made by snncc.",
            "",
            "   The caller owns one state for each sample (static, on the stack, in a pool);",
            "   there is no allocation and no mutable global. Outputs: spikes as 0 or 1",
            *_values_text(program),
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
            *_macros(program, constants_bytes),
            "",
            "typedef enum {",
            *codes,
            f"}} {p}_status_t;",
            "",
            "/* The address of an event: its place in the input, flat in C order. */",
            f"typedef {_address(program)} {p}_address_t;",
            "",
            "/* The state of one sample. Its members are the program's own; a copy of the",
            "   struct is a copy of the state. */",
            f"typedef struct {p}_state {{",
            *struct,
            f"}} {p}_state_t;",
            "",
            "/* Makes a state ready: once, before any other call. */",
            f"{p}_status_t {p}_init({p}_state_t *s);",
            "",
            "/* Back to the first step: membranes, currents and delays at their initial values. */",
            f"{p}_status_t {p}_reset({p}_state_t *s);",
            "",
            f"/* One step with dense input, for example {size} numbers. */",
            f"{signature(program, 'step_f32')};",
            "",
            "/* One step with a small count (0, 1, ...) for each element of the input. An element",
            "   holds no more than its type can, and one of an input of spikes no more than 1. */",
            f"{signature(program, 'step_counts')};",
            "",
            "/* One step with events: addresses in any order, one spike each; equal ones add up",
            "   to the same bounds. An address outside of the input is reported, and then nothing",
            "   is changed. */",
            f"{signature(program, 'step_events')};",
            "",
            *_run_text(program),
            f"{signature(program, 'run')};",
            "",
            *(whole_text(program, signature) if program.takes_whole_numbers else []),
            "/* The meaning of a status. */",
            f"const char *{p}_status_text({p}_status_t status);",
            "",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            f"#endif /* {u}_H */",
            "",
        ]
    )
