"""
The C of a training: programs that share parameters in RAM, and the functions around them.

One sample is a whole sequence: forward with its tape, then backward; the gradients of the
samples of a batch add up until they are applied. All memory is in one struct of the caller.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from snncc.backends.c.api import (
    APART,
    ARITHMETIC,
    ARITHMETIC_END,
    initial,
    internal_header,
    kernels_header,
    stages_text,
)
from snncc.backends.c.guides import cmake
from snncc.backends.c.kernels import Kernels
from snncc.backends.c.names import LocalScope
from snncc.backends.c.package import CPackage, Weights
from snncc.backends.c.program import CProgram, Terminal, Unit
from snncc.backends.c.scalars import float_literal
from snncc.backends.c.structs import ALIGNMENT, Array, Group, declare, offsets
from snncc.backends.c.types import CType
from snncc.backends.c.weights import (
    C_LIMIT,
    Constant,
    clean,
    constants_of,
    total_bytes,
    weights_binary,
    weights_c,
)
from snncc.dialects import kernel
from snncc.dialects.arrays import Array as Numbers
from snncc.dialects.kernel.program import Role
from snncc.dialects.snn.network import STREAM

FORWARD, BACKWARD, APPLY, PREPARE, PREDICT = "forward", "backward", "apply", "prepare", "predict"
BYTE = CType("uint8_t", "u8", 1)


@dataclass(frozen=True)
class Training:
    """What is emitted: programs, and what their inputs and outputs are to each other."""

    programs: Mapping[str, kernel.ProgramOp]
    inputs: Sequence[str]
    """Of the network."""
    targets: Sequence[str]
    """Inputs of the loss."""
    losses: Mapping[str, float]
    """Output of the forward program -> its weight in the loss."""
    tape: Sequence[str]
    sums: Sequence[str]
    parameters: Mapping[str, Numbers]
    """A state of the apply program -> what it holds at first, as it is stored."""
    steps: int
    segment: int
    """The steps that the tape holds; where they are fewer than `steps`, states are kept at the
    start of each segment, and each but the last is run again."""
    rate: float
    """The learning rate where the caller has none of its own."""
    samples: int = 1
    """The samples that run at once, all their steps in one block."""

    @property
    def segments(self) -> int:
        return -(-self.steps // self.segment)


@dataclass
class _Writer:
    """The parts of the package as they are put together."""

    training: Training
    prefix: str
    unit: Unit
    programs: dict[str, CProgram] = field(default_factory=dict[str, CProgram])

    def __post_init__(self) -> None:
        t = self.training
        for name, op in t.programs.items():
            self.programs[name] = CProgram(op, f"{self.prefix}_{name}", kernels=self.unit.kernels)
        forward, backward = self.programs[FORWARD], self.programs[BACKWARD]
        scopes = {
            group: LocalScope(self.prefix)
            for group in ("derived", "sums", "tape", "losses", "again")
        }
        self.member: dict[str, str] = {}

        def array(group: str, terminal: Terminal, rows: int = 1) -> Array:
            name = scopes[group][terminal.name]
            self.member[f"{group}.{terminal.name}"] = f"s->{group}.{name}"
            buffer = self._buffer(terminal)
            return Array(name, terminal.type, rows * prod(buffer))

        def outputs(program: CProgram, names: Sequence[str]) -> list[Terminal]:
            return [t for t in program.outputs if t.name in set(names)]

        losses = outputs(forward, list(t.losses))
        members: list[Array | Group] = []
        for name, program in self.programs.items():
            program.state.name = name
        members.append(self.programs[APPLY].state)
        derived = self.programs[PREPARE].outputs if PREPARE in self.programs else []
        members.append(Group("derived", "struct", [array("derived", o) for o in derived]))
        members.append(
            Group("sums", "struct", [array("sums", o) for o in outputs(backward, t.sums)])
        )
        members.append(
            Group(
                "tape",
                "struct",
                [array("tape", o, t.samples * t.segment) for o in outputs(forward, t.tape)],
            )
        )
        kept_losses = [array("losses", o, t.samples) for o in losses]
        members.append(Group("losses", "struct", kept_losses))
        if t.segments > 1:
            members.append(Group("again", "struct", [array("again", o) for o in losses]))
        rest = [name for name in self.programs if name != APPLY]
        members.extend(self.programs[name].state for name in rest)
        kept = [m for m in forward.state.members if isinstance(m, Array) and m.name != "magic"]
        self.kept = max((m.offset + m.size for m in kept), default=0)
        if t.segments > 1 and self.kept:
            members.append(Array("checkpoints", BYTE, t.segments * self.kept))
        members.append(Array("samples", CType("uint32_t", "u32", 4), 1))
        members.append(Array("magic", CType("uint32_t", "u32", 4), 1))
        self.state = Group("train", "struct", members)
        self.state.place(0, ALIGNMENT)
        self.arrays = offsets(self.state)

    @property
    def magic(self) -> int:
        value = 0x811C9DC5  # FNV-1a
        for byte in f"{self.prefix}:train:{self.state.size}".encode():
            value = (value ^ byte) * 0x01000193 & 0xFFFFFFFF
        return value or 1

    @staticmethod
    def _buffer(terminal: Terminal) -> tuple[int, ...]:
        """The sizes of a terminal at one step, as it is stored."""
        return terminal.stored if terminal.order else terminal.shape

    # --- calls

    def argument(self, name: str, terminal: Terminal, places: Mapping[str, tuple[str, str]]) -> str:
        """
        What a call passes: `places` are (pointer, row) by a terminal's name; parameters and
        what is derived of them are found by themselves.
        """
        program = self.programs[name]
        is_held = terminal in program.inputs and not terminal.has_rows
        if terminal.name in places and not (is_held and terminal.name not in self.own):
            pointer, row = places[terminal.name]
            if not terminal.has_rows or not row:
                return pointer
            place = row if row.isidentifier() else f"({row})"
            return f"{pointer} + {place} * {prod(self._buffer(terminal))}u"
        derived = self.member.get(f"derived.{terminal.name}")
        return derived or self.parameter(terminal.name)

    @property
    def own(self) -> set[str]:
        return {*self.training.inputs, *self.training.targets}

    def parameter(self, name: str) -> str:
        """A parameter, as an expression: a state of the apply program."""
        program = self.programs[APPLY]
        buffer = next(b for b in program.op.buffers(Role.STATE) if b.known_as == name)
        return f"s->{APPLY}.{program.member(buffer.sym_name.data)}"

    def call(self, name: str, places: Mapping[str, tuple[str, str]], steps: str) -> str:
        program = self.programs[name]
        arguments = [self.argument(name, t, places) for t in (*program.inputs, *program.outputs)]
        return f"{program.prefix}_block({', '.join([f'&s->{name}', *arguments, steps])});"

    def terminals(self, names: Sequence[str]) -> list[Terminal]:
        """The inputs of the network or the loss, as parameters of functions."""
        program = self.programs[FORWARD]
        return [t for t in program.inputs if t.name in set(names) and self._is_own(t)]

    def _is_own(self, terminal: Terminal) -> bool:
        return terminal.has_rows or terminal.name in self.training.targets


def emit_training(
    training: Training,
    *,
    prefix: str,
    title: str,
    weights: Weights = "auto",
    report: Mapping[str, Any] | None = None,
) -> CPackage:
    """
    The C of a training; its files begin with PREFIX_train. Raises SNC-C001 for an operation
    that has no rule in C.
    """
    name = f"{prefix}_train"
    unit = Unit(name, Kernels(name, name.upper()))
    writer = _Writer(training, prefix, unit)
    constants = [c for program in writer.programs.values() for c in constants_of(program)]
    starts = _initial_parameters(writer)
    constants += starts.values()
    size = total_bytes(constants)
    text = _source(writer, starts)  # asks for kernels: they are printed after it
    files: dict[str, bytes] = {
        f"include/{name}.h": _header(writer, title, size).encode(),
        f"src/{name}.c": text.encode(),
        f"src/{name}_internal.h": internal_header(unit, constants).encode(),
        f"src/{name}_kernels.h": kernels_header(unit).encode(),
    }
    if constants and (weights == "bin" or (weights == "auto" and size > C_LIMIT)):
        data, assembly = weights_binary(unit, constants)
        files[f"src/{name}_weights.S"] = assembly.encode()
        files[f"src/{name}_weights.bin"] = data
    elif constants:
        files[f"src/{name}_weights.c"] = weights_c(unit, constants).encode()
    files["CMakeLists.txt"] = cmake(unit, files).encode()
    manifest = _manifest(writer, title, size, files, report or {})
    files[f"{name}.json"] = (json.dumps(manifest, indent=1) + "\n").encode()
    return CPackage(prefix, files, manifest)


def _initial_parameters(writer: _Writer) -> dict[str, Constant]:
    """What parameters hold at first, as constants."""
    program = writer.programs[APPLY]
    found: dict[str, Constant] = {}
    for buffer in program.op.buffers(Role.STATE):
        array = writer.training.parameters.get(buffer.known_as)
        if array is not None:
            member = program.member(buffer.sym_name.data)
            symbol = f"{writer.unit.prefix}_first_{member}"
            found[buffer.sym_name.data] = Constant(symbol, buffer, np.ascontiguousarray(array))
    return found


def with_inference(training: CPackage, inference: CPackage) -> CPackage:
    """The files of both, which are what they are alone; one library of them."""
    files = {**training.files, **inference.files}
    unit = Unit(inference.prefix, Kernels(inference.prefix, inference.prefix.upper()))
    text = files["CMakeLists.txt"] = cmake(unit, files).encode()
    manifests = {f"{unit.prefix}.json": inference.manifest}
    manifests[f"{unit.prefix}_train.json"] = training.manifest
    entry = {"bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
    for name, manifest in manifests.items():
        known = {**manifest, "files": {**manifest["files"], "CMakeLists.txt": entry}}
        files[name] = (json.dumps(known, indent=1) + "\n").encode()
    return CPackage(inference.prefix, files, inference.manifest)


def _wrapped(text: str, indent: int) -> list[str]:
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


# --- NAME_train.c


def _source(writer: _Writer, starts: Mapping[str, Constant]) -> str:
    p, u = writer.prefix, writer.unit.upper
    parts: list[str] = []
    for name, program in writer.programs.items():
        parts.extend(stages_text(program))
        if writer.training.samples == 1 or name not in (FORWARD, BACKWARD):
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
            f"#define {u}_MAGIC {writer.magic}u",
            "",
            APART.replace("@U@", u),
            *parts,
            _refresh(writer),
            _begin(writer),
            *_passes(writer),
            _apply(writer),
            _predict(writer),
            ARITHMETIC_END,
        ]
    )


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


def _guard(writer: _Writer, pointers: Sequence[str]) -> list[str]:
    u = writer.unit.upper
    tests = " || ".join(f"{pointer} == NULL" for pointer in ("s", *pointers))
    return [
        f"  if ({tests}) {{",
        f"    return {u}_ERR_ARG;",
        "  }",
        f"  if (s->magic != {u}_MAGIC) {{",
        f"    return {u}_ERR_STATE;",
        "  }",
    ]


def _refresh(writer: _Writer) -> str:
    p, u = writer.prefix, writer.unit.upper
    lines: list[str] = []
    if PREPARE in writer.programs:
        program = writer.programs[PREPARE]
        places = {t.name: (writer.parameter(t.name), "") for t in program.inputs}
        places |= {t.name: (writer.member[f"derived.{t.name}"], "") for t in program.outputs}
        lines = _wrapped(writer.call(PREPARE, places, "1u"), 1)
    return "\n".join(
        [
            f"{p}_train_status_t {p}_train_refresh({p}_train_t *s)",
            "{",
            *_guard(writer, []),
            *lines,
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _begin(writer: _Writer) -> str:
    p, u = writer.prefix, writer.unit.upper
    return "\n".join(
        [
            f"{p}_train_status_t {p}_train_begin({p}_train_t *s)",
            "{",
            "  if (s == NULL) {",
            f"    return {u}_ERR_ARG;",
            "  }",
            "  memset(s, 0, sizeof *s);",
            f"  {writer.programs[APPLY].prefix}_reset(&s->{APPLY});",
            f"  s->magic = {u}_MAGIC;",
            f"  return {p}_train_refresh(s);",
            "}",
            "",
        ]
    )


def _parameters(writer: _Writer) -> tuple[list[str], list[str]]:
    """(the parameters that hand a sample on, their names)."""
    terminals = writer.terminals([*writer.training.inputs, *writer.training.targets])
    return (
        [f"const {t.type.name} *{t.symbol}" for t in terminals],
        [t.symbol for t in terminals],
    )


def _passes(writer: _Writer) -> list[str]:
    """The functions from a sample, or some, to gradients."""
    if writer.training.samples > 1:
        return [_some(writer), _single(writer), _batch(writer)]
    return [_forward(writer), _backward(writer), _step(writer)]


def _sample_places(writer: _Writer, row: str) -> dict[str, tuple[str, str]]:
    names = [*writer.training.inputs, *writer.training.targets]
    return {t.name: (t.symbol, row) for t in writer.terminals(names)}


def _forward(writer: _Writer) -> str:
    p, u, t = writer.prefix, writer.unit.upper, writer.training
    parameters, _ = _parameters(writer)
    places = _sample_places(writer, "first + t")
    places |= {name: (writer.member[f"tape.{name}"], "t") for name in t.tape}

    def run(group: str) -> str:
        kept = {name: (writer.member[f"{group}.{name}"], "") for name in t.losses}
        return writer.call(FORWARD, {**places, **kept}, "block")

    lines = _wrapped(run("losses"), 2)
    if t.segments > 1:
        lines = [
            "    if (again) { /* the loss is known from the first time */",
            *_wrapped(run("again"), 3),
            "    } else {",
            *_wrapped(run("losses"), 3),
            "    }",
        ]
    again = ["int again"] if t.segments > 1 else []
    return "\n".join(
        [
            "/* A segment of the sequence, from the states before it: fills the tape. */",
            *_wrapped(
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


def _backward(writer: _Writer) -> str:
    p, u, t = writer.prefix, writer.unit.upper, writer.training
    parameters, _ = _parameters(writer)
    places = _sample_places(writer, "first + t")
    places |= {name: (writer.member[f"tape.{name}"], "t") for name in t.tape}
    places |= {name: (writer.member[f"sums.{name}"], "") for name in t.sums}
    call = writer.call(BACKWARD, places, "block")
    unread = [
        f"  (void){symbol};"
        for symbol in (q.split("*")[-1] for q in parameters)
        if symbol not in call
    ]
    return "\n".join(
        [
            "/* A segment from its end to its start: adds to the gradients. */",
            *_wrapped(
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
            *_wrapped(call, 2),
            "  }",
            "}",
            "",
        ]
    )


def _loss_terms(writer: _Writer, row: str = "") -> list[str]:
    """Statements that add the terms of the loss to `sum`; `row` is the sample's, if any."""
    t, forward = writer.training, writer.programs[FORWARD]
    terms: list[str] = []
    for terminal in forward.outputs:
        if terminal.name not in t.losses:
            continue
        weight = t.losses[terminal.name]
        array = writer.member[f"losses.{terminal.name}"]
        element = next(
            b.type.element_type
            for b in forward.op.buffers(Role.OUTPUT)
            if b.known_as == terminal.name
        )
        place = f"{row} * {terminal.size}u + j" if row else "i"
        counter = place[-1]
        terms.extend(
            [
                f"for (size_t {counter} = 0; {counter} < {terminal.size}u; ++{counter}) {{",
                f"  sum += {float_literal(weight, element)} * {array}[{place}];",
                "}",
            ]
        )
    return terms


