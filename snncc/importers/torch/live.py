"""
The importer of what lives in this process: modules, functions, exported programs.

A module is run on its example and recorded. A module that takes one step is run for a few
steps in a row; one that takes a whole sequence for all of its steps. The loop is then
found and proved as in any unrolled graph (`snncc/importers/graph/reroll.py`), so no class
of neurons needs a rule of its own: what the library computes is what is recorded.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch

from snncc.errors import SnnccError, error
from snncc.importers.graph.importer import (
    Axes,
    Imported,
    import_model,
)
from snncc.importers.graph.labels import States
from snncc.importers.torch.sequence import sequence
from snncc.importers.torch.session import Session, example_of, floats_of
from snncc.importers.torch.stepped import stepped, with_states


def import_live(
    model: Any,
    example_input: Any,
    states: States | None,
    axes: Axes,
    max_bytes: int | None = None,
) -> Imported:
    """
    The network of a module, of a function of tensors, or of an ExportedProgram.

    Raises SnnccError as `import_model` and `walk` do; SNC-C003 where `model` is none of
    these or the example is none, SNC-I026 where the model cannot be run on it, SNC-I027
    where running it does not show what it does.
    """
    if isinstance(model, torch.export.ExportedProgram):
        return _exported(model, states, axes, max_bytes)
    if isinstance(model, type) or not callable(model):
        raise error(
            "SNC-C003",
            f"expected a path, a torch module, a function or an ExportedProgram, got {model!r}",
            remedy="make an instance of the class" if isinstance(model, type) else None,
        )
    session = Session(model, example_of(example_input, floats_of(model, example_input)))
    with session.entered():
        try:
            imported = _imported(session, states, axes)
        except SnnccError as fault:
            if fault.code != "SNC-I023" or not session.doubled(axes):
                raise
            # one sample alone is not told from other axes of size 1
            try:
                imported = _imported(session, states, axes)
            except SnnccError:
                raise fault from None
    imported.warnings[:0] = session.warnings
    return imported


def _imported(session: Session, states: States | None, axes: Axes) -> Imported:
    if states:
        return with_states(session, states, axes)
    if axes.time is not None:
        return sequence(session, axes)
    return stepped(session, axes)


def _exported(program: Any, states: States | None, axes: Axes, max_bytes: int | None) -> Imported:
    """Through its file: there is one reader of exported programs."""
    from snncc.importers.torch.archive import MAX_BYTES
    from snncc.importers.torch.pt2 import read_pt2

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "model.pt2")
        torch.export.save(program, path)
        model = read_pt2(path, max_bytes=max_bytes or MAX_BYTES)
    return import_model(model, "network", states=states, axes=axes)
