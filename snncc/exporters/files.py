"""Which exporter writes which kind of file, and how files come to stand there whole."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from xdsl.dialects.builtin import ModuleOp

from snncc.dialects import snn
from snncc.dialects.snn.linear import WeightedSum
from snncc.dialects.snn.types import is_float, node_name, stream_type
from snncc.errors import Problem, SnnccError, error, expect_writable
from snncc.options import LoadOptions
from snncc.storage import expect_savable, save_module

FORMATS = (".onnx", ".nir", ".mlir")
OWN = ".mlir"
"""The format that says all there is: integers, learnable parameters, surrogates."""


def expect_exportable(path: Path, *, scan: bool = False) -> None:
    """Raises SNC-C003 and SNC-C004 for a path that is no export's, before work is lost on it."""
    suffix = path.suffix.lower()
    if suffix not in FORMATS:
        raise error("SNC-C003", f"{path}: expected a name that ends in {', '.join(FORMATS)}")
    if scan and suffix != ".onnx":
        raise error("SNC-C003", f"{path}: a Scan over time is a form of .onnx files")
    if suffix == OWN:
        expect_savable(path)
    else:
        expect_writable(path, suffix)
    try:
        special = path.exists() and not path.is_file()
    except OSError as fault:
        raise error("SNC-C004", f"{path}: {fault.strerror or fault}") from None
    if special:
        raise error("SNC-C004", f"{path}: is not a file, and is left as it is")


def export_module(
    module: ModuleOp,
    network: snn.NetworkOp,
    path: Path,
    *,
    scan: bool = False,
    options: LoadOptions | None = None,
) -> list[Problem]:
    """
    Writes a network to `path`, by the ending of its name; gives what the file does not say.

    `options` are the choices by which a NIR file is to be read again; those that are not made
    are the network's own. Raises SNC-E001 for what the format cannot say, SNC-C003 and
    SNC-C004 where the path is not one to write to.
    """
    expect_exportable(path, scan=scan)
    if path.suffix.lower() == OWN:
        if options is not None:
            options.refuse_semantics(path)
        save_module(module, path)
        return []
    expect_floats(network)
    if path.suffix.lower() == ".onnx":
        if options is not None:
            options.refuse_semantics(path)
        return _write(path, lambda file: _onnx(module, network, file, scan))
    return _write(path, lambda file: _nir(module, network, file, options or LoadOptions()))


def expect_floats(network: snn.NetworkOp) -> None:
    """Raises SNC-E001 for a network whose weights are integers."""
    for op in network.body.block.ops:
        if isinstance(op, WeightedSum) and not is_float(stream_type(op.weight).element_type):
            raise integers_are_not_said(node_name(op))


def integers_are_not_said(node: str | None = None) -> SnnccError:
    """SNC-E001: these formats hold networks of floats."""
    return error(
        "SNC-E001",
        "integer networks are not written as ONNX or NIR, which hold floats",
        node=node,
        remedy="write FILE.mlir, which keeps all of it; or export the float network that it "
        "was made of",
    )


def _onnx(module: ModuleOp, network: snn.NetworkOp, file: Path, scan: bool) -> list[Problem]:
    from snncc.exporters.onnx.model import onnx_model

    file.write_bytes(onnx_model(module, network, scan=scan).SerializeToString(deterministic=True))
    return []


def _nir(
    module: ModuleOp, network: snn.NetworkOp, file: Path, options: LoadOptions
) -> list[Problem]:
    from snncc.exporters.nir.exporter import write_nir

    return write_nir(module, network, file, options)


def _write(path: Path, write: Callable[[Path], list[Problem]]) -> list[Problem]:
    """Lets a file be written beside its place, and puts it there when it is whole."""
    try:
        place = path.resolve() if path.is_symlink() else path
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=".snncc-") as folder:
            file = Path(folder, place.name)
            problems = write(file)
            os.replace(file, place)
    except OSError as fault:
        raise error("SNC-C004", f"{path}: {fault.strerror or fault}") from None
    return problems
