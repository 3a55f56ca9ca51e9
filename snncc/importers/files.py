"""Which importer reads which kind of file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from xdsl.dialects.builtin import ModuleOp, StringAttr

from snncc.errors import Problem, error, expect_file
from snncc.options import LoadOptions


class Imported(Protocol):
    """What every importer gives."""

    module: ModuleOp
    warnings: list[Problem]


def import_file(path: Path, options: LoadOptions) -> Imported:
    """The network of a file, by the ending of its name. Raises SnnccError."""
    suffix = path.suffix.lower()
    reader = _READERS.get(suffix)
    if path.is_dir():
        remedy = None
        if (path / "manifest.json").is_file():
            remedy = "of what snncc wrote, `snncc run`, `inspect` and `repack` take a chip's folder"
        raise error("SNC-I010", f"{path}: is a folder", remedy=remedy)
    if not os.path.exists(path):  # or may not be looked at
        expect_file(path, "SNC-I010")
    if reader is None:
        raise error(
            "SNC-I010",
            f"{path}: not a known kind of file",
            remedy=_OTHERS.get(suffix, f"known: {', '.join([*_READERS, '.net', '.mlir'])}"),
        )
    return reader(path, options)


def _nir(path: Path, options: LoadOptions) -> Imported:
    from snncc.importers.hdf5.reader import MAX_BYTES
    from snncc.importers.nir.importer import import_nir

    options.refuse_axes(path)
    return import_nir(
        path,
        like=options.like,
        choices=options.choices(),
        max_bytes=options.max_bytes or MAX_BYTES,
    )


def _pt2(path: Path, options: LoadOptions) -> Imported:
    from snncc.importers.graph.importer import import_model
    from snncc.importers.torch.archive import MAX_BYTES
    from snncc.importers.torch.pt2 import read_pt2

    options.refuse_semantics(path)
    return import_model(
        read_pt2(path, max_bytes=options.max_bytes or MAX_BYTES),
        network_name(path),
        states=options.states,
        axes=options.axes(),
        attributes={"source": StringAttr(path.name)},
    )


def _onnx(path: Path, options: LoadOptions) -> Imported:
    from snncc.importers.graph.importer import Imported, import_model
    from snncc.importers.onnx.importer import model_of
    from snncc.importers.onnx.reader import MAX_BYTES, read_document
    from snncc.importers.onnx.snncc_domain import exported_network, was_exported

    options.refuse_semantics(path)
    document = read_document(path, max_bytes=options.max_bytes or MAX_BYTES)
    own = exported_network(document)
    if own is not None:
        options.refuse_axes(path)
        return Imported(own)
    imported = import_model(
        model_of(document),
        network_name(path),
        states=options.states,
        axes=options.axes(),
        attributes={"source": StringAttr(path.name)},
    )
    if was_exported(document):
        imported.warnings.append(
            Problem(
                "SNC-W011",
                "snncc exported this file, and it was changed since: it is read as any other",
                remedy="names, surrogates and the order of operations may differ",
                severity="warning",
            )
        )
    return imported


def network_name(path: Path) -> str:
    """The symbol of a network: the file's name in letters, digits and _."""
    return "".join(c if c.isalnum() else "_" for c in path.stem) or "network"


_READERS: dict[str, Callable[[Path, LoadOptions], Imported]] = {
    ".nir": _nir,
    ".h5": _nir,
    ".hdf5": _nir,
    ".pt2": _pt2,
    ".onnx": _onnx,
}

_PICKLED = (
    "it may hold pickled Python, which is code: use torch.export.save (.pt2), or give the live "
    "module to snncc.load"
)
_OTHERS = {".pt": _PICKLED, ".pth": _PICKLED, ".pkl": _PICKLED, ".ckpt": _PICKLED}
