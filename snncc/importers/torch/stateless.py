"""Spikes without a state, and whether they should have one."""

from __future__ import annotations

import torch

from snncc.errors import error
from snncc.importers.graph.importer import (
    Imported,
)
from snncc.importers.graph.lost import membrane
from snncc.importers.graph.operations import ELEMENTWISE
from snncc.importers.graph.values import Value
from snncc.importers.torch.feeding import Feed
from snncc.importers.torch.results import tensors_of
from snncc.importers.torch.session import Session

CHAINED = 3
"""Spikes in a row, one made of the other, that are the steps of one neuron."""


def expect_no_loop_inside(imported: Imported) -> None:
    """Raises SNC-I003 where spikes follow from spikes as of one neuron in several steps."""
    depth: dict[Value, int] = {}
    for spike in imported.stateless:
        before = [
            depth[operand]
            for value in (spike, *membrane(spike))
            if value is spike or value.op in ELEMENTWISE
            for operand in value.operands
            if operand in depth and operand.shape == spike.shape
        ]
        depth[spike] = 1 + max(before, default=0)
        if depth[spike] >= CHAINED:
            raise error(
                "SNC-I003",
                "spikes follow from spikes without weights in between, and no step from the step "
                "before: the model runs a neuron for several steps in one call",
                node=spike.scope,
                remedy="return the outputs of all steps, stacked, and take sums and means of "
                "what the network gives (T=... where the input is constant)",
            )


def expect_all_fed(session: Session, feed: Feed, imported: Imported) -> None:
    """Raises SNC-I001 where a spike has no state, and something could have been one."""
    with torch.no_grad():
        session.start()
        result = session.call([x.clone() for x in session.example], {})
        session.start()
    results = [list(tensor.shape) for tensor in tensors_of(result)]
    if len(results) < 2:
        return
    behind = set(session.names[1:])
    for spike in imported.stateless:
        read = _inputs_of(spike)
        doubtful = sorted(read & behind)
        same = [
            n
            for n in doubtful
            if results.count(list(session.example[session.names.index(n)].shape))
        ]
        if same:
            raise error(
                "SNC-I001",
                f"a spike depends on no state but on the input {same[0]!r}, and a result has its "
                "shape: the next step would need it",
                node=spike.scope,
                remedy=f"name it as a state (states=[{same[0]!r}]), or leave it out of the example "
                "and give it a default (None)",
            )
    if feed.others and not feed.paths and not imported.states:
        raise error(
            "SNC-I001",
            f"a spike has no state: of the {len(results)} results nothing could be fed back to "
            f"{', '.join(feed.others)}",
            node=imported.stateless[0].scope,
            remedy="give an example of each state as an input, and name them: states=[...]",
        )


def _inputs_of(value: Value) -> set[str]:
    names = {str(v.name) for v in membrane(value) if v.op == "input"}
    return {name.rpartition(" at ")[0] or name for name in names}
