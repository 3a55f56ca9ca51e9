"""Descriptions by the names of chips that are shipped, or by files."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from snncc.dialects.core.description import Description
from snncc.dialects.core.document import parse_description, read_description

DESCRIPTION = "chip.yaml"
ENDINGS = (".yaml", ".yml")


def _folder() -> Traversable:
    """Beside each description stands its emitter, which is nothing of the dialects'."""
    return files("snncc") / "backends" / "cores"


def known_chips() -> list[str]:
    """The names of the descriptions that are shipped."""
    return sorted(entry.name for entry in _folder().iterdir() if (entry / DESCRIPTION).is_file())


def is_file_of_chip(target: str) -> bool:
    """Whether a target is meant as the file of a description."""
    return target.endswith(ENDINGS)


def described(target: str) -> Description | None:
    """
    The description of a shipped chip, or of a .yaml file; None for a name that is not known.
    Raises DescriptionError, OSError.
    """
    if is_file_of_chip(target):
        return read_description(Path(target))
    if target not in known_chips():
        return None
    file = _folder() / target / DESCRIPTION
    return parse_description(file.read_text(encoding="utf-8"), f"{target}/{DESCRIPTION}")
