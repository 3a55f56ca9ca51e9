"""
Which module a node was written in, and which parameter a tensor is: what exporters leave
in names and metadata.

torch's first exporter names nodes by their modules ("/net/net.0/Gemm") and tensors by their
parameters, or "onnx::Gemm_7" where it changed them. The second one writes metadata: the
scopes of every node, and for tensors whether they are parameters and what they were folded
from.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping

SCOPES = "pkg.torch.onnx.name_scopes"
KIND = "pkg.torch.export.graph_signature.InputSpec.kind"
FOLDED = "pkg.onnxscript.optimizer.folded_from"
EXPORTED = "snncc.node"
"""What our own exporter notes of a node."""
MAX_TEXT = 4096
MAX_DEPTH = 12

_QUOTED = re.compile(r"'([^'\\]*)'")
_ANONYMOUS = re.compile(r"\d+|.*[:/].*|val_\d+(_\d+)?|.*lifted_tensor_\d+")
_COUNTED = re.compile(r"(.+)_\d+")


def text_of(given: str | bytes) -> str:
    """Text of a file: the protobuf package hands on bytes where they are not UTF-8."""
    return given if isinstance(given, str) else given.decode("utf-8", "backslashreplace")


def shown(name: str) -> str:
    """A name that may hold anything, for a message."""
    text = name.encode("utf-8", "backslashreplace").decode()
    text = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text[:120])
    return text if len(name) <= 120 else f"{text}..."


def parameter_name(name: str, metadata: Mapping[str, str] | None) -> str | None:
    """
    The parameter that an initializer holds, or None. `metadata` is what the file says of
    the value; None where it says nothing of any tensor.
    """
    if metadata is None:
        return None if _ANONYMOUS.fullmatch(name) else name
    kind = metadata.get(KIND)
    if kind is not None:
        return name if kind in ("PARAMETER", "BUFFER") else None
    sources = [
        source
        for source in _QUOTED.findall(metadata.get(FOLDED, "")[:MAX_TEXT])
        if "." in source and not _ANONYMOUS.fullmatch(source)
    ]
    return sources[0] if len(sources) == 1 else None


def recorded_module(text: str) -> str | None:
    """
    The innermost module of a node in the scopes that torch.export saw: a list of paths,
    the last of which is the node's own name.
    """
    scopes = _QUOTED.findall(text[:MAX_TEXT])
    return scopes[-2] or None if len(scopes) > 1 else None


class ModulePaths:
    """
    Reads modules from names as "/net/net.0/cell_1/Sub_2".

    A part that repeats the one before it continues a Sequential; a module that is called
    again gets a count ("cell_1"), which is told from a name by the parameters and by a
    module without the count beside it.
    """

    def __init__(self, names: Iterable[str], parameters: Iterable[str]):
        self.parameters = sorted(parameters)
        paths = set(map(_parts, names))
        self.modules = {parts[: n + 1] for parts in paths for n in range(len(parts))}
        self.known: dict[tuple[str, ...], str | None] = {}

    def module(self, name: str) -> str | None:
        parts = _parts(name)
        if parts not in self.known:
            self.known[parts] = self._module(parts)
        return self.known[parts]

    def _module(self, parts: tuple[str, ...]) -> str | None:
        path: list[str] = []
        first: list[str] = []  # the parts as they are at the first call
        for part in parts:
            head = path[:-1] if path and part.startswith(first[-1] + ".") else path
            counted = _COUNTED.fullmatch(part)
            if (
                counted
                and (*first, counted[1]) in self.modules
                and not self._has_parameters(".".join([*head, part]))
            ):
                part = counted[1]
            path = [*head, part]
            first.append(part)
        return ".".join(path) or None

    def _has_parameters(self, module: str) -> bool:
        at = bisect_left(self.parameters, module + ".")
        return at < len(self.parameters) and self.parameters[at].startswith(module + ".")


def _parts(name: str) -> tuple[str, ...]:
    """The modules in a node's name; none where there are too many to be names of modules."""
    parts = tuple(name[:MAX_TEXT].split("/")[1:-1]) if name.startswith("/") else ()
    return parts if len(parts) <= MAX_DEPTH else ()