def _step(writer: _Writer) -> str:
    p, u, t = writer.prefix, writer.unit.upper, writer.training
    _, symbols = _parameters(writer)
    given = ", ".join(["s", *symbols])
    resets = [
        f"  {writer.programs[name].prefix}_reset(&s->{name});"
        for name in (FORWARD, BACKWARD)
        if _has_states(writer.programs[name])
    ]
    if t.segments == 1:
        body = [
            f"  {p}_train_forward({given}, 0, {t.steps}u);",
            f"  {p}_train_backward({given}, 0, {t.steps}u);",
        ]
    else:
        keep, back = [], []
        if writer.kept:
            place = f"s->checkpoints + i * {writer.kept}u"
            keep = [f"    memcpy({place}, &s->{FORWARD}, {writer.kept}u);"]
            place = f"s->checkpoints + (i - 1) * {writer.kept}u"
            back = [f"      memcpy(&s->{FORWARD}, {place}, {writer.kept}u);"]
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
            *_wrapped(_step_signature(writer), 0),
            "{",
            *_guard(writer, [*symbols, "loss"]),
            "  memset(&s->losses, 0, sizeof s->losses);",
            *resets,
            *body,
            "  float sum = 0.0f;",
            *(f"  {line}" for line in _loss_terms(writer)),
            "  *loss = sum;",
            "  ++s->samples[0];",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _step_signature(writer: _Writer) -> str:
    p = writer.prefix
    parameters = [f"{p}_train_t *s", *_parameters(writer)[0], "float *loss"]
    return f"{p}_train_status_t {p}_train_step({', '.join(parameters)})"


