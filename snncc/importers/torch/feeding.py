"""
Finds out what of a step's result goes to which argument of the next step.

No convention is believed before it was tried: the step is run with its own results as
arguments, and a part of a result is the next value of an argument only if the model takes
it, gives the same kind of result again, and the part follows from the argument. Where
several ways are left, names decide (keys, fields, the source's `return`), and then the
order, with a warning.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import torch

from snncc.errors import Problem, error
from snncc.importers.graph.labels import stem
from snncc.importers.torch.influence import Influence
from snncc.importers.torch.results import (
    Path,
    expect_readable,
    form_of,
    is_plain_object,
    mapped,
    named_parts,
    part_at,
    parts_of,
    spoken,
    tensors_of,
    without,
)

Call: TypeAlias = Callable[["dict[str, Any]"], Any]
"""Runs a step from a fresh start, with some arguments beside its inputs."""

MAX_ARGUMENTS = 4
"""So many may be tried in every order."""
MAX_TRIALS = 64
REST = "*"
"""Stands for arguments without a name: `*args`."""


@dataclass
class Feed:
    """
    Argument -> the part of the last result that it gets. `others` get nothing; `labels` are
    a caller's names for states.
    """

    paths: dict[str, Path] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    labels: dict[str, str] = field(default_factory=dict)
    warnings: list[Problem] = field(default_factory=list)
    named: bool = False
    """Whether names said so."""
    doubtful: bool = False
    """Whether the arguments may be no states: left out they are not the same as zeros."""
    shows_all: bool = False
    """Whether a caller gets what goes to the next step as well."""

    def next(self, result: Any) -> dict[str, Any]:
        return {name: part_at(result, path) for name, path in self.paths.items()}

    def given(self, result: Any) -> list[torch.Tensor]:
        """What a step gives to its caller: without what goes to the next step."""
        taken = set() if self.shows_all else set(self.paths.values())
        return without(result, taken) or tensors_of(result)[:1]


def free_arguments(model: Any, given: int) -> tuple[list[str], list[str]]:
    """
    The arguments behind the `given` inputs that may be left out and may be states, and
    those that must be there.
    """
    forward = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        parameters = list(inspect.signature(forward).parameters.values())
    except (TypeError, ValueError):
        return [], []
    free: list[str] = []
    needed: list[str] = []
    positional = 0
    for p in parameters:
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD):
            positional += 1
            if positional <= given:
                continue
        if p.kind is p.VAR_POSITIONAL:
            if positional <= given:
                free.append(REST)
        elif p.kind is not p.VAR_KEYWORD:
            if p.default is p.empty:
                needed.append(p.name)
            elif p.kind is not p.POSITIONAL_ONLY and _may_be_state(p.default):
                free.append(p.name)
    return free, needed


def _may_be_state(default: Any) -> bool:
    if default is None or isinstance(default, torch.Tensor):
        return True
    if isinstance(default, int | float):
        return not isinstance(default, bool) and default == 0
    structured = isinstance(default, tuple | list | dict) or is_plain_object(default)
    return structured and all(_may_be_state(part) for _, _, part in parts_of(default))


def find_feed(model: Any, free: Sequence[str], call: Call) -> Feed:
    """
    What a step is fed, found by running it. Raises SNC-I001 where results could be fed
    back in several ways and nothing says which.
    """
    if not free:
        return Feed()
    first = call({})
    expect_readable(first)
    trial = _Trial(call, first)
    if isinstance(first, torch.Tensor):
        return _single(model, free, first, trial)
    named = _by_names(model, free, first)
    if named and trial.holds(named):
        return replace(_feed(named, free), named=True)
    for pairing in _structured(free, first):
        if trial.holds(pairing):
            return _feed(pairing, free)
    found = [p for p in itertools.islice(_pairings(free, first), MAX_TRIALS) if trial.holds(p)]
    if not found:
        return Feed(others=list(free))
    behind = [pairing for pairing in found if _tops(first)[0][0] not in pairing.values()]
    if len(behind) in (0, len(found)):  # else the spikes may be fed back, and may not
        most = max(len(pairing) for pairing in found)
        found = [pairing for pairing in found if len(pairing) == most]
    if len(found) > 1:
        starting = [pairing for pairing in found if trial.starts_at_zero(pairing)]
        found = starting or found
    chosen = found[0]
    at_zero = trial.starts_at_zero(chosen)
    if len(found) == 1 and (_all_structured(chosen, first) or at_zero):
        return _feed(chosen, free)
    if len(found) > 1 and not _fits_in_order(chosen, free, first):
        raise error(
            "SNC-I001",
            "what goes from step to step could be fed back in several ways: "
            + "; or ".join(_spoken(pairing) for pairing in found[:4]),
            remedy="give an example of each state as an input, and name them: states=[...]",
        )
    feed = _feed(chosen, free)
    feed.doubtful = not at_zero
    feed.warnings.append(_guess(chosen, found[1:]))
    return feed


def _single(model: Any, free: Sequence[str], first: torch.Tensor, trial: _Trial) -> Feed:
    """A step whose only result may be what it needs next: only if it is called so."""
    name = named_parts(model, first).get(())
    for argument in free:
        if name is not None and _same(argument, name) and trial.holds({argument: ()}):
            return Feed({argument: ()}, [a for a in free if a != argument])
    fits = [argument for argument in free if trial.holds({argument: ()})]
    feed = Feed(others=list(free))
    if fits:
        feed.warnings.append(
            Problem(
                "SNC-W014",
                f"the model could take its own result as {fits[0]!r}; it is run without that",
                remedy="if it is a state: give an example of it as an input, and name it "
                f"(states=[{fits[0]!r}])",
                severity="warning",
            )
        )
    return feed


def _feed(pairing: dict[str, Path], free: Sequence[str]) -> Feed:
    return Feed(pairing, [name for name in free if name not in pairing])


def _guess(chosen: dict[str, Path], others: Sequence[dict[str, Path]]) -> Problem:
    instead = f"; it could be {_spoken(others[0])}" if others else ""
    return Problem(
        "SNC-W014",
        f"taken for states, by their order alone: {_spoken(chosen)}{instead}",
        remedy="return them under the names of their arguments, or give an example of each as "
        "an input and name them (states=...)",
        severity="warning",
    )


def _spoken(pairing: dict[str, Path]) -> str:
    return ", ".join(f"{spoken(path)} is the next {name!r}" for name, path in pairing.items())


# --- candidates


def _by_names(model: Any, free: Sequence[str], result: Any) -> dict[str, Path]:
    """Parts that are called as arguments are."""
    found: dict[str, Path] = {}
    for path, name in named_parts(model, result).items():
        for argument in free:
            if argument not in found and _same(argument, name):
                try:
                    part = part_at(result, path)
                except (LookupError, TypeError):
                    continue
                if tensors_of(part):
                    found[argument] = path
    return found


def _same(argument: str, name: str) -> bool:
    return stem(argument) == stem(name)


def _tops(result: Any) -> list[tuple[Path, Any]]:
    return [((key,), part) for key, _, part in parts_of(result) if tensors_of(part)]


def _structured(free: Sequence[str], result: Any) -> Iterator[dict[str, Path]]:
    """The only part that is no tensor, for an argument that takes it as it is."""
    structured = [path for path, part in _tops(result) if not isinstance(part, torch.Tensor)]
    if len(structured) == 1:
        for name in free:
            yield {name: structured[0]}
    elif not structured and len(free) == 1 and isinstance(result, tuple | list) and len(result) > 2:
        yield {free[0]: (slice(1, None),)}  # (z, v, i) for states=(None, None)


def _pairings(free: Sequence[str], result: Any) -> Iterator[dict[str, Path]]:
    tops = _tops(result)
    structured = [path for path, part in tops if not isinstance(part, torch.Tensor)]
    behind = [path for path, _ in tops[1:]]
    if len(structured) == 1:  # (z, (v, i)), and what takes the two
        inner = [
            (*structured[0], key)
            for key, _, part in parts_of(part_at(result, structured[0]))
            if tensors_of(part)
        ]
        if len(inner) == len(free) > 1:
            yield from _orders(free, inner)
    if len(behind) == len(free):
        yield from _orders(free, behind)
    else:
        if len(tops) == len(free) > 1:  # (z, v) for z and v
            yield from _orders(free, [path for path, _ in tops])
        count = min(len(free), len(behind))
        for names in itertools.combinations(free, count):
            for paths in itertools.combinations(behind, count):
                yield from _orders(names, paths)


def _orders(names: Sequence[str], paths: Sequence[Path]) -> Iterator[dict[str, Path]]:
    if not names:
        return
    if len(names) > MAX_ARGUMENTS:
        yield dict(zip(names, paths, strict=True))
        return
    for order in itertools.permutations(paths):
        yield dict(zip(names, order, strict=True))


def _all_structured(pairing: dict[str, Path], result: Any) -> bool:
    return all(not isinstance(part_at(result, path), torch.Tensor) for path in pairing.values())


def _fits_in_order(pairing: dict[str, Path], free: Sequence[str], result: Any) -> bool:
    """All results but the first, in the order of all arguments."""
    tops = [path for path, _ in _tops(result)]
    return list(pairing) == list(free) and list(pairing.values()) == tops[1:]


# --- trials


@dataclass
class _Trial:
    call: Call
    first: Any

    def holds(self, pairing: dict[str, Path]) -> bool:
        """Whether the parts are, as far as one run shows, the next values of the arguments."""
        influence = Influence()
        given = {}
        for name, path in pairing.items():
            given[name] = mapped(part_at(self.first, path), lambda t: t.detach().clone())
            for tensor in tensors_of(given[name]):
                influence.mark(tensor, name)
        try:
            with influence:
                result = self.call(given)
        except Exception:  # the model does not take it
            return False
        if form_of(result) != form_of(self.first):
            return False
        return all(
            any(name in influence.of(t) for t in tensors_of(part_at(result, path)))
            for name, path in pairing.items()
        )

    def starts_at_zero(self, pairing: dict[str, Path]) -> bool:
        """Whether the model starts as it would from zeros: then an argument is a state."""
        zeros = {
            name: mapped(part_at(self.first, path), torch.zeros_like)
            for name, path in pairing.items()
        }
        try:
            result = self.call(zeros)
        except Exception:
            return False
        return form_of(result) == form_of(self.first) and all(
            torch.equal(a, b)
            for a, b in zip(tensors_of(result), tensors_of(self.first), strict=True)
        )
