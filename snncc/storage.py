"""IR on disk: text in .mlir, parameters in .safetensors beside it."""

from __future__ import annotations

import os
import re
import tempfile
from math import prod
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save
from xdsl.context import Context
from xdsl.dialects.builtin import (
    AnyDenseElement,
    DenseIntOrFPElementsAttr,
    ModuleOp,
    RankedStructure,
    ShapedType,
    TensorType,
)
from xdsl.ir import Operation
from xdsl.utils.exceptions import ParseError, VerifyException

from snncc.dialects import get_all_dialects, snn
from snncc.dialects.arrays import array_of, blob_of
from snncc.dialects.snn.types import is_float
from snncc.dialects.text import TextParser
from snncc.errors import Problem, SnnccError, error, expect_file, expect_writable

MAX_TEXT_BYTES = 64 << 20
MAX_ELEMENTS = 1 << 26
"""Of a stream, a delay line, or a parameter whose values stand in the text."""
STRINGS = re.compile(r'//[^\n]*|"(?:[^"\\\n\v\f]|\\["nt\\]|\\[0-9A-Fa-f]{2})*"|"')
"""Comments, strings, and quotes that open none."""


def context() -> Context:
    """A context that knows xDSL's dialects and ours."""
    from xdsl.universe import XDSL_UNIVERSE

    ctx = Context()
    for name, factory in {**XDSL_UNIVERSE.all_dialects, **get_all_dialects()}.items():
        ctx.register_dialect(name, factory)
    return ctx


def save_module(module: ModuleOp, path: Path) -> None:
    """
    Writes the text to `path` and the arrays that it names by digest to
    `path.with_suffix(".safetensors")`. Raises SNC-C004 where that fails (`expect_savable`).
    """
    weights = expect_savable(path)
    arrays = {
        op.sym_name.data: array_of(op.value, op.type)
        for op in module.ops
        if isinstance(op, snn.ParameterOp) and not isinstance(op.value, DenseIntOrFPElementsAttr)
    }
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            text_file, arrays_file = Path(folder, "text"), Path(folder, "arrays")
            text_file.write_text(f"{module!s}\n", encoding="utf-8")
            arrays_file.write_bytes(save(arrays))
            os.replace(arrays_file, weights)
            os.replace(text_file, path)
    except OSError as fault:
        raise error("SNC-C004", f"{path}: {fault.strerror or fault}") from None


def expect_savable(path: Path) -> Path:
    """
    The file of arrays that belongs to `path`. Raises SNC-C004 where one of the two cannot be
    written, or where arrays of that name stand there without a text: they are somebody else's.
    """
    expect_writable(path, ".mlir")
    weights = path.with_suffix(".safetensors")
    if weights.is_dir() or (weights.exists() and not path.exists()):
        raise error(
            "SNC-C004",
            f"{weights}: is there, and is no part of {path.name}",
            remedy="name another .mlir file: its parameters are written beside it",
        )
    return weights


def load_module(path: Path, of: type[Operation] = snn.NetworkOp) -> ModuleOp:
    """
    Reads what `save_module` wrote: a module with one operation of the class `of`. Raises
    SNC-I010, SNC-I021 for invalid text, SNC-I022 where the arrays beside it are missing or
    differ from their digests.
    """
    expect_file(path, "SNC-I010")
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise error("SNC-I017", f"{path}: the text is over {MAX_TEXT_BYTES >> 20} MiB")
    try:
        text = path.read_text(encoding="utf-8")
        _expect_closed_strings(text, str(path))
        module = _Parser(context(), text, path.name).parse_module()
        _expect_sizes(module)
        resolve_parameters(module, path.with_suffix(".safetensors"))
        module.verify()
        _expect_finite(module)
    except (ParseError, VerifyException, UnicodeDecodeError, RecursionError) as fault:
        raise error("SNC-I021", f"{path}: {_first_line(fault)}") from None
    except SnnccError:
        raise
    except Exception as fault:  # xDSL's parser lets constructor errors through
        raise error("SNC-I021", f"{path}: {_first_line(fault)}") from None
    found = sum(isinstance(op, of) for op in module.ops)
    if found != 1:
        raise error("SNC-I021", f"{path}: expected one {of.name}, got {found}")
    return module


