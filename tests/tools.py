"""External programs and libraries that tests call, and files that lie beside the repository."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent


def require_tool(name: str) -> str:
    """
    The path of a program.

    Where it is missing the test is skipped; where the environment variable CI is set, it
    fails: a build that checks nothing must not look green.
    """
    path = shutil.which(name)
    if path is not None:
        return path
    message = f"{name} is not installed"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


def require_module(name: str) -> Any:
    """A library that tests compare with; skipped or failed where it is missing, as a tool."""
    try:
        return importlib.import_module(name)
    except ImportError:
        message = f"{name} is not installed (tests/frameworks.txt)"
    if os.environ.get("CI"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message, allow_module_level=True)


def shared_file(path: str) -> Path:
    """A file of the folder `shared` beside the repository; the test is skipped without it."""
    found = REPOSITORY.parent / "shared" / path
    if not found.exists():
        pytest.skip(f"../shared/{path} is not there")
    return found
