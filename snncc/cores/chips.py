"""The chips that are known, and descriptions in files of users."""

from __future__ import annotations

from pathlib import Path

import yaml

from snncc.backends.cores.emitting import emitter_named
from snncc.dialects.core.description import Description
from snncc.dialects.core.document import DescriptionError
from snncc.dialects.core.shipped import described, is_file_of_chip, known_chips
from snncc.errors import Problem, SnnccError, error, expect_file


def description_text(description: Description) -> str:
    """A description as YAML, which `chip_named` reads back."""
    data = description.model_dump(mode="json", by_alias=True, exclude_defaults=True)
    return yaml.dump(
        {"schema": description.schema_, **data}, Dumper=_Dumper, sort_keys=False, width=100
    )


class _Dumper(yaml.SafeDumper):
    """Texts of several lines as blocks; nothing is an alias of something else."""

    def ignore_aliases(self, data: object) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def is_chip(target: str) -> bool:
    """Whether a target is a chip: a shipped name, or a file of a description."""
    return target in known_chips() or is_file_of_chip(target)


def _with_emitter(description: Description, name: str) -> Description:
    """Raises DescriptionError where there is no such emitter."""
    if description.emitter is not None:
        try:
            emitter_named(description.emitter)
        except KeyError as fault:
            told = f"{name}: emitter: there is none of the name {fault}"
            raise DescriptionError([f"{told}: a backend of snncc, or none"]) from None
    return description


def chip_named(target: str | Path) -> Description:
    """
    The description of a shipped chip, or of a .yaml file. Raises SNC-N001 with the file's line,
    SNC-C003 for a name that is not known.
    """
    text = str(target)
    if is_file_of_chip(text):
        expect_file(Path(text), "SNC-N001")
    try:
        found = described(text)
        if found is not None:
            found = _with_emitter(found, Path(text).name)
    except DescriptionError as fault:
        raise SnnccError([Problem("SNC-N001", line) for line in fault.faults]) from None
    if found is None:
        raise error(
            "SNC-C003",
            f"target: expected c, {', '.join(known_chips())} or a description FILE.yaml, "
            f"got {text!r}",
        )
    return found


__all__ = ["chip_named", "description_text", "is_chip", "known_chips"]