class _Parser(TextParser):
    """Refuses dense<...> of a large type before its elements, or one many times, are made."""

    def parse_dense_int_or_fp_elements_attr(
        self, type: RankedStructure[AnyDenseElement] | None
    ) -> DenseIntOrFPElementsAttr:
        if type is not None:
            _expect_size("dense", type)
        return super().parse_dense_int_or_fp_elements_attr(type)

    def _parse_dense_literal_type(self) -> RankedStructure[AnyDenseElement]:
        type = super()._parse_dense_literal_type()
        _expect_size("dense", type)
        return type


def _expect_closed_strings(text: str, name: str) -> None:
    """On a quote that opens no string, xDSL's lexer takes time exponential in the line."""
    for match in STRINGS.finditer(text):
        if match.group() == '"':
            number = text.count("\n", 0, match.start()) + 1
            raise error("SNC-I021", f"{name}: line {number}: a string that does not end")


def _expect_sizes(module: ModuleOp) -> None:
    """No stream in the text claims more than a machine holds; parameters are as they are."""
    for op in module.walk():
        if isinstance(op, snn.UseOp):
            continue
        types = [value.type for value in op.results]
        types += [
            argument.type for region in op.regions for b in region.blocks for argument in b.args
        ]
        depth = op.depth if isinstance(op, snn.DelayOp) else 1
        for type in types:
            if isinstance(type, TensorType):
                _expect_size(op.name, type, depth)


def _expect_size(what: str, type: ShapedType, depth: int = 1) -> None:
    if depth * prod(type.get_shape()) > MAX_ELEMENTS:
        claimed = f"{depth} steps of {type}" if depth > 1 else str(type)
        raise error("SNC-I017", f"{what}: {claimed} has more than {MAX_ELEMENTS} elements")


def _first_line(fault: BaseException) -> str:
    """The last line of a parser's or verifier's report: what was expected."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    text = lines[-1][:300] if lines else type(fault).__name__
    if isinstance(fault, ParseError):
        number = str(fault.span.input.content).count("\n", 0, fault.span.start) + 1
        return f"line {number}: {text}"
    return text


def resolve_parameters(module: ModuleOp, weights: Path) -> None:
    """Gives each parameter its array, checked against its digest."""
    unresolved = [
        op
        for op in module.ops
        if isinstance(op, snn.ParameterOp)
        and isinstance(op.value, snn.BlobAttr)
        and op.value.data.data is None
    ]
    if not unresolved:
        return
    if not weights.is_file():
        raise error(
            "SNC-I022",
            f"{weights}: no such file, and the IR names {len(unresolved)} arrays by digest",
            remedy="keep the .safetensors file beside the .mlir file",
        )
    problems: list[Problem] = []
    try:
        with safe_open(weights, framework="numpy") as file:
            held = set(file.keys())
            for op in unresolved:
                name = op.sym_name.data
                if name not in held:
                    problems.append(Problem("SNC-I022", f"{weights} has no {name!r}"))
                    continue
                shape = tuple(file.get_slice(name).get_shape())
                if shape != op.type.get_shape():
                    problems.append(
                        Problem("SNC-I022", f"{name}: expected {op.type}, got shape {list(shape)}")
                    )
                    continue
                value = blob_of(file.get_tensor(name))
                if value != op.value:
                    problems.append(
                        Problem("SNC-I022", f"{name}: its content differs from its digest")
                    )
                op.value = value
    except (SafetensorError, OSError, ValueError, TypeError) as fault:
        raise error("SNC-I022", f"{weights}: {_first_line(fault)}") from None
    if problems:
        raise SnnccError(problems)


def _expect_finite(module: ModuleOp) -> None:
    problems = [
        Problem("SNC-I015", f"parameter {op.sym_name.data!r} has values that are not finite")
        for op in module.ops
        if isinstance(op, snn.ParameterOp)
        and is_float(op.type.element_type)
        and not np.isfinite(array_of(op.value, op.type)).all()
    ]
    if problems:
        raise SnnccError(problems)
