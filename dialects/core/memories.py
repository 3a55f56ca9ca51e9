"""The memories and registers of a chip: which bits of which word hold which number."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_WORDS = 1 << 24

Words = npt.NDArray[np.object_]
"""Words of any width, as Python integers."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class BitField(_Part):
    """Some bits of a word, two's complement where `signed`."""

    name: str
    low: Annotated[int, Field(ge=0, le=4095)]
    """The lowest bit."""
    bits: Annotated[int, Field(ge=1, le=64)]
    signed: bool = False

    def encode(self, value: int) -> int:
        """The bits in their place. Raises ValueError where the number does not fit."""
        least = -(1 << (self.bits - 1)) if self.signed else 0
        most = least + (1 << self.bits) - 1
        if not least <= value <= most:
            raise ValueError(f"{self.name}: expected {least} to {most}, got {value}")
        return (value & ((1 << self.bits) - 1)) << self.low

    def decode(self, word: int) -> int:
        value = (word >> self.low) & ((1 << self.bits) - 1)
        if self.signed and value >> (self.bits - 1):
            value -= 1 << self.bits
        return value


class Memory(_Part):
    """Words of one width, with the same fields in each."""

    name: str
    words: Annotated[int, Field(ge=1, le=MOST_WORDS)]
    width: Annotated[int, Field(ge=1, le=4096)]
    fields: list[BitField]
    code: int | None = None
    """What selects it on the chip's bus."""

    @model_validator(mode="after")
    def _fits(self) -> Memory:
        taken = 0
        for field in self.fields:
            mask = ((1 << field.bits) - 1) << field.low
            if mask >> self.width:
                raise ValueError(f"{field.name}: is beyond the {self.width} bits of a word")
            if mask & taken:
                raise ValueError(f"{field.name}: overlaps another field")
            taken |= mask
        return self

    def field(self, name: str) -> BitField:
        return next(field for field in self.fields if field.name == name)

    def blank(self) -> Words:
        """All words, 0."""
        return np.zeros(self.words, dtype=object)

    def put(self, words: Words, word: int, name: str, value: int) -> None:
        """Writes one field of one word in place."""
        field = self.field(name)
        mask = ((1 << field.bits) - 1) << field.low
        words[word] = (words[word] & ~mask) | field.encode(int(value))


class Register(_Part):
    """A register of the chip."""

    name: str
    address: Annotated[int, Field(ge=0)]
    bits: Annotated[int, Field(ge=1, le=4096)]
    reset: int | None = None
    """What it holds before it is written; None: nothing is known."""
    value: int | None = None
    """What every configuration writes, where no network decides."""
    signed: bool = False
    about: str = ""
    access: Literal["write", "read_write"] = "write"
