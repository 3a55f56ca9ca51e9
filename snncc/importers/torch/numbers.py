"""What a model holds beside its states, and how that changes from step to step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from snncc.errors import SnnccError
from snncc.importers.torch.holding import shown


def with_numbers(fault: SnnccError, numbers: Sequence[dict[str, Any]]) -> SnnccError:
    """A step without a loop, with what the model holds that changes at every step."""
    changing = changes(numbers)
    if fault.code != "SNC-I003" or not changing:
        return fault
    path, how = next(iter(changing.items()))
    problem = fault.problems[0]
    return SnnccError(replace(problem, message=f"{problem.message}; {path!r} {how}", node=path))


def never_again(numbers: Sequence[dict[str, Any]]) -> dict[str, str]:
    """
    What a model held last and never before, beside what follows from its inputs: place ->
    what it does. Where all comes again, the steps that were seen are all that there are.
    """
    last = numbers[-1]
    if len(numbers) < 2 or any(earlier == last for earlier in numbers[:-1]):
        return {}
    before = numbers[-2]
    found = {}
    for path, value in last.items():
        if path not in before:
            if path not in numbers[0]:
                found[path.rpartition(".")[0] or path] = "grows at every step"
        elif all(n.get(path) != value for n in numbers[:-1]):
            found[path] = _told(before[path], value)
    return found


def changes(numbers: Sequence[dict[str, Any]]) -> dict[str, str]:
    """What a model holds that is something else after the last step than before it."""
    if len(numbers) < 2:
        return {}
    before, last = numbers[-2:]
    changing = {}
    for path, value in last.items():
        if path not in before:
            changing[path.rpartition(".")[0] or path] = "grows at every step"
        elif before[path] != value:
            changing[path] = _told(before[path], value)
    return changing


def _told(before: Any, after: Any) -> str:
    return f"is another number after every step ({shown(before)}, then {shown(after)})"
