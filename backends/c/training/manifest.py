"""NAME_train.json."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from snncc.backends.c.program import Terminal
from snncc.backends.c.structs import ALIGNMENT, Group
from snncc.backends.c.training.layout import PREDICT, Layout
from snncc.dialects.snn.network import STREAM


def memory_of(layout: Layout) -> dict[str, int]:
    """Part of the struct -> its bytes."""
    t = layout.training
    groups = {m.name: m.size for m in layout.state.members if isinstance(m, Group) and m.members}
    return {**groups, "checkpoints": t.segments * layout.kept if t.segments > 1 else 0}


def manifest_of(
    layout: Layout,
    title: str,
    const_bytes: int,
    files: Mapping[str, bytes],
    report: Mapping[str, Any],
) -> dict[str, Any]:
    t = layout.training

    def place(expression: str) -> dict[str, Any]:
        array = layout.arrays[expression.removeprefix("s->")]
        return {"offset": array.offset, "type": array.type.name, "count": array.count}

    def terminal(found: Terminal) -> dict[str, Any]:
        return {
            "name": found.name,
            "symbol": found.symbol,
            "type": found.type.name,
            "shape": list(found.shape),
            "rows": found.has_rows,
            **({} if found.kind == STREAM else {"kind": found.kind}),
        }

    predict = layout.programs[PREDICT]
    return {
        "schema": 1,
        "model": title,
        "prefix": layout.prefix,
        "steps": t.steps,
        **(
            {}
            if t.is_online
            else {"tape_steps": t.segment, "samples_at_once": t.samples, "fused": t.fused}
        ),
        "bytes": layout.state.size,
        "alignment": layout.state.alignment(ALIGNMENT),
        "const_bytes": const_bytes,
        "memory": memory_of(layout),
        "inputs": [terminal(found) for found in layout.terminals(list(t.inputs))],
        "targets": [terminal(found) for found in layout.terminals(list(t.targets))],
        "outputs": [terminal(found) for found in predict.outputs],
        "parameters": {name: place(layout.parameter(name)) for name in t.parameters},
        "samples": place("s->samples"),
        **(
            {
                "open": place("s->open"),
                "online_outputs": [terminal(found) for found in layout.online_outputs],
            }
            if t.is_online
            else {}
        ),
        "sums": {name: place(layout.member[f"sums.{name}"]) for name in t.sums},
        **report,
        "files": {
            name: {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in sorted(files.items())
        },
    }
