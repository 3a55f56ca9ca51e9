"""Writes docs/dialect.md and docs/support.md from the code: `python docs/generate.py [--check]`."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from pathlib import Path

from xdsl.ir import Dialect

from snncc.backends.c.scalars import RULES as SCALAR_RULES
from snncc.backends.c.stages import RULES as STAGE_RULES
from snncc.dialects import get_all_dialects
from snncc.dialects.snn.kind import KINDS
from snncc.dialects.snn.surrogates import SURROGATES, WITHOUT
from snncc.errors import CODES, SnnccError
from snncc.importers.netx.decode import NEURONS as NETX_NEURONS
from snncc.importers.netx.reader import LAYERS as NETX_LAYERS
from snncc.importers.nir.model import NEURON_CLASSES, NODE_CLASSES, Node
from snncc.importers.nir.profiles import get_all_profiles
from snncc.importers.nir.profiles.base import Choices, Profile
from snncc.importers.onnx.operators import FIRST_OPSET, LAST_OPSET
from snncc.importers.onnx.operators import OPERATORS as ONNX_OPERATORS
from snncc.importers.torch import spikingjelly_ops
from snncc.importers.torch.aten import NOT_SUPPORTED, OPERATORS
from snncc.importers.torch.libraries import CHECKED, RELEASES
from snncc.options import RESETS, TIMINGS
from snncc.passes import get_all_passes

DOCS = Path(__file__).parent

SURROGATES_TEXT = """\
The derivatives of spikes, functions of u, the distance to the threshold, unless they name the
membrane v or the count q. Those of live models are recognised with their options; a backward
function that is none of these becomes a `snn.surrogate` of the module, or is warned of
(SNC-I004)."""

assert spikingjelly_ops.__doc__  # importing it registers its operators


def _doc(thing: object) -> str:
    return inspect.cleandoc(inspect.getdoc(thing) or "")


def _dialect(dialect: Dialect) -> list[str]:
    lines = [f"## `{dialect.name}`", ""]
    for op in sorted(dialect.operations, key=lambda o: o.name):
        lines += [f"### `{op.name}`", "", _doc(op), ""]
    attributes = sorted(dialect.attributes, key=lambda a: a.name)
    for attribute in attributes:
        lines += [f"### `#{attribute.name}`", "", _doc(attribute), ""]
    return lines


def dialect_reference() -> str:
    lines = ["# Dialect reference", "", "Written by `docs/generate.py` from the operations.", ""]
    for factory in get_all_dialects().values():
        lines += _dialect(factory())
    lines += ["## Kinds of neurons", "", "| kind | equations |", "| --- | --- |"]
    lines += [f"| `{name}` | {text} |" for name, text in KINDS.items()]
    lines += ["| `custom` | any other body: runs everywhere that runs bodies |", ""]
    lines += ["## Passes", "", "| pass | what it does |", "| --- | --- |"]
    for name, factory in sorted(get_all_passes().items()):
        summary = " ".join(_doc(factory()).split("\n\n")[0].split())
        lines.append(f"| `{name}` | {summary} |")
    return "\n".join([*lines, ""])


def _resets(profile: Profile) -> list[str]:
    """What a profile takes, found by asking; without a reset there is no timing."""
    taken: list[str] = []
    for reset in RESETS:
        for timing in TIMINGS:
            try:
                chosen = profile.chosen_reset(Node("", "LIF", {}), Choices(None, reset, timing))
            except SnnccError:
                continue
            taken.append("none (W001)" if reset == "none" else "/".join(chosen))
    return list(dict.fromkeys(taken))


def _torch_and_onnx() -> list[str]:
    lines = [
        "",
        "## Models of torch and ONNX",
        "",
        "| form | states | options |",
        "| --- | --- | --- |",
        "| live `torch.nn.Module` or function, one step | what it keeps, or hands back, is found "
        "| `example_input` |",
        "| live, a whole sequence | found, where the sequence is a loop | `example_input`, "
        "`time_axis` |",
        "| `.pt2`, `ExportedProgram` or `.onnx`, one step | the last inputs and outputs "
        "| `states` |",
        "| `.pt2` or `ExportedProgram`, one step | buffers that are written in place | |",
        "| `.pt2`, `ExportedProgram` or `.onnx`, a whole sequence (unrolled, or a scan) "
        "| found, where the sequence is a loop | `time_axis` |",
        "| `.onnx` that snncc exported | named in the file | |",
        "",
        "`batch_axis` is the axis of the samples, counted without time: the first of two or more",
        "where it is not given. A sequence that is no loop (a parallel neuron) keeps its number of",
        "steps (SNC-I003). A spike without a state is refused (SNC-I001, SNC-I002).",
        "",
        "### Live neurons",
        "",
        "Any module is recorded as it computes. These are compared with their library:",
        "",
        "| library | class | |",
        "| --- | --- | --- |",
    ]
    for library, classes in CHECKED.items():
        for name, result in classes.items():
            lines.append(f"| {library} {RELEASES[library]} | `{name}` | {result} |")
    lines += ["", "### Surrogates", "", SURROGATES_TEXT, ""]
    lines += ["| name | options | derivative |", "| --- | --- | --- |"]
    for known in SURROGATES.values():
        options = ", ".join(f"{key} = {value:g}" for key, value in known.options.items())
        summary = " ".join(known.summary.split()).replace("|", "\\|")
        lines.append(f"| `{known.name}` | {options} | {summary} |")
    lines += [f"| `{name}` | | none: {why} |" for name, why in WITHOUT.items()]
    lines += ["", "### Operators of torch", "", _listed(name for name in OPERATORS)]
    lines += ["", "Refused:", "", "| operator | what to do |", "| --- | --- |"]
    lines += [f"| `{name}` | {remedy} |" for name, remedy in sorted(NOT_SUPPORTED.items())]
    lines += ["", "### Operators of ONNX", "", f"Opsets {FIRST_OPSET} to {LAST_OPSET}.", ""]
    return [*lines, _listed(ONNX_OPERATORS)]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


def support() -> str:
    profiles = {name: factory() for name, factory in get_all_profiles().items()}
    lines = [
        "# Supported inputs",
        "",
        "Written by `docs/generate.py` from the registries.",
        "",
        "## NIR node classes",
        "",
        "Classes without state mean the same in every profile; where the framework's importer has",
        "none, a warning says so. A profile that has no neuron for a class refuses it (SNC-I018).",
        "",
        f"| class | {' | '.join(profiles)} |",
        f"| --- |{' --- |' * len(profiles)}",
    ]
    for name in [*NODE_CLASSES, "NIRGraph"]:
        cells = []
        for profile in profiles.values():
            if name not in NEURON_CLASSES:
                cells.append("as NIR (W001)" if name in profile.lacks else "yes")
                continue
            method = getattr(profile, f"make_{name.lower()}", None)
            cells.append(_doc(method).split("\n")[0] if method is not None else "refused")
        lines.append(f"| {name} | {' | '.join(cells)} |")
    lines += ["", "## Profiles", "", "| `like=` | follows | dt | resets | integrators |"]
    lines.append("| --- | --- | --- | --- | --- |")
    for name, profile in profiles.items():
        dt = "required" if profile.default_dt is None else f"{profile.default_dt:g}"
        if name == "sinabs":
            dt = "none: time constants count steps"
        if name == "rockpool":
            dt = "min tau / (1 + r)"
        resets = ", ".join(_resets(profile))
        own = f"{profile.reset}/{profile.reset_timing}"
        lines.append(
            f"| `{name}` | {profile.source} | {dt} | {resets} (own: {own}) "
            f"| {', '.join(profile.integrators)} |"
        )
    lines += ["", "## Layers of netx files", "", "| type | |", "| --- | --- |"]
    lines += [f"| `{name}` | {text} |" for name, text in NETX_LAYERS.items()]
    neurons = " and ".join(f"`{name}`" for name in NETX_NEURONS)
    lines += ["", f"Neurons: {neurons}, two names of one.", ""]
    lines += _torch_and_onnx()
    lines += ["", "## C", "", "Operations of bodies: "]
    lines.append(", ".join(f"`{op.name}`" for op in sorted(SCALAR_RULES, key=lambda o: o.name)))
    lines += ["", "Operations of the scheduled level: "]
    lines.append(", ".join(f"`{op.name}`" for op in sorted(STAGE_RULES, key=lambda o: o.name)))
    lines += ["", "## Codes", "", "| code | meaning |", "| --- | --- |"]
    lines += [f"| {code} | {meaning} |" for code, meaning in CODES.items()]
    return "\n".join([*lines, ""])


PAGES = {"dialect.md": dialect_reference, "support.md": support}


def main() -> int:
    """Writes the pages; with --check only says which are out of date."""
    check = "--check" in sys.argv[1:]
    stale = [
        name
        for name, page in PAGES.items()
        if not (DOCS / name).exists() or (DOCS / name).read_text(encoding="utf-8") != page()
    ]
    for name in stale:
        if check:
            print(f"docs/{name} is out of date: python docs/generate.py")
        else:
            (DOCS / name).write_text(PAGES[name](), encoding="utf-8")
    return int(check and bool(stale))


if __name__ == "__main__":
    sys.exit(main())
