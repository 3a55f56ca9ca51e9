"""What a live model holds: its modules, and all that they and its other objects keep."""

from __future__ import annotations

import functools
import types
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

MAX_OBJECTS = 1 << 17
"""What lies behind that is not looked at."""

_OF_TORCH = frozenset(vars(torch.nn.Module()))
"""Attributes that every module has: hooks, and the tables of its parts."""
_TABLES = ("_buffers", "_parameters", "_modules")
_FOREIGN = ("torch", "numpy", "builtins", "threading", "logging")


class Holdings:
    """
    `modules` are those that the model is, or that its code refers to: the outermost ones.
    `containers` are everything that can be changed, `leaves` the rest by their place.
    """

    def __init__(self, model: Any):
        self.modules: list[torch.nn.Module] = []
        self.containers: list[Any] = []
        self.leaves: list[tuple[str, Any]] = []
        seen: set[int] = set()
        inner: set[int] = set()
        stack: list[tuple[str, Any]] = [("", model)]
        while stack and len(seen) < MAX_OBJECTS:
            path, held = stack.pop()
            if isinstance(held, _LEAVES):
                self.leaves.append((path, held))
                continue
            if id(held) in seen:
                continue
            seen.add(id(held))
            if isinstance(held, torch.nn.Module) and id(held) not in inner:
                self.modules.append(held)
                inner.update(id(part) for part in held.modules())
            if isinstance(held, torch.nn.Module | types.CellType) or _changes(held):
                self.containers.append(held)
            stack.extend(reversed(list(_inside(path, held))))


_LEAVES = (torch.Tensor, np.ndarray, np.generic, bool, int, float, complex, str, type(None))


def _changes(held: Any) -> bool:
    return isinstance(held, dict | list | set | deque) or _has_attributes(held)


def _has_attributes(held: Any) -> bool:
    """An object of a class that somebody wrote, for what it holds."""
    if isinstance(held, type | types.ModuleType | types.FunctionType | types.MethodType):
        return False
    home = type(held).__module__.partition(".")[0]
    return isinstance(getattr(held, "__dict__", None), dict) and home not in _FOREIGN


def _inside(path: str, held: Any) -> Iterator[tuple[str, Any]]:
    def under(name: object) -> str:
        return f"{path}.{name}" if path else str(name)

    if isinstance(held, torch.nn.Module):
        for name, value in vars(held).items():
            if name not in _OF_TORCH:
                yield under(name), value
        for table in _TABLES:
            for name, value in vars(held).get(table, {}).items():
                yield under(name), value
    elif isinstance(held, dict):
        for key, value in held.items():
            yield under(key), value
    elif isinstance(held, list | tuple | deque | set | frozenset):
        for index, value in enumerate(held):
            yield under(index), value
    elif isinstance(held, functools.partial):
        yield from ((path, part) for part in (held.func, held.args, held.keywords))
    elif isinstance(held, types.MethodType):
        yield path, held.__self__
        yield path, held.__func__
    elif isinstance(held, types.FunctionType):
        yield from _behind(under, held)
    elif isinstance(held, types.CellType):
        if _filled(held):
            yield path, held.cell_contents
    elif _has_attributes(held):
        for name, value in vars(held).items():
            yield under(name), value


def _behind(under: Any, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function refers to: of the names of its file only modules, and those it calls."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield under(name), cell
    for name in function.__code__.co_names:
        value = function.__globals__.get(name)
        if isinstance(value, torch.nn.Module):
            yield under(name), value


def _filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not cell
    except ValueError:
        return False


class Snapshot:
    """
    What a model holds, to be put back as often as wanted: the content of containers,
    attributes and tensors. The objects themselves stay the same.
    """

    def __init__(self, model: Any):
        holdings = Holdings(model)
        containers = [*holdings.containers]
        for part in holdings.containers:
            if isinstance(part, torch.nn.Module):
                containers.extend(
                    value
                    for name, value in vars(part).items()
                    if name in _OF_TORCH and isinstance(value, dict | set)
                )
        self.contents = [(held, _copied(held)) for held in containers]
        tensors = {id(v): v for _, v in holdings.leaves if isinstance(v, torch.Tensor)}
        self.tensors = [(tensor, tensor.detach().clone()) for tensor in tensors.values()]
        arrays = {id(v): v for _, v in holdings.leaves if isinstance(v, np.ndarray)}
        self.arrays = [(array, array.copy()) for array in arrays.values()]

    def restore(self) -> None:
        for held, content in self.contents:
            _put_back(held, content)
        with torch.no_grad():
            for tensor, content in self.tensors:
                if tensor.shape != content.shape:
                    tensor.data = content.clone()
                elif not torch.equal(tensor, content):
                    tensor.copy_(content)
        for array, values in self.arrays:
            if array.flags.writeable:
                array[...] = values


def _copied(held: Any) -> Any:
    if isinstance(held, dict):
        return dict(held)
    if isinstance(held, list | deque):
        return list(held)
    if isinstance(held, set):
        return set(held)
    if isinstance(held, types.CellType):
        return held.cell_contents if _filled(held) else held
    return dict(vars(held))


def _put_back(held: Any, content: Any) -> None:
    if isinstance(held, types.CellType):
        if content is not held:
            held.cell_contents = content
    elif isinstance(held, list | deque):
        if len(held) != len(content) or any(a is not b for a, b in zip(held, content, strict=True)):
            held.clear()
            held.extend(content)
    else:
        place = held if isinstance(held, dict | set) else vars(held)
        place.clear()
        place.update(content)


def numbers_of(model: Any, follows: Callable[[torch.Tensor], bool]) -> dict[str, Any]:
    """
    What a model holds beside what follows from its inputs: numbers and texts, and the
    content of tensors that do not follow from them, by their places.
    """
    found: dict[str, Any] = {}
    for path, value in Holdings(model).leaves:
        if isinstance(value, torch.nn.Parameter):
            continue
        if isinstance(value, torch.Tensor):
            found[path] = _VARIES if follows(value) else _content(value)
        elif isinstance(value, np.ndarray):
            found[path] = value.tobytes()
        else:
            found[path] = value
    return found


_VARIES = object()


def _content(tensor: torch.Tensor) -> Any:
    if tensor.numel() > 1 << 14:
        return id(tensor), tensor._version
    return str(tensor.dtype), tuple(tensor.shape), tensor.detach().cpu().contiguous().tolist()
