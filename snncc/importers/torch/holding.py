"""What a live model holds: its modules, and all that they and its other objects keep."""

from __future__ import annotations

import copy
import dis
import functools
import sys
import sysconfig
import types
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

MAX_ELEMENTS = 1 << 14
"""Of an array whose content is compared."""
MAX_OBJECTS = 1 << 17
"""What lies behind that is not looked at."""

_OF_TORCH = frozenset(vars(torch.nn.Module()))
"""Attributes that every module has: hooks, and the tables of its parts."""
_TABLES = ("_buffers", "_parameters", "_modules")
_FOREIGN = ("torch", "numpy", "builtins", "threading", "logging", "snncc", "abc", "typing")


class Holdings:
    """
    `modules` are those that the model is, or that its code refers to: the outermost ones.
    `containers` are everything that can be changed, `leaves` the rest by their place;
    `variables` are those of files that code refers to: (names of a file, name).

    Code is that of functions and of the classes of objects, but for the libraries'.
    """

    def __init__(self, model: Any):
        self.modules: list[torch.nn.Module] = []
        self.containers: list[Any] = []
        self.leaves: list[tuple[str, Any]] = []
        self.variables: list[tuple[dict[str, Any], str]] = []
        known: set[tuple[int, str]] = set()
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
            if isinstance(held, torch.nn.Module | types.CellType | type) or _changes(held):
                self.containers.append(held)
            if isinstance(held, types.FunctionType) and _is_own(held.__code__.co_filename):
                for name in _global_names(held.__code__):
                    place = id(held.__globals__), name
                    if place in known or not _is_variable(held.__globals__.get(name)):
                        continue
                    known.add(place)
                    self.variables.append((held.__globals__, name))
            stack.extend(reversed(list(_inside(path, held))))


_LEAVES = (torch.Tensor, np.ndarray, np.generic, bool, int, float, complex, str, type(None))


def _is_variable(value: Any) -> bool:
    """Of what a file has under its names: no code."""
    return not isinstance(
        value, type | types.ModuleType | types.FunctionType | types.BuiltinFunctionType
    )


def _changes(held: Any) -> bool:
    return isinstance(held, dict | list | set | deque) or _has_attributes(held)


def _has_attributes(held: Any) -> bool:
    """An object of a class that somebody wrote, for what it holds."""
    if isinstance(held, type | types.ModuleType | types.FunctionType | types.MethodType):
        return False
    home = str(type(held).__module__).partition(".")[0]
    return isinstance(getattr(held, "__dict__", None), dict) and home not in _FOREIGN


@functools.cache
def _is_own(file: str) -> bool:
    """Whether a file of Python is the user's: no library's, and none of ours."""
    if not file.endswith(".py"):
        return True  # of a shell or a notebook
    return not any(file.startswith(root) for root in _LIBRARIES)


_LIBRARIES = tuple(
    {
        *(path for path in sysconfig.get_paths().values() if path),
        *(str(Path(module.__file__).parent.parent) for module in (torch, np) if module.__file__),
        str(Path(__file__).parents[2]),
    }
)


def _own_class(kind: type) -> bool:
    """Whether the code of a class is the user's."""
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    if kind.__module__ == "builtins" or kind.__module__.partition(".")[0] in _FOREIGN:
        return False
    return file is None or _is_own(str(file))


@functools.cache
def _global_names(code: types.CodeType) -> tuple[str, ...]:
    """The names of its file that a function reads or sets, with the functions inside it."""
    names = {
        str(instruction.argval)
        for instruction in dis.get_instructions(code)
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME", "STORE_GLOBAL", "DELETE_GLOBAL")
    }
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(_global_names(constant))
    return tuple(sorted(names))


def _inside(path: str, held: Any) -> Iterator[tuple[str, Any]]:
    def under(name: object) -> str:
        return f"{path}.{name}" if path else str(name)

    if _has_attributes(held) or isinstance(held, torch.nn.Module):
        for kind in type(held).__mro__:
            if _own_class(kind):
                yield path, kind
    if isinstance(held, torch.nn.Module):
        for name, value in vars(held).items():
            if name not in _OF_TORCH:
                yield under(name), value
            elif "hook" in name and isinstance(value, dict):
                yield from ((under(name), hook) for hook in value.values())
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
    elif isinstance(held, type):
        for name, value in vars(held).items():
            code = value.__func__ if isinstance(value, staticmethod | classmethod) else value
            code = code.fget if isinstance(code, property) else code
            if isinstance(code, types.FunctionType):
                yield path, code
            elif not name.startswith("__") and _is_variable(code):
                yield f"{held.__name__}.{name}", code
    elif _has_attributes(held):
        for name, value in vars(held).items():
            yield under(name), value


