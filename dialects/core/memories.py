"""The memories and registers of a chip: which bits of which word hold which number."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, model_validator

MOST_WORDS = 1 << 24

Words = npt.NDArray[np.object_]
"""Words of any width, as Python integers."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Misplaced(ValueError):
    """A fault of a part of what is checked: where it is, by keys, and what is wrong."""

    def __init__(self, place: tuple[str | int, ...], message: str):
        super().__init__(message)
        self.place = place


class BitRange(_Part):
    """Some bits of a word."""

    low: Annotated[int, Field(ge=0, le=63)]
    bits: Annotated[int, Field(ge=1, le=64)] = 1


class BitField(_Part):
    """Some bits of a word, two's complement where `signed`."""

    name: str
    low: Annotated[int, Field(ge=0, le=4095)]
    """The lowest bit."""
    bits: Annotated[int, Field(ge=1, le=64)]
    signed: bool = False
    lanes: Annotated[int, Field(ge=1, le=4096)] = 1
    """How many numbers of this kind a word has: of neighbours, the first one lowest."""
    stride: Annotated[int, Field(ge=1, le=4096)] | None = None
    """Bits from one lane to the next; None: as many as a number has."""
    partial: bool = False
    """The number is longer: these are its low bits, and the others stand elsewhere."""

    @property
    def least(self) -> int:
        return -(1 << (self.bits - 1)) if self.signed else 0

    @property
    def most(self) -> int:
        return self.least + (1 << self.bits) - 1

    def place(self, lane: int) -> int:
        """The lowest bit of a lane."""
        return self.low + lane * (self.stride or self.bits)

    def encode(self, value: int, lane: int = 0) -> int:
        """The bits in their place. Raises ValueError where the number does not fit."""
        if not self.partial and not self.least <= value <= self.most:
            raise ValueError(f"{self.name}: expected {self.least} to {self.most}, got {value}")
        return (value & ((1 << self.bits) - 1)) << self.place(lane)

    def decode(self, word: int, lane: int = 0) -> int:
        value = (word >> self.place(lane)) & ((1 << self.bits) - 1)
        if self.signed and value >> (self.bits - 1):
            value -= 1 << self.bits
        return value


class Addresses(_Part):
    """
    The address of a part of a word: the number of the word and of the part in it, each from a bit
    of the address on. Parts are as long as a bus' data; the lowest bits of a word are part 0.
    """

    word: Annotated[int, Field(ge=0, le=31)] = 0
    part: Annotated[int, Field(ge=0, le=31)] = 0


class Memory(_Part):
    """
    Words of one width, with the same fields in each: of neurons, word w has those from w times
    the lanes on; of synapses, so many words a source, with the targets in the lanes.
    """

    name: str
    words: Annotated[int, Field(ge=1, le=MOST_WORDS)]
    width: Annotated[int, Field(ge=1, le=4096)]
    fields: Annotated[list[BitField], Field(min_length=1)]
    neurons: str | None = None
    """The class of neurons whose parameters and states its fields are."""
    synapses: list[str] = []
    """The classes of edges whose weights its field is; of several, sources share one numbering."""
    row: Annotated[int, Field(ge=1)] = 1
    """Of synapses: words that a source has."""
    code: Annotated[int, Field(ge=0, le=255)] | None = None
    """What selects it on the chip's bus."""
    reset: int | None = None
    """What words hold before they are written; None: nothing is known."""
    addresses: Addresses = Addresses()

    @model_validator(mode="after")
    def _fits(self) -> Memory:
        taken = 0
        for index, field in enumerate(self.fields):
            for lane in range(field.lanes):
                mask = ((1 << field.bits) - 1) << field.place(lane)
                if mask >> self.width:
                    raise Misplaced(
                        ("fields", index),
                        f"{field.name}: is beyond the {self.width} bits of a word",
                    )
                if mask & taken:
                    raise Misplaced(("fields", index), f"{field.name}: overlaps another field")
                taken |= mask
        if self.neurons is not None and self.synapses:
            raise ValueError("holds neurons or synapses, not both")
        if self.synapses and len(self.fields) != 1:
            raise ValueError("a memory of synapses has one field, their weight")
        if self.words % self.row:
            raise ValueError(f"words: expected rows of {self.row}")
        return self

    @property
    def lanes(self) -> int:
        """Neighbours in one word."""
        return max(field.lanes for field in self.fields)

    def field(self, name: str) -> BitField:
        return next(field for field in self.fields if field.name == name)

    def blank(self) -> Words:
        """All words, 0."""
        return np.zeros(self.words, dtype=object)

    def put(self, words: Words, word: int, name: str, value: int, lane: int = 0) -> None:
        """Writes one field of one word in place."""
        field = self.field(name)
        mask = ((1 << field.bits) - 1) << field.place(lane)
        words[word] = (words[word] & ~mask) | field.encode(int(value), lane)


class Register(_Part):
    """A register of the chip."""

    name: str
    address: Annotated[int, Field(ge=0)]
    bits: Annotated[int, Field(ge=1, le=4096)]
    reset: int | None = None
    """What it holds before it is written; None: nothing is known."""
    value: int | None = None
    """What every configuration writes, where no network decides."""
    parameter: str | None = None
    """CLASS.PARAMETER: what it holds for all neurons of a class."""
    signed: bool = False
    about: str = ""
    access: Literal["write", "read_write"] = "write"

    @model_validator(mode="after")
    def _holds(self) -> Register:
        for key in ("reset", "value"):
            number = getattr(self, key)
            if number is not None:
                try:
                    self.encode(number)
                except ValueError as fault:
                    raise Misplaced((key,), str(fault)) from None
        return self

    def encode(self, value: int) -> int:
        """Its bits. Raises ValueError where the number does not fit."""
        field = BitField(name=self.name, low=0, bits=min(self.bits, 64), signed=self.signed)
        return field.encode(value)


AddressPart: TypeAlias = Literal["read", "write", "code", "count", "address"]
DataPart: TypeAlias = Literal["mask", "data"]


class Bus(_Part):
    """
    A serial bus: an address word, then data words. `read` and `write` are 1 for what they say,
    `count` is the number of data words, which go to addresses in a row; a bit of `mask` that is 1
    keeps the old one.
    """

    address: dict[AddressPart, BitRange]
    data: dict[DataPart, BitRange]
    registers: Annotated[int, Field(ge=0, le=255)] = 0
    """The code of registers; they are written one by one."""

    @model_validator(mode="after")
    def _is_complete(self) -> Bus:
        for key, parts, needed in (
            ("address", self.address, ("code", "address")),
            ("data", self.data, ("data",)),
        ):
            for name in needed:
                if name not in parts:
                    raise Misplaced((key,), f"{name} is missing")
            taken = 0
            for name, part in parts.items():
                mask = ((1 << part.bits) - 1) << part.low
                if mask & taken:
                    raise Misplaced((key, name), "overlaps another part")
                taken |= mask
        return self

    @property
    def bits(self) -> int:
        """Of one data word."""
        return self.data["data"].bits

    @property
    def burst(self) -> int:
        """Most data words of one transaction."""
        return (1 << self.address["count"].bits) - 1 if "count" in self.address else 1

    def to_write(self, code: int, address: int, count: int = 1) -> int:
        """The address word that announces data. Raises ValueError where a number does not fit."""
        values = {"write": 1, "code": code, "count": count, "address": address}
        word = 0
        for name, part in self.address.items():
            field = BitField(name=name, low=part.low, bits=part.bits)
            word |= field.encode(values.get(name, 0))
        return word
