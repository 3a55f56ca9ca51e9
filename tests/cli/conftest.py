"""The command line, run in the process of the tests."""

from __future__ import annotations

import sys

import pytest

from snncc.cli import main


@pytest.fixture
def snncc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs a command in this process: (exit code, stdout, stderr)."""

    def run(*arguments: str) -> tuple[int, str, str]:
        from snncc.cli import console

        monkeypatch.setattr(sys, "argv", ["snncc", *arguments])
        # the consoles were bound to the streams of an earlier test
        monkeypatch.setattr(console.out, "_file", None)
        monkeypatch.setattr(console.err, "_file", None)
        code = 0
        try:
            main()
        except SystemExit as leaving:
            code = leaving.code if isinstance(leaving.code, int) else 1
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
