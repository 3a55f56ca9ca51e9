"""The importer of .pt2 files: an archive of torch.export becomes a model."""

from __future__ import annotations

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
    return walk(read_archive(path, max_bytes=max_bytes))
