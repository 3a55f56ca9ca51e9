"""Which tensors follow from which, while a live model runs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from snncc.errors import error

if TYPE_CHECKING:
    from snncc.importers.torch.record import _Recorder

Labels = frozenset[str]


class Influence(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """
    Hands labels on, from the arguments of every operator to its results.

    Tensors that share their memory share their labels: rather one too many than one lost.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._labels: dict[int, Labels] = {}
        self._alive: list[Any] = []  # an address belongs to a storage while it lives

    def mark(self, tensor: torch.Tensor, label: str) -> None:
        self._add(tensor, frozenset((label,)))

    def of(self, tensor: torch.Tensor) -> Labels:
        return self._labels.get(_place(tensor), frozenset())

    def _add(self, tensor: torch.Tensor, labels: Labels) -> None:
        place = _place(tensor)
        if place not in self._labels:
            self._alive.append(_storage(tensor))
        self._labels[place] = self._labels.get(place, frozenset()) | labels

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        given = list(_tensors([args, kwargs or {}]))
        labels = frozenset().union(*(self.of(tensor) for tensor in given))
        result = func(*args, **(kwargs or {}))
        if labels:
            for tensor in _tensors(result):
                self._add(tensor, labels)
            if func._schema.is_mutable and _writes(func, args):
                for parameter, value in zip(func._schema.arguments, args, strict=False):
                    if parameter.alias_info is not None and parameter.alias_info.is_write:
                        for tensor in _tensors(value):
                            self._add(tensor, labels)
        return result


def _writes(func: Any, args: Sequence[Any]) -> bool:
    """Whether an operator that may write does: some have a tensor that says so."""
    place = _SWITCHES.get(func._schema.name)
    return place is None or len(args) <= place or bool(args[place].any())


_SWITCHES = {"aten::_fused_moving_avg_obs_fq_helper": 1}
"""The argument without which an operator leaves all its arguments as they are."""


def _tensors(structure: Any) -> Iterator[torch.Tensor]:
    if isinstance(structure, torch.Tensor):
        yield structure
    elif isinstance(structure, dict):
        for part in structure.values():
            yield from _tensors(part)
    elif isinstance(structure, list | tuple):
        for part in structure:
            yield from _tensors(part)


def _storage(tensor: torch.Tensor) -> Any:
    try:
        return tensor.untyped_storage()
    except (NotImplementedError, RuntimeError):  # sparse, meta
        return tensor


def _place(tensor: torch.Tensor) -> int:
    storage = _storage(tensor)
    return id(tensor) if storage is tensor else storage._cdata


_TAKEN = (
    *(torch.Tensor.numpy, torch.Tensor.tolist, torch.Tensor.__array__, torch.Tensor.__dlpack__),
    *(torch.Tensor.apply_, torch.Tensor.map_, torch.Tensor.map2_),
)


class Leaving(TorchFunctionMode):
    """
    Refuses to let values that follow from the inputs leave torch, where nobody sees what
    becomes of them; and tells where a tensor is given the content of another (`.data`).
    """

    def __init__(self, recorder: _Recorder, influence: Influence):
        super().__init__()
        self.recorder = recorder
        self.influence = influence

    def _follows(self, args: Sequence[Any]) -> bool:
        return any(self.influence.of(tensor) for tensor in _tensors(list(args)))

    def __torch_function__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        recorder = self.recorder
        if func in _TAKEN and not recorder.paused and self._follows(args):
            raise error(
                "SNC-I027",
                f"{func.__name__}(): values that depend on the inputs are taken out of torch",
                node=recorder.scope,
                remedy="compute with torch's operators: what others do to the values is not seen",
            )
        result = func(*args, **(kwargs or {}))
        if func == _SET_DATA:
            recorder.replaced(args[0], args[1])
        elif func == _GET_DATA:
            recorder.replaced(result, args[0])
        return result


_GET_DATA = torch.Tensor.data.__get__  # type: ignore[attr-defined]
_SET_DATA = torch.Tensor.data.__set__  # type: ignore[attr-defined]
"""No operators: a dispatcher does not see them."""
