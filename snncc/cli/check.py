"""`snncc check`: every problem of a model at once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from snncc.cli.console import out, progress, say, table
from snncc.errors import Problem, SnnccError


def find_problems(model: Path, values: dict[str, Any], target: str = "c") -> list[Problem]:
    """Errors and warnings of loading the model and of emitting it for a target."""
    from snncc.cli.options import load_options
    from snncc.compiled import compile
    from snncc.network import load_with

    problems: list[Problem] = []
    try:
        network = load_with(model, load_options(values))
        problems.extend(network.warnings)
        if target == "c":
            compile(network)
        else:
            from snncc.cores.chips import chip_named
            from snncc.cores.legalize import problems_of

            problems.extend(problems_of(network, chip_named(target)))
    except SnnccError as found:
        problems.extend(found.problems)
    return problems


def run_check(model: Path, values: dict[str, Any], as_json: bool, target: str = "c") -> int:
    with progress(f"check for {target}"):
        problems = find_problems(model, values, target)
    failed = any(problem.severity == "error" for problem in problems)
    if as_json:
        report = {
            "model": str(model),
            "compiles": not failed,
            "problems": [problem.as_dict() for problem in problems],
        }
        out.print_json(json.dumps(report))
        return int(failed)
    if problems:
        rows = [
            (p.severity, p.code, p.node or "", p.message + (f"\n{p.remedy}" if p.remedy else ""))
            for p in sorted(problems, key=lambda p: p.severity)
        ]
        out.print(table(str(model), ["", "code", "node", "problem"], rows, left=4))
    errors = sum(p.severity == "error" for p in problems)
    count = "1 error" if errors == 1 else f"{errors} errors"
    verdict = f"{count}: cannot be compiled" if failed else "compiles"
    say(f"{model}: {verdict}")
    return int(failed)
