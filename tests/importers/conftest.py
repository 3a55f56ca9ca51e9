"""The table of the corpus: which case came in from which form of file."""

from __future__ import annotations

from typing import Any

FORMS = ("step.pt2", "step.onnx", "step_legacy.onnx", "seq.pt2", "seq.onnx", "seq_legacy.onnx")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    rows: dict[str, dict[str, str]] = {}
    for report in terminalreporter.stats.get("passed", []):
        for key, value in getattr(report, "user_properties", []):
            if key == "corpus":
                case, _, form = value[0].partition("/")
                rows.setdefault(case, {})[form] = value[1]
    if not rows:
        return
    terminalreporter.section("corpus: case x form")
    for case, found in sorted(rows.items()):
        for form in FORMS:
            if form in found:
                terminalreporter.write_line(f"{case:26}{form:18}{found[form]}")
