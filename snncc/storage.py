"""IR on disk: text in .mlir, parameters in .safetensors beside it."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file
from xdsl.context import Context
from xdsl.dialects.builtin import DenseIntOrFPElementsAttr, ModuleOp
from xdsl.parser import Parser
from xdsl.utils.exceptions import ParseError, VerifyException

from snncc.dialects import get_all_dialects, snn
from snncc.dialects.arrays import array_of, blob_of
from snncc.errors import Problem, SnnccError, error

MAX_TEXT_BYTES = 64 << 20


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
    `path.with_suffix(".safetensors")`. Raises SNC-C004 where that fails.
    """
    arrays = {
        op.sym_name.data: np.ascontiguousarray(array_of(op.value, op.type))
        for op in module.ops
        if isinstance(op, snn.ParameterOp) and not isinstance(op.value, DenseIntOrFPElementsAttr)
    }
    weights = path.with_suffix(".safetensors")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            text_file, arrays_file = Path(folder, "text"), Path(folder, "arrays")
            text_file.write_text(f"{module!s}\n", encoding="utf-8")
            save_file(arrays, arrays_file)
            os.replace(arrays_file, weights)
            os.replace(text_file, path)
    except OSError as fault:
        raise error("SNC-C004", f"{path}: {fault.strerror or fault}") from None


def load_module(path: Path) -> ModuleOp:
    """
    Reads what `save_module` wrote. Raises SNC-I010, SNC-I021 for invalid text, SNC-I022
    where the arrays beside it are missing or differ from their digests.
    """
    if not path.is_file():
        raise error("SNC-I010", f"{path.name}: no such file")
    if path.stat().st_size > MAX_TEXT_BYTES:
        raise error("SNC-I017", f"{path.name}: the text is over {MAX_TEXT_BYTES >> 20} MiB")
    try:
        text = path.read_text(encoding="utf-8")
        module = Parser(context(), text, path.name).parse_module()
        resolve_parameters(module, path.with_suffix(".safetensors"))
        module.verify()
    except (ParseError, VerifyException, UnicodeDecodeError, RecursionError) as fault:
        raise error("SNC-I021", f"{path.name}: {_first_line(fault)}") from None
    except SnnccError:
        raise
    except Exception as fault:  # xDSL's parser lets constructor errors through
        raise error("SNC-I021", f"{path.name}: {_first_line(fault)}") from None
    networks = [op for op in module.ops if isinstance(op, snn.NetworkOp)]
    if len(networks) != 1:
        raise error("SNC-I021", f"{path.name}: expected one snn.network, got {len(networks)}")
    _expect_finite(module)
    return module


def _first_line(fault: BaseException) -> str:
    """The last line of a parser's or verifier's report: what was expected."""
    lines = [line.strip() for line in str(fault).splitlines() if line.strip()]
    text = lines[-1][:300] if lines else type(fault).__name__
    if isinstance(fault, ParseError):
        number = fault.span.input.content.count("\n", 0, fault.span.start) + 1
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
            f"{weights.name}: no such file, and the IR names {len(unresolved)} arrays by digest",
            remedy="keep the .safetensors file beside the .mlir file",
        )
    problems: list[Problem] = []
    try:
        with safe_open(weights, framework="numpy") as file:
            held = set(file.keys())
            for op in unresolved:
                name = op.sym_name.data
                if name not in held:
                    problems.append(Problem("SNC-I022", f"{weights.name} has no {name!r}"))
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
        raise error("SNC-I022", f"{weights.name}: {_first_line(fault)}") from None
    if problems:
        raise SnnccError(problems)


def _expect_finite(module: ModuleOp) -> None:
    problems = [
        Problem("SNC-I015", f"parameter {op.sym_name.data!r} has values that are not finite")
        for op in module.ops
        if isinstance(op, snn.ParameterOp)
        and not np.isfinite(array_of(op.value, op.type).astype(np.float64)).all()
    ]
    if problems:
        raise SnnccError(problems)
