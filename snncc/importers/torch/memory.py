"""
Tensors as torch has them: several may share memory, and a write to one is seen by all.

A storage holds a value; a tensor is a view of a storage. A write gives the storage a new
value, and a tensor is read through its view of what the storage holds then.
"""

from __future__ import annotations

from dataclasses import dataclass

from snncc.errors import SnnccError, error
from snncc.importers.graph.graph import Graph
from snncc.importers.graph.values import Value
from snncc.importers.torch import views
from snncc.importers.torch.views import View


@dataclass(eq=False, slots=True)
class Storage:
    """Memory that tensors share. `version` counts its writes."""

    value: Value
    version: int = 0
    was_read: bool = False


@dataclass(eq=False, slots=True)
class Tensor:
    """
    A view of a storage. Where it is not known whether torch made a view or a copy,
    `copied_at` is the version at which both were the same.
    """

    storage: Storage
    view: View = ()
    contiguous: bool = False
    copied_at: int | None = None
    seen: tuple[int, Value] | None = None

    def through(self, graph: Graph, view: View, copied: bool = False) -> Tensor:
        """A view of this tensor; `copied` where torch may have made a copy instead."""
        at = self.storage.version if copied and self.copied_at is None else self.copied_at
        if views.Detach() in view:
            value = self.read(graph)
            if graph.detach(value) is value:  # what is written to it later has its gradient
                view = tuple(step for step in view if step != views.Detach())
        tensor = Tensor(self.storage, (*self.view, *view), copied_at=at)
        tensor.read(graph)  # checks the shapes where the view is made
        return tensor

    def read(self, graph: Graph) -> Value:
        storage = self.storage
        if self.copied_at not in (None, storage.version):
            raise _ambiguous("is read after the tensor it was made from was written")
        storage.was_read = True
        if self.seen is None or self.seen[0] != storage.version:
            self.seen = (storage.version, views.read(graph, storage.value, self.view))
        return self.seen[1]

    def write(self, graph: Graph, result: Value) -> None:
        """In-place operations keep the tensor's type and shape."""
        storage = self.storage
        if self.copied_at is not None:
            raise _ambiguous("is written")
        old = views.read(graph, storage.value, self.view)
        new = graph.expand(graph.cast(result, old.dtype), old.shape)
        storage.value = views.write(graph, storage.value, self.view, new)
        storage.version += 1


def _ambiguous(what: str) -> SnnccError:
    return error(
        "SNC-I012",
        f"a reshape of a tensor that is not contiguous {what}: whether torch made a view or a"
        " copy of it is not known",
        remedy="call .clone() or .contiguous() in front of the reshape",
    )
