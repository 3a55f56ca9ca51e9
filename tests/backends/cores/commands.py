"""
Command files: what a host does to a chip, one command a line.

    write ADDR DATA...                     SPI, the address as it goes over the wire
    read ADDR
    event ADDR                             one spike in, acknowledged
    target ADDR                            one event with TAR_EN
    pins SAMPLE TARGET_VALID INFER_ACC
    tick                                   one rising edge of TIME_TICK

Tokens are separated by one space, numbers are hexadecimal without 0x, every line ends with a
newline. Anything else is an error.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

# Least and most numbers that a command takes.
NUMBERS = {
    "write": (2, None),
    "read": (1, 1),
    "event": (1, 1),
    "target": (1, 1),
    "pins": (3, 3),
    "tick": (0, 0),
}
HEXADECIMAL = re.compile(r"[0-9a-fA-F]+")


class CommandError(ValueError):
    """A line that is no command."""


@dataclass(frozen=True)
class Command:
    """One command: its line in the file (from 1), its name and its numbers."""

    line: int
    name: str
    numbers: tuple[int, ...]


def parse_commands(text: str) -> list[Command]:
    """All commands of a file. Raises CommandError at the first line that is none."""
    if not text.endswith("\n"):
        raise CommandError("the file does not end with a newline")
    return [parse_command(n, line) for n, line in enumerate(text[:-1].split("\n"), start=1)]


def parse_command(number: int, line: str) -> Command:
    """One line without its newline. Raises CommandError."""
    name, *tokens = line.split(" ")
    if name not in NUMBERS:
        raise CommandError(f"line {number}: {line!r}: no command {name!r}")
    least, most = NUMBERS[name]
    if len(tokens) < least or (most is not None and len(tokens) > most):
        raise CommandError(f"line {number}: {line!r}: {len(tokens)} numbers")
    for token in tokens:
        if not HEXADECIMAL.fullmatch(token):
            raise CommandError(f"line {number}: {line!r}: {token!r} is no hexadecimal number")
    numbers = tuple(int(token, 16) for token in tokens)
    if name == "pins" and max(numbers) > 1:
        raise CommandError(f"line {number}: {line!r}: a pin is 0 or 1")
    return Command(number, name, numbers)