def _some(writer: _Writer) -> str:
    """A block of whole samples, one behind the other: they start again by themselves."""
    p, t = writer.prefix, writer.training
    parameters, _ = _parameters(writer)
    places = _sample_places(writer, "")
    places |= {name: (writer.member[f"tape.{name}"], "") for name in t.tape}
    losses = {name: (writer.member[f"losses.{name}"], "") for name in t.losses}
    sums = {name: (writer.member[f"sums.{name}"], "") for name in t.sums}
    steps = f"samples * {t.steps}u"
    return "\n".join(
        [
            "/* Samples that run at once, one behind the other: adds to the gradients. */",
            *_wrapped(
                f"static void {p}_train_some("
                + ", ".join([f"{p}_train_t *s", *parameters, "size_t samples", "float *loss"])
                + ")",
                0,
            ),
            "{",
            "  memset(&s->losses, 0, sizeof s->losses);",
            *_wrapped(writer.call(FORWARD, {**places, **losses}, steps), 1),
            *_wrapped(writer.call(BACKWARD, {**places, **sums}, steps), 1),
            "  for (size_t i = 0; i < samples; ++i) {",
            "    float sum = 0.0f;",
            *(f"    {line}" for line in _loss_terms(writer, "i")),
            "    loss[i] = sum;",
            "  }",
            "  s->samples[0] += (uint32_t)samples;",
            "}",
            "",
        ]
    )


