"""`snncc-opt`: xDSL's optimizer driver with the dialects, passes and targets of snncc."""

import sys
from pathlib import Path
from typing import IO, cast

from xdsl.dialects.builtin import ModuleOp
from xdsl.utils.exceptions import (
    ArgSpecParseError,
    DiagnosticException,
    ParseError,
    PassFailedException,
)
from xdsl.xdsl_opt_main import xDSLOptMain

from snncc.dialects.arrays import ContentNotLoaded
from snncc.dialects.text import TextParser


class SnnccOptMain(xDSLOptMain):
    """Dialects and passes come through the `xdsl.universe` entry point."""

    def register_all_frontends(self) -> None:
        super().register_all_frontends()  # type: ignore[no-untyped-call]
        self.available_frontends["mlir"] = self._parse_mlir

    def _parse_mlir(self, file: IO[bytes]) -> ModuleOp:
        text = cast(str, file.read())  # xDSL opens text, whatever it says
        name = self.get_input_name()  # type: ignore[no-untyped-call]
        parser = TextParser(self.ctx, text, name)
        return parser.parse_module(not self.args.no_implicit_module)


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
    except ContentNotLoaded as fault:
        given = driver.args.input_file
        file = Path(given).with_suffix(".safetensors") if given else "NAME.safetensors"
        load = f'snn-load-parameters{{file="{file}"}}'
        sys.exit(f"snncc-opt: {_reason(fault)}\n  put {load} in front of the passes")
    except (ValueError, OSError, ArithmeticError) as fault:
        # unknown passes and options, unreadable files, constants that overflow when folded
        sys.exit(f"snncc-opt: {_reason(fault)}")


if __name__ == "__main__":
    main()
