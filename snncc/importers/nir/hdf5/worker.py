"""
Run as a script: copies a NIR file's graph into the form that this package reads.

Arguments: the file, the file to write, the limit on the bytes of arrays, the limit on the
seconds of CPU time. Prints one problem as JSON and exits with 1 where the file cannot be
copied. The limits are set before the file is opened.
"""

from __future__ import annotations

import json
import sys
from math import prod

import h5py
import h5py.h5g
import h5py.h5o
import numpy as np

MAX_OBJECTS = 100_000
MAX_DEPTH = 80


class Problem(Exception):
    def __init__(self, code: str, message: str, place: str):
        super().__init__(message)
        self.code = code
        self.place = place


def limit(size: int, seconds: int) -> None:
    """Bounds the memory beyond what is in use, and the CPU time, where the system can."""
    try:
        import resource

        _set(resource.RLIMIT_CPU, seconds)
        with open("/proc/self/statm") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
        _set(resource.RLIMIT_AS, used + size)
    except (ImportError, OSError):
        pass


def _set(kind: int, value: int) -> None:
    import resource

    _, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (value if hard < 0 else min(value, hard), hard))


class Copy:
    def __init__(self, max_bytes: int):
        self.left = max_bytes
        self.objects = 0

    def group(self, source: h5py.Group, target: h5py.Group, place: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise Problem("SNC-I017", "groups nest too deep", place)
        for name in map(str, source):
            self.objects += 1
            if self.objects > MAX_OBJECTS:
                raise Problem("SNC-I017", "the file has too many objects", place)
            here = f"{place}/{name}"
            link = source.get(name, getlink=True)
            if isinstance(link, h5py.ExternalLink):
                raise Problem("SNC-I020", f"{name!r} is a link to {link.filename!r}", place)
            # bytes: a name that h5py knows to be UTF-8 would take another form of group
            stored = name.encode("utf-8", "surrogateescape")
            if isinstance(link, h5py.SoftLink):
                target.id.links.create_soft(stored, link.path.encode("utf-8", "surrogateescape"))
                continue
            member = source[name]
            if isinstance(member, h5py.Group):
                copied = h5py.Group(h5py.h5g.create(target.id, stored))
                self.group(member, copied, here, depth + 1)
            elif isinstance(member, h5py.Dataset):
                copied = self.dataset(member, target, name, here)
                h5py.h5o.link(copied.id, target.id, stored)

    def dataset(
        self, source: h5py.Dataset, target: h5py.Group, name: str, place: str
    ) -> h5py.Dataset:
        """A copy without a name."""
        if source.external or source.is_virtual:
            raise Problem("SNC-I020", f"{name!r}: the array is stored in another file", place)
        if source.shape is None:
            return target.create_dataset(None, data=h5py.Empty("f4"))
        elements = max(prod(source.shape), prod(source.chunks or ()))
        self.left -= elements * source.dtype.itemsize
        if self.left < 0:
            raise Problem("SNC-I017", f"{name!r}: the arrays of the model pass the limit", place)
        text = h5py.check_string_dtype(source.dtype)
        if text is None and source.dtype.kind not in "fiub":
            raise Problem("SNC-I011", f"{name}: expected numbers, got {source.dtype}", place)
        values = source[()]
        if source.dtype.kind == "f" and source.dtype.itemsize > 8:
            values = np.asarray(values).astype(np.float64)
        return target.create_dataset(None, data=values, dtype=text and h5py.string_dtype())


def main(path: str, target: str, max_bytes: int, seconds: int) -> None:
    limit(max_bytes + max_bytes // 2 + (64 << 20), seconds)
    copy = Copy(max_bytes)
    try:
        with h5py.File(path, "r") as source, h5py.File(target, "w") as result:
            link = source.get("node", getlink=True)
            node = source["node"] if isinstance(link, h5py.HardLink) else None
            if isinstance(node, h5py.Group):
                copy.group(node, result.create_group("node"), "", 0)
        return
    except Problem as found:
        code, message, place = found.code, str(found), found.place
    except MemoryError:
        code, message, place = "SNC-I017", "takes more memory than the limit", ""
    except Exception as fault:
        reason = " ".join(str(fault).split())[:200]
        code, message, place = "SNC-I010", f"not a readable HDF5 file ({reason})", ""
    # names may hold what is not UTF-8
    names = [part for part in place.split("/") if part not in ("", "nodes")]
    node = ".".join(names).encode("utf-8", "backslashreplace").decode() or None
    print(json.dumps({"code": code, "message": message, "node": node}))
    sys.exit(1)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
