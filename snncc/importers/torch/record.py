"""
Records what a live model computes: every operator that torch runs, as a program.

The model runs once on real tensors. Whatever Python does around the operators, loops and
branches and hooks, is over when the program stands; a branch on a value that depends on
the inputs is refused where the value is taken out of its tensor.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from snncc.dialects.arrays import Array
from snncc.errors import error
from snncc.importers.torch.exported import ExportedGraph, Input, Names, Node, Output, Ref, Region
from snncc.importers.torch.influence import Influence, Leaving
from snncc.importers.torch.keeping import kept_tensors
from snncc.importers.torch.results import tensors_of

MAX_NODES = 1 << 18

DTYPES: dict[torch.dtype, np.dtype[Any]] = {
    torch.uint8: np.dtype(np.uint8),
    torch.int8: np.dtype(np.int8),
    torch.int16: np.dtype(np.int16),
    torch.int32: np.dtype(np.int32),
    torch.int64: np.dtype(np.int64),
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.bool: np.dtype(np.bool_),
}


def record(
    run: Callable[..., Any],
    example: Sequence[torch.Tensor],
    names: Sequence[str],
    module: torch.nn.Module | None,
    observer: Observer | None = None,
) -> ExportedGraph:
    """
    The program of `run(*example)`: its inputs are called `names`, its outputs are the
    tensors of what `run` gives. The parameters and buffers of `module` keep their names.
    `observer` may be asked while it runs.

    Raises SnnccError (SNC-I012 for types that are not supported, SNC-I027 where values
    leave torch).
    """
    # imported here: what a backward computes is recorded, too
    from snncc.importers.torch.surrogates import Spikes

    recorder = _Recorder(module)
    recorder.influence = influence = Influence()
    if observer is not None:
        observer.recorder, observer.influence = recorder, influence
    spikes = Spikes(recorder)
    given = [tensor.detach().clone() for tensor in example]
    inputs = [
        Input("user", name, shape=tuple(tensor.shape), dtype=dtype_of(tensor))
        for name, tensor in zip(names, given, strict=True)
    ]
    for name, tensor in zip(names, given, strict=True):
        recorder.introduce(tensor, name)
        influence.mark(tensor, name)
    leaving = Leaving(recorder, influence)
    with torch.no_grad(), recorder.hooks(), spikes, leaving, influence, recorder:
        result = run(*given)
    outputs = [Output("user", recorder.argument(tensor)) for tensor in tensors_of(result)]
    outputs += [Output("kept", Ref(name), label) for name, label in recorder.kept.items()]
    fixed = list(recorder.tensors)
    kinds = {name: recorder.kinds[name] for name in fixed}
    inputs = [
        *(
            Input(kinds[name], name, tensor=name, learnable=name in recorder.learnable)
            for name in fixed
        ),
        *inputs,
    ]
    region = Region(
        [i.name for i in inputs],
        [output.argument for output in outputs],
        recorder.nodes,
        recorder.contiguous,
    )
    return ExportedGraph(region, inputs, outputs, recorder.tensors, spikes.warnings, live=True)


class Observer:
    """What a run that is being recorded may ask, and say."""

    recorder: _Recorder
    influence: Influence

    def follows(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor follows from the inputs."""
        return bool(self.influence.of(tensor))

    def keep(self, label: str, tensor: torch.Tensor) -> None:
        """A value goes to the next step under this name."""
        self.recorder.keep(label, tensor, anew=True)

    @contextlib.contextmanager
    def unseen(self) -> Iterator[None]:
        """What runs meanwhile is no part of the program."""
        was, self.recorder.paused = self.recorder.paused, True
        try:
            yield
        finally:
            self.recorder.paused = was


def dtype_of(tensor: torch.Tensor) -> np.dtype[Any]:
    if tensor.dtype not in DTYPES:
        raise error(
            "SNC-I012",
            f"a tensor of {tensor.dtype} is not supported",
            remedy="convert the model to float32: model.float()",
        )
    return DTYPES[tensor.dtype]


