"""`snncc-opt`: xDSL's optimizer driver with the dialects, passes and targets of snncc."""

import sys

from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    PassFailedException,
)
from xdsl.xdsl_opt_main import xDSLOptMain


class SnnccOptMain(xDSLOptMain):
    """Everything comes through the `xdsl.universe` entry point."""


def _reason(fault: BaseException) -> str:
    """A message, with the operation that xDSL attached to it and the place in it."""
    lines = [str(fault)]
    for note in getattr(fault, "__notes__", ()):
        shown = note.splitlines()
        marks = [index for index, line in enumerate(shown) if "^^^" in line]
        for mark in marks[:1]:
            lines += shown[max(mark - 1, 0) : mark + 1]
    return "\n".join(lines)


def main() -> None:
    """Runs the tool; what a user can cause ends in a message, not a traceback."""
    try:
        driver = SnnccOptMain(description="snncc modular optimizer driver")
        driver.run()  # type: ignore[no-untyped-call]  # xDSL does not annotate it
    except (ParseError, DiagnosticException, PassFailedException, ArgSpecParseError) as fault:
        sys.exit(f"snncc-opt: {_reason(fault)}")
    except (ValueError, OSError, ArithmeticError) as fault:
        # unknown passes and options, unreadable files, constants that overflow when folded
        sys.exit(f"snncc-opt: {_reason(fault)}")


if __name__ == "__main__":
    main()