def _single(writer: _Writer) -> str:
    p, u = writer.prefix, writer.unit.upper
    _, symbols = _parameters(writer)
    return "\n".join(
        [
            *_wrapped(_step_signature(writer), 0),
            "{",
            *_guard(writer, [*symbols, "loss"]),
            f"  {p}_train_some({', '.join(['s', *symbols])}, 1, loss);",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _batch_signature(writer: _Writer) -> str:
    p = writer.prefix
    parameters = [f"{p}_train_t *s", *_parameters(writer)[0], "size_t samples", "float *loss"]
    return f"{p}_train_status_t {p}_train_batch({', '.join(parameters)})"


def _batch(writer: _Writer) -> str:
    p, u, t = writer.prefix, writer.unit.upper, writer.training
    _, symbols = _parameters(writer)
    terminals = writer.terminals([*t.inputs, *t.targets])
    places = [f"{found.symbol} + i * {u}_{found.symbol.upper()}_SIZE" for found in terminals]
    return "\n".join(
        [
            *_wrapped(_batch_signature(writer), 0),
            "{",
            *_guard(writer, [*symbols, "loss"]),
            f"  for (size_t i = 0; i < samples; i += {u}_SAMPLES) {{",
            "    const size_t left = samples - i;",
            f"    const size_t some = left < {u}_SAMPLES ? left : {u}_SAMPLES;",
            *_wrapped(f"{p}_train_some({', '.join(['s', *places])}, some, loss + i);", 2),
            "  }",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


def _apply(writer: _Writer) -> str:
    p, u, t = writer.prefix, writer.unit.upper, writer.training
    places = {name: (writer.member[f"sums.{name}"], "") for name in t.sums}
    places |= {"rate": ("&rate", ""), "scale": ("&scale", "")}
    return "\n".join(
        [
            f"{p}_train_status_t {p}_apply_gradients({p}_train_t *s, float rate)",
            "{",
            *_guard(writer, []),
            "  if (s->samples[0] == 0) {",
            f"    return {u}_OK;",
            "  }",
            "  const float scale = 1.0f / (float)s->samples[0];",
            *_wrapped(writer.call(APPLY, places, "1u"), 1),
            "  memset(&s->sums, 0, sizeof s->sums);",
            "  s->samples[0] = 0;",
            f"  return {p}_train_refresh(s);",
            "}",
            "",
        ]
    )


def _predict_signature(writer: _Writer) -> str:
    p, program = writer.prefix, writer.programs[PREDICT]
    inputs = [f"const {t.type.name} *{t.symbol}" for t in program.inputs if t.has_rows]
    outputs = [f"{t.type.name} *{t.symbol}" for t in program.outputs]
    parameters = [f"{p}_train_t *s", *inputs, "size_t steps", *outputs]
    return f"{p}_train_status_t {p}_train_predict({', '.join(parameters)})"


def _predict(writer: _Writer) -> str:
    u, program = writer.unit.upper, writer.programs[PREDICT]
    own = [t for t in (*program.inputs, *program.outputs) if t.has_rows or t in program.outputs]
    places = {t.name: (t.symbol, "t" if t.has_rows else "") for t in own}
    resets = [f"  {program.prefix}_reset(&s->{PREDICT});"] if _has_states(program) else []
    return "\n".join(
        [
            *_wrapped(_predict_signature(writer), 0),
            "{",
            *_guard(writer, [t.symbol for t in own]),
            *resets,
            f"  for (size_t t = 0; t < steps; t += {u}_BLOCK_STEPS) {{",
            "    const size_t left = steps - t;",
            f"    const size_t block = left < {u}_BLOCK_STEPS ? left : {u}_BLOCK_STEPS;",
            *_wrapped(writer.call(PREDICT, places, "block"), 2),
            "  }",
            f"  return {u}_OK;",
            "}",
            "",
        ]
    )


# --- NAME_train.h


def _header(writer: _Writer, title: str, const_bytes: int) -> str:
    p, u, t = writer.prefix, writer.unit.upper, writer.training
    aligned = f"{u}_ALIGNED"
    structs: list[str] = []
    for name, program in writer.programs.items():
        structs.append(f"typedef struct {p}_{name}_state {{")
        structs.extend(declare(program.state, ALIGNMENT, aligned))
        structs.extend([f"}} {p}_{name}_state_t;", ""])
    lines: list[str] = []
    for member in writer.state.members:
        if isinstance(member, Group) and member.name in writer.programs:
            lines.append(f"  {p}_{member.name}_state_t {member.name};")
        else:
            lines.extend(declare(Group("", "struct", [member]), ALIGNMENT, aligned))
    sizes: list[str] = []
    for terminal in writer.terminals([*t.inputs, *t.targets]):
        shape = "x".join(map(str, terminal.shape)) or "1"
        steps = f"{t.steps} steps of " if terminal.has_rows else ""
        sizes.append(f"/* {clean(terminal.name)}: {steps}{shape} */")
        rows = f"{t.steps}u * " if terminal.has_rows else ""
        sizes.append(f"#define {u}_{terminal.symbol.upper()}_SIZE ({rows}{terminal.size}u)")
    return "\n".join(
        [
            f"/* {clean(title)}: its training in C11, made by snncc.",
            "",
            "   Backpropagation through time: forward with a tape, backward, update. The caller",
            "   owns one struct, which holds the parameters; there is no allocation and no",
            "   mutable global. */",
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
            *_samples_macro(writer),
            f"#define {u}_BLOCK_STEPS {t.programs[FORWARD].block_steps}u",
            "/* the steps that the tape holds: fewer than those of a sample are run twice */",
            f"#define {u}_TAPE_STEPS {t.segment}u",
            *sizes,
            f"#define {u}_RATE {float(np.float32(t.rate))!r}f",
            f"#define {u}_BYTES {writer.state.size}u",
            f"#define {u}_CONST_BYTES {const_bytes}u",
            "",
            "typedef enum {",
            f"  {u}_OK = 0, /* the call did what it says */",
            f"  {u}_ERR_ARG = -1, /* a pointer is NULL */",
            f"  {u}_ERR_STATE = -3, /* {p}_train_begin was not called */",
            f"}} {p}_train_status_t;",
            "",
            *structs,
            "/* Everything that is trained or needed for it. Parameters are in `apply`, as the",
            "   kernels read them; gradients, summed over samples, in `sums`. */",
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
            "/* One sample, from its first step: adds its gradients, gives its loss. */",
            *_wrapped(f"{_step_signature(writer)};", 0),
            "",
            *_batch_declaration(writer),
            "/* The update by the mean gradient of the samples since the last one. */",
            f"{p}_train_status_t {p}_apply_gradients({p}_train_t *s, float rate);",
            "",
            "/* `steps` steps from the first on, with the parameters as they are now. */",
            *_wrapped(f"{_predict_signature(writer)};", 0),
            "",
            "#ifdef __cplusplus",
            "}",
            "#endif",
            "",
            f"#endif /* {u}_H */",
            "",
        ]
    )


def _samples_macro(writer: _Writer) -> list[str]:
    u, samples = writer.unit.upper, writer.training.samples
    if samples == 1:
        return []
    return [
        "/* the samples that run at once: all their steps are such a block */",
        f"#define {u}_SAMPLES {samples}u",
    ]


def _batch_declaration(writer: _Writer) -> list[str]:
    if writer.training.samples == 1:
        return []
    return [
        "/* Samples, one behind the other in each array: adds their gradients, gives the loss of",
        f"   each. {writer.unit.upper}_SAMPLES of them run at once; the bits are those of one",
        "   after the other. */",
        *_wrapped(f"{_batch_signature(writer)};", 0),
        "",
    ]


# --- NAME_train.json


def _manifest(
    writer: _Writer,
    title: str,
    const_bytes: int,
    files: Mapping[str, bytes],
    report: Mapping[str, Any],
) -> dict[str, Any]:
    t = writer.training

    def place(expression: str) -> dict[str, Any]:
        array = writer.arrays[expression.removeprefix("s->")]
        return {"offset": array.offset, "type": array.type.name, "count": array.count}

    def terminal(found: Terminal) -> dict[str, Any]:
        return {
            "name": found.name,
            "symbol": found.symbol,
            "type": found.type.name,
            "shape": list(found.shape),
            "rows": found.has_rows,
            **({} if found.kind == STREAM else {"kind": found.kind}),
        }

    predict = writer.programs[PREDICT]
    groups = {m.name: m.size for m in writer.state.members if isinstance(m, Group) and m.members}
    return {
        "schema": 1,
        "model": title,
        "prefix": writer.prefix,
        "steps": t.steps,
        "samples_at_once": t.samples,
        "tape_steps": t.segment,
        "bytes": writer.state.size,
        "alignment": writer.state.alignment(ALIGNMENT),
        "const_bytes": const_bytes,
        "memory": {
            **groups,
            "checkpoints": t.segments * writer.kept if t.segments > 1 else 0,
        },
        "inputs": [terminal(found) for found in writer.terminals(list(t.inputs))],
        "targets": [terminal(found) for found in writer.terminals(list(t.targets))],
        "outputs": [terminal(found) for found in predict.outputs],
        "parameters": {name: place(writer.parameter(name)) for name in t.parameters},
        "samples": place("s->samples"),
        "sums": {name: place(writer.member[f"sums.{name}"]) for name in t.sums},
        **report,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        },
    }
