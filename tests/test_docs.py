"""Documentation that is generated is what the code says; commands in the README exist."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.tools import require_module, require_tool

ROOT = Path(__file__).resolve().parent.parent
SESSIONS = ["README.md", "docs/exporting.md", "docs/quantization.md", "docs/training.md"]


def _script(path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, ROOT / path, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def test_generated_pages_are_up_to_date() -> None:
    done = _script("docs/generate.py", "--check")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", SESSIONS)
def test_commands_print_what_pages_show(page: str) -> None:
    """From what a clone has; all pages with sessions are among these."""
    require_tool("gcc")
    done = _script("docs/commands.py", "--check", page)
    assert done.returncode == 0, done.stdout + done.stderr


def test_all_pages_with_sessions_are_checked() -> None:
    pages = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("examples/**/*.md")]
    found = [p for p in pages if "\n$ snncc " in p.read_text(encoding="utf-8")]
    assert sorted(p.relative_to(ROOT).as_posix() for p in found) == sorted(SESSIONS)


def test_data_of_examples_are_what_their_script_makes() -> None:
    require_module("sklearn.datasets")
    done = _script("examples/digits/make_data.py", "--check")
    assert done.returncode == 0, done.stderr


def test_links_and_folders_exist() -> None:
    for page in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")):
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_readme_commands_exist() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    scripts = re.findall(r"^(?:bash )?(\S+\.sh)$", text, re.MULTILINE)
    assert len(scripts) == 2
    for script in scripts:
        assert (ROOT / script).is_file()
