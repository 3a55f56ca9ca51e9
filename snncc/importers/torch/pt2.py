"""The importer of .pt2 files: an archive of torch.export becomes a model."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from snncc.importers.graph.model import Model
from snncc.importers.torch.archive import MAX_BYTES, read_archive
from snncc.importers.torch.walk import walk


def read_pt2(path: Path, *, max_bytes: int = MAX_BYTES) -> Model:
    """
    The model of a file that torch.export.save wrote. `max_bytes` bounds its tensors.

    Raises SnnccError as `read_archive` does, SNC-I012 for operators that are not supported,
    SNC-I014 where shapes do not fit, SNC-I015 for layers in training mode.
    """
    with _without_collector():
        return walk(read_archive(path, max_bytes=max_bytes))


@contextmanager
def _without_collector() -> Iterator[None]:
    """
    A parsed text and a graph have no cycles; the collector would go through their many
    objects again and again, which doubles the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
