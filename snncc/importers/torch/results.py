"""What a model gives back: tensors in tuples, dictionaries and other structures."""

from __future__ import annotations

import ast
import copy
import inspect
import textwrap
import types
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, TypeAlias

import numpy as np
import torch

from snncc.errors import error

Path: TypeAlias = tuple[Any, ...]
"""From a result to a part of it, by positions, keys and fields; a slice is a tuple's rest."""


MAX_DEPTH = 16
"""Of structures in structures."""


def parts_of(result: Any) -> list[tuple[Any, str | None, Any]]:
    """(key, name, part) of a structure, or of an object by its attributes."""
    if isinstance(result, Mapping):
        return [(key, str(key), part) for key, part in result.items()]
    if isinstance(result, tuple | list):
        names = getattr(result, "_fields", [None] * len(result))
        return [(i, name, part) for i, (name, part) in enumerate(zip(names, result, strict=True))]
    if is_dataclass(result) and not isinstance(result, type):
        return [(f.name, f.name, getattr(result, f.name)) for f in fields(result)]
    if is_plain_object(result):
        return [(name, name, getattr(result, name)) for name in _attributes(result)]
    return []


def is_plain_object(value: Any) -> bool:
    """An object of a class of somebody's own (or a SimpleNamespace), seen by its attributes."""
    kind = type(value)
    if isinstance(value, torch.Tensor | torch.nn.Module | type | Mapping | tuple | list):
        return False
    if kind is types.SimpleNamespace:
        return True
    own = kind.__module__.partition(".")[0] not in ("builtins", "torch", "numpy", "collections")
    return own and not callable(value) and bool(_attributes(value))


def _attributes(value: Any) -> list[str]:
    """The attributes of an object, by its dictionary and its slots."""
    names = list(vars(value)) if isinstance(getattr(value, "__dict__", None), dict) else []
    for kind in type(value).__mro__:
        slots = vars(kind).get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in names and not name.startswith("__") and hasattr(value, name):
                names.append(name)
    return names


def expect_readable(result: Any, depth: int = 0) -> None:
    """Raises SNC-I027 where a result holds what tensors cannot be found in."""
    if result is None or isinstance(result, torch.Tensor | bool | int | float | str | bytes):
        return
    parts = parts_of(result)
    known = isinstance(result, Mapping | tuple | list) or is_dataclass(result)
    readable = known or is_plain_object(result) or isinstance(result, np.generic | np.ndarray)
    if depth > MAX_DEPTH or not readable:
        what = f"a {type(result).__name__}"
        raise error(
            "SNC-I027",
            f"the model gives back {what}, in which tensors are not seen"
            if not readable
            else f"the model gives back {what} that holds itself",
            remedy="give back tensors, in tuples, dictionaries, dataclasses or plain objects",
        )
    for _, _, part in parts:
        expect_readable(part, depth + 1)


def part_at(result: Any, path: Path) -> Any:
    for key in path:
        if is_plain_object(result) or (is_dataclass(result) and not isinstance(result, type)):
            result = getattr(result, key)
        else:
            result = result[key]
    return result


def tensors_of(structure: Any) -> list[torch.Tensor]:
    """The tensors of a structure, in order."""
    if isinstance(structure, torch.Tensor):
        return [structure]
    return [t for _, _, part in parts_of(structure) for t in tensors_of(part)]


def paths_of(structure: Any, path: Path = ()) -> list[Path]:
    """Where the tensors of a structure are, in order."""
    if isinstance(structure, torch.Tensor):
        return [path]
    return [p for key, _, part in parts_of(structure) for p in paths_of(part, (*path, key))]


