"""`snncc diff`: the first neuron and step at which two models part."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from snncc.cli.console import out, print_warnings, table
from snncc.errors import Problem, SnnccError
from snncc.options import LoadOptions

if TYPE_CHECKING:
    from snncc.network import Network


def run_diff(
    a: Path,
    b: Path,
    options_a: LoadOptions,
    options_b: LoadOptions,
    *,
    input_file: Path,
    steps: int | None,
) -> int:
    """Prints a line for each neuron; 1 where some differ."""
    from snncc.differences import diff, first_of
    from snncc.inputs import read_npz

    networks = [_loaded(a, options_a), _loaded(b, options_b, second=True)]
    for network in networks:
        print_warnings(network.warnings)
    x, steps = read_npz(input_file, networks[0].op, steps=steps)
    found = diff(networks[0], networks[1], x, steps=steps)
    rows = [
        (
            d.name_a if d.name_a == d.name_b else f"{d.name_a} / {d.name_b}",
            "x".join(map(str, d.shape)) or "scalar",
            "equal" if d.step is None else str(d.step),
            "" if d.step is None else f"{d.differing} of {d.compared}",
        )
        for d in found
    ]
    out.print(
        table(f"{a.name} / {b.name}", ["neuron", "shape", "parts at", "values"], rows, left=2)
    )
    first = first_of(found)
    if first is None:
        out.print("no difference", markup=False)
        for d in found:
            if d.apart is not None:
                state, step, gap = d.apart
                out.print(
                    f"  {d.name_a}: its states part at step {step} ({state}, by {gap:.3g} at "
                    "most), and no spike does",
                    markup=False,
                )
        return 0
    place = f"[{', '.join(map(str, first.place))}]" if first.place else ""
    out.print(
        f"first difference: step {first.step}, {first.name_a}{place}: "
        f"{first.value_a:g} and {first.value_b:g}",
        markup=False,
    )
    for name, states in ((a.name, first.states_a), (b.name, first.states_b)):
        if states:
            texts = ", ".join(f"{key} = {value:.9g}" for key, value in states.items())
            out.print(f"  {name}: {texts}", markup=False)
    return 1


def _loaded(path: Path, options: LoadOptions, *, second: bool = False) -> Network:
    """A network; its problems say which of the two files they are of."""
    from snncc.network import load_with

    try:
        return load_with(path, options)
    except SnnccError as fault:
        raise SnnccError([_told(p, path, second) for p in fault.problems]) from fault


def _told(problem: Problem, path: Path, second: bool) -> Problem:
    """A problem with its file, and with the options that the second file has."""
    if str(path) not in problem.message:
        problem = replace(problem, message=f"{path}: {problem.message}")
    if "states" not in f"{problem.message} {problem.remedy}":
        return problem
    hint = "of the second model: --b-states" if second else "those of the second: --b-states"
    remedy = f"{problem.remedy}; {hint}" if problem.remedy else hint
    return replace(problem, remedy=remedy)
