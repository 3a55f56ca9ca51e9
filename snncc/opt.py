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


def main() -> None:
    """Runs the tool; what a user can cause ends in a message, not a traceback."""
    try:
        driver = SnnccOptMain(description="snncc modular optimizer driver")
        driver.run()  # type: ignore[no-untyped-call] # xDSL does not annotate `run`
    except (ParseError, DiagnosticException, PassFailedException, ArgSpecParseError) as fault:
        sys.exit(f"snncc-opt: {fault}")
    except (ValueError, OSError) as fault:  # unknown passes and options, unreadable files
        sys.exit(f"snncc-opt: {fault}")


if __name__ == "__main__":
    main()