def mapped(structure: Any, function: Any) -> Any:
    """The structure with every tensor replaced."""
    if isinstance(structure, torch.Tensor):
        return function(structure)
    if isinstance(structure, Mapping):
        made = {key: mapped(part, function) for key, part in structure.items()}
        return made if type(structure) is dict else _like(structure, made)
    if isinstance(structure, tuple) and hasattr(structure, "_fields"):
        return type(structure)(*(mapped(part, function) for part in structure))
    if isinstance(structure, tuple | list):
        return type(structure)(mapped(part, function) for part in structure)
    if is_dataclass(structure) and not isinstance(structure, type):
        made = {f.name: mapped(getattr(structure, f.name), function) for f in fields(structure)}
        return type(structure)(**made)
    if is_plain_object(structure):
        copied = copy.copy(structure)
        for name, _, part in parts_of(structure):
            object.__setattr__(copied, name, mapped(part, function))
        return copied
    return structure


def _like(structure: Any, made: dict[Any, Any]) -> Any:
    try:
        return type(structure)(made)
    except TypeError:
        return made


def form_of(structure: Any) -> Any:
    """Types and shapes, to compare two results by."""
    if isinstance(structure, torch.Tensor):
        return tuple(structure.shape), structure.dtype
    parts = parts_of(structure)
    if parts:
        return type(structure), [(key, form_of(part)) for key, _, part in parts]
    return type(structure)


def without(result: Any, taken: Mapping[Path, Any] | set[Path]) -> list[torch.Tensor]:
    """The tensors of a result, in order, but for those of some parts."""

    def walk(part: Any, path: Path) -> Iterator[torch.Tensor]:
        if path in taken:
            return
        if isinstance(part, torch.Tensor):
            yield part
            return
        rest = next((p[-1].start for p in taken if p[:-1] == path and _is_slice(p)), None)
        for index, (key, _, inner) in enumerate(parts_of(part)):
            if rest is None or index < rest:
                yield from walk(inner, (*path, key))

    return list(walk(result, ()))


def _is_slice(path: Path) -> bool:
    return bool(path) and isinstance(path[-1], slice)


def spoken(path: Path) -> str:
    """A part of a result, for messages."""
    if not path:
        return "the result"
    return "result" + "".join(
        f"[{key.start}:]" if isinstance(key, slice) else f"[{key!r}]" for key in path
    )


def named_parts(model: Any, result: Any) -> dict[Path, str]:
    """
    The names that a model has for the parts of its result: keys, fields, and what stands
    behind `return` in its source.
    """
    found: dict[Path, str] = {}

    def walk(part: Any, path: Path) -> None:
        for key, name, inner in parts_of(part):
            if name is not None:
                found[*path, key] = name
            walk(inner, (*path, key))

    walk(result, ())
    for path, name in _returned_names(model).items():
        found.setdefault(path, name)
    return found


def _returned_names(model: Any) -> dict[Path, str]:
    function = model.forward if isinstance(model, torch.nn.Module) else model
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(function))))
    except (OSError, TypeError, SyntaxError, ValueError):
        return {}
    told = [_names(node.value, ()) for node in _returns(tree) if node.value is not None]
    if not told:
        return {}
    return {
        path: name
        for path, name in told[0].items()
        if all(other.get(path) == name for other in told[1:])
    }


def _returns(tree: ast.AST) -> Iterator[ast.Return]:
    """Those of the outermost function of a text."""
    body = getattr(tree, "body", [])
    stack: list[ast.AST] = list(body[0].body) if body and hasattr(body[0], "body") else []
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Return):
            yield node
        elif not isinstance(
            node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef
        ):
            stack.extend(ast.iter_child_nodes(node))


def _names(node: ast.AST, path: Path) -> dict[Path, str]:
    if isinstance(node, ast.Name):
        return {path: node.id}
    if isinstance(node, ast.Attribute):
        return {path: node.attr}
    if isinstance(node, ast.Tuple | ast.List) and not any(
        isinstance(part, ast.Starred) for part in node.elts
    ):
        return {
            inner: name
            for index, part in enumerate(node.elts)
            for inner, name in _names(part, (*path, index)).items()
        }
    return {}