class _Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Gives every tensor a name, and writes a node for every operator."""

    def __init__(self, module: torch.nn.Module | None):
        super().__init__()  # type: ignore[no-untyped-call]
        self.nodes: list[Node] = []
        self.tensors: dict[str, Array] = {}
        self.kinds: dict[str, Any] = {}
        self.learnable: set[str] = set()
        self.contiguous: set[str] = set()
        self.kept: dict[str, str] = {}
        self.paused = False
        self.influence: Influence | None = None
        self._scopes: list[str] = []
        self._names: dict[int, str] = {}
        self._alive: list[torch.Tensor] = []  # an id belongs to a tensor while it lives
        self._computed: set[str] = set()
        self._owned: dict[int, tuple[str, str]] = {}
        self._paths: dict[torch.nn.Module, str] = {}
        if module is not None:
            for name, parameter in module.named_parameters():
                self._owned[id(parameter)] = (name, "parameter")
            for name, buffer in module.named_buffers():
                self._owned[id(buffer)] = (name, "buffer")
            self._paths = {part: path for path, part in module.named_modules()}

    # --- tensors

    def introduce(self, tensor: torch.Tensor, name: str) -> None:
        self._names[id(tensor)] = name
        self._alive.append(tensor)
        self._computed.add(name)
        if tensor.is_contiguous():
            self.contiguous.add(name)

    def keep(self, label: str, tensor: torch.Tensor, *, anew: bool = False) -> None:
        """The module's name for a value that goes to the next step; `anew`: it is certain."""
        name = self._names.get(id(tensor))
        if name in self._computed and name is not None and (anew or name not in self.kept):
            self.kept[name] = label

    def replaced(self, tensor: torch.Tensor, by: torch.Tensor) -> None:
        """What is read of a tensor from now on is the other (`tensor.data = by`)."""
        if not self.paused:
            self._names[id(tensor)] = self.name_of(by)
            self._alive.append(tensor)

    def is_computed(self, tensor: torch.Tensor) -> bool:
        """Whether a tensor is an input or was made while recording."""
        return self._names.get(id(tensor)) in self._computed

    def name_of(self, tensor: torch.Tensor) -> str:
        name = self._names.get(id(tensor))
        if name is None:
            learnable = isinstance(tensor, torch.nn.Parameter) and tensor.requires_grad
            other = (None, "parameter" if learnable else "constant")
            label, kind = self._owned.get(id(tensor), other)
            if self.influence is not None and self.influence.of(tensor):
                raise error(
                    "SNC-I027",
                    "a tensor follows from the inputs by other ways than torch's operators",
                    node=self.scope,
                    remedy="compute with torch's operators, and without views of foreign memory "
                    "or nn.Parameter(...) of what was computed",
                )
            name = label or f"{kind}_{len(self.tensors)}"
            if learnable:
                self.learnable.add(name)
            self.tensors[name] = tensor.detach().cpu().numpy().astype(dtype_of(tensor)).copy()
            self.kinds[name] = kind
            self._names[id(tensor)] = name
            self._alive.append(tensor)
            if tensor.is_contiguous():
                self.contiguous.add(name)
        return name

    def argument(self, value: Any) -> Any:
        """An argument as a program has it."""
        if isinstance(value, torch.Tensor):
            return Ref(self.name_of(value))
        if isinstance(value, list | tuple):
            return [self.argument(part) for part in value]
        if isinstance(value, torch.dtype):
            if value not in DTYPES:
                raise error(
                    "SNC-I012",
                    f"{value} is not supported",
                    node=self.scope,
                    remedy="compute in float32: without autocast, .half() or quantized tensors",
                )
            return DTYPES[value]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        return str(value)  # devices, layouts and formats change no value

    @property
    def labels(self) -> set[str]:
        """The names of the model's own tensors."""
        return {label for label, _ in self._owned.values()}

    # --- operators

    @property
    def scope(self) -> str | None:
        return self._scopes[-1] if self._scopes and self._scopes[-1] else None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        result = func(*args, **(kwargs or {}))
        if not self.paused:
            schema = func._schema
            arguments = {
                parameter.name: self.argument(value)
                for parameter, value in zip(schema.arguments, args, strict=False)
            }
            arguments |= {name: self.argument(value) for name, value in (kwargs or {}).items()}
            self.add(schema.name.replace("::", "."), arguments, result)
        return result

    def add(self, target: str, arguments: dict[str, Any], result: Any) -> None:
        if len(self.nodes) >= MAX_NODES:
            raise error("SNC-I017", f"the model runs more than {MAX_NODES} operators")
        results = list(result) if isinstance(result, list | tuple) else [result]
        names: list[Names] = [self._result(part) for part in results]
        outputs: list[Names]
        if isinstance(result, list):  # one result that is a list
            outputs = [[n if isinstance(n, str) else None for n in names]]
        else:
            outputs = names
        self.nodes.append(Node(target, arguments, [], outputs, self.scope))

    def _result(self, part: Any) -> Names:
        if isinstance(part, list | tuple):
            return [self._result(p) for p in part]  # type: ignore[misc]
        if not isinstance(part, torch.Tensor):
            return None
        known = self._names.get(id(part))
        if known is None:
            known = f"t{len(self._names)}"
            self.introduce(part, known)
        return known

    # --- modules

    @contextlib.contextmanager
    def hooks(self) -> Iterator[None]:
        """Knows which module runs, and what it keeps when it has run."""
        handles = []
        for part, path in self._paths.items():
            handles.append(part.register_forward_pre_hook(self._entering(path)))
            handles.append(part.register_forward_hook(self._leaving(path), always_call=True))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _entering(self, path: str) -> Callable[..., None]:
        def hook(part: torch.nn.Module, args: Any) -> None:
            self._scopes.append(path)

        return hook

    def _leaving(self, path: str) -> Callable[..., None]:
        def hook(part: torch.nn.Module, args: Any, result: Any) -> None:
            if self._scopes:
                self._scopes.pop()
            for label, tensor in kept_tensors(part, result):
                self.keep(f"{path}.{label}" if path else label, tensor)

        return hook
