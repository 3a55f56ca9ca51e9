"""Problems that a user can act on: a code, the place, what is wrong, and the remedy."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Severity = Literal["error", "warning"]

CODES: dict[str, str] = {
    "SNC-I001": "a spike without a state that is carried between steps",
    "SNC-I002": "a constant tensor looks like a state that the export lost",
    "SNC-I003": "the graph is unrolled over time",
    "SNC-I004": "the surrogate gradient is not known",
    "SNC-I005": "the file does not state a choice that changes spikes",
    "SNC-I010": "the file cannot be read",
    "SNC-I011": "the file's structure is damaged",
    "SNC-I012": "unknown node type",
    "SNC-I013": "an edge names a node that does not exist",
    "SNC-I014": "shapes do not fit",
    "SNC-I015": "a parameter is out of its domain",
    "SNC-I016": "a loop without a delay",
    "SNC-I017": "the model is larger than the limit",
    "SNC-I018": "the framework's own importer refuses this",
    "SNC-I019": "a node is not connected",
    "SNC-I020": "the file refers to something outside itself",
    "SNC-I021": "the IR text is not valid",
    "SNC-I022": "the arrays beside the IR are missing or differ",
    "SNC-I023": "the batch axis cannot be freed",
    "SNC-I024": "the given states do not fit the model",
    "SNC-I025": "the model computes what a network of streams cannot say",
    "SNC-I026": "the model cannot be run on its example",
    "SNC-I027": "what the model does cannot be seen by running it",
    "SNC-R001": "the input does not fit the network",
    "SNC-R002": "the initial state does not fit the network",
    "SNC-R003": "the labels do not fit the output",
    "SNC-C001": "the C backend has no rule for this operation",
    "SNC-C002": "the C compiler failed",
    "SNC-C003": "an option is out of its domain",
    "SNC-C004": "the output cannot be written",
    "SNC-C005": "a library that this needs is not installed",
    "SNC-E001": "the format cannot say this",
    "SNC-N001": "the description of a chip is not valid",
    "SNC-N002": "the network is larger than the chip",
    "SNC-N003": "the chip has no such connection",
    "SNC-N004": "the chip has no such neuron",
    "SNC-N005": "the chip cannot represent this decay",
    "SNC-N006": "the chip cannot represent these weights",
    "SNC-N007": "the chip takes spikes, and the inputs are none",
    "SNC-N008": "the folder is no configuration, or a damaged one",
    "SNC-N009": "more spikes wait than the chip holds",
    "SNC-P001": "a pass failed",
    "SNC-P002": "the results of two stages differ",
    "SNC-Q001": "integers cannot say what this layer computes",
    "SNC-Q002": "the range of an input is not known",
    "SNC-Q003": "an integer may not fit its type",
    "SNC-Q004": "no layer has this name",
    "SNC-Q005": "the budget is too small",
    "SNC-Q006": "weights were trained on another grid than is asked for",
    "SNC-Q007": "the network is one of integers already",
    "SNC-T001": "the network has no gradient",
    "SNC-T002": "the network has no smoothed twin",
    "SNC-W001": "the framework departs from the equations of NIR",
    "SNC-W002": "batch axes were left out",
    "SNC-W003": "an edge stands twice",
    "SNC-W004": "a node is not used",
    "SNC-W005": "a recurrent edge takes one step",
    "SNC-W006": "a delay is not a whole number of steps",
    "SNC-W007": "an axis of any size is read with the size of the example",
    "SNC-W008": "an input is written in place",
    "SNC-W009": "the file has what a run left in a state",
    "SNC-W010": "the time step is far from a time constant",
    "SNC-W011": "an exported file was changed",
    "SNC-W012": "the format does not say this; it is left out",
    "SNC-W013": "the model may do otherwise after more steps than were seen",
    "SNC-W014": "what goes from step to step is a guess",
    "SNC-W015": "a model in training mode is read in evaluation mode",
    "SNC-W016": "a spike has no state, where others have one",
    "SNC-W020": "a function is computed in float",
    "SNC-W021": "neurons are silent or saturated",
    "SNC-W022": "weights that were trained on a grid are rounded again",
    "SNC-W023": "a stream or state that nothing bounds saturates",
    "SNC-W024": "calibration data leave the range of an input",
    "SNC-W025": "weights are rounded without calibration data",
    "SNC-W026": "no gradient flows through spikes without a surrogate",
    "SNC-W027": "a field of the file is not known",
    "SNC-W028": "the host computes the input",
    "SNC-W029": "a chip's neurons stand for others",
    "SNC-W030": "a chip's neurons stand for others, and many spikes move",
    "SNC-X001": "internal error",
    "SNC-X002": "the system refused",
}
"""Every code and what it means in general; a message says what it means here."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong, or one departure to know of."""

    code: str
    message: str
    node: str | None = None
    remedy: str | None = None
    severity: Severity = "error"

    def __post_init__(self) -> None:
        assert self.code in CODES, f"unregistered code {self.code}"

    def __str__(self) -> str:
        place = f" node {self.node!r}:" if self.node is not None else ""
        remedy = f"\n  {self.remedy}" if self.remedy else ""
        return f"{self.code}{place} {self.message}{remedy}"

    def as_dict(self) -> dict[str, str | None]:
        return asdict(self)


class SnnccWarning(UserWarning):
    """Something to know about a model that loads; its text starts with a code."""


class SnnccError(Exception):
    """
    One or more problems that stop the work. `problems` lists them all; the text is the
    first, and how many more there are.
    """

    def __init__(self, problems: Problem | Iterable[Problem]):
        self.problems: Sequence[Problem] = (
            (problems,) if isinstance(problems, Problem) else tuple(problems)
        )
        assert self.problems
        text = str(self.problems[0])
        if len(self.problems) > 1:
            imported = self.problems[0].code.startswith("SNC-I")
            where = "`snncc check` lists them all" if imported else "`problems` has them all"
            text += f"\n  (and {len(self.problems) - 1} more: {where})"
        super().__init__(text)

    @property
    def code(self) -> str:
        return self.problems[0].code


def error(
    code: str, message: str, *, node: str | None = None, remedy: str | None = None
) -> SnnccError:
    """An exception with one problem: `raise error("SNC-I010", ...)`."""
    return SnnccError(Problem(code, message, node, remedy))


def expect_file(path: Path, code: str) -> None:
    """Raises a problem with `code` where a path, as the user gave it, names no file."""
    try:
        what = None if path.is_file() else "is a folder" if path.is_dir() else "no such file"
        if what == "no such file" and path.exists():
            what = "is a pipe or a device: expected a file"
    except OSError as fault:  # a folder on the way that may not be entered
        what = (fault.strerror or str(fault)).lower()
    if what is not None:
        raise error(code, f"{path}: {what}")


def expect_writable(path: Path, suffix: str) -> None:
    """Raises SNC-C004 where a file could not be written to a path, before work is lost on it."""
    what = None
    try:
        if path.is_dir():
            what = "is a folder"
        elif path.suffix.lower() != suffix:
            what = f"expected a name that ends in {suffix}"
        elif not path.parent.is_dir():
            what = f"there is no folder {path.parent}"
        elif not os.access(path.parent, os.W_OK | os.X_OK):
            what = f"the folder {path.parent} cannot be written to"
    except OSError as fault:
        what = (fault.strerror or str(fault)).lower()
    if what is not None:
        raise error("SNC-C004", f"{path}: {what}")
