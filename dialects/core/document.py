"""Reads a chip's description from YAML; faults name the line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from snncc.dialects.core.description import Description
from snncc.dialects.core.memories import Misplaced

MOST_BYTES = 1 << 20
MOST_DEPTH = 32
MOST_NODES = 50_000


class DescriptionError(ValueError):
    """What is wrong with a description: one fault a line, with the line of the file."""

    def __init__(self, faults: list[str]):
        super().__init__("\n".join(faults))
        self.faults = faults


def read_description(path: Path) -> Description:
    """The description in a file. Raises DescriptionError, OSError."""
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise DescriptionError([f"{path.name}: expected at most {MOST_BYTES >> 20} MiB"])
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError:
        raise DescriptionError([f"{path.name}: not a text in UTF-8"]) from None
    return parse_description(text, path.name)


def parse_description(text: str, name: str = "chip.yaml") -> Description:
    """The description in a text. Raises DescriptionError."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError, ValueError) as fault:
        mark = getattr(fault, "problem_mark", None)
        line = f"{name}:{mark.line + 1}" if mark else name
        what = getattr(fault, "problem", None) or str(fault).splitlines()[0]
        raise DescriptionError([f"{line}: {what}"]) from None
    if not isinstance(node, yaml.MappingNode):
        raise DescriptionError([f"{name}: expected keys and values"])
    lines: dict[tuple[str | int, ...], int] = {}
    value = _Plain(name, lines).read(node, ())
    try:
        return Description.model_validate(value)
    except ValidationError as fault:
        raise DescriptionError([_told(name, lines, e) for e in fault.errors()]) from None


class _Plain:
    """A tree of YAML as Python's values, with the line of each; aliases are not followed."""

    def __init__(self, name: str, lines: dict[tuple[str | int, ...], int]):
        self._name = name
        self._lines = lines
        self._constructor = yaml.SafeLoader("")

    def read(self, node: yaml.Node, place: tuple[str | int, ...]) -> Any:
        if place in self._lines or len(place) > MOST_DEPTH or len(self._lines) > MOST_NODES:
            raise DescriptionError([f"{self._at(node)}: repeated, or larger than any description"])
        self._lines[place] = node.start_mark.line + 1
        if isinstance(node, yaml.MappingNode):
            found = {}
            for key, value in node.value:
                if not isinstance(key, yaml.ScalarNode):
                    raise DescriptionError([f"{self._at(key)}: expected a name as a key"])
                if key.value in found:
                    raise DescriptionError([f"{self._at(key)}: {key.value} stands twice"])
                found[key.value] = self.read(value, (*place, key.value))
            return found
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*place, i)) for i, item in enumerate(node.value)]
        try:
            return self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError) as fault:
            raise DescriptionError([f"{self._at(node)}: {str(fault).splitlines()[0]}"]) from None

    def _at(self, node: yaml.Node) -> str:
        return f"{self._name}:{node.start_mark.line + 1}"


def _told(name: str, lines: dict[tuple[str | int, ...], int], fault: Any) -> str:
    """FILE:LINE: path.to.key: what is wrong."""
    place = tuple(fault["loc"])
    cause = fault.get("ctx", {}).get("error")
    if isinstance(cause, Misplaced):
        place += cause.place
    known = place
    while known and known not in lines:
        known = known[:-1]
    where = ".".join(map(str, place)) or "the description"
    message = str(fault["msg"]).removeprefix("Value error, ")
    given = None if isinstance(cause, Misplaced) else fault.get("input")
    shown = f", got {given!r}" if isinstance(given, str | int | float | bool) else ""
    return f"{name}:{lines.get(known, 1)}: {where}: {message}{shown}"
