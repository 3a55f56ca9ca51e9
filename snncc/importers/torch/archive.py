"""
Reads an archive of torch.export.save (.pt2) without torch, as an untrusted file.

The archive is a zip file: `models/NAME.json` holds the program, `data/weights` and
`data/constants` hold tensors as raw bytes, with a JSON that gives types and strides. What
torch wrote with pickle (sample inputs, tensors of subclasses) is never unpickled. Sizes
that the archive claims are compared with limits before anything is read, and never more
is read than was claimed.
"""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from math import prod
from pathlib import Path
from typing import IO, Any

import numpy as np

from snncc.dialects.arrays import Array
from snncc.errors import Problem, SnnccError, error, expect_file
from snncc.importers.torch.decode import decode
from snncc.importers.torch.exported import ExportedGraph
from snncc.importers.torch.fields import (
    Record,
    dtype_of,
    field,
    listed,
    record,
    text_of,
    union,
    wrong,
)

MAX_BYTES = 256 << 20
"""The default limit on a model's tensors, as stored in memory."""
MAX_MEMBERS = 1 << 14
MAX_TEXT = 64 << 20
MAX_MARKS = 6 << 20
"""Brackets and commas of a text: each costs memory when it is parsed."""
MAX_AXES = 32
BLOCK = 1 << 20

AGAIN = "export the model again with torch 2.9 or newer: torch.export.save(exported, path)"

_SIMPLE = re.compile(r"[\w.-]{1,200}")


def read_archive(path: Path, *, max_bytes: int = MAX_BYTES) -> ExportedGraph:
    """
    The program of an archive. `max_bytes` bounds its tensors.

    Raises SnnccError: SNC-I010 where the file is missing, no archive or of another kind,
    SNC-I011 where its structure is damaged, SNC-I012 for types that are not supported,
    SNC-I015 for values that are not finite, SNC-I017 over a limit, SNC-I020 for names out
    of the archive.
    """
    expect_file(path, "SNC-I010")
    try:
        with path.open("rb") as file:
            _count_members(file)
            with zipfile.ZipFile(file) as archive:
                return _Archive(archive, max_bytes).program()
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,  # a compression that zipfile does not know
        EOFError,
        OSError,
        RuntimeError,  # an encrypted member
        ValueError,
    ) as fault:
        reason = " ".join(str(fault).split())[:200]
        raise error(
            "SNC-I010",
            f"{path}: not a readable archive of torch.export.save ({reason})",
            remedy="write it again, or fetch it again: it may be cut short",
        ) from None


def _count_members(file: IO[bytes]) -> None:
    """zipfile makes an object for each entry of the directory: there are not too many."""
    count, tail = 0, b""
    while block := file.read(BLOCK):
        count += (tail + block).count(b"PK\x01\x02")
        tail = block[-3:]
        if count > MAX_MEMBERS:
            raise error("SNC-I017", f"the archive has more than {MAX_MEMBERS} members")
    file.seek(0)


