"""What tells a user how to build and call the emitted C: CMakeLists.txt and README.md."""

from __future__ import annotations

from collections.abc import Iterable

from snncc.backends.c.header import STATUS
from snncc.backends.c.program import CProgram, Terminal, Unit
from snncc.backends.c.weights import clean


def cmake(program: CProgram | Unit, files: Iterable[str]) -> str:
    p = program.prefix
    sources = sorted(name for name in files if name.endswith((".c", ".S")))
    languages = "C ASM" if any(name.endswith(".S") for name in sources) else "C"
    lines = [
        "cmake_minimum_required(VERSION 3.13)",
        f"project({p} {languages})",
        "",
        f"add_library({p} STATIC",
        *(f"  {name}" for name in sources),
        ")",
        f"target_include_directories({p} PUBLIC include PRIVATE src)",
        f"target_compile_features({p} PUBLIC c_std_11)",
        "# without contraction of a * b + c the results are the same bits on every target;",
        "# without trapping math (no result depends on it) more loops become vectors; without",
        "# errno a square root is the instruction of the target",
        f"target_compile_options({p} PRIVATE",
        "  $<$<COMPILE_LANGUAGE:C>:-ffp-contract=off;-fno-trapping-math;-fno-math-errno>)",
    ]
    if languages == "C ASM":
        lines.append(
            f"target_compile_options({p} PRIVATE "
            "$<$<COMPILE_LANGUAGE:ASM>:-I${CMAKE_CURRENT_SOURCE_DIR}/src>)"
        )
    return "\n".join([*lines, ""])


def readme(program: CProgram, title: str, const_bytes: int, files: Iterable[str]) -> str:
    p, u = program.prefix, program.upper
    assembly = any(name.endswith(".S") for name in files)
    sources = "`src/*.c` and `src/*.S`" if assembly else "`src/*.c`"

    def row(what: str, t: Terminal) -> str:
        shape = "x".join(map(str, t.shape)) or "1"
        whole = t.element(whole=program.converts)
        also = "" if whole == t.type else f", `_q`: `{whole.name}[{t.size}]`"
        return f"| {what} `{clean(t.name)}` | `{t.type.name}[{t.size}]`{also} | {shape} |"

    rows = [
        row(what, t)
        for what, terminals in (("input", program.inputs), ("output", program.outputs))
        for t in terminals
    ]
    declarations = [
        f"static {t.type.name} {t.symbol}[{u}_{t.symbol.upper()}_SIZE];"
        for t in (*program.inputs, *program.outputs)
    ]
    arguments = ", ".join(["&s", *(t.symbol for t in (*program.inputs, *program.outputs))])
    codes = [f"| `{u}_{name}` | {value} | {meaning} |" for name, value, meaning in STATUS]
    return "\n".join(
        [
            f"# {p}",
            "",
            f"{clean(title)} as C11, made by snncc: no allocation, no mutable globals, no",
            "library but the four memory functions of `string.h`.",
            "",
            "```c",
            f'#include "{p}.h"',
            "",
            f"static {p}_state_t s; /* one for each sample */",
            *declarations,
            "",
            f"{p}_init(&s);",
            f"{p}_step_f32({arguments}); /* once for each time step */",
            "```",
            "",
            f"Build {sources} with `include` and `src` on the include path, or",
            f"`add_subdirectory` this folder and link `{p}`. The results are the same bits at",
            f"every level of gcc and clang: `{p}.c` forbids the contraction of a * b + c",
            "(by a pragma that clang's `-ffp-contract=fast` overrides) and refuses `-ffast-math`.",
            f"`-fno-trapping-math -fno-math-errno` make it faster; `-D{u}_PORTABLE` leaves out",
            "the vector bodies.",
            "",
            "| | C | shape |",
            "| --- | --- | --- |",
            *rows,
            "",
            "| memory | bytes |",
            "| --- | --- |",
            f"| state, one for each sample (`{u}_STATE_BYTES`) | {program.state_bytes} |",
            f"| of it work space | {program.work_bytes} |",
            f"| constants (`{u}_CONST_BYTES`) | {const_bytes} |",
            "",
            "| status | value | meaning |",
            "| --- | --- | --- |",
            *codes,
            "",
            *(_whole_numbers(program) if program.converts else []),
            f"`{p}_step_events` takes addresses, `{p}_step_counts` a small count for each input,",
            f"`{p}_run` many steps at once; `{p}.json` lists layers, sizes and hashes.",
            "",
        ]
    )


def _whole_numbers(program: CProgram) -> list[str]:
    p = program.prefix
    text = f"`{p}_step_q` and `{p}_run_q` take and give whole numbers, whose units stand in `{p}.h`"
    if program.computes_floats:
        return [f"{text}.", ""]
    return [
        f"{text},",
        f"and compute no float. A build that calls no others does without `src/{p}_float.c`: leave",
        "it out, or link the library, from which a linker takes what is called.",
        "",
    ]
