"""
The commands that the pages show: run as a reader of a clean clone would run them, and what
they print compared with what the page says they print.

    python docs/commands.py            pastes what is printed into the pages
    python docs/commands.py --check    says where a page shows something else; exit 1 then

A block that starts with `$ snncc` is a session: commands, each with what it prints on stdout
and stderr. The commands of a page run in one folder, in their order, beside `examples`. A
line `...` stands for any lines; measured times may differ. A Python block behind the comment
`<!-- runs -->` is run, and must not fail.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import sys
import tempfile
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "docs/exporting.md", "docs/quantization.md", "docs/training.md")
SESSION = re.compile(r"^```\n(\$ snncc .*?\n)```$", re.MULTILINE | re.DOTALL)
PYTHON = re.compile(r"^<!-- runs -->\n```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
TIME = re.compile(r"[\d.]+ us\b")
ANY = "..."


@dataclass(frozen=True)
class Command:
    """A command as it stands in a page, and the lines behind it."""

    text: str
    shown: str

    @property
    def arguments(self) -> list[str]:
        return shlex.split(self.text.replace("\\\n", " "))[1:]


def commands_of(session: str) -> list[Command]:
    """`$` starts a command; a backslash at the end of a line goes on with it."""
    found: list[Command] = []
    for part in re.split(r"^\$ ", session, flags=re.MULTILINE)[1:]:
        ends = re.search(r"(?<!\\)\n", part)
        assert ends is not None
        found.append(Command(part[: ends.start()], part[ends.end() :]))
    return found


def run(arguments: list[str]) -> str:
    """What a command prints, as a terminal shows it: stdout and stderr in their order."""
    text = io.StringIO()
    given, sys.argv = sys.argv, ["snncc", *arguments]
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            from snncc.cli import main

            with contextlib.suppress(SystemExit):
                main()
    finally:
        sys.argv = given
    return _stripped(text.getvalue())


def _stripped(text: str) -> str:
    """Without the blanks that tables are filled up with, and blank lines at the ends."""
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(lines).strip("\n") + "\n" if any(lines) else ""


def agrees(shown: str, printed: str) -> bool:
    """Whether a page shows what was printed, but for times and what `...` stands for."""
    pieces = re.split(rf"^{re.escape(ANY)}\n", TIME.sub("us", _stripped(shown)), flags=re.MULTILINE)
    pattern = "(?:.*\n)*".join(re.escape(piece) for piece in pieces)
    return re.fullmatch(pattern, TIME.sub("us", printed)) is not None


@contextlib.contextmanager
def clone() -> Iterator[None]:
    """A folder of its own, which has the examples where a clone has them."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "examples").symlink_to(ROOT / "examples")
        os.chdir(folder)
        try:
            yield
        finally:
            os.chdir(before)


def renewed(page: str, problems: list[str]) -> str:
    """The page with what its commands print; what differs is told in `problems`."""

    def session(match: re.Match[str]) -> str:
        text = "```\n"
        for command in commands_of(match[1]):
            printed = run(command.arguments)
            if agrees(command.shown, printed):
                printed = command.shown
            else:
                problems.append(f"$ {command.text}\n{printed}")
            text += f"$ {command.text}\n{printed}"
        return f"{text}```"

    def python(match: re.Match[str]) -> str:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            try:
                exec(compile(match[1], "a block of the page", "exec"), {"__name__": "page"})
            except Exception:
                problems.append(f"{match[1]}{traceback.format_exc()}")
        return match[0]

    with clone():
        return PYTHON.sub(python, SESSION.sub(session, page))


def main() -> int:
    check = "--check" in sys.argv[1:]
    pages = [name for name in sys.argv[1:] if name != "--check"] or list(PAGES)
    failed = False
    for name in pages:
        path, problems = ROOT / name, list[str]()
        text = path.read_text(encoding="utf-8")
        page = renewed(text, problems)
        for problem in problems:
            print(f"{name} does not show what is printed (python docs/commands.py):\n{problem}")
        failed = failed or bool(problems)
        if not check and page != text:
            path.write_text(page, encoding="utf-8")
    return int(check and failed)


if __name__ == "__main__":
    sys.exit(main())
