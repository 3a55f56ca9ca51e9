"""Graphs of tests, written as files and loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

import snncc
from tests.importers.nir.nirfile import write_nir

Load: TypeAlias = Callable[..., snncc.Network]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """`load(graph, like=..., ...)`: the network of a graph as `nirfile` writes it."""

    def load_graph(graph: dict[str, Any], **options: Any) -> snncc.Network:
        return snncc.load(write_nir(tmp_path / "model.nir", **graph), **options)

    return load_graph