class _Archive:
    """The members of one archive, which stand in a folder of its name."""

    def __init__(self, archive: zipfile.ZipFile, max_bytes: int):
        self.archive = archive
        self.max_bytes = max_bytes
        self.bytes = 0
        self.members = {info.filename: info for info in archive.infolist()}
        for name in self.members:
            if ".." in name.split("/") or name.startswith("/") or "\\" in name:
                raise error("SNC-I020", f"the archive has a member {name[:80]!r}")

    def program(self) -> ExportedGraph:
        root, model = self.model()
        order = self.members.get(f"{root}byteorder")
        if order is not None and self.read(order, 64) != b"little":
            raise error("SNC-I011", "the tensors are not little-endian", remedy=AGAIN)
        program = decode(record(self.json(f"{root}models/{model}.json"), "the program"))
        wanted = {given.tensor for given in program.inputs if given.tensor is not None}
        wanted |= {str(out.target) for out in program.outputs if out.kind == "tensor"}
        problems: list[Problem] = []
        places = self.places(root, model)
        blobs: dict[str, bytes] = {}
        for name in sorted(wanted):
            try:
                if name not in places:
                    raise error("SNC-I011", "the archive has no such tensor", node=name)
                folder, payload = places[name]
                program.tensors[name] = self.tensor(folder, payload, name, blobs)
            except SnnccError as found:
                if found.code == "SNC-I017":
                    raise  # a limit ends the reading
                problems.extend(found.problems)
        if problems:
            raise SnnccError(problems)
        return program

    def model(self) -> tuple[str, str]:
        """The folder of the archive and the name of its program."""
        pattern = re.compile(r"((?:[^/]*/)?)models/([\w.-]+)\.json")
        found = [m for m in map(pattern.fullmatch, self.members) if m is not None]
        if len(found) == 1:
            return found[0][1], found[0][2]
        if found:
            names = ", ".join(sorted(m[2] for m in found)[:8])
            raise error("SNC-I011", f"the archive holds several programs: {names}")
        ends = {name.rsplit("/", 1)[-1] for name in self.members}
        if "serialized_exported_program.json" in ends:
            what = "an archive of torch 2.7 or older, whose tensors are pickled"
        elif "data.pkl" in ends or "constants.pkl" in ends:
            what = "a checkpoint or a TorchScript file of torch, not an export"
        elif any("/data/aotinductor/" in name for name in self.members):
            what = "a library compiled by torch, without its program"
        else:
            what = "an archive without a program"
        raise error("SNC-I010", what, remedy=AGAIN)

    def places(self, root: str, model: str) -> dict[str, tuple[str, Record]]:
        """Where each tensor stands: its folder and its record."""
        places: dict[str, tuple[str, Record]] = {}
        if f"{root}data/weights/{model}.pt" in self.members:
            raise error("SNC-I010", "the tensors of the archive are pickled", remedy=AGAIN)
        for kind in ("constants", "weights"):
            folder = f"{root}data/{kind}/"
            name = f"{folder}{model}_{kind}_config.json"
            if name not in self.members:
                continue
            content = record(self.json(name), name)
            config = record(field(content, "config", name), name)
            for tensor, payload in config.items():
                places[tensor] = (folder, record(payload, tensor))
        return places

    def tensor(self, folder: str, payload: Record, name: str, blobs: dict[str, bytes]) -> Array:
        """A tensor by its record; `blobs` are the members that were read."""
        if field(payload, "use_pickle", name) is not False:
            raise error(
                "SNC-I010",
                "the tensor is pickled, and nothing is unpickled",
                node=name,
                remedy="export the model with plain tensors",
            )
        meta = record(field(payload, "tensor_meta", name), name)
        dtype = dtype_of(meta.get("dtype"), name)
        sizes, strides = self.numbers(meta, "sizes"), self.numbers(meta, "strides")
        (offset,) = self.numbers({"o": [meta.get("storage_offset")]}, "o")
        if len(sizes) != len(strides) or len(sizes) > MAX_AXES:
            raise error("SNC-I011", f"{len(sizes)} sizes, {len(strides)} strides", node=name)
        if meta.get("layout", 7) != 7:
            raise error("SNC-I012", "a tensor that is not dense is not supported", node=name)
        self.admit(prod(sizes) * dtype.itemsize, name)
        if prod(sizes) == 0:
            return np.zeros(sizes, dtype)
        path = text_of(payload, "path_name", name)
        if not _SIMPLE.fullmatch(path) or path in (".", ".."):
            raise error("SNC-I020", f"its data is said to stand at {path!r}", node=name)
        member = self.members.get(folder + path)
        if member is None:
            raise error("SNC-I011", f"the archive has no member {path!r}", node=name)
        last = offset + sum((s - 1) * step for s, step in zip(sizes, strides, strict=True))
        stored = member.file_size // dtype.itemsize
        if last >= stored:
            raise error(
                "SNC-I011",
                f"{dtype} of shape {list(sizes)} reaches beyond the {member.file_size} bytes"
                " that are stored",
                node=name,
            )
        if member.filename not in blobs:
            self.admit(member.file_size, name)
            blobs[member.filename] = self.read(member, member.file_size)
        if len(blobs[member.filename]) != member.file_size:
            raise error("SNC-I010", "its data is cut short", node=name)
        flat = np.frombuffer(blobs[member.filename], dtype.newbyteorder("<"), stored)
        view = np.lib.stride_tricks.as_strided(
            flat[offset:], sizes, [step * dtype.itemsize for step in strides], writeable=False
        )
        array = np.ascontiguousarray(view).astype(dtype, copy=False).reshape(sizes)
        _expect_finite(array, name)
        return array

    def numbers(self, meta: Record, name: str) -> tuple[int, ...]:
        """Sizes, strides or an offset: none negative."""
        numbers = []
        for entry in listed(meta, name):
            kind, number = union(entry, name)
            if kind != "as_int" or type(number) is not int or not 0 <= number <= 1 << 40:
                raise wrong(name, "a number that is not negative", entry)
            numbers.append(number)
        return tuple(numbers)

    def admit(self, size: int, name: str) -> None:
        self.bytes += size
        if self.bytes > 2 * self.max_bytes or size > self.max_bytes:
            raise error(
                "SNC-I017",
                f"the tensors of the model pass the limit of {self.max_bytes >> 20} MiB",
                node=name,
                remedy="load it from Python: snncc.load(path, max_bytes=...)",
            )

    def json(self, name: str) -> Any:
        text = self.read(self.members[name], MAX_TEXT)
        marks = sum(text.count(mark) for mark in (b"[", b"{", b","))
        if marks > MAX_MARKS:
            raise error("SNC-I017", f"{name}: the program is larger than the limit")
        try:
            return json.loads(text)
        except RecursionError:
            raise error("SNC-I017", f"{name}: the text nests too deeply") from None
        except ValueError as fault:
            raise error("SNC-I011", f"{name}: not JSON ({str(fault)[:80]})") from None

    def read(self, member: zipfile.ZipInfo, limit: int) -> bytes:
        """All of a member, of at most `limit` bytes."""
        if member.file_size > limit:
            raise error(
                "SNC-I017",
                f"{member.filename[-80:]} claims {member.file_size} bytes, {limit} are the limit",
            )
        with self.archive.open(member) as stream:
            return stream.read(limit)


def _expect_finite(array: Array, name: str) -> None:
    if array.dtype.kind != "f":
        return
    flat = array.ravel()
    bad = sum(
        int(np.count_nonzero(~np.isfinite(flat[at : at + BLOCK])))
        for at in range(0, flat.size, BLOCK)
    )
    if bad:
        raise error(
            "SNC-I015",
            f"{bad} of {array.size} values are not finite",
            node=name,
            remedy="export the model again from a checkpoint without NaN or infinity",
        )
