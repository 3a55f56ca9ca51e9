"""Attributes of the `snn` dialect: array data held beside the IR, and surrogates."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import copysign, isfinite

from xdsl.dialects.builtin import (
    DenseIntOrFPElementsAttr,
    DictionaryAttr,
    StringAttr,
    SymbolRefAttr,
)
from xdsl.dialects.utils import EnumAttribute
from xdsl.ir import Attribute, Data, ParametrizedAttribute, SpacedOpaqueSyntaxAttribute
from xdsl.irdl import irdl_attr_definition
from xdsl.parser import AttrParser
from xdsl.printer import Printer
from xdsl.utils.exceptions import VerifyException
from xdsl.utils.str_enum import StrEnum


class Comparison(StrEnum):
    """`gt`: fires above zero only; `ge`: fires at zero too."""

    GT = "gt"
    GE = "ge"


class BiasPosition(StrEnum):
    """Whether the bias starts the sum or ends it."""

    FIRST = "first"
    LAST = "last"


class Pool(StrEnum):
    """What a window of a pool gives."""

    SUM = "sum"
    AVG = "avg"
    MAX = "max"


@irdl_attr_definition
class ComparisonAttr(EnumAttribute[Comparison], SpacedOpaqueSyntaxAttribute):
    """When a spike is fired: `gt` above zero only, `ge` at zero too."""

    name = "snn.comparison"


@irdl_attr_definition
class BiasPositionAttr(EnumAttribute[BiasPosition], SpacedOpaqueSyntaxAttribute):
    """Whether the bias starts the sum (`first`) or ends it (`last`)."""

    name = "snn.bias_position"


@irdl_attr_definition
class PoolAttr(EnumAttribute[Pool], SpacedOpaqueSyntaxAttribute):
    """What a window of a pool gives: `sum`, `avg` or `max`."""

    name = "snn.pool"


DIGEST_LENGTH = 32
"""Hexadecimal digits of a digest: 128 bits of SHA-256."""


def digest_of(data: bytes) -> str:
    """The content digest of an array's little-endian bytes in C order."""
    return hashlib.sha256(data).hexdigest()[:DIGEST_LENGTH]


@dataclass(frozen=True)
class Blob:
    """
    An array's content: little-endian bytes in C order, known by their digest.

    Two blobs are equal when their digests are. `data` is None where only the text of
    the IR was read and the file beside it was not: see `snn-load-parameters`.
    """

    digest: str
    data: bytes | None = field(default=None, compare=False, repr=False)


@irdl_attr_definition
class BlobAttr(Data[Blob]):
    """
    The content of an array, printed as its digest.

        #snn.blob<"9f86d081884c7d659a2feaa0c55ad015">

    The attribute *is* the array: it is shared by clones and freed with the IR, and the
    text stays small. The bytes are written to a safetensors file beside the IR.
    """

    name = "snn.blob"

    @staticmethod
    def from_bytes(data: bytes) -> "BlobAttr":
        return BlobAttr(Blob(digest_of(data), data))

    @classmethod
    def parse_parameter(cls, parser: AttrParser) -> Blob:
        with parser.in_angle_brackets():
            digest = parser.parse_str_literal(" for the digest of the array's content")
            if len(digest) != DIGEST_LENGTH or set(digest) - set("0123456789abcdef"):
                parser.raise_error(
                    f"expected a digest of {DIGEST_LENGTH} hexadecimal digits, got {digest!r}"
                )
            return Blob(digest)

    def print_parameter(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_string_literal(self.data.digest)


def print_dense(printer: Printer, value: DenseIntOrFPElementsAttr) -> None:
    """
    `dense<...>` without its type: as bytes where xDSL's text would change them, for it reads
    infinities and NaN back as integers and prints [0.0, -0.0] as one 0.0.
    """
    numbers = [number for number in value.get_values() if isinstance(number, float)]
    signs = {copysign(1.0, number) for number in numbers if number == 0.0}
    if all(map(isfinite, numbers)) and len(signs) < 2:
        value.print_without_type(printer)
    else:
        printer.print_string(f'dense<"0x{value.data.data.hex().upper()}">')


@irdl_attr_definition
class SurrogateAttr(ParametrizedAttribute):
    """
    The derivative that stands in for the Heaviside's in the backward program.

        #snn.surrogate<"snntorch.atan", alpha = 2.0 : f64>
        #snn.surrogate<@SuperSpike>

    A name is that of a library's function: the order of its operations is the library's
    (`snncc.dialects.snn.surrogates`). A symbol is that of a `snn.surrogate` of the module.
    Both take `scale`, a factor of the derivative: training sets it for each layer.
    The forward value never depends on it.
    """

    name = "snn.surrogate"

    function: StringAttr | SymbolRefAttr
    options: DictionaryAttr

    def __init__(
        self,
        function: StringAttr | SymbolRefAttr | str,
        options: Mapping[str, Attribute] | DictionaryAttr | None = None,
    ):
        if isinstance(function, str):
            function = StringAttr(function)
        if not isinstance(options, DictionaryAttr):
            options = DictionaryAttr(options or {})
        super().__init__(function, options)

    @staticmethod
    def of_symbol(name: str) -> "SurrogateAttr":
        """That of a `snn.surrogate` of the module."""
        return SurrogateAttr(SymbolRefAttr(name))

    @property
    def symbol(self) -> str | None:
        """The symbol that it refers to; None for a library's function."""
        function = self.function
        return function.root_reference.data if isinstance(function, SymbolRefAttr) else None

    @property
    def text(self) -> str:
        """The function as the text has it: snntorch.atan, @SuperSpike."""
        return self.function.data if isinstance(self.function, StringAttr) else f"@{self.symbol}"

    def verify(self) -> None:
        if not isinstance(self.function, SymbolRefAttr):
            return
        if self.function.nested_references.data:
            raise VerifyException(f"surrogate: {self.function} is in no module of its own")
        if set(self.options.data) - {"scale"}:
            raise VerifyException(f"surrogate: {self.text} takes no option but scale")

    @classmethod
    def parse_parameters(
        cls, parser: AttrParser
    ) -> tuple[StringAttr | SymbolRefAttr, DictionaryAttr]:
        options: dict[str, Attribute] = {}
        with parser.in_angle_brackets():
            symbol = parser.parse_optional_symbol_name()
            name = ""
            if symbol is None:
                name = parser.parse_str_literal(" for the name of the surrogate")
            while parser.parse_optional_punctuation(","):
                key = parser.parse_identifier(" for the name of an option of the surrogate")
                parser.parse_punctuation("=")
                options[key] = parser.parse_attribute()
        if symbol is not None:
            return SymbolRefAttr(symbol), DictionaryAttr(options)
        return StringAttr(name), DictionaryAttr(options)

    def print_parameters(self, printer: Printer) -> None:
        with printer.in_angle_brackets():
            printer.print_attribute(self.function)
            for key, value in self.options.data.items():
                printer.print_string(f", {key} = ")
                printer.print_attribute(value)
