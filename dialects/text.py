"""Reads MLIR text as MLIR does, where xDSL's parser does not."""

from __future__ import annotations

from typing import Any

from xdsl.dialects.builtin import AnyFloat
from xdsl.parser import Parser


class TextParser(Parser):
    """Hexadecimal floats in `dense<...>` are their bits; xDSL takes them for whole numbers."""

    class _TensorLiteralElement(Parser._TensorLiteralElement):
        def to_type(self, parser: Any, type: Any) -> Any:
            text = self.span.text.lower()
            if not isinstance(type, AnyFloat) or "0x" not in text or isinstance(self.value, tuple):
                return super().to_type(parser, type)
            if self.is_negative:
                parser.raise_error("a hexadecimal float has its sign in its bits", self.span)
            try:
                bits = int(self.value).to_bytes(type.compile_time_size, "little")
            except OverflowError:
                parser.raise_error(f"more bits than {type} has", self.span)
            return next(iter(type.iter_unpack(bits)))