def _behind(under: Any, function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """What a function refers to: of libraries only what stands around it."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        yield under(name), cell
    if not _is_own(function.__code__.co_filename):
        return
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield under("default"), value
    for name in _global_names(function.__code__):
        value = function.__globals__.get(name)
        if isinstance(value, types.FunctionType):
            if _is_own(value.__code__.co_filename):
                yield under(name), value
        elif isinstance(value, type):
            if _own_class(value):
                yield under(name), value
        elif name in function.__globals__ and _is_variable(value):
            yield name, value


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
        self.variables = [
            (names, name, _kept(names[name]) if name in names else _NOTHING)
            for names, name in holdings.variables
        ]
        tensors = {id(v): v for _, v in holdings.leaves if isinstance(v, torch.Tensor)}
        self.tensors = [(tensor, tensor.detach().clone()) for tensor in tensors.values()]
        arrays = {id(v): v for _, v in holdings.leaves if isinstance(v, np.ndarray)}
        self.arrays = [(array, array.copy()) for array in arrays.values()]

    def restore(self) -> None:
        for held, content in self.contents:
            _put_back(held, content)
        for names, name, value in self.variables:
            if value is not _NOTHING:
                names[name] = _kept(value)
            else:
                names.pop(name, None)
        with torch.no_grad():
            for tensor, content in self.tensors:
                if tensor.shape != content.shape:
                    tensor.data = content.clone()
                elif not torch.equal(tensor, content):
                    tensor.copy_(content)
        for array, values in self.arrays:
            if array.flags.writeable:
                array[...] = values


_NOTHING = object()


def _kept(value: Any) -> Any:
    """A value as it is now: of an iterator, which has no content to put back, a copy."""
    if isinstance(value, Iterator) and not isinstance(value, types.GeneratorType):
        try:
            return copy.copy(value)
        except TypeError:
            return value
    return value


def _copied(held: Any) -> Any:
    if isinstance(held, list | deque | set):
        return [_kept(value) for value in held]
    if isinstance(held, types.CellType):
        return _kept(held.cell_contents) if _filled(held) else held
    place = held if isinstance(held, dict) else _variables(held)
    return {name: _kept(value) for name, value in place.items()}


def _variables(held: Any) -> dict[str, Any]:
    """The attributes of an object; of a class those that are no code."""
    if not isinstance(held, type):
        attributes: dict[str, Any] = vars(held)
        return attributes
    return {
        name: value
        for name, value in vars(held).items()
        if not name.startswith("__") and _is_variable(value) and not hasattr(value, "__get__")
    }


def _put_back(held: Any, content: Any) -> None:
    if isinstance(held, types.CellType):
        if content is not held:
            held.cell_contents = _kept(content)
    elif isinstance(held, list | deque):
        if len(held) != len(content) or any(a is not b for a, b in zip(held, content, strict=True)):
            held.clear()
            held.extend(_kept(value) for value in content)
    elif isinstance(held, set):
        held.clear()
        held.update(content)
    elif isinstance(held, type):
        now = _variables(held)
        for name in now.keys() - content.keys():
            delattr(held, name)
        for name, value in content.items():
            if name not in now or now[name] is not value:
                setattr(held, name, _kept(value))
    else:
        place = held if isinstance(held, dict) else vars(held)
        place.clear()
        place.update({name: _kept(value) for name, value in content.items()})


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
            found[path] = value.tobytes() if value.size <= MAX_ELEMENTS else id(value)
        else:
            found[path] = value
    return found


class _Varies:
    def __repr__(self) -> str:
        return "what follows from the inputs"


_VARIES = _Varies()


def shown(value: Any) -> str:
    """What a model holds at a place, for messages."""
    if isinstance(value, tuple) and len(value) == 3:
        value = value[2]
    return str(value)[:40]


def _content(tensor: torch.Tensor) -> Any:
    if tensor.numel() > MAX_ELEMENTS:
        return id(tensor), tensor._version
    return str(tensor.dtype), tuple(tensor.shape), tensor.detach().cpu().contiguous().tolist()
