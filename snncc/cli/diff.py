"""`snncc diff`: the first neuron and step at which two models part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from snncc.cli.console import out, print_warnings, say, table
from snncc.errors import Problem, SnnccError
from snncc.options import LoadOptions

if TYPE_CHECKING:
    from snncc.differences import Difference
    from snncc.network import Network


def run_diff(
    a: Path,
    b: Path,
    options_a: LoadOptions,
    options_b: LoadOptions,
    *,
    input_file: Path,
    steps: int | None,
    **quantization: Any,
) -> int:
    """Prints a line for each neuron; 1 where some differ."""
    from snncc.cli.inputs import read_inputs
    from snncc.cli.quantize import quantization_of
    from snncc.differences import diff, first_of
    from snncc.passes.quantization.scales import scales_of

    chosen = quantization_of(quantization)
    networks = [_loaded(a, options_a), _loaded(b, options_b, second=True)]
    for network in networks:
        print_warnings(network.warnings)
    given = read_inputs(input_file, networks[0], steps)
    names = [a.name, b.name]
    if chosen is not None:
        networks[1] = chosen.of(networks[1], steps)
        names[1] = f"{b.name} ({chosen.options.weights})"
    found = diff(networks[0], networks[1], given.x, steps=given.steps)
    columns = ["neuron", "shape", "parts at", "values", "by at most", "state parts at"]
    out.print(table(" / ".join(names), columns, [_row(d) for d in found], left=2))
    counts = [name for name, network in zip(names, networks, strict=True) if scales_of(network.op)]
    if len(counts) == 1 or any(d.unit is not None for d in found):
        say(
            f"{' and '.join(counts)}: whole numbers, compared times what each is worth; numbers "
            "part where they are more than half a whole number apart"
        )
    first = first_of(found)
    if first is None:
        say("no difference")
        return 0
    _show("first difference", first, names)
    if first.unit is not None:
        spikes = first_of([d for d in found if d.unit is None])
        if spikes is None:
            say("no spike differs")
        else:
            _show("first spike that differs", spikes, names)
    return 1


def _row(d: Difference) -> tuple[str, ...]:
    by = "" if d.step is None else f"{d.gap:.3g}"
    if by and d.unit is not None:
        by += f" ({d.gap / d.unit:.3g} whole)"
    return (
        d.name_a if d.name_a == d.name_b else f"{d.name_a} / {d.name_b}",
        "x".join(map(str, d.shape)) or "scalar",
        "equal" if d.step is None else str(d.step),
        "" if d.step is None else f"{d.differing} of {d.compared}",
        by,
        "" if d.apart is None else f"{d.apart.step} ({d.apart.name}, by {d.apart.gap:.3g})",
    )


def _show(what: str, d: Difference, names: Sequence[str]) -> None:
    """A difference with the neuron's states after it, in both networks."""
    place = f"[{', '.join(map(str, d.place))}]" if d.place else ""
    left = _number(d.value_a, (d.whole_a or {}).get(d.name_a))
    right = _number(d.value_b, (d.whole_b or {}).get(d.name_b))
    say(f"{what}: step {d.step}, {d.name_a}{place}: {left} and {right}")
    sides = ((d.states_a, d.whole_a), (d.states_b, d.whole_b))
    for name, (states, whole) in zip(names, sides, strict=True):
        if states:
            texts = [f"{key} = {_number(n, (whole or {}).get(key))}" for key, n in states.items()]
            say(f"  {name}: {', '.join(texts)}")


def _number(value: float, whole: int | None) -> str:
    return f"{value:.9g}" if whole is None else f"{value:.9g} (whole: {whole})"


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
